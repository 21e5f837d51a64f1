CREATE TABLE "prices" (
    id bigint NOT NULL,
    net numeric(10,2) NOT NULL,
    rate numeric(6,4),
    whole numeric(5,0),
    any_number numeric,
    too_long numeric
);
ALTER TABLE prices ADD CONSTRAINT prices_pkey PRIMARY KEY (id);
