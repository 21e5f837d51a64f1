UPDATE n SET i2 = i2 + id, i4 = 0, r = 0.25, f = -f, whole = -2.0, money = 99.99, exact = '7.000', plain = -1.5, counted = 42 WHERE id = 1;
INSERT INTO n VALUES (4, 1, 2, 3, 16777216.0, 0.1, 0.0, 9999999999.99, '9999999.999', 9e18, -5);
DELETE FROM n WHERE id = 3;
