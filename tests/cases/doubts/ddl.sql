CREATE TABLE "people" (
    id bigint NOT NULL,
    active bigint,
    born text,
    seen text,
    uid text,
    height numeric,
    blank text,
    mixed jsonb
);
ALTER TABLE people ADD CONSTRAINT people_pkey PRIMARY KEY (id);
