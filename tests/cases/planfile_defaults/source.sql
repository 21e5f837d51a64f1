CREATE TABLE posts(id INTEGER PRIMARY KEY, title VARCHAR(12) NOT NULL, slug NVARCHAR(8), summary VARCHAR(5), note TEXT, meta JSON, tags JSON UNIQUE, checked TEXT CHECK (json_valid(checked)));
INSERT INTO posts VALUES (1, 'grüße', 'gruesse', 'short', 'n', '{"b": 1, "a": 2}', '[]', '{}'), (2, 'twelve chars', NULL, 'too long', NULL, '[1,  2]', '{}', '[ ]');
CREATE TABLE drafts(id INTEGER PRIMARY KEY, meta JSON, title VARCHAR(3));
