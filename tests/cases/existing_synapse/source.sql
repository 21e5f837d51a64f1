-- Synapse: PostgreSQL's names of types on SQLite too, and hardly a key anywhere
CREATE TABLE users(name TEXT, password_hash TEXT, creation_ts BIGINT, admin SMALLINT DEFAULT 0 NOT NULL, UNIQUE(name));
CREATE TABLE profiles(user_id TEXT NOT NULL, displayname TEXT, fields JSONB, UNIQUE(user_id));
CREATE TABLE access_tokens(id BIGINT PRIMARY KEY, user_id TEXT NOT NULL, token TEXT NOT NULL, used BOOLEAN, UNIQUE(token));
CREATE TABLE event_edges(event_id TEXT NOT NULL, prev_event_id TEXT NOT NULL, is_state BOOL NOT NULL DEFAULT 0);
CREATE INDEX ev_edges_id ON event_edges(event_id);
CREATE TABLE keys(server TEXT, key bytea, ts BIGINT);
INSERT INTO users VALUES ('@a:x', 'h', 1704067200, 0), ('@b:x', NULL, NULL, 1);
INSERT INTO profiles VALUES ('a', 'Ann', '{"m.tz": "UTC"}'), ('b', NULL, NULL);
INSERT INTO access_tokens VALUES (1, '@a:x', 't1', 1), (2, '@b:x', 't2', NULL);
INSERT INTO event_edges VALUES ('$1', '$0', 0), ('$2', '$1', 0), ('$2', '$1', 0);
INSERT INTO keys VALUES ('x', x'00ff', 1), (NULL, NULL, NULL);
