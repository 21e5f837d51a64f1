-- A Django project as its migrations make it on SQLite, with a field of every kind
CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE "shop_tag" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "label" varchar(30) NOT NULL UNIQUE);
CREATE TABLE "shop_item" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "active" bool NOT NULL,
    "born" date NULL,
    "changed" datetime NOT NULL,
    "at" time NULL,
    "lasts" bigint NULL,
    "price" decimal NOT NULL,
    "weight" real NULL,
    "uid" char(32) NOT NULL UNIQUE,
    "extra" text NOT NULL CHECK ((JSON_VALID("extra") OR "extra" IS NULL)),
    "ip" char(39) NULL,
    "count" integer unsigned NOT NULL CHECK ("count" >= 0),
    "small" smallint NULL,
    "big" bigint NOT NULL,
    "photo" BLOB NULL,
    "slug" varchar(50) NOT NULL,
    "note" text NOT NULL,
    "total" decimal GENERATED ALWAYS AS (CASE WHEN "count" IS NULL THEN NULL ELSE "count" * 2 END) STORED,
    "parent_id" bigint NULL REFERENCES "shop_item" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX "shop_item_slug" ON "shop_item" ("slug");
CREATE TABLE "shop_item_tags" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "item_id" bigint NOT NULL REFERENCES "shop_item" ("id") DEFERRABLE INITIALLY DEFERRED, "tag_id" bigint NOT NULL REFERENCES "shop_tag" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX "shop_item_tags_uniq" ON "shop_item_tags" ("item_id", "tag_id");
CREATE TABLE "shop_book" ("item_ptr_id" bigint NOT NULL PRIMARY KEY REFERENCES "shop_item" ("id") DEFERRABLE INITIALLY DEFERRED, "pages" integer NOT NULL);
INSERT INTO django_migrations VALUES (1, 'shop', '0001_initial', '2024-01-02 03:04:05.123456');
INSERT INTO shop_tag VALUES (1, 'red'), (2, 'größe');
INSERT INTO shop_item (id, active, born, changed, at, lasts, price, weight, uid, extra, ip, count, small, big, photo, slug, note, parent_id) VALUES
    (1, 1, '2024-02-29', '2024-01-02 03:04:05.123456', '23:59:59', 90061000001, 12.5, 0.1, '00112233445566778899aabbccddeeff', '{"b": 1, "a": [1, 2.50, null]}', '10.0.0.1', 3, -5, 9223372036854775807, x'00ff', 'one', 'first', NULL),
    (2, 0, NULL, '1999-12-31 23:59:59', '00:00:00.000001', -1, 100, 1e300, 'ffeeddccbbaa99887766554433221100', '[]', '2001:db8::1', 0, 32767, -9223372036854775808, x'', 'two', '', 1),
    (3, 0, '0001-01-01', '2024-01-02 03:04:05.000001', NULL, NULL, 0.01, NULL, '0123456789abcdef0123456789abcdef', '"text"', NULL, 30000000, NULL, 0, NULL, 'three', 'ünï ☃ 😀', 2);
INSERT INTO shop_item_tags VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1);
INSERT INTO shop_book VALUES (3, 321);
