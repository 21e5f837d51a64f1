CREATE TABLE "seen" (
    embedding bytea NOT NULL,
    n bigint
);
ALTER TABLE seen ADD CONSTRAINT seen_pkey PRIMARY KEY (embedding);
CREATE TABLE "word" (
    id bigint NOT NULL,
    embedding text,
    other_embedding text
);
ALTER TABLE word ADD CONSTRAINT word_pkey PRIMARY KEY (id);
CREATE INDEX word_other ON public.word USING btree (other_embedding);
CREATE UNIQUE INDEX word_embedding_key ON public.word USING btree (embedding);
