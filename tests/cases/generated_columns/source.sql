CREATE TABLE g (
  id INTEGER PRIMARY KEY,
  first TEXT NOT NULL, last TEXT,
  n INT,
  whole TEXT GENERATED ALWAYS AS (first || ' ' || last) STORED,
  upper_first TEXT AS (upper(first)) VIRTUAL,
  is_big BOOLEAN AS (n > 100) STORED,
  twice INT AS (n * 2),
  code TEXT AS (lower(first)) STORED UNIQUE,
  nested INT AS (length(whole)) VIRTUAL,
  half REAL AS (n / 2) VIRTUAL,
  note TEXT AS (coalesce(last, 'none')) STORED
);
CREATE INDEX g_whole ON g (whole);
INSERT INTO g (first, last, n) VALUES ('Ann', 'Lee', 5), ('Bob', NULL, 500), ('Éva', 'Ü', NULL);
