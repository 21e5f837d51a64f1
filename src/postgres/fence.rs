//! The fence on PostgreSQL: deny triggers that refuse the application's writes and let ours pass
//!
//! A trigger of our own on every table, and on every partition, refuses each statement that would write (SQLSTATE 25006,
//! which drivers know from a standby). It is part of the schema and no row that a transaction with an old view could
//! read, so that a statement either waits for the fence or meets it.
//!
//! It is lifted by disabling the triggers: dropping them would wait for everybody who reads the tables, in the very
//! moment in which neither side accepts writes.
//!
//! What it does not see: sessions under `session_replication_role = replica`, which only superusers and those whom they
//! have let may set; and DDL.

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use super::connect::classify;
use super::control;
use super::members::{self, Member, Trigger};
use super::standing;
use crate::error::{Error, Result};
use crate::model::plan::{Plan, TablePlan};
use crate::model::template::fill;

/// The function that refuses; created with the control schema
pub(super) const REFUSE_SQL: &str = include_str!("../../triggers/postgres/fence.sql");
const TRIGGER_SQL: &str = include_str!("../../triggers/postgres/fence_trigger.sql");

const TRIGGER: &str = "_crossfade_fence";

/// BEFORE, and each of INSERT, DELETE, UPDATE and TRUNCATE; not for each row
const BITS: i32 = 2 | 4 | 8 | 16 | 32;

/// How long one attempt to fence waits for one lock: so long, at most, writers queue behind us
const LOCK_PATIENCE: Duration = Duration::from_millis(150);

/// How often partitions that came meanwhile are looked for
const LOOKS: usize = 5;

/// Between two attempts to fence, so that the writers get their turn
const PAUSE: Duration = Duration::from_millis(50);

/// The server cancels a vacuum that it began by itself for whoever has waited for it for so long; ordinarily that is a
/// second, which is all that a switch may take
const IMPATIENCE: &str = "select set_config('deadlock_timeout', '20ms', true) \
                          where has_parameter_privilege('deadlock_timeout', 'SET')";

/// How our own writes pass the fence
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// `session_replication_role = replica`: ordinary triggers do not fire
    ReplicaRole,
    /// The role may not set that; the triggers look at `crossfade.replicator`
    Setting,
}

/// Which of the two it will be for this role
pub async fn way(client: &Client) -> Result<Pass> {
    let sql = "select has_parameter_privilege('session_replication_role', 'SET')";
    let row = client.query_one(sql, &[]).await.map_err(|e| classify(e, "ask for the right to silence triggers"))?;
    Ok(if row.get(0) { Pass::ReplicaRole } else { Pass::Setting })
}

/// Makes this session one of the replicator's own: its writes pass the fence, and are not captured. Where the role may,
/// foreign keys and the application's triggers do not act on them either
pub async fn pass(client: &Client, source_id: &str) -> Result<Pass> {
    let way = way(client).await?;
    set_replicator(client, source_id).await?;
    if way == Pass::ReplicaRole {
        let silence = "set session_replication_role = replica";
        client.batch_execute(silence).await.map_err(|e| classify(e, "silence triggers on the target"))?;
    }
    Ok(way)
}

/// As [`pass`], for a session that knows the migration only by the target
pub async fn pass_as_stored(client: &Client) -> Result<Pass> {
    pass(client, &source_id(client).await?).await
}

/// Makes this session one whose writes pass the fence and are captured like an application's
pub async fn pass_captured(client: &Client, source_id: &str) -> Result<()> {
    set_replicator(client, &format!("rehearsal:{source_id}")).await?;
    let act = "set session_replication_role = origin";
    match way(client).await? {
        Pass::ReplicaRole => client.batch_execute(act).await.map_err(|e| classify(e, "let triggers act on the target")),
        Pass::Setting => Ok(()),
    }
}

async fn set_replicator(client: &Client, value: &str) -> Result<()> {
    let set = client.execute("select set_config('crossfade.replicator', $1, false)", &[&value]).await;
    set.map(|_| ()).map_err(|e| classify(e, "name this session to the fence"))
}

/// The migration's id, which our sessions pass by
pub(super) async fn source_id(client: &impl GenericClient) -> Result<String> {
    let row = client.query_one("select source_id from crossfade.state", &[]).await;
    row.map(|row| row.get(0)).map_err(|e| classify(e, "read the identity of the migration"))
}

