INSERT INTO t VALUES (2, 'no document at all', '{', '{"a" : 1}');
UPDATE t SET a = '{ }', c = 'true' WHERE id = 1;
