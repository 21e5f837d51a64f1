CREATE TABLE "a" (
    id bigint NOT NULL,
    other bigint
);
ALTER TABLE a ADD CONSTRAINT a_pkey PRIMARY KEY (id);
CREATE TABLE "b" (
    id bigint NOT NULL
);
ALTER TABLE b ADD CONSTRAINT b_pkey PRIMARY KEY (id);
CREATE TABLE "customers" (
    id bigint NOT NULL,
    full_name text,
    boss_id bigint
);
ALTER TABLE customers ADD CONSTRAINT customers_boss_id_fkey FOREIGN KEY (boss_id) REFERENCES customers(id);
ALTER TABLE customers ADD CONSTRAINT customers_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX customers_full_name_key ON public.customers USING btree (full_name);
CREATE TABLE "orders" (
    id bigint NOT NULL,
    customer_id bigint,
    minimum bigint
);
ALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);
ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY (id);
CREATE INDEX by_customer ON public.orders USING btree (customer_id);
