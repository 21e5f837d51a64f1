INSERT INTO notes VALUES (2, 'two');
INSERT INTO words5(rowid, body) VALUES (2, 'two');
INSERT INTO words5(words5, rowid, body) VALUES ('delete', 1, 'one');
INSERT INTO words_deletable(rowid, body) VALUES (1, 'x');
DELETE FROM words_deletable WHERE rowid = 1;
INSERT INTO words5(words5) VALUES ('delete-all');
