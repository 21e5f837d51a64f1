//! The `crossfade` schema in the target: state, checkpoint, progress, requests

use tokio_postgres::{Client, GenericClient, Row};

use super::connect::classify;
use super::extensions;
use super::fence;
use super::search;
use crate::error::{Error, Result};
use crate::model::chunk::{Chunk, Range};
use crate::model::phase::Phase;
use crate::model::plan::{Notice, Plan};

const CONTROL_SQL: &str = include_str!("../../triggers/postgres/control.sql");

/// Layout of the control tables; another number is refused, not guessed at
const FORMAT: i32 = 5;

/// Advisory lock that the one replicator of a target holds ("crossfade" in two arbitrary but fixed numbers)
const LOCK: (i32, i32) = (0x6372_6f73, 1);

/// The stored migration
#[derive(Clone, Debug)]
pub struct State {
    /// Random identity of the migration, which the source carries too
    pub source_id: String,
    pub source_path: String,
    pub phase: Phase,
    pub plan: Plan,
    pub log_limit: u64,
    /// The source's schema version when capture was last proven complete
    pub schema_version: Option<i64>,
    /// Why the tables must be compared before anything else; `None` ordinarily
    pub repair_reason: Option<String>,
}

/// What the target holds, as stored with the rows
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: i64,
    pub nonce: i64,
    pub consistent: bool,
}

/// Stored before capture is installed: no position yet
pub const NO_POSITION: i64 = -1;

/// Progress of one table as stored
#[derive(Clone, Debug)]
pub struct TableProgress {
    pub id: i64,
    pub name: String,
    pub state: String,
    pub rows_total: i64,
    pub rows_copied: i64,
    pub bytes_copied: i64,
}

/// Live facts of the replicator, written now and then
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    pub head_seq: Option<i64>,
    pub in_sync: bool,
    pub rate: f64,
}

fn failed(operation: &str) -> impl Fn(tokio_postgres::Error) -> Error + '_ {
    move |e| classify(e, operation)
}

/// Takes the lock that makes this session the only replicator; it is held until the connection ends
///
/// # Errors
/// Refused if another replicator holds it.
pub async fn lock(client: &Client) -> Result<()> {
    if try_lock(client).await? {
        return Ok(());
    }
    Err(Error::refused("another crossfade replicator is running on this target")
        .hint("see `crossfade status`; only one replicator may run for a pair of databases"))
}

/// Takes the replicator's lock if it is free
pub async fn try_lock(client: &Client) -> Result<bool> {
    let row = client
        .query_one("select pg_try_advisory_lock($1, $2)", &[&LOCK.0, &LOCK.1])
        .await
        .map_err(failed("take the replicator's lock"))?;
    Ok(row.get(0))
}

/// Whether any session holds the replicator's lock
pub async fn is_locked(client: &impl GenericClient) -> Result<bool> {
    let sql = "select exists(select from pg_locks l join pg_database d on d.oid = l.database \
               where l.locktype = 'advisory' and l.classid::bigint = $1 and l.objid::bigint = $2 and l.granted \
               and d.datname = current_database())";
    let row = client
        .query_one(sql, &[&i64::from(LOCK.0), &i64::from(LOCK.1)])
        .await
        .map_err(failed("look for a running replicator"))?;
    Ok(row.get(0))
}

/// The schema that new tables go to
pub async fn current_schema(client: &Client) -> Result<String> {
    let row = client.query_one("select current_schema()", &[]).await.map_err(failed("ask for the current schema"))?;
    row.get::<_, Option<String>>(0).ok_or_else(|| {
        Error::refused("the target has no current schema: the search path names none that exists")
            .hint("create the schema, or set `search_path` of the role")
    })
}

/// Reads the stored migration; `None` if the target has none
pub async fn load(client: &Client) -> Result<Option<State>> {
    let exists = client
        .query_one("select to_regnamespace('crossfade') is not null, to_regclass('crossfade.state') is not null", &[])
        .await
        .map_err(failed("look for crossfade's schema"))?;
    match (exists.get(0), exists.get(1)) {
        (false, _) => return Ok(None),
        (true, false) => {
            return Err(Error::refused("the target has a schema `crossfade` that is not crossfade's")
                .hint("rename or drop it, or use another database"));
        }
        (true, true) => {}
    }
    let sql = "select format, source_id, source_path, phase, plan, log_limit, schema_version, repair_reason from crossfade.state";
    let row = client.query_opt(sql, &[]).await.map_err(failed("read the stored migration"))?;
    row.map(|row| state_from(&row)).transpose()
}

