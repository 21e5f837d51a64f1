CREATE TABLE "auth_user" (
    id bigint NOT NULL,
    password text NOT NULL,
    last_login timestamp without time zone,
    is_superuser boolean NOT NULL,
    username text NOT NULL,
    date_joined timestamp without time zone NOT NULL,
    verified timestamp without time zone
);
ALTER TABLE auth_user ADD CONSTRAINT auth_user_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX auth_user_username_key ON public.auth_user USING btree (username);
CREATE TABLE "shop_order" (
    id uuid NOT NULL,
    total numeric NOT NULL,
    placed date NOT NULL,
    slot time without time zone,
    took bigint,
    meta jsonb NOT NULL,
    ip text,
    user_id bigint NOT NULL
);
ALTER TABLE shop_order ADD CONSTRAINT shop_order_pkey PRIMARY KEY (id);
ALTER TABLE shop_order ADD CONSTRAINT shop_order_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth_user(id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX shop_order_user_id ON public.shop_order USING btree (user_id);