/// Puts deny triggers on one table, in the caller's transaction; does nothing where they stand, and none on what the role
/// does not own: [`missing`] tells of it
pub async fn put(client: &impl GenericClient, plan: &Plan, table: &TablePlan) -> Result<()> {
    put_on(client, &members::of(client, plan, [table]).await?).await
}

async fn put_on(client: &impl GenericClient, members: &[Member]) -> Result<()> {
    let open = members.iter().filter(|member| member.owned && !is_fenced(member));
    let sql = open.map(|member| fill(TRIGGER_SQL, &[("relation", member.relation.clone())]));
    execute(client, sql.collect(), "fence the tables of the target").await
}

/// Takes the deny triggers out of action on every table, in the caller's transaction; readers are not waited for
pub async fn lift(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    let closed = |member: &&Member| trigger(member).is_some_and(Trigger::is_enabled);
    wait_for_no_vacuum(client).await?;
    let members = fenced(client, plan).await?;
    let disable = |member: &Member| format!("alter table only {} disable trigger \"{TRIGGER}\"", member.relation);
    execute(client, members.iter().filter(closed).map(disable).collect(), "open the tables of the target").await
}

/// Takes the deny triggers away, wherever they stand by now, in the caller's transaction
pub async fn remove(client: &impl GenericClient) -> Result<()> {
    let standing = standing::of(client, &["refuse".to_owned()]).await?;
    execute(client, standing::drop_statements(&standing), "take the fence off the tables of the target").await
}

/// Tables on which the fence does not stand whole, by their names on the target
pub async fn missing(client: &impl GenericClient, plan: &Plan) -> Result<Vec<String>> {
    let members = fenced(client, plan).await?;
    let mut names: Vec<String> = members.iter().filter(|m| !is_fenced(m)).map(|m| m.table.clone()).collect();
    names.dedup();
    let sql = "select prosrc from pg_proc where oid = to_regprocedure('crossfade.refuse()') and prosecdef";
    let body = client.query_opt(sql, &[]).await.map_err(|e| classify(e, "look at the fence of the target"))?;
    // A function that refuses nothing is no fence for any of them.
    match body.is_some_and(|row| Some(row.get::<_, &str>(0)) == REFUSE_SQL.split("$body$").nth(1)) {
        true => Ok(names),
        false => Ok(tables(plan).map(|table| table.target_name.clone()).collect()),
    }
}

/// The tables that are fenced: the search tables too, though no trigger captures what is written to them
fn tables(plan: &Plan) -> impl Iterator<Item = &TablePlan> {
    plan.tables.iter().chain(plan.search_tables.iter().map(|search| &search.table))
}

async fn fenced(client: &impl GenericClient, plan: &Plan) -> Result<Vec<Member>> {
    members::of(client, plan, tables(plan)).await
}

/// Search tables that the role could not fence again, once PostgreSQL is open
pub async fn strange_search_tables(client: &Client, plan: &Plan) -> Result<Vec<String>> {
    let members = members::of(client, plan, plan.search_tables.iter().map(|search| &search.table)).await?;
    Ok(members.into_iter().filter(|member| !member.owned).map(|member| member.relation).collect())
}

fn trigger(member: &Member) -> Option<&Trigger> {
    member.triggers.iter().find(|trigger| trigger.name == TRIGGER)
}

fn is_fenced(member: &Member) -> bool {
    let whole =
        |t: &Trigger| matches!(t.fires, 'O' | 'A') && t.bits == BITS && !t.limited && t.function == "crossfade.refuse";
    trigger(member).is_some_and(whole)
}

/// Before locks are taken, in the caller's transaction
pub(super) async fn wait_for_no_vacuum(client: &impl GenericClient) -> Result<()> {
    client
        .execute(IMPATIENCE, &[])
        .await
        .map(|_| ())
        .map_err(|e| classify(e, "prepare to lock the tables of the target"))
}

pub(super) async fn execute(client: &impl GenericClient, statements: Vec<String>, operation: &str) -> Result<()> {
    if statements.is_empty() {
        return Ok(());
    }
    client.batch_execute(&statements.join(";\n")).await.map_err(|e| classify(e, operation))
}

