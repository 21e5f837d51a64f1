UPDATE "Lock" SET "Holder" = 'bob', "order" = -1 WHERE "Id" = 2;
INSERT INTO "Lock" VALUES (3, 'cid', 2147483647);
DELETE FROM "Lock" WHERE "Id" = 1;
UPDATE "odd ""name""" SET "a b" = 'z' WHERE "a b" = 'x';
INSERT INTO gone(id) VALUES (2);
