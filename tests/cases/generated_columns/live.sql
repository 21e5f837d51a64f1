UPDATE g SET last = 'Roe', n = 101 WHERE id = 2;
INSERT INTO g (first, last, n) VALUES ('Cid', '', -1);
DELETE FROM g WHERE id = 1;
