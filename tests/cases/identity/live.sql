INSERT INTO item (name) VALUES ('forty-one');
INSERT INTO person (name) VALUES ('cid');
INSERT INTO employee VALUES (9, 1.5);
INSERT INTO log VALUES ('c');
DELETE FROM item WHERE id = 1;
UPDATE item SET id = 50 WHERE id = 41;
