CREATE TABLE c (
  id INTEGER PRIMARY KEY,
  age INT CHECK (age >= 0 AND age < 150),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 20),
  ratio REAL CHECK (ratio > 0.0 OR ratio IS NULL),
  low INT, high INT,
  flag BOOLEAN CHECK (flag IN (0, 1)),
  kind TEXT CONSTRAINT "Known kind" CHECK (kind <> ''),
  doc TEXT CHECK (json_valid(doc)),
  day DATE CHECK (day >= '2000-01-01'),
  data BLOB CHECK (data IS NULL OR typeof(data) = 'blob' AND length(data) <= 4),
  CONSTRAINT ordered CHECK (low <= high),
  CHECK (NOT (low IS NULL AND high IS NULL) OR name = 'none')
);
INSERT INTO c VALUES (1, 30, 'ann', 0.5, 1, 2, 1, 'a', '{}', '2024-01-01', x'0102'), (2, NULL, 'none', NULL, NULL, NULL, NULL, NULL, '[1]', NULL, NULL);
