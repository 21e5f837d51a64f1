UPDATE orders SET status = 'paid', colour = 'gREEN' WHERE id = 1;
INSERT INTO orders (size) VALUES (3);
