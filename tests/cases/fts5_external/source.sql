CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT, author TEXT, tags TEXT, views INTEGER);
CREATE VIRTUAL TABLE posts_fts USING fts5(title, body, author UNINDEXED, tags, content='posts', content_rowid='id', tokenize='porter unicode61');
CREATE TRIGGER posts_ai AFTER INSERT ON posts BEGIN
  INSERT INTO posts_fts(rowid, title, body, author, tags) VALUES (new.id, new.title, new.body, new.author, new.tags);
END;
CREATE TRIGGER posts_ad AFTER DELETE ON posts BEGIN
  INSERT INTO posts_fts(posts_fts, rowid, title, body, author, tags) VALUES ('delete', old.id, old.title, old.body, old.author, old.tags);
END;
CREATE TRIGGER posts_au AFTER UPDATE ON posts BEGIN
  INSERT INTO posts_fts(posts_fts, rowid, title, body, author, tags) VALUES ('delete', old.id, old.title, old.body, old.author, old.tags);
  INSERT INTO posts_fts(rowid, title, body, author, tags) VALUES (new.id, new.title, new.body, new.author, new.tags);
END;
INSERT INTO posts VALUES (1, 'Running a database', 'It runs, and ran, for years.', 'ann', 'sqlite', 10), (2, 'Gärten', NULL, 'bob', '', 0),
  (3, '', 'It''s "quoted", x-ray at http://example.org/a/b', NULL, NULL, 7);
