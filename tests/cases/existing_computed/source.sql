-- Columns that one side computes, or both
CREATE TABLE span(id INTEGER PRIMARY KEY, start_ns BIGINT NOT NULL, end_ns BIGINT, duration_ns BIGINT GENERATED ALWAYS AS (end_ns - start_ns) STORED, half REAL GENERATED ALWAYS AS (start_ns / 2.0) VIRTUAL, status VARCHAR(9) CHECK (status IN ('OK', 'ERROR')));
INSERT INTO span(id, start_ns, end_ns, status) VALUES (1, 1000, 3000, 'OK'), (2, 5, NULL, 'ERROR'), (3, 7, 8, NULL);
