-- Fills the shop. `temp.size` says how many customers, products, orders and accounts to make. All values follow from
-- the row's number, so that every run makes the same shop.

INSERT INTO customers (id, email, name, city, points, avatar, joined_at)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < (SELECT customers FROM temp.size))
SELECT i,
       'customer' || i || '@example.com',
       substr('Ada  GraceLinusAlan Edsg.Frank', 1 + i % 6 * 5, 5) || ' ' || char(65 + i % 26) || '. Émile ' || i,
       CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'Zürich' WHEN 2 THEN '東京' ELSE 'Oslo' END,
       i % 1000 / 8.0,
       CASE WHEN i % 5 = 0 THEN zeroblob(48) END,
       strftime('%Y-%m-%dT%H:%M:%SZ', 1700000000 + i * 60, 'unixepoch')
FROM n;

INSERT INTO products (sku, name, price_cents, weight_kg)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < (SELECT products FROM temp.size))
SELECT printf('SKU-%06d', i), 'Thing no. ' || i, 99 + i * 37 % 20000, CASE WHEN i % 7 <> 0 THEN i % 300 / 10.0 END
FROM n;

INSERT INTO inventory (sku, shelf, quantity)
SELECT sku, printf('%c-%05d', char(65 + rowid % 8), rowid), rowid * 13 % 500 FROM products;

INSERT INTO orders (id, customer_id, status, placed_at, note)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < (SELECT orders FROM temp.size))
SELECT i,
       1 + i * 7919 % (SELECT customers FROM temp.size),
       CASE i % 3 WHEN 0 THEN 'new' WHEN 1 THEN 'paid' ELSE 'shipped' END,
       strftime('%Y-%m-%dT%H:%M:%SZ', 1710000000 + i * 30, 'unixepoch'),
       CASE WHEN i % 10 = 0 THEN 'please ring twice; gift for no. ' || i END
FROM n;

INSERT INTO order_items (order_id, line, sku, quantity, price_cents)
SELECT o.id, l.line, p.sku, 1 + (o.id + l.line) % 4, p.price_cents
FROM orders AS o
JOIN (SELECT 1 AS line UNION ALL SELECT 2 UNION ALL SELECT 3) AS l ON l.line <= 1 + o.id % 3
JOIN products AS p ON p.rowid = 1 + (o.id * 31 + l.line * 17) % (SELECT products FROM temp.size);

INSERT INTO payments (order_id, reference, amount_cents, paid_at)
SELECT id, printf('PAY-%08d', id), 100 + id * 53 % 30000, placed_at FROM orders WHERE status <> 'new';

INSERT INTO accounts (id, owner, balance)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < (SELECT accounts FROM temp.size))
SELECT i, 'owner-' || i, 10000 FROM n;

INSERT INTO heartbeat (id, beat) VALUES (1, 0);
