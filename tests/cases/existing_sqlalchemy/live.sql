INSERT INTO run VALUES ('aaaaaaaa-4455-4677-8899-aabbccddeeff', 'PENDING', '2024-05-06 07:08:09.123456', '1970-01-01 00:00:00.000001', 0.0001, -1.5, x'', '{}', '"x"', 0, '9999-12-31', NULL, 'exactly twenty chars', NULL);
INSERT INTO run_state VALUES ('20000000-0000-4000-8000-000000000002', 'aaaaaaaa-4455-4677-8899-aabbccddeeff', 'PENDING', '2024-05-06 07:08:09.123456');
UPDATE run SET state_id = '20000000-0000-4000-8000-000000000002', state = 'COMPLETED' WHERE name = 'exactly twenty chars';
UPDATE run SET state_id = NULL, settings = '[{"k": true}]', raw = '{ "kept" : "as is" }', lasted = '1970-02-03 04:05:06.000000' WHERE name = 'one';
DELETE FROM run_state WHERE type = 'RUNNING';
DELETE FROM run WHERE state = 'FAILED';
