-- On each table, and on each partition: TRUNCATE fires the triggers of the relations that it empties.
create or replace trigger "_crossfade_note_truncate" after truncate on {relation}
    for each statement execute function crossfade.note_{id}();
alter table only {relation} enable always trigger "_crossfade_note_truncate";
