CREATE TABLE "sessions" (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    upper uuid,
    braces uuid,
    hash text,
    external text
);
ALTER TABLE sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE sessions ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
COMMENT ON COLUMN sessions.braces IS 'SQLite: UNIQUEIDENTIFIER, as UUIDs in braces';
COMMENT ON COLUMN sessions.external IS 'SQLite: VARCHAR(36)';
COMMENT ON COLUMN sessions.hash IS 'SQLite: CHAR(32)';
COMMENT ON COLUMN sessions.id IS 'SQLite: UUID, as UUIDs';
COMMENT ON COLUMN sessions.upper IS 'SQLite: GUID, as UUIDs in upper case';
COMMENT ON COLUMN sessions.user_id IS 'SQLite: char(32), as UUIDs without hyphens';
CREATE INDEX sessions_user ON public.sessions USING btree (user_id);
CREATE TABLE "users" (
    id uuid NOT NULL,
    name text
);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
COMMENT ON COLUMN users.id IS 'SQLite: CHAR(32), as UUIDs without hyphens';
COMMENT ON COLUMN users.name IS 'SQLite: VARCHAR(150)';
CREATE UNIQUE INDEX users_name_key ON public.users USING btree (name);
