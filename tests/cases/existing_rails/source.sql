-- A Rails application that began before version 6: booleans are letters, times have a date
CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
CREATE TABLE "posts" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "title" varchar, "body" text, "live" boolean DEFAULT 'f', "opens" time, "price" decimal(10,2), "data" json, "rank" integer(2), "author_id" integer NOT NULL, "created_at" datetime(6) NOT NULL);
CREATE TABLE "authors" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar COLLATE NOCASE);
INSERT INTO schema_migrations VALUES ('20240101000000'), ('20240202000000');
INSERT INTO ar_internal_metadata VALUES ('environment', 'production', '2024-01-01 00:00:00.000000', '2024-01-01 00:00:00.000000');
INSERT INTO authors VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO posts VALUES (1, 'T', 'B', 't', '2000-01-01 23:59:59', 1.25, '{"a":1}', 5, 1, '2024-01-01 10:00:00.123456'), (2, NULL, '', 'f', '2000-01-01 00:00:00', 2, '[]', NULL, 2, '2024-01-01 10:00:00.000000');
