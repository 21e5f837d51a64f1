INSERT INTO "user" ("order", "select") VALUES (3, 'u');
INSERT INTO "order" VALUES (2, 1, 5);
DELETE FROM "order" WHERE "user" = 1;
UPDATE "analyze" SET "current_user" = 'you';
