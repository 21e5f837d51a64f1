INSERT INTO t (a) VALUES ('somewhere in between');
INSERT INTO below VALUES (0, 'zero');
