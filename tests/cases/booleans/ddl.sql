CREATE TABLE "flags" (
    id bigint NOT NULL,
    number boolean NOT NULL,
    letter boolean,
    word boolean,
    yes boolean,
    tiny bigint
);
ALTER TABLE flags ADD CONSTRAINT flags_pkey PRIMARY KEY (id);
