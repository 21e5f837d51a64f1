UPDATE c SET age = 149, low = 2 WHERE id = 1;
INSERT INTO c (name, low, data) VALUES ('bob', 3, x'');
