INSERT INTO nodes VALUES (zeroblob(16), x'ffffffffffffffffffffffffffffffff', NULL);
UPDATE nodes SET id = x'0123456789abcdef0123456789abcdef' WHERE parent IS NULL;
DELETE FROM marks WHERE label = x'';
INSERT INTO marks VALUES (zeroblob(16), x'0011');
