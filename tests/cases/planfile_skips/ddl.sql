CREATE TABLE "trail" (
    "user" bigint,
    _crossfade_rowid bigint NOT NULL
);
ALTER TABLE trail ADD CONSTRAINT trail_pkey PRIMARY KEY (_crossfade_rowid);
CREATE TABLE "users" (
    id bigint NOT NULL,
    name text NOT NULL,
    team bigint
);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE INDEX users_name ON public.users USING btree (name);
CREATE INDEX users_team ON public.users USING btree (team, name);
