CREATE TABLE p (id INTEGER PRIMARY KEY, email TEXT, deleted BOOLEAN NOT NULL, at DATETIME, n INT, name TEXT);
CREATE UNIQUE INDEX p_alive ON p (email) WHERE deleted = 0;
CREATE UNIQUE INDEX p_named ON p (name COLLATE NOCASE) WHERE name IS NOT NULL AND n > 0;
CREATE INDEX p_recent ON p (n DESC) WHERE at >= '2024-01-01 00:00:00';
CREATE UNIQUE INDEX p_odd ON p (n) WHERE n % 2 = 1;
INSERT INTO p VALUES (1, 'a@x', 1, '2023-01-01 00:00:00', 1, 'Ann'), (2, 'a@x', 1, '2024-05-05 00:00:00', 2, NULL), (3, 'a@x', 0, NULL, NULL, NULL), (4, NULL, 0, NULL, -4, 'ann');
