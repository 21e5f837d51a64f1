INSERT INTO messages VALUES (3, 0, -1, 1700000000000001, -5, 2460002, 0);
UPDATE messages SET sent = sent + 1, received = 1 WHERE id = 1;
DELETE FROM messages WHERE id = 2;
