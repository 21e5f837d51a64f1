-- The same for UPDATE OR REPLACE, only where the statement sets a column that can conflict.
CREATE TRIGGER {name} BEFORE UPDATE{of} ON {table} BEGIN
  {victims}
  DELETE FROM _crossfade_log WHERE seq <= (SELECT CASE WHEN max(seq) & 248 THEN -1 ELSE max(seq) - {limit} END FROM _crossfade_log);
END
