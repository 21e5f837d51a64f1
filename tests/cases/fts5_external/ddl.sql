CREATE TABLE "posts" (
    id bigint NOT NULL,
    title text NOT NULL,
    body text,
    author text,
    tags text,
    views bigint,
    posts_fts_tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('english'::regconfig, "left"(COALESCE(title, ''::text), 43690)), 'A'::"char") || setweight(to_tsvector('english'::regconfig, "left"(COALESCE(body, ''::text), 43690)), 'B'::"char")) || setweight(to_tsvector('english'::regconfig, "left"(COALESCE(tags, ''::text), 43690)), 'C'::"char"))) STORED
);
ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY (id);
CREATE INDEX posts_fts_tsv_idx ON public.posts USING gin (posts_fts_tsv);
