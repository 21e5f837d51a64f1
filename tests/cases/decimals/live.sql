UPDATE prices SET net = net + 1 WHERE id < 3;
INSERT INTO prices VALUES (5, 0.1, 12.3456, 7, 9007199254740993, 0.1);
INSERT INTO prices VALUES (6, 0, 1, 1, 0, 0);
DELETE FROM prices WHERE id = 4;
