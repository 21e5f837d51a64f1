DELETE FROM log WHERE rowid = 2;
INSERT INTO log VALUES ('3', 'same');
UPDATE log SET line = 'y' WHERE at IS NULL;
UPDATE pair SET v = v * 10;
UPDATE pair SET k = 'c' WHERE k = 'a';
INSERT INTO pair VALUES ('a', 3);
