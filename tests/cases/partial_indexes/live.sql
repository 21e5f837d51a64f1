BEGIN;
UPDATE p SET deleted = 1 WHERE id = 3;
UPDATE p SET deleted = 0 WHERE id = 1;
COMMIT;
BEGIN;
UPDATE p SET name = 'x' WHERE id = 1;
UPDATE p SET n = 4 WHERE id = 4;
COMMIT;
INSERT INTO p VALUES (5, 'a@x', 1, NULL, 7, 'ANNE');
