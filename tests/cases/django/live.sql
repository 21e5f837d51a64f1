UPDATE auth_user SET last_login = '2024-05-06 07:08:09', is_superuser = 0, verified = '2024-05-06 07:08:09.000001' WHERE id = 1;
INSERT INTO shop_order VALUES ('00000000000040008000000000000003', 0.1, '2024-02-29', '23:59:59', 1, '[]', '::1', 2);
UPDATE shop_order SET meta = '{"gift":false}', total = total * 2;
DELETE FROM shop_order WHERE user_id = 1;
