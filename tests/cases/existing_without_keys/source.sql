-- Rows that nothing tells apart, and a unique column that the target does not keep unique
CREATE TABLE log(at TEXT, line TEXT);
CREATE TABLE pair(k TEXT NOT NULL UNIQUE, v INT);
INSERT INTO log VALUES ('1', 'same'), ('1', 'same'), (NULL, NULL), ('2', 'x');
INSERT INTO pair VALUES ('a', 1), ('b', 2);
