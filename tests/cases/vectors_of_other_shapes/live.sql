INSERT INTO t VALUES (3, x'00', '[1e400]', NULL, '', '[]', NULL);
UPDATE t SET vector = '[]', embedding = x'0000807f0000c07f' WHERE id = 1;
DELETE FROM t WHERE id = 2;
