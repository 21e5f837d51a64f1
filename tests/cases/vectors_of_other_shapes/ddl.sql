CREATE TABLE "t" (
    id bigint NOT NULL,
    embedding bytea,
    vector text,
    search_vector text,
    vectors text,
    one_embedding text,
    plain text
);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
