-- Home Assistant's recorder: retired columns that are always NULL, and a row of bytes
CREATE TABLE states (state_id INTEGER NOT NULL, state VARCHAR(255), entity_id CHAR(0), last_changed CHAR(0), last_updated_ts FLOAT, old_state_id INTEGER, context_id_bin BLOB, origin_idx SMALLINT, PRIMARY KEY (state_id), FOREIGN KEY(old_state_id) REFERENCES states (state_id));
CREATE INDEX ix_states_old ON states (old_state_id);
CREATE TABLE recorder_runs (run_id INTEGER NOT NULL, start DATETIME NOT NULL, "end" DATETIME, closed_incorrect BOOLEAN NOT NULL, PRIMARY KEY (run_id));
INSERT INTO states VALUES (1, 'on', NULL, NULL, 1704067200.125, NULL, x'00112233445566778899aabbccddeeff', 0), (2, 'off', NULL, NULL, 1704067201.5, 1, NULL, 1);
INSERT INTO recorder_runs VALUES (1, '2024-01-01 00:00:00.000000', NULL, 0);
