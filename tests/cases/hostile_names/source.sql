CREATE TABLE "a ""quoted"" table; DROP TABLE x" (
  "id" INTEGER PRIMARY KEY, "it's" TEXT, "semi;colon" INT, "comment -- " INT, "star/*" INT, "back`tick" INT,
  "bracket]" INT, "new
line" TEXT, "tab	" TEXT, "ümläut" TEXT, "日本" TEXT, "😀" TEXT, "$1" TEXT, "%s" TEXT, "a.b" TEXT, "CamelCase" TEXT, " lead" TEXT,
  UNIQUE ("it's", "a.b")
);
CREATE INDEX "index ""with"" quotes" ON "a ""quoted"" table; DROP TABLE x" ("semi;colon" DESC, "日本" COLLATE NOCASE);
CREATE TABLE "{""json"": 1}" ("ref" INT REFERENCES "a ""quoted"" table; DROP TABLE x" ("id"), "k" TEXT PRIMARY KEY);
INSERT INTO "a ""quoted"" table; DROP TABLE x" ("id", "it's", "a.b", "日本") VALUES (1, 'x', 'y', 'z');
INSERT INTO "{""json"": 1}" VALUES (1, 'k');
