CREATE TABLE events(id bigint PRIMARY KEY, made timestamptz NOT NULL, sent timestamptz, at timestamp, opens time, slug timestamp, cut timestamp(2),
  later timestamptz, utc timestamp);
CREATE UNIQUE INDEX events_slug ON events(slug);
