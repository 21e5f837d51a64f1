UPDATE page SET body = 'slow', title = 'Sitting ducks' WHERE id = 1;
DELETE FROM page WHERE id = 2;
INSERT INTO page VALUES (3, 'New', 'page');
UPDATE project SET name = 'renamed' WHERE id = 2;
