-- A row that changed its key: the key it had is gone. The difference is exact, by class and bytes.
CREATE TRIGGER {name} AFTER UPDATE ON {table} WHEN {changed} BEGIN
  INSERT INTO _crossfade_log(t,{k}) VALUES({id},{old});
END
