CREATE TABLE n (
  id INTEGER PRIMARY KEY,
  token TEXT DEFAULT (lower(hex(randomblob(16)))),
  local DATETIME DEFAULT (datetime('now', 'localtime')),
  wrong INT DEFAULT 'abc',
  a INT CHECK (a % 2 = 0),
  b TEXT CHECK (b GLOB '[A-Z]*'),
  c TEXT CONSTRAINT dated CHECK (date(c) IS NOT NULL),
  d INT AS (a / 3) STORED,
  mixed CHECK (mixed > 1),
  CHECK (a = "misspelt" OR a IS NULL)
);
CREATE INDEX n_round ON n (round(a / 3.0, 2));
CREATE UNIQUE INDEX n_even ON n (b) WHERE a & 1 = 0;
CREATE VIEW n_window AS SELECT id, row_number() OVER (ORDER BY id) FROM n;
CREATE VIEW n_grouped AS SELECT b, group_concat(a) FROM n GROUP BY b;
INSERT INTO n (id, token, local, b, c, mixed) VALUES (1, 'x', '2024-01-01 10:00:00', 'B', '2024-01-01', 2), (2, 'y', NULL, 'C', '2024-01-02', 'text');
