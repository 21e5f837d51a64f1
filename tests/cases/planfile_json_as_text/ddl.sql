CREATE TABLE "t" (
    id bigint NOT NULL,
    a text,
    b text,
    c json
);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
