UPDATE by_day SET day = '2024-02-29' WHERE n = 1; DELETE FROM by_day WHERE n = 2; INSERT INTO by_day VALUES ('1999-12-31', 4); UPDATE by_day SET n = 9 WHERE n = 3;
UPDATE by_moment SET kind = 1 - kind WHERE n = 2; DELETE FROM by_moment WHERE n = 1; INSERT INTO by_moment VALUES ('2025-01-01 00:00:00', 1, 4); UPDATE by_moment SET n = 9 WHERE n = 3;
UPDATE by_amount SET amount = 2 WHERE n = 2; DELETE FROM by_amount WHERE n = 3; INSERT INTO by_amount VALUES (0.01, 4); UPDATE by_amount SET n = 9 WHERE n = 1;
UPDATE by_epoch SET at = at + 100 WHERE n = 1; DELETE FROM by_epoch WHERE n = 2; INSERT INTO by_epoch VALUES (0, 4); UPDATE by_epoch SET n = 9 WHERE n = 3;
UPDATE by_time SET at = '00:00:01' WHERE n = 1; DELETE FROM by_time WHERE n = 2; INSERT INTO by_time VALUES ('01:00:00', 4); UPDATE by_time SET n = 9 WHERE n = 3;
UPDATE by_zone SET at = '2025-01-01T00:00:00+02:00' WHERE n = 1; DELETE FROM by_zone WHERE n = 2; INSERT INTO by_zone VALUES ('2026-01-01T00:00:00+02:00', 4); UPDATE by_zone SET n = 9 WHERE n = 3;