/// Fences every table against running writers too: waits them out, at most `timeout`, without queueing others for long.
/// Durable when this returns, and guarded by the run's number
///
/// Returns since when writes count as refused: the first request for a lock in the attempt that fenced everything, behind
/// which writers began to queue. Attempts that came to nothing, which opened the tables again, do not count; a cutover
/// counts in the same way.
///
/// # Errors
/// Refused, naming who still writes when the time is over, and which tables the role cannot fence.
pub async fn close(client: &mut Client, plan: &Plan, run_id: i64, timeout: Duration) -> Result<Instant> {
    refuse_strangers(&fenced(client, plan).await?)?;
    wait_out(client, plan, run_id, timeout, true).await?
}

/// As [`close`], where the fence does not stand and the role may put it; nothing where it does. Somebody who writes for
/// longer is a failure that passes, and the tables that are fenced by then stay so
pub async fn mend(client: &mut Client, plan: &Plan, run_id: i64, timeout: Duration) -> Result<()> {
    if unfenced(client, plan).await?.is_empty() {
        return Ok(());
    }
    wait_out(client, plan, run_id, timeout, false).await?.map(|_| ()).map_err(Error::transient)
}

/// Whether the fence is on every relation that the role may fence
pub async fn stands(client: &impl GenericClient, plan: &Plan) -> Result<bool> {
    unfenced(client, plan).await.map(|open| open.is_empty())
}

/// Relations that the role may fence, and that are not
async fn unfenced(client: &impl GenericClient, plan: &Plan) -> Result<Vec<Member>> {
    let mut members = fenced(client, plan).await?;
    members.retain(|member| member.owned && !is_fenced(member));
    Ok(members)
}

/// Fences, or gives the error that says who still writes; `or_none` opens the tables again while it waits for one
async fn wait_out(
    client: &mut Client,
    plan: &Plan,
    run_id: i64,
    timeout: Duration,
    or_none: bool,
) -> Result<Result<Instant>> {
    let deadline = Instant::now() + timeout;
    let (mut patience, mut first) = (LOCK_PATIENCE, None);
    loop {
        let began = Instant::now();
        let Some(busy) = fence_each(client, plan, run_id, patience, first).await? else { return Ok(Ok(began)) };
        if or_none {
            reopen(client, plan, run_id).await?;
        }
        if Instant::now() >= deadline {
            let holders = holders(client, &fenced(client, plan).await?).await?;
            return Ok(Err(still_writing(&holders, timeout)));
        }
        // The next attempt begins with this one, and so keeps nobody from the others until it can be had.
        first = Some(busy.oid);
        let holders = holders(client, &[busy]).await?;
        // A vacuum that the server began by itself gives way to whoever has waited for it for so long, and to nobody before.
        let maintenance = !holders.is_empty() && holders.iter().all(|holder| holder.is_maintenance);
        patience = if maintenance { deadlock_timeout(client).await? * 3 / 2 } else { LOCK_PATIENCE };
        tokio::time::sleep(PAUSE).await;
    }
}

/// Fences one relation after the other; gives the one that was not to be locked in time
///
/// Each is a transaction of its own, which waits for one lock and holds no other: with two of them, an application that
/// writes the same tables in another order would deadlock with us, and could be the one whose transaction ends. Nothing
/// is lost by it: each transaction waits out whoever has written to its relation, and when the last one has committed,
/// nobody has an open write to any of them. A transaction of the application that meets the fence on its second table ends
/// as one that meets it on its first.
async fn fence_each(
    client: &mut Client,
    plan: &Plan,
    run_id: i64,
    patience: Duration,
    first: Option<u32>,
) -> Result<Option<Member>> {
    for _ in 0..LOOKS {
        let mut open = unfenced(client, plan).await?;
        if open.is_empty() {
            return make_durable(client, run_id).await.map(|()| None);
        }
        open.sort_by_key(|member| Some(member.oid) != first);
        for member in open {
            if !fence_one(client, run_id, &member.relation, patience).await? {
                return Ok(Some(member));
            }
            crate::failpoint::hit("fence.postgres_put");
        }
        // A partition may have come meanwhile.
    }
    Err(Error::refused("the tables of the target get new partitions faster than they can be fenced")
        .hint("wait until whoever creates them is done, then ask again"))
}

