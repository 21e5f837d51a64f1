-- A trigger with transition tables is for one kind of statement; MERGE and ON CONFLICT fire those of each kind that they do.
create or replace trigger "_crossfade_note_insert" after insert on {relation}
    referencing new table as new_rows for each statement execute function crossfade.note_{id}();
create or replace trigger "_crossfade_note_update" after update on {relation}
    referencing old table as old_rows new table as new_rows for each statement execute function crossfade.note_{id}();
create or replace trigger "_crossfade_note_delete" after delete on {relation}
    referencing old table as old_rows for each statement execute function crossfade.note_{id}();
-- Those of statements are silent under `session_replication_role = replica`, and this one everywhere else.
create or replace trigger "_crossfade_note_rows" after insert or update or delete on {relation}
    for each row execute function crossfade.note_{id}();
alter table only {relation} enable replica trigger "_crossfade_note_rows";
