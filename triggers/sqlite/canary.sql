-- A table without key or index, whose only row has rowid 2: VACUUM renumbers it to 1, as it renumbers the rows of the
-- application's own tables of that kind, which are followed by their rowid.
CREATE TABLE IF NOT EXISTS _crossfade_canary(v);
DELETE FROM _crossfade_canary;
INSERT INTO _crossfade_canary(rowid, v) VALUES(2, 'canary');
