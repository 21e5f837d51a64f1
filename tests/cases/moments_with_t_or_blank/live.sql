INSERT INTO jobs VALUES (4, '2026-01-02T03:04', '2026-01-02 03:04:05.5', 'soon', 'noon', 'later', '2026-01-02T03:04:05');
UPDATE jobs SET due = replace(due, 'T', ' ');
UPDATE windows SET ends = '2026-02-28 24:00' WHERE 0;
DELETE FROM jobs WHERE id = 3;
