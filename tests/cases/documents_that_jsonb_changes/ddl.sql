CREATE TABLE "logs" (
    id bigint NOT NULL,
    twice json,
    nul json,
    broken text,
    keyed text,
    plain text
);
ALTER TABLE logs ADD CONSTRAINT logs_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX logs_keyed_key ON public.logs USING btree (keyed);
