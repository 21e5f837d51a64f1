CREATE TABLE "t" (
    id bigint NOT NULL,
    assumed timestamp with time zone,
    written timestamp with time zone,
    iso timestamp with time zone,
    millis timestamp without time zone,
    cut timestamp(3) with time zone
);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
