-- A changed row: note its key. Never `UPDATE OF`: SET rowid = .. does not match the name of the key column.
CREATE TRIGGER {name} AFTER UPDATE ON {table} BEGIN
  INSERT INTO _crossfade_log(t,{k}) VALUES({id},{new});
  DELETE FROM _crossfade_log WHERE seq <= CASE WHEN last_insert_rowid() & 248 THEN -1 ELSE last_insert_rowid() - {limit} END;
END
