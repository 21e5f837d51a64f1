CREATE TABLE "t" (
    id bigint NOT NULL,
    six timestamp without time zone,
    seconds timestamp without time zone,
    epoch timestamp with time zone,
    day date,
    at time without time zone,
    flag boolean,
    guid uuid,
    of_bytes uuid,
    price numeric(8,2),
    empty timestamp with time zone,
    compact timestamp without time zone
);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
