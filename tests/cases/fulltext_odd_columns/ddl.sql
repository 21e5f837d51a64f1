CREATE TABLE "item" (
    code text NOT NULL,
    a text,
    b text,
    c text,
    d text,
    e text,
    price numeric(10,2),
    data jsonb,
    mixed jsonb,
    item_fts_tsv text,
    up text,
    item_fts_tsv_2 tsvector GENERATED ALWAYS AS ((((((setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(a, ''::text), 21845)), 'A'::"char") || setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(b, ''::text), 21845)), 'B'::"char")) || setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(c, ''::text), 21845)), 'C'::"char")) || setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(d, ''::text), 21845)), 'D'::"char")) || setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(e, ''::text), 21845)), 'D'::"char")) || setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(up, ''::text), 21845)), 'D'::"char"))) STORED
);
ALTER TABLE item ADD CONSTRAINT item_pkey PRIMARY KEY (code);
CREATE INDEX item_fts_tsv_2_idx ON public.item USING gin (item_fts_tsv_2);
CREATE TABLE "row_less" (
    a text,
    b text,
    _crossfade_rowid bigint NOT NULL,
    one_tsv tsvector GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(a, ''::text), 131072)), 'A'::"char")) STORED,
    two_tsv tsvector GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(b, ''::text), 131072)), 'A'::"char")) STORED
);
ALTER TABLE row_less ADD CONSTRAINT row_less_pkey PRIMARY KEY (_crossfade_rowid);
CREATE INDEX one_tsv_idx ON public.row_less USING gin (one_tsv);
CREATE INDEX two_tsv_idx ON public.row_less USING gin (two_tsv);
