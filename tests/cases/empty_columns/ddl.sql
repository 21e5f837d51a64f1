CREATE TABLE "known" (
    id bigint NOT NULL,
    code uuid
);
ALTER TABLE known ADD CONSTRAINT known_pkey PRIMARY KEY (id);
CREATE TABLE "orders" (
    id bigint NOT NULL,
    made timestamp without time zone,
    day date,
    precise timestamp without time zone,
    paid boolean,
    total numeric(10,2),
    meta jsonb,
    code uuid,
    text_only text
);
ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY (id);
