UPDATE a SET tags = '["one"]', ids = '[9223372036854775807]', flags = '[false]', code = '☃', fixed = 'q', email = 'x@y', qty = 1 WHERE id = 1;
INSERT INTO a VALUES (4, '["\u00e9"]', NULL, '[true]', 'five5', 'end', '@', 2147483647);
UPDATE a SET tags = NULL WHERE id = 4;
DELETE FROM a WHERE id = 2;
