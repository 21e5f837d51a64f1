CREATE TABLE "calls" (
    id bigint NOT NULL,
    z timestamp with time zone,
    colon timestamp with time zone,
    india timestamp with time zone,
    west timestamp with time zone,
    hours timestamp with time zone,
    moving text
);
ALTER TABLE calls ADD CONSTRAINT calls_pkey PRIMARY KEY (id);
