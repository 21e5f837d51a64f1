CREATE TABLE "mail box" (
    id bigint NOT NULL,
    "sub ject" text,
    "te""xt" text,
    note text,
    mails_tsv tsvector GENERATED ALWAYS AS ((setweight(to_tsvector('english'::regconfig, "left"(COALESCE("sub ject", ''::text), 65536)), 'A'::"char") || setweight(to_tsvector('english'::regconfig, "left"(COALESCE("te""xt", ''::text), 65536)), 'B'::"char"))) STORED,
    all_mails_tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('simple'::regconfig, "left"(COALESCE("sub ject", ''::text), 43690)), 'A'::"char") || setweight(to_tsvector('simple'::regconfig, "left"(COALESCE("te""xt", ''::text), 43690)), 'B'::"char")) || setweight(to_tsvector('simple'::regconfig, "left"(COALESCE(note, ''::text), 43690)), 'C'::"char"))) STORED
);
ALTER TABLE "mail box" ADD CONSTRAINT "mail box_pkey" PRIMARY KEY (id);
CREATE INDEX all_mails_tsv_idx ON public."mail box" USING gin (all_mails_tsv);
CREATE INDEX mails_tsv_idx ON public."mail box" USING gin (mails_tsv);
