-- A row that is gone: note its key.
CREATE TRIGGER {name} AFTER DELETE ON {table} BEGIN
  INSERT INTO _crossfade_log(t,{k}) VALUES({id},{old});
  DELETE FROM _crossfade_log WHERE seq <= CASE WHEN last_insert_rowid() & 248 THEN -1 ELSE last_insert_rowid() - {limit} END;
END
