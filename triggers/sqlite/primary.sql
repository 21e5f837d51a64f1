-- Which side accepts writes, since when (UTC), and whether that is about to change: one row, for applications to ask when
-- they connect.
CREATE VIEW IF NOT EXISTS _crossfade_primary AS SELECT
  (SELECT v FROM _crossfade_state WHERE k = 'primary') AS side,
  (SELECT v FROM _crossfade_state WHERE k = 'since') AS since,
  (SELECT v FROM _crossfade_state WHERE k = 'switching') AS switching;
