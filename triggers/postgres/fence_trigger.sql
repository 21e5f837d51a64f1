-- On each table, and on each partition, as a statement that names one does not fire the triggers of the whole.
create or replace trigger "_crossfade_fence"
    before insert or update or delete or truncate on {relation}
    for each statement execute function crossfade.refuse();
