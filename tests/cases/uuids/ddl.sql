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
CREATE INDEX sessions_user ON public.sessions USING btree (user_id);
CREATE TABLE "users" (
    id uuid NOT NULL,
    name text
);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX users_name_key ON public.users USING btree (name);
