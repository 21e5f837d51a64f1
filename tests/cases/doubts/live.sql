UPDATE people SET active = 3, born = 'unknown', seen = '' WHERE id = 1;
INSERT INTO people VALUES (4, -1, '1990-02-30', 'never', '', 100, NULL, NULL);
DELETE FROM people WHERE id = 2;
