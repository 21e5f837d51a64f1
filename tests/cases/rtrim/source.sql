CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT COLLATE RTRIM UNIQUE, both TEXT COLLATE RTRIM, other TEXT);
CREATE UNIQUE INDEX part_both ON part (both, other COLLATE NOCASE);
CREATE TABLE padded (k TEXT COLLATE RTRIM PRIMARY KEY, v INT) WITHOUT ROWID;
INSERT INTO part VALUES (1, 'a  ', 'x', 'A'), (2, 'a' || char(9), 'x ', 'b'), (3, ' a', NULL, NULL), (4, NULL, NULL, NULL);
INSERT INTO padded VALUES ('k  ', 1), ('k' || char(160), 2);
