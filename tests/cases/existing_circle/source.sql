-- Foreign keys in a circle, deferred on one side and with actions that must not act on what we write
CREATE TABLE team(id INTEGER PRIMARY KEY, lead INT REFERENCES person(id) ON DELETE SET NULL, name TEXT NOT NULL);
CREATE TABLE person(id INTEGER PRIMARY KEY, team INT NOT NULL REFERENCES team(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, mentor INT REFERENCES person(id), name TEXT);
INSERT INTO team VALUES (1, 2, 'red'), (2, NULL, 'blue'), (3, 44, 'orphan');
INSERT INTO person VALUES (1, 1, 2, 'ann'), (2, 1, 1, 'bob'), (3, 2, NULL, 'cid'), (4, 99, NULL, 'nowhere');
