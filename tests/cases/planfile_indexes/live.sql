INSERT INTO docs VALUES (2, '[]', 'y', NULL), (3, NULL, 'x', 'u');
UPDATE docs SET body = '{"a": {"b": null}}' WHERE id = 1;
