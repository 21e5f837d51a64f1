PRAGMA foreign_keys = OFF;
DELETE FROM team WHERE id = 1;
UPDATE team SET id = 20 WHERE id = 2;
UPDATE person SET mentor = 77 WHERE id = 3;
DELETE FROM person WHERE id = 2;
INSERT INTO person VALUES (5, 5, 5, 'own mentor');
INSERT INTO team VALUES (5, 5, 'late');
