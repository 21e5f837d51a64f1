-- What was installed: 'format', 'source_id' and 'log_limit'; and per table its number in the log, its key, its
-- CREATE TABLE text and the text of its triggers. Which side is the primary stands here too, see sqlite/fence.rs.
CREATE TABLE _crossfade_state(k TEXT PRIMARY KEY, v);
CREATE TABLE _crossfade_tables(t INTEGER PRIMARY KEY, name TEXT, keycols TEXT, ddl TEXT, trigs TEXT);
INSERT INTO _crossfade_state(k, v) VALUES('format', {format});
INSERT INTO _crossfade_state(k, v) VALUES('source_id', '{source_id}');
INSERT INTO _crossfade_state(k, v) VALUES('primary', 'sqlite');
INSERT INTO _crossfade_state(k, v) VALUES('since', strftime('%Y-%m-%d %H:%M:%S', 'now'));
INSERT INTO _crossfade_state(k, v) VALUES('switching', 0);