fn state_from(row: &Row) -> Result<State> {
    let format: i32 = row.get(0);
    if format != FORMAT {
        return Err(Error::refused(format!("the stored migration has format {format}, this version knows {FORMAT}"))
            .hint("use the version of crossfade that began it"));
    }
    let phase: String = row.get(3);
    let plan = serde_json::from_str(row.get(4))
        .map_err(|e| Error::refused("the plan stored in the target is not readable by this version").caused_by(e))?;
    Ok(State {
        source_id: row.get(1),
        source_path: row.get(2),
        phase: phase.parse().map_err(Error::refused)?,
        plan,
        log_limit: row.get::<_, i64>(5) as u64,
        schema_version: row.get(6),
        repair_reason: row.get(7),
    })
}

/// Creates the control schema and stores the plan, in one transaction
pub async fn initialise(client: &mut Client, state: &State) -> Result<()> {
    let operation = "store the plan in the target";
    let plan =
        serde_json::to_string(&state.plan).map_err(|e| Error::internal("write the plan as JSON").caused_by(e))?;
    let transaction = client.transaction().await.map_err(failed(operation))?;
    transaction.batch_execute(CONTROL_SQL).await.map_err(failed(operation))?;
    transaction.batch_execute(fence::REFUSE_SQL).await.map_err(failed(operation))?;
    extensions::create(&transaction, &state.plan).await?;
    transaction
        .execute(
            "insert into crossfade.state (format, source_id, source_path, phase, plan, log_limit) \
             values ($1, $2, $3, $4, $5, $6)",
            &[&FORMAT, &state.source_id, &state.source_path, &state.phase.as_str(), &plan, &(state.log_limit as i64)],
        )
        .await
        .map_err(failed(operation))?;
    transaction
        .execute("insert into crossfade.phases (phase) values ($1)", &[&state.phase.as_str()])
        .await
        .map_err(failed(operation))?;
    transaction
        .execute(
            "insert into crossfade.checkpoint (seq, nonce, consistent, run_id) values ($1, 0, false, 0)",
            &[&NO_POSITION],
        )
        .await
        .map_err(failed(operation))?;
    for table in &state.plan.tables {
        transaction
            .execute(
                "insert into crossfade.tables (id, name, target_name, state, rows_total) values ($1, $2, $3, 'pending', $4)",
                &[&table.id, &table.source.name, &table.target_name, &(table.row_count as i64)],
            )
            .await
            .map_err(failed(operation))?;
    }
    search::initialise(&transaction, &state.plan).await?;
    transaction.commit().await.map_err(failed(operation))
}

/// Makes this run the only one whose transactions count: every write of rows names the run's number (see
/// [`guard`] and [`store_checkpoint_sql`]), so a replicator whose lock died with its connection cannot write any more
///
/// Before anything is done upon it the number is on the disk, and so is everything that this session commits later, whatever
/// the server, the database or the role has set: a server that crashes and forgets the number would give an earlier run
/// the right to go on, and open a second side (I8).
pub async fn take_over(client: &Client) -> Result<i64> {
    let operation = "take over from the last run";
    let wait =
        "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";
    client.batch_execute(wait).await.map_err(failed(operation))?;
    // Requests were meant for an earlier run. In one statement: whoever asked before it finds another run than he asked,
    // and what is asked later stays for this one; between two statements a request would be dropped and waited for.
    let sql = "with dropped as (update crossfade.control set taken_at = now() where taken_at is null) \
               update crossfade.checkpoint set run_id = run_id + 1 returning run_id";
    client.query_one(sql, &[]).await.map(|row| row.get(0)).map_err(failed(operation))
}

/// Fails unless this run is still the current one; holds it so until the transaction ends
pub async fn guard(client: &impl GenericClient, run_id: i64) -> Result<()> {
    let row = client
        .query_opt("select 1 from crossfade.checkpoint where run_id = $1 for share", &[&run_id])
        .await
        .map_err(failed("check that this run is still the current one"))?;
    row.map(|_| ()).ok_or_else(superseded)
}

/// Another replicator took over
pub fn superseded() -> Error {
    Error::refused("another crossfade replicator took over this target").hint("see `crossfade status`")
}

/// Statement that stores the checkpoint; it fails with a division by zero if another run took over, so that a COMMIT
/// sent right behind it does not commit. Parameters: seq, nonce, consistent, run_id
pub fn store_checkpoint_sql() -> &'static str {
    "with stored as (update crossfade.checkpoint set seq = $1, nonce = $2, consistent = $3, changed_at = now() \
     where run_id = $4 and seq <= $1 returning 1) select 1 / count(*) from stored"
}

pub async fn checkpoint(client: &impl GenericClient) -> Result<Checkpoint> {
    let row = client
        .query_one("select seq, nonce, consistent from crossfade.checkpoint", &[])
        .await
        .map_err(failed("read the checkpoint"))?;
    Ok(Checkpoint { seq: row.get(0), nonce: row.get(1), consistent: row.get(2) })
}

