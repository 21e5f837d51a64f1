PRAGMA foreign_keys = ON;
BEGIN;
INSERT INTO department VALUES (2, 20);
INSERT INTO employee VALUES (20, 2, 20);
COMMIT;
UPDATE employee SET boss = 20 WHERE id = 10;
DELETE FROM employee WHERE id = 11;
