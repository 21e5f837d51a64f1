CREATE TABLE item(code TEXT PRIMARY KEY, a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, price DECIMAL(10,2), data JSON, mixed, item_fts_tsv TEXT, up TEXT AS (upper(a)) VIRTUAL) WITHOUT ROWID;
CREATE TABLE row_less(a TEXT, b TEXT);
CREATE VIRTUAL TABLE item_fts USING fts5(a, b, c, d, e, price, data, mixed, up, missing, content='item', content_rowid='code');
CREATE VIRTUAL TABLE numbers_only USING fts5(price, mixed, content='item', content_rowid='code');
CREATE VIRTUAL TABLE one USING fts5(a, content=row_less, tokenize="unicode61");
CREATE VIRTUAL TABLE two USING fts5(b, content='ROW_LESS', tokenize='trigram');
INSERT INTO item(code, a, b, c, d, e, price, data, mixed, item_fts_tsv) VALUES ('x', 'A1', 'B1', 'C1', 'D1', 'E1', 1.5, '{"k":"v"}', 1, 't'), ('y', NULL, '', 'C', 'D', 'E', 2, '[]', 'text', 'u');
INSERT INTO row_less VALUES ('a', 'b'), ('a', NULL);
