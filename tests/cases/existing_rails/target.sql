CREATE TABLE "schema_migrations" ("version" character varying NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" ("key" character varying NOT NULL PRIMARY KEY, "value" character varying, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL);
INSERT INTO schema_migrations VALUES ('20240101000000'), ('20240202000000');
INSERT INTO ar_internal_metadata VALUES ('environment', 'production', now(), now());
CREATE TABLE "authors" ("id" bigserial primary key, "name" character varying);
CREATE TABLE "posts" ("id" bigserial primary key, "title" character varying, "body" text, "live" boolean DEFAULT FALSE, "opens" time, "price" decimal(10,2), "data" json, "rank" smallint, "author_id" bigint NOT NULL, "created_at" timestamp(6) NOT NULL,
    CONSTRAINT "fk_author" FOREIGN KEY ("author_id") REFERENCES "authors" ("id"));
CREATE INDEX index_posts_on_author_id ON posts (author_id);
