CREATE TABLE "t" (
    id bigint NOT NULL,
    texts jsonb,
    day jsonb,
    amount numeric,
    numbers numeric
);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
CREATE INDEX t_day_idx ON public.t USING gin (day);
