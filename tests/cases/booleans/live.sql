UPDATE flags SET number = 1 - number, letter = 'f', yes = 'N';
INSERT INTO flags VALUES (4, 0, NULL, 'true', 'Y', 1);
DELETE FROM flags WHERE id = 1;
