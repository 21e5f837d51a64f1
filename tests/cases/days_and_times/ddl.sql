CREATE TABLE "shifts" (
    id bigint NOT NULL,
    day date NOT NULL,
    compact text,
    begins time without time zone,
    ends time without time zone,
    rails time without time zone,
    minutes time without time zone
);
ALTER TABLE shifts ADD CONSTRAINT shifts_pkey PRIMARY KEY (id);