/// Sets the checkpoint to a new place, also backwards: at install, and when a repair has made the target an image of it
pub async fn reset_checkpoint(client: &impl GenericClient, run_id: i64, checkpoint: Checkpoint) -> Result<()> {
    let changed = client
        .execute(
            "update crossfade.checkpoint set seq = $1, nonce = $2, consistent = $3, changed_at = now() where run_id = $4",
            &[&checkpoint.seq, &checkpoint.nonce, &checkpoint.consistent, &run_id],
        )
        .await
        .map_err(failed("set the checkpoint"))?;
    if changed == 1 { Ok(()) } else { Err(superseded()) }
}

/// Stores the phase, and when it was entered; a phase that stands already is not entered a second time
pub async fn set_phase(client: &impl GenericClient, phase: Phase) -> Result<()> {
    let sql = "with entered as (insert into crossfade.phases (phase) select $1 from crossfade.state where phase <> $1) \
               update crossfade.state set phase = $1";
    client.execute(sql, &[&phase.as_str()]).await.map(|_| ()).map_err(failed("store the phase"))
}

/// Notes that the tables must be compared, or that they were; it outlives a crash in between
pub async fn set_repair_reason(client: &impl GenericClient, reason: Option<&str>) -> Result<()> {
    client
        .execute("update crossfade.state set repair_reason = $1", &[&reason])
        .await
        .map(|_| ())
        .map_err(failed("store the need for a repair"))
}

/// Stores that capture was proven complete at this schema version, and the plan as it is now
pub async fn set_proven(client: &impl GenericClient, schema_version: i64, plan: &Plan) -> Result<()> {
    let plan = serde_json::to_string(plan).map_err(|e| Error::internal("write the plan as JSON").caused_by(e))?;
    client
        .execute("update crossfade.state set schema_version = $1, plan = $2", &[&schema_version, &plan])
        .await
        .map(|_| ())
        .map_err(failed("store the schema version"))
}

/// Progress of the tables in the change log; that of the others is in `search`
pub async fn tables(client: &impl GenericClient) -> Result<Vec<TableProgress>> {
    let sql = "select id, name, state, rows_total, rows_copied, bytes_copied from crossfade.tables \
               where id > 0 order by id";
    let rows = client.query(sql, &[]).await.map_err(failed("read the progress of the tables"))?;
    let progress = |row: &Row| TableProgress {
        id: row.get(0),
        name: row.get(1),
        state: row.get(2),
        rows_total: row.get(3),
        rows_copied: row.get(4),
        bytes_copied: row.get(5),
    };
    Ok(rows.iter().map(progress).collect())
}

/// Finished chunks of a table, in the order of their numbers
pub async fn chunks(client: &impl GenericClient, table_id: i64) -> Result<Vec<Chunk>> {
    let rows = client
        .query("select number, cursor from crossfade.chunks where table_id = $1 order by number", &[&table_id])
        .await
        .map_err(failed("read the finished chunks"))?;
    rows.iter()
        .map(|row| {
            let range: Range = crate::codec::decode_cursor(row.get(1))?;
            Ok(Chunk { number: row.get(0), range })
        })
        .collect()
}

/// Adds progress to a table; part of the transaction that writes the rows
pub async fn add_progress(client: &impl GenericClient, id: i64, state: &str, rows: u64, bytes: u64) -> Result<()> {
    client
        .execute(
            "update crossfade.tables set state = $2, rows_copied = rows_copied + $3, bytes_copied = bytes_copied + $4 \
             where id = $1",
            &[&id, &state, &(rows as i64), &(bytes as i64)],
        )
        .await
        .map(|_| ())
        .map_err(failed("store the progress of a table"))
}

/// Stores a chunk as finished; part of the transaction that writes its rows
pub async fn add_chunk(client: &impl GenericClient, table_id: i64, chunk: &Chunk, rows: u64) -> Result<()> {
    let cursor = crate::codec::encode_cursor(&chunk.range)?;
    client
        .execute(
            "insert into crossfade.chunks (table_id, number, cursor, rows_copied) values ($1, $2, $3, $4)",
            &[&table_id, &chunk.number, &cursor, &(rows as i64)],
        )
        .await
        .map(|_| ())
        .map_err(failed("store a finished chunk"))
}

pub async fn note(client: &impl GenericClient, notice: &Notice) -> Result<()> {
    note_once(client, notice).await.map(|_| ())
}

