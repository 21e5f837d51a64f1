CREATE TABLE "chunks" (
    id bigint NOT NULL,
    v bytea NOT NULL,
    w jsonb
);
ALTER TABLE chunks ADD CONSTRAINT chunks_pkey PRIMARY KEY (id);
CREATE TABLE "docs" (
    id bigint NOT NULL,
    body text,
    embedding bytea,
    openai_embedding text,
    meta_embedding jsonb
);
ALTER TABLE docs ADD CONSTRAINT docs_pkey PRIMARY KEY (id);
