-- Search is made of other things on the target: a trigger, a computed column
CREATE TABLE page(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT);
CREATE TABLE project(id INTEGER PRIMARY KEY, name TEXT, search_vector TEXT);
INSERT INTO page VALUES (1, 'Running foxes', 'quick and brown'), (2, 'Empty', NULL);
INSERT INTO project VALUES (1, 'label studio', NULL), (2, NULL, NULL);
