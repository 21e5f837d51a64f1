-- The sample shop. Every kind of key is here: integer, text, composite without rowid; several tables have a unique
-- index beside the key, where REPLACE can remove a row that nobody named.

CREATE TABLE customers (
    id        INTEGER PRIMARY KEY,
    email     TEXT NOT NULL UNIQUE,
    name      TEXT NOT NULL,
    city      TEXT,
    points    REAL NOT NULL DEFAULT 0,
    avatar    BLOB,
    joined_at TEXT NOT NULL
);

CREATE TABLE products (
    sku         TEXT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    price_cents INTEGER NOT NULL,
    weight_kg   REAL
);

CREATE TABLE inventory (
    sku      TEXT NOT NULL PRIMARY KEY REFERENCES products (sku) ON UPDATE CASCADE ON DELETE CASCADE,
    shelf    TEXT NOT NULL UNIQUE,
    quantity INTEGER NOT NULL
);

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    status      TEXT NOT NULL DEFAULT 'new',
    placed_at   TEXT NOT NULL,
    note        TEXT
);
CREATE INDEX orders_by_customer ON orders (customer_id);

CREATE TABLE order_items (
    order_id    INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line        INTEGER NOT NULL,
    sku         TEXT NOT NULL REFERENCES products (sku) ON UPDATE CASCADE,
    quantity    INTEGER NOT NULL,
    price_cents INTEGER NOT NULL,
    PRIMARY KEY (order_id, line)
) WITHOUT ROWID;
CREATE INDEX order_items_by_sku ON order_items (sku);

CREATE TABLE payments (
    id           INTEGER PRIMARY KEY,
    order_id     INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    reference    TEXT NOT NULL UNIQUE,
    amount_cents INTEGER NOT NULL,
    paid_at      TEXT NOT NULL
);
CREATE INDEX payments_by_order ON payments (order_id);

-- Money only ever moves between accounts: the sum of all balances never changes.
CREATE TABLE accounts (
    id      INTEGER PRIMARY KEY,
    owner   TEXT NOT NULL UNIQUE,
    balance INTEGER NOT NULL
);

-- The row with which the demo measures how far PostgreSQL is behind.
CREATE TABLE heartbeat (
    id   INTEGER PRIMARY KEY,
    beat INTEGER NOT NULL
);
