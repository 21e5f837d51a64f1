CREATE TABLE "docs" (
    id bigint NOT NULL,
    body jsonb,
    title text,
    tag text
);
ALTER TABLE docs ADD CONSTRAINT docs_pkey PRIMARY KEY (id);
CREATE INDEX docs_body_idx ON public.docs USING gin (body);
CREATE INDEX docs_title ON public.docs USING btree (title);
