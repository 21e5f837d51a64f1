INSERT INTO s (i, t, a) VALUES (9, 't', 1.5);
UPDATE w SET a = 'z' WHERE b = 2;
DELETE FROM w WHERE a = 'y';
INSERT INTO sw VALUES (-1, x'00');
