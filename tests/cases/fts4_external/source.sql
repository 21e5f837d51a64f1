CREATE TABLE "mail box"(id INTEGER PRIMARY KEY, "sub ject" TEXT, "te""xt" TEXT, note TEXT);
CREATE VIRTUAL TABLE mails USING fts4(content="mail box", "sub ject", "te""xt", note, notindexed=note, tokenize=porter);
CREATE VIRTUAL TABLE all_mails USING fts4(content="mail box");
INSERT INTO "mail box" VALUES (1, 'Hello', 'The mails of the world', 'x'), (2, NULL, NULL, NULL);
INSERT INTO mails(mails) VALUES ('rebuild');
