-- Names that differ by case, another order of columns, and more on the target
CREATE TABLE "Lock"("Id" INTEGER PRIMARY KEY, "Holder" TEXT, "order" INT);
CREATE TABLE "odd ""name"""("a b" TEXT PRIMARY KEY, "select" INT);
CREATE TABLE gone(id INTEGER PRIMARY KEY);
INSERT INTO "Lock" VALUES (1, 'ann', 10), (2, NULL, 20);
INSERT INTO "odd ""name""" VALUES ('x', 1), ('y', NULL);
INSERT INTO gone VALUES (1);
