-- The index is all there is: it becomes a tsvector, where that can say the same
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);
CREATE VIEW texts AS SELECT id, body FROM notes;
CREATE VIRTUAL TABLE words5 USING fts5(title, body, content='');
CREATE VIRTUAL TABLE words_deletable USING fts5(body, content='', contentless_delete=1, tokenize='porter ascii');
CREATE VIRTUAL TABLE no_places USING fts5(a, b, content='', detail=none);
CREATE VIRTUAL TABLE no_columns USING fts5(a, b, content='', detail=column);
CREATE VIRTUAL TABLE no_rows USING fts5(a, content='', columnsize=0);
CREATE VIRTUAL TABLE some_text USING fts5(a, b UNINDEXED, content='', contentless_unindexed=1);
CREATE VIRTUAL TABLE words4 USING fts4(body, content="");
CREATE VIRTUAL TABLE of_view USING fts5(body, content='texts', content_rowid='id');
CREATE VIRTUAL TABLE of_nothing USING fts5(body, content='gone');
CREATE VIRTUAL TABLE packed USING fts4(body, compress=lower, uncompress=upper);
INSERT INTO notes VALUES (1, 'one');
INSERT INTO words5(rowid, title, body) VALUES (1, 'one', 'It''s a "quoted" one'), (2, 'the one', 'and only'), (-3, '', NULL);
INSERT INTO words_deletable(rowid, body) VALUES (1, 'running'), (2, 'runs and walks');
INSERT INTO no_places(rowid, a, b) VALUES (1, 'here or', 'there');
