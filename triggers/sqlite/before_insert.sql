-- REPLACE removes conflicting rows without firing any DELETE trigger: note their keys beforehand. Here the trim asks
-- for max(seq): last_insert_rowid() may still be a row of the application's.
CREATE TRIGGER {name} BEFORE INSERT ON {table} BEGIN
  {victims}
  DELETE FROM _crossfade_log WHERE seq <= (SELECT CASE WHEN max(seq) & 248 THEN -1 ELSE max(seq) - {limit} END FROM _crossfade_log);
END
