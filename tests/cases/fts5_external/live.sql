INSERT INTO posts VALUES (4, 'A cat', 'cats and dogs', 'ann', 'animals', 1);
UPDATE posts SET body = 'nothing runs here' WHERE id = 1;
DELETE FROM posts WHERE id = 2;
INSERT INTO posts_fts(posts_fts) VALUES ('rebuild');
INSERT INTO posts_fts(posts_fts) VALUES ('optimize');
INSERT OR REPLACE INTO posts VALUES (3, 'again', 'replaced', 'eve', 'x', 2);
