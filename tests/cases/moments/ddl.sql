CREATE TABLE "visits" (
    id bigint NOT NULL,
    plain timestamp without time zone,
    t timestamp without time zone,
    six timestamp without time zone,
    python timestamp without time zone,
    millis timestamp without time zone,
    minutes timestamp without time zone,
    of_day timestamp without time zone,
    wordy text,
    as_text text
);
ALTER TABLE visits ADD CONSTRAINT visits_pkey PRIMARY KEY (id);
