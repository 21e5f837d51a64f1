CREATE TABLE "user" (id INTEGER PRIMARY KEY, "order" INT, "group" TEXT, "select" TEXT UNIQUE, "table" TEXT, "end" TEXT, "default" TEXT DEFAULT 'x');
CREATE TABLE "order" ("user" INT REFERENCES "user", "primary" INT, "limit" INT, PRIMARY KEY ("user", "primary"));
CREATE INDEX "where" ON "user" ("order", "group");
CREATE TABLE "analyze" (id INTEGER PRIMARY KEY, "current_user" TEXT, "timestamp" TIMESTAMP, "date" DATE);
INSERT INTO "user" VALUES (1, 2, 'g', 's', 't', 'e', 'd');
INSERT INTO "order" VALUES (1, 1, 10);
INSERT INTO "analyze" VALUES (1, 'me', '2024-01-01 00:00:00', '2024-01-01');
