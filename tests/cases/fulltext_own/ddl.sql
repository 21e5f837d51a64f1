CREATE TABLE "notes" (
    id bigint NOT NULL,
    body text
);
ALTER TABLE notes ADD CONSTRAINT notes_pkey PRIMARY KEY (id);
