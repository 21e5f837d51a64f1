CREATE TABLE "messages" (
    id bigint NOT NULL,
    sent timestamp with time zone NOT NULL,
    received timestamp with time zone,
    logged timestamp with time zone,
    unclear bigint,
    julian numeric,
    number bigint
);
ALTER TABLE messages ADD CONSTRAINT messages_pkey PRIMARY KEY (id);
