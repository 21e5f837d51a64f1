UPDATE users SET secret = secret || 'x', cache = x'0102' WHERE id = 1;
INSERT INTO users VALUES (3, 'cleo', 's3', zeroblob(10), 1, 2);
UPDATE users SET name = 'robert', boss = 3 WHERE id = 2;
UPDATE sessions SET v = 'z';
DELETE FROM teams;
INSERT INTO trail VALUES (2, 'in');
UPDATE trail SET what = 'gone' WHERE user = 1;
DELETE FROM trail WHERE rowid = 1;
