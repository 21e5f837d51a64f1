INSERT INTO item(code, a, mixed) VALUES ('z', 'the words', x'00');
UPDATE item SET e = 'changed' WHERE code = 'x';
DELETE FROM row_less WHERE b IS NULL;
INSERT INTO row_less VALUES ('more words', 'here');
