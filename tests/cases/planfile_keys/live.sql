INSERT INTO parents VALUES (2147483647, 'äöüß');
UPDATE parents SET id = 7 WHERE id = 2;
INSERT INTO children VALUES ('ffffffff-e89b-42d3-a456-426614174001', 7, 'b');
UPDATE children SET id = '00000000-e89b-42d3-a456-426614174001' WHERE parent IS NULL;
UPDATE days SET day = '1999-12-31', hour = -32768 WHERE hour = 3;
DELETE FROM days WHERE hour = 4;