/// Stores a notice; `false` if it is stored already
pub async fn note_once(client: &impl GenericClient, notice: &Notice) -> Result<bool> {
    let message = match &notice.remedy {
        Some(remedy) => format!("{}; {remedy}", notice.message),
        None => notice.message.clone(),
    };
    client
        .execute(
            "insert into crossfade.notices (object, message) values ($1, $2) on conflict do nothing",
            &[&notice.object, &message],
        )
        .await
        .map(|stored| stored == 1)
        .map_err(failed("store a notice"))
}

pub async fn notices(client: &impl GenericClient) -> Result<Vec<Notice>> {
    let rows = client
        .query("select object, message from crossfade.notices order by noted_at", &[])
        .await
        .map_err(failed("read the notices"))?;
    Ok(rows.iter().map(|row| Notice { object: row.get(0), message: row.get(1), remedy: None }).collect())
}

pub async fn store_heartbeat(client: &impl GenericClient, heartbeat: &Heartbeat) -> Result<()> {
    client
        .execute(
            "update crossfade.state set heartbeat_at = now(), head_seq = coalesce($1, head_seq), rate = $2, \
             in_sync_at = case when $3 then now() else in_sync_at end",
            &[&heartbeat.head_seq, &heartbeat.rate, &heartbeat.in_sync],
        )
        .await
        .map(|_| ())
        .map_err(failed("store the heartbeat"))
}

/// Stores what went wrong, or that nothing is wrong any more; without effect once another run has taken over
pub async fn store_error(client: &impl GenericClient, run_id: i64, error: Option<&Error>) -> Result<()> {
    let message = error.map(Error::summary);
    let hint = error.and_then(Error::hint_text);
    client
        .execute(
            "update crossfade.state set last_error = $1, last_error_hint = $2, \
             last_error_at = case when $1::text is null then null else now() end \
             where (select run_id from crossfade.checkpoint) = $3",
            &[&message, &hint, &run_id],
        )
        .await
        .map(|_| ())
        .map_err(failed("store the last error"))
}

/// What another process asked for
#[derive(Clone, Debug)]
pub struct Request {
    pub id: i64,
    pub verb: String,
    pub argument: Option<String>,
}

/// Asks a running replicator to do something; it looks about once a second. Returns the number of the request, and that
/// of the run that was asked: see [`take_over`]
pub async fn request(client: &Client, verb: &str, argument: Option<&str>) -> Result<(i64, i64)> {
    let sql = "insert into crossfade.control (verb, argument) values ($1, $2) \
               returning id, (select run_id from crossfade.checkpoint)";
    let row = client.query_one(sql, &[&verb, &argument]).await.map_err(failed("send a request to the replicator"))?;
    Ok((row.get(0), row.get(1)))
}

/// Takes the open requests
pub async fn take_requests(client: &impl GenericClient) -> Result<Vec<Request>> {
    let sql = "update crossfade.control set taken_at = now() where taken_at is null returning id, verb, argument";
    let rows = client.query(sql, &[]).await.map_err(failed("read requests to the replicator"))?;
    Ok(rows.iter().map(|row| Request { id: row.get(0), verb: row.get(1), argument: row.get(2) }).collect())
}

/// Notes that a request is done
pub async fn answer_request(client: &impl GenericClient, id: i64) -> Result<()> {
    let sql = "update crossfade.control set done_at = now() where id = $1";
    client.execute(sql, &[&id]).await.map(|_| ()).map_err(failed("answer a request to the replicator"))
}

/// Whether a request is done, and the number of the run that would do it: another one has dropped what it was asked
pub async fn is_answered(client: &impl GenericClient, id: i64) -> Result<(bool, i64)> {
    let sql = "select exists(select from crossfade.control where id = $1 and done_at is not null), run_id \
               from crossfade.checkpoint";
    let row = client.query_one(sql, &[&id]).await.map_err(failed("look for the replicator's answer"))?;
    Ok((row.get(0), row.get(1)))
}

/// Relations of these names that are on the target already, with whether they hold rows
pub async fn existing_relations(client: &Client, schema: &str, names: &[&str]) -> Result<Vec<(String, bool)>> {
    let operation = "look for existing tables on the target";
    let sql = "select c.relname, c.relkind::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname = $1 and c.relname = any($2) order by 1";
    let rows = client.query(sql, &[&schema, &names]).await.map_err(failed(operation))?;
    let mut found = Vec::new();
    for row in rows {
        let (name, kind): (String, String) = (row.get(0), row.get(1));
        let has_rows = ["r", "p", "v", "m", "f"].contains(&kind.as_str()) && {
            let probe = format!("select exists(select from {})", super::ddl::qualified(schema, &name));
            client.query_one(&probe, &[]).await.map_err(failed(operation))?.get(0)
        };
        found.push((name, has_rows));
    }
    Ok(found)
}
