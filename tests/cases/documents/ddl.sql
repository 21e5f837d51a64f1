CREATE TABLE "events" (
    id bigint NOT NULL,
    payload jsonb NOT NULL,
    extra jsonb,
    note text
);
ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY (id);
CREATE INDEX events_payload ON public.events USING btree (extra);
