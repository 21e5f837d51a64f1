-- Keys of the rows that one unique index would make REPLACE remove; the row's own key is left to the AFTER triggers.
INSERT INTO _crossfade_log(t,{k}) SELECT {id},{key} FROM {from} WHERE {conflict} AND ({other});
