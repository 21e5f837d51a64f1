PRAGMA foreign_keys = ON;
INSERT INTO parent VALUES (3, 'three', 5, 6);
INSERT INTO child (id, p1, p2, p4, p5, code) VALUES (3, 3, 3, 3, 3, 'three');
UPDATE child SET code = 'two' WHERE id = 3;
UPDATE parent SET id = 30 WHERE id = 1 AND 0;
DELETE FROM child WHERE p1 = 3;
DELETE FROM parent WHERE id = 3;
