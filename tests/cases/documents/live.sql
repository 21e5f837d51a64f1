UPDATE events SET payload = '{ "b" : 1 }' WHERE id = 1;
UPDATE events SET extra = '{"deep": {"er": [[[]]]}}' WHERE id > 2;
INSERT INTO events VALUES (5, 'null', 'false', NULL), (6, 7, '7', NULL);
DELETE FROM events WHERE id = 4;
