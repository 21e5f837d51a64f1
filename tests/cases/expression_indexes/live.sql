BEGIN;
UPDATE e SET name = 'tmp' WHERE id = 1;
UPDATE e SET name = 'ANN' WHERE id = 2;
UPDATE e SET name = 'BOB' WHERE id = 1;
COMMIT;
INSERT INTO e VALUES (5, 'Cid', '/a', 3, 9223372036854775807);
UPDATE e SET path = '  /a' WHERE id = 5;
