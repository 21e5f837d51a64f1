-- Prisma's native driver: moments are milliseconds
CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME, "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0);
CREATE TABLE "User" ("id" TEXT NOT NULL PRIMARY KEY, "email" TEXT NOT NULL, "isAdmin" BOOLEAN NOT NULL DEFAULT false, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "meta" JSONB, "score" REAL, "credits" DECIMAL NOT NULL DEFAULT 0, "seen" BIGINT);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name) VALUES ('x', 'c', 1704067200000, '20240101000000_init');
INSERT INTO "User" VALUES ('cl1', 'a@example.org', 1, 1704067200123, '{"a":1}', 1.5, 10.25, 7), ('cl2', 'b@example.org', 0, 1704067200000, NULL, NULL, 3, NULL);
