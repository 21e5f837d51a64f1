CREATE TABLE "by_amount" (
    amount numeric(8,2) NOT NULL,
    n bigint
);
ALTER TABLE by_amount ADD CONSTRAINT by_amount_pkey PRIMARY KEY (amount);
CREATE TABLE "by_day" (
    day date NOT NULL,
    n bigint
);
ALTER TABLE by_day ADD CONSTRAINT by_day_pkey PRIMARY KEY (day);
COMMENT ON COLUMN by_day.day IS 'SQLite: DATE, as %Y-%m-%d';
CREATE TABLE "by_epoch" (
    at timestamp with time zone NOT NULL,
    n bigint
);
ALTER TABLE by_epoch ADD CONSTRAINT by_epoch_pkey PRIMARY KEY (at);
COMMENT ON COLUMN by_epoch.at IS 'SQLite: TIMESTAMP, as seconds since 1970';
CREATE TABLE "by_moment" (
    at timestamp without time zone NOT NULL,
    kind boolean NOT NULL,
    n bigint
);
ALTER TABLE by_moment ADD CONSTRAINT by_moment_pkey PRIMARY KEY (at, kind);
COMMENT ON COLUMN by_moment.at IS 'SQLite: DATETIME, as %Y-%m-%d %H:%M:%S.6?';
COMMENT ON COLUMN by_moment.kind IS 'SQLite: BOOLEAN, as 0 or 1';
CREATE TABLE "by_time" (
    at time without time zone NOT NULL,
    n bigint
);
ALTER TABLE by_time ADD CONSTRAINT by_time_pkey PRIMARY KEY (at);
COMMENT ON COLUMN by_time.at IS 'SQLite: TIME, as %H:%M:%S';
CREATE TABLE "by_zone" (
    at timestamp with time zone NOT NULL,
    n bigint
);
ALTER TABLE by_zone ADD CONSTRAINT by_zone_pkey PRIMARY KEY (at);
COMMENT ON COLUMN by_zone.at IS 'SQLite: TIMESTAMPTZ, as %Y-%m-%dT%H:%M:%S+02:00';
