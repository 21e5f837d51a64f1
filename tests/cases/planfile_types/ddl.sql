CREATE TABLE "t" (
    id bigint NOT NULL,
    small smallint,
    medium integer,
    four real,
    eight double precision,
    short character varying(5),
    fixed character(3),
    amount numeric(12,4),
    doc json,
    raw bytea,
    at timestamp(2) without time zone,
    ip inet,
    net cidr,
    open character varying
);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
