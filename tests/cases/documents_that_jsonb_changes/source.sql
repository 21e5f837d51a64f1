CREATE TABLE logs(id INTEGER PRIMARY KEY, twice JSON, nul JSON, broken JSON, keyed JSON UNIQUE, plain TEXT);
INSERT INTO logs VALUES (1, '{"a": 1, "a": 2}', '"\u0000"', '{"a": ', '{"a":1}', '{}'), (2, '{}', '{}', '{}', '{ "a": 1 }', '[]');
