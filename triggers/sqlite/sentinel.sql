-- The log is never empty: max(seq)+1 would start again at 1, and reuse numbers.
INSERT INTO _crossfade_log(t) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM _crossfade_log);
