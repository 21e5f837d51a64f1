INSERT INTO n (id, b, c, mixed) VALUES (3, 'D', '2024-01-03', 2.5);
