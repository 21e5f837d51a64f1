-- A table of the application's own without a key: rows are told apart by a number of ours, SQLite's rowid. A row that
-- comes without one, or with an explicit NULL, gets the next that is free; so does a row that was there before the copy
-- when it is written to, and belongs to both sides from then on.
create sequence if not exists crossfade.numbers_{id};
select setval('crossfade.numbers_{id}', greatest(max(t.{column}), 1)) from {relation} t;

create or replace function crossfade.number_{id}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
begin
    loop
        new.{column} := nextval('crossfade.numbers_{id}');
        exit when not exists (select from {relation} t where t.{column} = new.{column});
    end loop;
    return new;
end
$body$;
revoke all on function crossfade.number_{id}() from public;
create or replace trigger "_crossfade_number" before insert or update on {relation}
    for each row when (new.{column} is null) execute function crossfade.number_{id}();
alter table only {relation} enable always trigger "_crossfade_number";
