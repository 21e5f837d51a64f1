-- The same for a partitioned table, row by row. Its statements may name a partition, and partitions come and go: a trigger
-- for each row is copied to all of them, later ones too. And a MERGE that moves a row from one partition to another
-- leaves the row's old key out of every transition table (seen on PostgreSQL 15.18).
create or replace function crossfade.note_{id}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
begin
    if current_setting('crossfade.replicator', true) = {source_id} then
        return null;
    end if;
    if tg_op = 'TRUNCATE' then
        insert into crossfade.log (table_id, keys, whole) values ({id}, 1, true);
        return null;
    end if;
    if tg_op <> 'INSERT' then
        with entry as (insert into crossfade.log (table_id, keys) values ({id}, 1) returning id)
        insert into crossfade.log_{id} select entry.id, {old_keys} from entry;
    end if;
    if tg_op = 'INSERT' or (tg_op = 'UPDATE' and row({old_keys})::record *<> row({new_keys})::record) then
        with entry as (insert into crossfade.log (table_id, keys) values ({id}, 1) returning id)
        insert into crossfade.log_{id} select entry.id, {new_keys} from entry;
    end if;
    return null;
end
$body$;
revoke all on function crossfade.note_{id}() from public;
create or replace trigger "_crossfade_note_rows" after insert or update or delete on {relation}
    for each row execute function crossfade.note_{id}();
