CREATE TABLE t(id INTEGER PRIMARY KEY, embedding BLOB, vector TEXT, search_vector TEXT, vectors TEXT, one_embedding TEXT, plain TEXT);
INSERT INTO t VALUES (1, x'0000803f00000040', '[1, 2]', 'cat:1 dog:2', '[1, 2', '[1]', '[1, 2]'), (2, x'0000803f0000004000004040', '[1, 2, 3]', '', '[[1, 2]]', '[2]', '[3, 4]');
