INSERT INTO logs VALUES (3, '{"b": 1, "b": 1}', '{"\u0000": "\ud800"}', 'never', '[]', '');
UPDATE logs SET twice = '[ 1 ]', keyed = '{"a" :1}' WHERE id = 1;
DELETE FROM logs WHERE id = 2;
