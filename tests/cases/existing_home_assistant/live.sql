INSERT INTO states VALUES (3, 'unknown', NULL, NULL, 1704067202.000001, 2, x'ff', 0);
UPDATE states SET old_state_id = NULL WHERE state_id = 2;
DELETE FROM states WHERE state_id = 1;
UPDATE recorder_runs SET "end" = '2024-01-02 00:00:00.500000', closed_incorrect = 1;
