INSERT INTO "mail box" VALUES (3, 'Re: Hello', 'Answers', 'y');
INSERT INTO mails(docid, "sub ject", "te""xt", note) VALUES (3, 'Re: Hello', 'Answers', 'y');
UPDATE "mail box" SET "te""xt" = 'less' WHERE id = 1;
INSERT INTO mails(mails) VALUES ('rebuild');
