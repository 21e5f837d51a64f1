-- Arrays of many types, times with an offset, durations and numbers with limits
CREATE TABLE w(id INTEGER PRIMARY KEY, codes TEXT, marks TEXT, small TEXT, halves TEXT, sums TEXT, prices TEXT, days TEXT, moments TEXT, zoned TEXT, opens TEXT, opens_ms TEXT, length BIGINT, length_ms BIGINT, shifts BIGINT, lasted DATETIME, hundreds NUMERIC, tiny NUMERIC);
INSERT INTO w VALUES
    (1, '["ab", "é☃1", null]', '["x", "yz"]', '[1, -32768]', '[0.5, -2.0]', '[1.50, 2, -0.001]', '["1.50", "-99.99"]', '["2024-02-29"]', '["2024-01-02 03:04:05", "2024-01-02 03:04:05.000001"]', '["2024-01-02T03:04:05.120Z"]', '09:00:00+02:00', '09:00:00.120Z', 90061000001, 1500000, 3600000000, '1970-01-02 00:00:01.000000', 12300, 0.0099),
    (2, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '23:59:59.999999-05:30', '00:00:00.000Z', -1, -1000, -60000000, '1969-12-31 23:59:59.000000', -99900, 0),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
