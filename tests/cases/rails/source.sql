CREATE TABLE "users" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "email" varchar NOT NULL, "admin" boolean DEFAULT 'f' NOT NULL, "opens_at" time, "born_on" date, "balance" decimal(12,4), "preferences" json, "avatar" blob, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
CREATE UNIQUE INDEX "index_users_on_email" ON "users" ("email");
INSERT INTO users VALUES (1, 'a@x', 't', '2000-01-01 08:30:00', '1990-02-28', 10.0001, '{"theme":"dark"}', x'ff00', '2024-01-02 03:04:05.678901', '2024-01-02 03:04:05.000000');
INSERT INTO users VALUES (2, 'b@x', 'f', NULL, NULL, 5, NULL, NULL, '2024-01-02 03:04:05.678902', '2024-01-03 03:04:05.000000');
