UPDATE shop_item SET active = 1 - active, changed = '2030-06-15 00:00:00.5' || '00000', lasts = 1, price = price + 0.25, weight = -0.0, extra = '{"a": {"x": "\u00e9"}}', ip = '::1', photo = x'01', big = 1, note = 'n' || id;
INSERT INTO shop_item (id, active, changed, price, uid, extra, count, big, slug, note, parent_id) VALUES (10, 1, '2024-01-02 03:04:05', 99999999.99, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'null', 1, 2, 'ten', 'x', 10);
UPDATE shop_tag SET label = CASE label WHEN 'red' THEN 'größe' || '' ELSE label END WHERE id = 99;
BEGIN; UPDATE shop_tag SET label = 'tmp' WHERE id = 1; UPDATE shop_tag SET label = 'red' WHERE id = 2; UPDATE shop_tag SET label = 'größe' WHERE id = 1; COMMIT;
DELETE FROM shop_item_tags WHERE id = 2;
INSERT INTO shop_item_tags VALUES (20, 10, 2);
DELETE FROM shop_book;
UPDATE shop_item SET id = 30 WHERE id = 3;
