CREATE TABLE "users" (
    id bigint NOT NULL,
    email text NOT NULL,
    admin boolean NOT NULL,
    opens_at time without time zone,
    born_on date,
    balance numeric(12,4),
    preferences jsonb,
    avatar bytea,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL
);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX index_users_on_email ON public.users USING btree (email);
