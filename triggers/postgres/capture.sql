-- What the triggers of one table call (capture_triggers.sql): a function for each table, as its statements are then
-- planned once. It runs with the rights of its owner: the application's roles need none in this schema.
--
-- An update notes the old key and the new one, once if they are the same; where a type takes two spellings for equal,
-- both.
--
-- For a session under `session_replication_role = replica`, and for the worker of a subscription, it is called for each row:
-- such a worker fires no triggers for statements but those of TRUNCATE.
create or replace function crossfade.note_{id}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
begin
    if current_setting('crossfade.replicator', true) = {source_id} then
        return null;
    end if;
    if tg_level = 'ROW' then
        if tg_op <> 'INSERT' then
            with entry as (insert into crossfade.log (table_id, keys) values ({id}, 1) returning id)
            insert into crossfade.log_{id} select entry.id, {old_keys} from entry;
        end if;
        if tg_op = 'INSERT' or (tg_op = 'UPDATE' and row({old_keys})::record *<> row({new_keys})::record) then
            with entry as (insert into crossfade.log (table_id, keys) values ({id}, 1) returning id)
            insert into crossfade.log_{id} select entry.id, {new_keys} from entry;
        end if;
        return null;
    end if;
    case tg_op
    when 'INSERT' then
        with entry as (
            insert into crossfade.log (table_id, keys)
            select {id}, count(*) from new_rows having count(*) > 0 returning id)
        insert into crossfade.log_{id} select entry.id, {keys} from entry, new_rows t;
    when 'UPDATE' then
        with noted as (
            select {distinct_keys} from old_rows t union select {distinct_keys} from new_rows t),
        entry as (
            insert into crossfade.log (table_id, keys)
            select {id}, count(*) from noted having count(*) > 0 returning id)
        insert into crossfade.log_{id} select entry.id, {noted_keys} from entry, noted;
    when 'DELETE' then
        with entry as (
            insert into crossfade.log (table_id, keys)
            select {id}, count(*) from old_rows having count(*) > 0 returning id)
        insert into crossfade.log_{id} select entry.id, {keys} from entry, old_rows t;
    when 'TRUNCATE' then
        insert into crossfade.log (table_id, keys, whole) values ({id}, 1, true);
    end case;
    return null;
end
$body$;
revoke all on function crossfade.note_{id}() from public;
