CREATE TABLE users(name text, password_hash text, creation_ts bigint, admin smallint DEFAULT 0 NOT NULL, UNIQUE(name));
CREATE TABLE profiles(user_id text NOT NULL, displayname text, fields jsonb, UNIQUE(user_id));
CREATE TABLE access_tokens(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, token text NOT NULL, used boolean, UNIQUE(token));
CREATE TABLE event_edges(event_id text NOT NULL, prev_event_id text NOT NULL, is_state boolean NOT NULL DEFAULT false);
CREATE INDEX ev_edges_id ON event_edges(event_id);
CREATE TABLE keys(server text, key bytea, ts bigint);
CREATE SEQUENCE nobodys START 5;
