INSERT INTO orders(id, paid, total, meta, code) VALUES (1, 1, 12.25, '{}', 'a0000000000040008000000000000001');
INSERT INTO orders(id, text_only) VALUES (2, 'any day');
UPDATE known SET code = 'ffffffffffff4fff8fffffffffffffff';
