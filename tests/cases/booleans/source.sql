CREATE TABLE flags(id INTEGER PRIMARY KEY, number BOOLEAN NOT NULL, letter BOOL, word boolean, yes BOOLEAN, tiny TINYINT(1));
INSERT INTO flags VALUES (1, 1, 't', 'true', 'Y', 1), (2, 0, 'f', 'false', 'N', 0), (3, 1, NULL, NULL, NULL, NULL);
