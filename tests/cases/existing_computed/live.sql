UPDATE span SET end_ns = 10 WHERE id = 2;
UPDATE span SET start_ns = 9, status = 'ERROR' WHERE id = 1;
INSERT INTO span(id, start_ns, end_ns, status) VALUES (4, 1, 2, 'OK');
DELETE FROM span WHERE id = 3;
