CREATE TYPE state_type AS ENUM ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED');
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('4a2b');
CREATE TABLE run (
    id UUID NOT NULL, created TIMESTAMP WITH TIME ZONE NOT NULL, state state_type NOT NULL, lasted INTERVAL, budget NUMERIC(12, 4), ratio FLOAT, payload BYTEA,
    settings JSONB, raw JSON, ok BOOLEAN DEFAULT 'false' NOT NULL, day DATE, at TIME WITHOUT TIME ZONE, name VARCHAR(20), state_id UUID,
    CONSTRAINT pk_run PRIMARY KEY (id)
);
CREATE TABLE run_state (
    id UUID NOT NULL, run_id UUID NOT NULL, type state_type NOT NULL, stamp TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    CONSTRAINT pk_run_state PRIMARY KEY (id), CONSTRAINT fk_state_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
ALTER TABLE run ADD CONSTRAINT fk_run_state FOREIGN KEY(state_id) REFERENCES run_state (id) ON DELETE SET NULL;
CREATE INDEX ix_run_settings ON run USING gin (settings);
CREATE INDEX ix_run_partial ON run (created) INCLUDE (name) WHERE state = 'RUNNING';
