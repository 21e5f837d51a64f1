-- What crossfade keeps in the target: one schema, dropped as a whole by `cancel`.

create schema crossfade;
comment on schema crossfade is 'bookkeeping of crossfade, format 4; removed by `crossfade cancel`';

-- The migration as a whole; one row.
create table crossfade.state (
    only_row        boolean primary key default true check (only_row),
    format          integer not null,
    source_id       text not null,              -- random; the same in _crossfade_state on the source
    source_path     text not null,
    phase           text not null,              -- model/phase.rs
    plan            text not null,              -- JSON of the plan
    log_limit       bigint not null,
    schema_version  bigint,                     -- of the source when capture was last proven complete
    repair_reason   text,                       -- set before and cleared after a repair by comparison
    created_at      timestamptz not null default now(),
    -- Live facts, written by the replicator about once a second while it runs.
    heartbeat_at    timestamptz,
    head_seq        bigint,
    in_sync_at      timestamptz,                -- when the checkpoint was last seen to be the head
    rate            double precision,           -- rows per second of the work in hand
    last_error      text,
    last_error_hint text,
    last_error_at   timestamptz
);

-- What the target holds; one row, updated in the transaction that writes the rows (I3).
create table crossfade.checkpoint (
    only_row       boolean primary key default true check (only_row),
    seq            bigint not null,
    nonce          bigint not null,             -- of that entry in the source's change log (I5)
    consistent     boolean not null,            -- the target is an image of one read view of the source
    run_id         bigint not null,             -- of the one replicator that may write; fences off an older one
    changed_at     timestamptz not null default now()
);

-- Progress of each table.
create table crossfade.tables (
    id             bigint primary key,          -- `t` in the change log
    name           text not null,               -- on the source
    target_name    text not null,
    state          text not null,               -- pending, copying, copied
    rows_total     bigint not null,             -- when the plan was made
    rows_copied    bigint not null default 0,
    bytes_copied   bigint not null default 0
);

-- Finished chunks of tables that are copied in several transactions.
create table crossfade.chunks (
    table_id       bigint not null references crossfade.tables,
    number         bigint not null,             -- in the order of keys
    cursor         bytea not null,              -- the key range: version byte, then bincode (codec.rs)
    rows_copied    bigint not null,
    primary key (table_id, number)
);

-- What the operator should know, such as a foreign key that does not hold.
create table crossfade.notices (
    object         text not null,
    message        text not null,
    noted_at       timestamptz not null default now(),
    primary key (object, message)
);

create table crossfade.verify_runs (
    id             bigint generated always as identity primary key,
    started_at     timestamptz not null,
    finished_at    timestamptz not null default now(),
    through_seq    bigint not null,
    rows_compared  bigint not null,
    mismatches     bigint not null,
    in_flight      bigint not null,             -- keys that kept changing and were left out
    quarantined    bigint not null              -- rows of the quarantine, set aside
);

-- Rows that the target cannot hold. A row is in its table or here, never in both; either in the transaction that stores
-- the checkpoint or the chunk.
create table crossfade.quarantine (
    table_id       bigint not null references crossfade.tables,
    key_hash       bytea not null,              -- of the key, and of `place` where there is one
    key            bytea not null,              -- the form of model/key.rs
    place          bigint,                      -- rowid of a row whose key has a NULL in it; null for all others
    key_text       text not null,               -- for people; control characters are escaped
    column_name    text not null,               -- on the source; empty where the row as a whole is refused
    reason         text not null,               -- class, nul, utf8, utf16, range, form, length, label, json, null, key,
                                                -- server:SQLSTATE
    message        text not null,               -- holds no value of the row
    seq            bigint not null,             -- head of the change log when the row was read
    bytes          bigint not null,             -- of the image
    parts          integer not null,
    since          timestamptz not null default now(),
    seen           timestamptz not null default now(),
    primary key (table_id, key_hash)
);

-- The rows whole: version byte, then bincode (codec.rs), in parts that one message takes. No foreign key: it would not
-- act under `session_replication_role = replica`.
create table crossfade.quarantine_image (
    table_id       bigint not null,
    key_hash       bytea not null,
    part           integer not null,
    image          bytea not null,
    primary key (table_id, key_hash, part)
);

-- Rows that chunks found no room for in tables that exist; the tail writes them, and until then nothing is consistent.
create table crossfade.left_out (
    id             bigint generated always as identity primary key,
    table_id       bigint not null references crossfade.tables,
    key            bytea not null               -- the form of model/key.rs
);

-- Requests to a running replicator.
create table crossfade.control (
    id             bigint generated always as identity primary key,
    verb           text not null,               -- stop, retry
    argument       text,                        -- retry: the table, all if null
    requested_at   timestamptz not null default now(),
    taken_at       timestamptz,
    done_at        timestamptz
);

-- Search tables: full-text tables of the source, which take no triggers and are followed by comparison. Their numbers in
-- `tables` are below zero, since they are never in the change log.
create table crossfade.search (
    table_id       bigint primary key references crossfade.tables,
    fingerprint    bytea,                       -- of the source's index when the last whole comparison began
    compared_at    timestamptz,                 -- when it was stored, with the last of the rows
    seconds        double precision             -- how long it took
);
