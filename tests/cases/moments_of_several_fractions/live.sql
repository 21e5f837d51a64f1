INSERT INTO posts(id, saved, opens) VALUES (5, '0001-01-01 00:00:00.5', '00:00:00.1'), (6, '9999-12-31 23:59:59.999999', '12:00');
UPDATE posts SET saved = '2026-01-02 03:04:05.307000' WHERE id = 1;
UPDATE posts SET saved = '2026-01-02 03:04:05.307001' WHERE id = 2;
UPDATE posts SET saved = saved || '.00' WHERE id = 3;
UPDATE posts SET born = '2026-01-02 03:04:05', opens = '08:30:00.000' WHERE id = 1;
DELETE FROM posts WHERE id = 4;
