-- The fence: while SQLite is the primary, or about to become it, every statement that would write to a copied table is
-- refused, whether or not it finds a row. Created with the control schema, and dropped with it.
--
-- The triggers are ordinary ones, so `session_replication_role = replica` passes by. A role that may not set that sets
-- `crossfade.replicator` to the migration's id, which nobody else may read; with `rehearsal:` before it, the session is
-- let pass, but what it writes is captured.
--
-- 25006 (read_only_sql_transaction) is what clients know from a standby: those that look for the primary then connect
-- again.
create function crossfade.refuse() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
    held crossfade.state;
begin
    select * into held from crossfade.state;
    if current_setting('crossfade.replicator', true) in (held.source_id, 'rehearsal:' || held.source_id) then
        return null;
    end if;
    if held.primary_side = 'postgres' then
        raise exception 'crossfade: writes to "%" are refused: the primary is about to be SQLite again', tg_table_name
            using errcode = '25006', hint = 'try again in a moment; `select * from crossfade.primary` says where';
    end if;
    raise exception
        'crossfade: writes to "%" are refused: SQLite is the primary (since % UTC); PostgreSQL takes over with crossfade cutover',
        tg_table_name, to_char(held.primary_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
        using errcode = '25006', hint = 'write to SQLite; `select * from crossfade.primary` says which side is the primary';
end
$body$;
revoke all on function crossfade.refuse() from public;
