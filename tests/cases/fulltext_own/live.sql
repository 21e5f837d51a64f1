INSERT INTO notes VALUES (2, 'two');
INSERT INTO notes5 VALUES ('two');
INSERT INTO notes4 VALUES ('two');
INSERT INTO notes3 VALUES ('two');
UPDATE notes5 SET body = 'three' WHERE rowid = 1;
DELETE FROM notes4;
INSERT INTO notes5(notes5) VALUES ('rebuild');
INSERT INTO notes3(notes3) VALUES ('optimize');
