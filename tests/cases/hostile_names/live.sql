INSERT INTO "a ""quoted"" table; DROP TABLE x" ("it's", "new
line", "😀") VALUES ('o''clock', 'n', '😀');
UPDATE "{""json"": 1}" SET "ref" = 2;
