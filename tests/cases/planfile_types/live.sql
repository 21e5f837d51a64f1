INSERT INTO t VALUES (3, -32768, 2147483647, -0.5, 1e300, '12345', 'x', 1234.5678, '[ ]', zeroblob(3), '1999-12-31 23:59:59.990000', '2001:db8::/32', '192.168.0.0/16', 'anything');
UPDATE t SET small = 32767, four = 0.25, short = 'ñ', fixed = 'ab', at = NULL, ip = '192.168.1.7' WHERE id = 1;
DELETE FROM t WHERE id = 2;
