-- A new row: note its key, and about once in 32 entries (8 hits of 256 in a row, so that a statement that logs
-- several rows cannot step over the mark) trim the log to its newest entries.
CREATE TRIGGER {name} AFTER INSERT ON {table} BEGIN
  INSERT INTO _crossfade_log(t,{k}) VALUES({id},{new});
  DELETE FROM _crossfade_log WHERE seq <= CASE WHEN last_insert_rowid() & 248 THEN -1 ELSE last_insert_rowid() - {limit} END;
END
