CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "date_joined" datetime NOT NULL, "verified" datetime NULL);
CREATE TABLE "shop_order" ("id" char(32) NOT NULL PRIMARY KEY, "total" decimal NOT NULL, "placed" date NOT NULL, "slot" time NULL, "took" bigint NULL, "meta" text NOT NULL CHECK ((JSON_VALID("meta") OR "meta" IS NULL)), "ip" char(39) NULL, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "shop_order_user_id" ON "shop_order" ("user_id");
INSERT INTO auth_user VALUES (1, 'pbkdf2$x', '2024-01-02 03:04:05.123456', 1, 'ann', '2024-01-01 00:00:00', '2024-01-01 00:00:00'), (2, '!', NULL, 0, 'bob', '2024-01-01 10:11:12.000013', NULL);
INSERT INTO shop_order VALUES ('123e4567e89b42d3a456426614174000', 12.5, '2024-01-02', '08:00:00', 90000000, '{"gift": true, "tags": ["a", "b"]}', '192.168.0.1', 1);
INSERT INTO shop_order VALUES ('9f2c4567e89b42d3a456426614174001', 3, '2024-01-03', NULL, NULL, '{}', NULL, 2);
