INSERT INTO parents VALUES (3, 30);
INSERT INTO children VALUES (3, 3, 2);
UPDATE children SET other = 3 WHERE id = 1;
DELETE FROM children WHERE id = 2;
