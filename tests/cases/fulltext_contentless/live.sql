INSERT INTO notes VALUES (2, 'two');
INSERT INTO words5(rowid, title, body) VALUES (9223372036854775807, 'two', 'one two');
INSERT INTO words5(words5, rowid, title, body) VALUES ('delete', 1, 'one', 'It''s a "quoted" one');
INSERT INTO words5(rowid, title, body) VALUES (1, 'again', 'one');
INSERT INTO words5(words5) VALUES ('optimize');
REPLACE INTO words_deletable(rowid, body) VALUES (1, 'walked');
DELETE FROM words_deletable WHERE rowid = 2;
INSERT INTO no_places(no_places) VALUES ('delete-all');
INSERT INTO no_places(rowid, a, b) VALUES (7, 'new', 'words');
