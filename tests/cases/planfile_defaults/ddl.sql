CREATE TABLE "drafts" (
    id bigint NOT NULL,
    meta jsonb,
    title character varying(3)
);
ALTER TABLE drafts ADD CONSTRAINT drafts_pkey PRIMARY KEY (id);
CREATE TABLE "posts" (
    id bigint NOT NULL,
    title character varying(12) NOT NULL,
    slug character varying(8),
    summary text,
    note text,
    meta json,
    tags text,
    checked json
);
ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX posts_tags_key ON public.posts USING btree (tags);
