INSERT INTO posts VALUES (3, 'ä', 'ñandú', 'any length here', 'm', '{"a":1,"a":1}', '[1]', '"x"');
INSERT INTO drafts VALUES (1, '{"z": 1}', 'abc');
UPDATE posts SET meta = '   {}', title = 'again' WHERE id = 1;
