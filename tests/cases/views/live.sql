UPDATE customer SET active = 1 WHERE id = 2;
INSERT INTO purchase VALUES (5, 3, 12, 'd');
DELETE FROM purchase WHERE id = 1;
