CREATE TABLE lock("order" integer, created timestamptz DEFAULT now(), holder text, id integer PRIMARY KEY, version integer NOT NULL DEFAULT 7);
CREATE TABLE "odd ""name"""("SELECT" bigint, "a b" varchar(5) PRIMARY KEY);
CREATE TABLE gone(id serial PRIMARY KEY);
CREATE TABLE theirs(id serial PRIMARY KEY, v text);
INSERT INTO theirs(v) VALUES ('left alone');
