CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  status VARCHAR(9) NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paid', 'sent', 'it''s lost')),
  size INT CHECK (size IN (1, 2, 3)),
  colour TEXT COLLATE NOCASE CHECK (colour IN ('red', 'green')),
  priority TEXT,
  CONSTRAINT priorities CHECK (priority IS NULL OR priority IN ('low', 'high'))
);
INSERT INTO orders (status, size, colour, priority) VALUES ('open', 1, 'RED', 'low'), ('it''s lost', NULL, 'Green', NULL);
