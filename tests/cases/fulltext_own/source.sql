CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);
CREATE VIRTUAL TABLE notes5 USING fts5(body);
CREATE VIRTUAL TABLE notes4 USING fts4(body, tokenize=porter);
CREATE VIRTUAL TABLE notes3 USING fts3(body);
INSERT INTO notes VALUES (1, 'one');
INSERT INTO notes5 VALUES ('one');
INSERT INTO notes4 VALUES ('one');
INSERT INTO notes3 VALUES ('one');