/// `false`, and nothing changed, if the lock was not to be had in time: creating a trigger takes SHARE ROW EXCLUSIVE. In
/// one message, as writers of this relation wait until it is done
async fn fence_one(client: &Client, run_id: i64, relation: &str, patience: Duration) -> Result<bool> {
    let failed = |e| classify(e, "fence the tables of the target");
    let script = format!(
        "begin; set local synchronous_commit = off; set local lock_timeout = {}; {IMPATIENCE};
         select 1 / count(*) from (select from crossfade.checkpoint where run_id = {run_id} for share) as current_run;
         {};
         commit",
        patience.as_millis(),
        fill(TRIGGER_SQL, &[("relation", relation.to_owned())])
    );
    let Err(error) = client.batch_execute(&script).await else { return Ok(true) };
    client.batch_execute("rollback").await.map_err(failed)?;
    match error.code() {
        Some(code) if *code == SqlState::DIVISION_BY_ZERO => Err(control::superseded()),
        Some(code) if [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) => Ok(false),
        _ => Err(failed(error)),
    }
}

/// The last commit takes all before it to the disk, so that they need not wait for it one by one
async fn make_durable(client: &mut Client, run_id: i64) -> Result<()> {
    let failed = |e| classify(e, "make the fence of the target durable");
    let transaction = client.transaction().await.map_err(failed)?;
    control::guard(&transaction, run_id).await?;
    let write = "set local synchronous_commit = on; select pg_logical_emit_message(true, 'crossfade', '')";
    transaction.batch_execute(write).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// Opens the tables that an attempt has fenced, while it waits for one that it could not
async fn reopen(client: &mut Client, plan: &Plan, run_id: i64) -> Result<()> {
    let failed = |e| classify(e, "open the tables of the target again");
    let transaction = client.transaction().await.map_err(failed)?;
    control::guard(&transaction, run_id).await?;
    lift(&transaction, plan).await?;
    transaction.commit().await.map_err(failed)
}

fn refuse_strangers(members: &[Member]) -> Result<()> {
    let strangers: Vec<&str> = members.iter().filter(|m| !m.owned).map(|m| m.relation.as_str()).collect();
    if strangers.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("cannot fence the target: the role does not own {}", strangers.join(", ")))
        .hint("connect as the owner, or as a member of the role that owns them"))
}

/// Who keeps the tables from being locked
struct Holder {
    words: String,
    /// VACUUM, ANALYZE and the like: it writes no row
    is_maintenance: bool,
}

/// Everything that is not only reading; a transaction that is prepared has no process any more
const HOLDERS: &str = "
    select case when p.gid is not null then format('prepared transaction %L (since %s)', p.gid, p.prepared)
                else format('process %s (%s%s)', l.pid, coalesce(nullif(a.application_name, ''), a.backend_type, 'unnamed'),
                            ', for ' || round(extract(epoch from clock_timestamp() - a.xact_start), 1) || ' s')
                end || ' on ' || string_agg(distinct l.relation::regclass::text, ', '),
           bool_and(l.mode = 'ShareUpdateExclusiveLock')
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
    left join pg_locks x on l.pid is null and x.pid is null and x.locktype = 'transactionid'
         and x.virtualtransaction = l.virtualtransaction
    left join pg_prepared_xacts p on p.transaction = x.transactionid
    where l.locktype = 'relation' and l.granted and l.relation = any($1)
      and l.database = (select oid from pg_database where datname = current_database())
      and l.mode not in ('AccessShareLock', 'RowShareLock') and l.pid is distinct from pg_backend_pid()
    group by l.pid, p.gid, p.prepared, a.application_name, a.backend_type, a.xact_start
    order by 1";

async fn holders(client: &Client, members: &[Member]) -> Result<Vec<Holder>> {
    let oids: Vec<u32> = members.iter().map(|member| member.oid).collect();
    let rows = client.query(HOLDERS, &[&oids]).await.map_err(|e| classify(e, "look for who still writes"))?;
    Ok(rows.iter().map(|row| Holder { words: row.get(0), is_maintenance: row.get(1) }).collect())
}

pub(super) async fn deadlock_timeout(client: &Client) -> Result<Duration> {
    let sql = "select setting::bigint from pg_settings where name = 'deadlock_timeout'";
    let row = client.query_one(sql, &[]).await.map_err(|e| classify(e, "read the server's settings"))?;
    Ok(Duration::from_millis(row.get::<_, i64>(0).max(1) as u64))
}

fn still_writing(holders: &[Holder], timeout: Duration) -> Error {
    let mut text = format!("the target could not be fenced within {} s: somebody still writes", timeout.as_secs_f64());
    for holder in holders {
        text.push_str(&format!("\n  {}", holder.words));
    }
    Error::refused(text)
        .hint("end these transactions (pg_terminate_backend, rollback prepared), or give a longer --timeout")
}
