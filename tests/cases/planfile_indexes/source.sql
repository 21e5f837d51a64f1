CREATE TABLE docs(id INTEGER PRIMARY KEY, body JSON, title TEXT, tag TEXT);
CREATE INDEX docs_title ON docs(title);
CREATE INDEX docs_tag ON docs(tag, title);
CREATE UNIQUE INDEX docs_both ON docs(title, tag);
INSERT INTO docs VALUES (1, '{"a": [1, 2]}', 'x', 't');
