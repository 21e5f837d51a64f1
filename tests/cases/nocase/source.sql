CREATE TABLE account (email TEXT COLLATE NOCASE PRIMARY KEY, name TEXT COLLATE NOCASE, town TEXT);
CREATE UNIQUE INDEX account_name ON account (name);
CREATE INDEX account_town ON account (town COLLATE NOCASE DESC);
CREATE TABLE login (email TEXT REFERENCES account (email), at TEXT);
CREATE TABLE mixed (id INTEGER PRIMARY KEY, v COLLATE NOCASE UNIQUE);
INSERT INTO account VALUES ('Ann@Example.org', 'Ann', 'Bonn'), ('É@x', 'É', 'bonn'), ('é@x', 'é', NULL), ('nobody', NULL, 'Ulm');
INSERT INTO login VALUES ('ANN@EXAMPLE.ORG', '2024-01-01'), ('nobody', '2024-01-02');
INSERT INTO mixed VALUES (1, 'a'), (2, 1), (3, x'41');
