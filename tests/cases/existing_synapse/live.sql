UPDATE users SET admin = 1 - admin;
INSERT INTO users VALUES ('@c:x', NULL, 5, 0), (NULL, 'nameless', 6, 0);
UPDATE profiles SET fields = '{"a": [1, 2]}' WHERE user_id = 'b';
BEGIN; UPDATE access_tokens SET token = 'tmp' WHERE id = 1; UPDATE access_tokens SET token = 't1' WHERE id = 2; UPDATE access_tokens SET token = 't2' WHERE id = 1; COMMIT;
INSERT INTO access_tokens VALUES (9, '@c:x', 't9', 0);
DELETE FROM event_edges WHERE rowid = 3;
INSERT INTO event_edges VALUES ('$3', '$2', 1);
UPDATE keys SET ts = 2;
DELETE FROM users WHERE name = '@b:x';
