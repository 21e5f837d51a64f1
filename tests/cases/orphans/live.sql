INSERT INTO author VALUES(3, 'Cy');
INSERT INTO book VALUES(9, 99, 'z', 1, 98);
UPDATE book SET author_id = 1 WHERE author_id = 4;
DELETE FROM author WHERE id = 2;
