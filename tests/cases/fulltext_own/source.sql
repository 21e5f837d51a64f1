-- Full-text tables that hold their own text: they take no triggers, and are followed by comparison
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);
CREATE VIRTUAL TABLE notes5 USING fts5(title, body, tag UNINDEXED, n UNINDEXED, tokenize='porter unicode61');
CREATE VIRTUAL TABLE notes4 USING fts4(title, "the body", notindexed=title, tokenize=porter, prefix="2,3");
CREATE VIRTUAL TABLE notes3 USING fts3(body);
CREATE VIRTUAL TABLE bare USING fts3;
CREATE VIRTUAL TABLE mixed USING fts5(a, b);
CREATE VIRTUAL TABLE empty USING fts5(Title, detail=none, columnsize=0);
INSERT INTO notes VALUES (1, 'one');
INSERT INTO notes5(rowid, title, body, tag, n) VALUES
  (1, 'Running foxes', 'quick and brown', 'x', 1), (-7, '', NULL, NULL, 2), (9223372036854775807, '!', '...', '', NULL);
INSERT INTO notes4 VALUES ('kept', 'one'), (NULL, 'two words');
INSERT INTO notes3 VALUES ('one'), (''), (NULL);
INSERT INTO bare VALUES ('no columns are declared');
INSERT INTO mixed VALUES ('text', 1), (2.0, 'text'), (x'00ff', NULL), ('nul' || char(0) || 'in it', 'x');
