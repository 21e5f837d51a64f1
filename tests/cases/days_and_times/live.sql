INSERT INTO shifts VALUES (4, '1969-12-31', NULL, '23:59:59', '00:00:00.001', '2000-01-01 00:00:00', '00:00');
UPDATE shifts SET day = '2000-03-01', begins = '12:34:56' WHERE id = 2;
DELETE FROM shifts WHERE id = 3;
