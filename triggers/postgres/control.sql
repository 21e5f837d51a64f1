-- What crossfade keeps in the target: one schema, dropped as a whole by `cancel`.

create schema crossfade;
comment on schema crossfade is 'bookkeeping of crossfade, format 5; removed by `crossfade cancel`';

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
    primary_side    text not null default 'sqlite',     -- sqlite or postgres: who accepts the application's writes
    primary_since   timestamptz not null default now(),
    finishing       boolean not null default false,     -- SQLite is being put aside by `finish`, or is already
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
    quarantined    bigint not null,             -- rows that one side cannot hold, set aside
    complete       boolean not null default false, -- every table was compared, or all that changed since such a run
    stands         boolean not null default false, -- all is equal but for what is logged behind it: a base for later runs
    untracked      bigint not null default -1   -- crossfade.reverse.untracked when it began
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

-- What became of them: every row that ever was in the quarantine, for the report.
create table crossfade.quarantine_history (
    table_id       bigint not null,
    key_hash       bytea not null,
    key_text       text not null,
    column_name    text not null,
    reason         text not null,
    message        text not null,
    entered_at     timestamptz not null default now(),
    left_at        timestamptz,                 -- written to its table, or deleted on the source; null while it is there
    primary key (table_id, key_hash)
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
    verb           text not null,               -- stop, retry, cutover, rehearse, rollback, abort
    argument       text,                        -- retry: the table, all if null; switches: JSON of the options
    requested_at   timestamptz not null default now(),
    taken_at       timestamptz,
    done_at        timestamptz,
    answer         text                         -- switches: JSON of what came of it (engine/switch.rs)
);

-- Search tables: full-text tables of the source, which take no triggers and are followed by comparison. Their numbers in
-- `tables` are below zero, since they are never in the change log.
create table crossfade.search (
    table_id       bigint primary key references crossfade.tables,
    fingerprint    bytea,                       -- of the source's index when the last whole comparison began
    compared_at    timestamptz,                 -- when it was stored, with the last of the rows
    seconds        double precision             -- how long it took
);

-- Which side accepts the application's writes: one row, for applications to ask when they connect.
create view crossfade.primary as
    select primary_side as side, primary_since as since,
           phase in ('cutting_over', 'rehearsing', 'rolling_back') as switching
    from crossfade.state;
grant usage on schema crossfade to public;
grant select on crossfade.primary to public;

-- Every phase that was entered, in order.
create table crossfade.phases (
    id             bigint generated always as identity primary key,
    phase          text not null,               -- model/phase.rs
    entered_at     timestamptz not null default clock_timestamp()
);

-- Every switch of the primary that was begun.
create table crossfade.switches (
    id             bigint generated always as identity primary key,
    token          text not null unique,        -- random; names the switch on the source too
    kind           text not null,               -- cutover, rehearsal, rollback
    request        bigint,                      -- in crossfade.control
    began_at       timestamptz not null default clock_timestamp(),
    ended_at       timestamptz,
    outcome        text,                        -- switched, rehearsed, aborted; null while it is under way
    reason         text,                        -- of an abort
    forced         text[] not null default '{}',-- names of the blockers that were overridden
    fence_seq      bigint,                      -- last entry of the source's change log once its fence held
    refused_seconds double precision            -- for how long neither side accepted writes
);

-- What a switch did, in order, as it went.
create table crossfade.switch_steps (
    switch_id      bigint not null references crossfade.switches,
    number         integer not null,
    step           text not null,               -- fence, drain, verify, sequences, capture, open, ...
    detail         text not null default '',
    began_at       timestamptz not null default clock_timestamp(),
    seconds        double precision,            -- null while it is under way, or if it failed
    primary key (switch_id, number)
);

-- The target's change log while PostgreSQL is the primary: a queue, as its numbers do not rise in the order of commits.
-- One entry for each statement; the keys are in crossfade.log_<table number>, in the key's own types.
create table crossfade.log (
    id             bigint generated always as identity primary key,
    table_id       bigint not null,
    keys           bigint not null,             -- how many this statement noted
    whole          boolean not null default false, -- every row may have changed: TRUNCATE
    at             timestamptz not null default clock_timestamp()
);

-- How far SQLite follows; the same number stands in _crossfade_state there, written in the transaction with the rows.
create table crossfade.reverse (
    only_row       boolean primary key default true check (only_row),
    cycle          bigint not null default 0,
    triggers       text[] not null default '{}',-- triggers of capture and columns under them, as they were installed
    untracked      bigint not null default 0,   -- how often it was lost which keys changed since the last verify
    changed_at     timestamptz not null default now()
);
insert into crossfade.reverse default values;

-- Keys that SQLite got from the target since the last verify that compared everything, with the cycle that brought them.
create table crossfade.touched (
    table_id       bigint not null,
    cycle          bigint not null,
    key            bytea not null               -- the form of model/key.rs
);
create unique index on crossfade.touched (table_id, sha256(key));   -- a key may be longer than an index takes

-- Rows of the target that SQLite cannot hold: they block a rollback. The row itself is in its table.
create table crossfade.unreturned (
    table_id       bigint not null references crossfade.tables,
    key            bytea not null,              -- the form of model/key.rs
    key_text       text not null,               -- for people; control characters are escaped
    column_name    text not null,
    reason         text not null,
    message        text not null,               -- holds no value of the row
    since          timestamptz not null default now()
);
create unique index on crossfade.unreturned (table_id, sha256(key));   -- a key may be longer than an index takes
