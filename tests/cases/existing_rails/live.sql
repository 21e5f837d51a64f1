INSERT INTO authors(name) VALUES ('Cid');
INSERT INTO posts(title, live, opens, price, data, rank, author_id, created_at) VALUES ('new', 't', '2000-01-01 12:00:00', 99999999.5, 'null', -32768, 3, '2024-12-31 23:59:59.999999');
UPDATE posts SET live = CASE live WHEN 't' THEN 'f' ELSE 't' END, data = '{ "spaced": [1, 2] }';
DELETE FROM posts WHERE id = 1;
DELETE FROM authors WHERE id = 1;
