INSERT INTO t VALUES (3, x'00ff', 'tomorrow', 9e300, 2.5), (4, 1, 3.5, 9223372036854775807, 9223372036854775807);
UPDATE t SET texts = CAST(x'610062' AS TEXT), day = x'01', amount = -0.25, numbers = -1.25 WHERE id = 1;
DELETE FROM t WHERE id = 2;
