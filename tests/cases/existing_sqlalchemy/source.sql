-- An SQLAlchemy project with Alembic on SQLite: enums, intervals, a circle of foreign keys
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
CREATE TABLE run (
    id CHAR(36) NOT NULL, state VARCHAR(9) NOT NULL, created DATETIME NOT NULL, lasted DATETIME, budget NUMERIC(12, 4), ratio FLOAT, payload BLOB,
    settings JSON, raw JSON, ok BOOLEAN DEFAULT '0' NOT NULL, day DATE, at TIME, name VARCHAR(20), state_id CHAR(36),
    CONSTRAINT pk_run PRIMARY KEY (id), CONSTRAINT fk_run_state FOREIGN KEY(state_id) REFERENCES run_state (id) ON DELETE SET NULL
);
CREATE TABLE run_state (
    id CHAR(36) NOT NULL, run_id CHAR(36) NOT NULL, type VARCHAR(9) NOT NULL, stamp DATETIME NOT NULL,
    CONSTRAINT pk_run_state PRIMARY KEY (id), CONSTRAINT fk_state_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
INSERT INTO alembic_version VALUES ('4a2b');
INSERT INTO run VALUES
    ('00112233-4455-6677-8899-aabbccddeeff', 'RUNNING', '2024-01-02 03:04:05.000000', '1970-01-02 00:00:00.500000', 10.5, 0.25, x'0001', '{"b": 2, "a": 1}', '{"b": 2, "a": 1}', 1, '2024-02-29', '12:34:56.000000', 'one', '10000000-0000-4000-8000-000000000001'),
    ('ffffffff-4455-6677-8899-aabbccddeeff', 'FAILED', '2024-01-02 03:04:05.000001', '1969-12-31 00:00:00.000000', 3, 1.0, NULL, 'null', '[1,  2]', 0, NULL, '00:00:00.000001', NULL, NULL);
INSERT INTO run_state VALUES ('10000000-0000-4000-8000-000000000001', '00112233-4455-6677-8899-aabbccddeeff', 'RUNNING', '2024-01-02 03:04:05.000000');
