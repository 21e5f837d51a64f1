CREATE TABLE seen(embedding BLOB PRIMARY KEY, n INTEGER);
CREATE TABLE word(id INTEGER PRIMARY KEY, embedding TEXT UNIQUE, other_embedding TEXT);
CREATE INDEX word_other ON word(other_embedding);
INSERT INTO seen VALUES (x'0000803f00000040', 1), (x'0000404000008040', 2);
INSERT INTO word VALUES (1, '[0.1, 0.2]', '[1.0, 2.0]'), (2, '[0.1,0.2]', '[1.0, 2.0]');
