CREATE TABLE events(id INTEGER PRIMARY KEY, payload JSON NOT NULL, "extra" text CHECK (JSON_VALID("extra") OR "extra" IS NULL), note TEXT);
CREATE INDEX events_payload ON events(extra);
INSERT INTO events VALUES (1, '{"b": 1, "a": [true, null, "\u00e9"]}', '{}', '{"stays": "text"}');
INSERT INTO events VALUES (2, '5', '[1, 2.50, 1e3]', NULL), (3, '1.5', NULL, 'no JSON'), (4, '"text"', ' "spaced" ', NULL);
