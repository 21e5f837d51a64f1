-- The change log: one entry per touched row, its key only. No constraint, no index, no trigger, ever: the conflict
-- clause of the application's own statement (INSERT OR IGNORE, ...) overrides every policy inside our triggers.
-- No AUTOINCREMENT: it would write to sqlite_sequence, which the application can see. `r` tells histories apart.
CREATE TABLE _crossfade_log(seq INTEGER PRIMARY KEY, t, {k}, r DEFAULT(random()));
