INSERT INTO "User" VALUES ('cl3', 'c@example.org', 1, 1799999999999, '[]', 0.1, 0.3, -1);
BEGIN; UPDATE "User" SET email = 'x' WHERE id = 'cl1'; UPDATE "User" SET email = 'a@example.org' WHERE id = 'cl2'; UPDATE "User" SET email = 'b@example.org' WHERE id = 'cl1'; COMMIT;
UPDATE "User" SET createdAt = createdAt + 1, meta = '{"deep": {"er": null}}' WHERE id = 'cl2';
DELETE FROM "User" WHERE id = 'cl3';
INSERT INTO "User" VALUES ('cl3', 'd@example.org', 0, 1704067200001, NULL, 2.0, 5, 0);
