INSERT INTO users VALUES ('ffffffffffff4fff8fffffffffffffff', 'cy');
UPDATE sessions SET user_id = 'ffffffffffff4fff8fffffffffffffff', id = 'ffffffff-ffff-ffff-ffff-ffffffffffff' WHERE hash LIKE 'd4%';
DELETE FROM users WHERE name = 'bob';
UPDATE users SET id = '00000000000000000000000000000000' WHERE name = 'bob';
