-- Lists as JSON text, domains, and texts with limits
CREATE TABLE a(id INTEGER PRIMARY KEY, tags TEXT, ids TEXT, flags TEXT, code VARCHAR(5), fixed CHAR(3), email TEXT, qty INT);
INSERT INTO a VALUES (1, '["x", "y z", "\"q\""]', '[1, 2, -3]', '[true, false]', 'abcde', 'ab', 'a@b', 5), (2, '[]', '[]', '[]', 'éééé☃', 'xyz', 'c@d', 0), (3, NULL, NULL, NULL, '', NULL, NULL, NULL);
