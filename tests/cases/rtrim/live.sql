UPDATE part SET code = 'a' WHERE id = 1;
UPDATE padded SET k = 'k' WHERE v = 1;
INSERT OR REPLACE INTO padded VALUES ('k ', 3);
INSERT OR REPLACE INTO part VALUES (9, 'a ', 'y', 'z');
