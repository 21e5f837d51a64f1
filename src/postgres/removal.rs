//! Removes what crossfade has put on the target, in one transaction that the other side can be ended in
//!
//! A trigger is dropped only when nobody has read its table in a transaction that is still open, and whoever comes while
//! we wait for that has to wait behind us. So each attempt waits for a moment only, gives everything back, and lets the
//! others have their turn.

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient, Transaction};

use super::connect::classify;
use super::control::State;
use super::existing::{self, helper_column};
use super::fence::{deadlock_timeout, wait_for_no_vacuum};
use super::{capture, copy, ddl, extensions, fence, standing, views};
use crate::error::{Error, ErrorKind, Result};
use crate::model::phase::Phase;
use crate::model::plan::{Mode, Plan};
use crate::model::schema::quote_identifier;

/// How long one attempt waits for one lock: so long, at most, others queue behind us
const LOCK_PATIENCE: Duration = Duration::from_millis(150);

/// Between two attempts, in which the others get their turn
const PAUSE: Duration = Duration::from_millis(150);

/// How long attempts go on
const PATIENCE: Duration = Duration::from_secs(8);

const OPERATION: &str = "remove crossfade's objects from the target";

/// How much of it goes
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The copied tables too, where they are ours
    CopiedTables,
    /// Everything of ours, but no table
    Ours,
    /// What stands on the tables, while the record of the migration stays
    OnTables,
}

/// Removes it in one transaction, and runs `before_commit` when nothing is left to do but to commit: everything that can
/// be refused has then been done. Returns how many tables of ours were dropped. Tables that the application has made are
/// never dropped, nor are their rows deleted
///
/// # Errors
/// Refused, with nothing removed, if something of the user's depends on a copied table, or if somebody uses the tables
/// for longer than we wait. What fails in `before_commit` takes everything back.
pub async fn remove<T>(
    client: &mut Client,
    state: &State,
    extent: Extent,
    before_commit: impl FnOnce() -> Result<T>,
) -> Result<(usize, T)> {
    let deadline = Instant::now() + PATIENCE;
    let mut patience = LOCK_PATIENCE;
    loop {
        let mut transaction = client.transaction().await.map_err(failed)?;
        match take_away(&mut transaction, state, extent, patience).await {
            Ok(dropped) => {
                let done = before_commit()?;
                transaction.commit().await.map_err(failed)?;
                return Ok((dropped, done));
            }
            Err(error) => {
                let is_back = transaction.rollback().await.is_ok();
                if !error.is_transient() || !is_back {
                    return Err(error);
                }
                let holders = holders(client, &state.plan).await?;
                if Instant::now() >= deadline {
                    return Err(if holders.is_empty() { error } else { in_use(&holders) });
                }
                patience = next_patience(client, &holders).await?;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A vacuum that the server began by itself gives way to whoever has waited for it for so long
async fn next_patience(client: &Client, holders: &[Holder]) -> Result<Duration> {
    let maintenance = !holders.is_empty() && holders.iter().all(|holder| holder.is_maintenance);
    Ok(if maintenance { deadlock_timeout(client).await? * 3 / 2 } else { LOCK_PATIENCE })
}

fn failed(error: tokio_postgres::Error) -> Error {
    classify(error, OPERATION)
}

async fn take_away(
    transaction: &mut Transaction<'_>,
    state: &State,
    extent: Extent,
    patience: Duration,
) -> Result<usize> {
    let plan = &state.plan;
    let limit = format!("set local lock_timeout = {}", patience.as_millis());
    transaction.batch_execute(&limit).await.map_err(failed)?;
    wait_for_no_vacuum(transaction).await?;
    let finishing = state.phase >= Phase::Reversed;
    let moved = if finishing { numbered(transaction, plan).await? } else { Vec::new() };
    capture::remove(transaction, plan).await?;
    fence::remove(transaction).await?;
    // Until the copy begins nothing of ours stands beside the control schema.
    if finishing || plan.mode == Mode::Existing && state.phase >= Phase::Snapshotting {
        existing::restore(transaction, plan).await?;
    }
    if finishing {
        // Of those that are not where the plan says any more.
        fence::execute(transaction, moved, OPERATION).await?;
        views::make_theirs(transaction, plan).await.map_err(failed)?;
    }
    if extent == Extent::OnTables {
        return Ok(0);
    }
    let drop_tables = plan.mode == Mode::Create && extent == Extent::CopiedTables;
    let dropped = if drop_tables { drop_copied(transaction, plan).await? } else { 0 };
    transaction.batch_execute("drop schema crossfade cascade").await.map_err(failed)?;
    Ok(dropped)
}

/// What drops the columns of ours from the tables that our triggers stand on, whatever their names are by now
async fn numbered(client: &impl GenericClient, plan: &Plan) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    for table in &plan.tables {
        let Some(column) = helper_column(table) else { continue };
        let planned = copy::relation(plan, table);
        for found in standing::of(client, &[format!("note_{}", table.id)]).await? {
            if found.relation != planned {
                let column = quote_identifier(column);
                statements.push(format!("alter table {} drop column if exists {column}", found.relation));
            }
        }
    }
    Ok(statements)
}

async fn drop_copied(transaction: &mut Transaction<'_>, plan: &Plan) -> Result<usize> {
    let started: Vec<String> = transaction
        .query("select target_name from crossfade.tables where state <> 'pending'", &[])
        .await
        .map_err(failed)?
        .iter()
        .map(|row| ddl::qualified(&plan.target_schema, row.get::<_, &str>(0)))
        .collect();
    views::remove(transaction, plan).await.map_err(|e| still_needed(e, "drop the copied views"))?;
    if !started.is_empty() {
        // One statement: foreign keys between the tables then need no order and no CASCADE, which would take
        // the user's own views with it.
        let drop = format!("drop table if exists {}", started.join(", "));
        transaction.batch_execute(&drop).await.map_err(|e| still_needed(e, "drop the copied tables"))?;
    }
    extensions::drop_created(transaction, plan).await?;
    Ok(started.len())
}

fn still_needed(error: tokio_postgres::Error, operation: &str) -> Error {
    match error.code() {
        Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) => {
            Error::new(ErrorKind::Refused, format!("cannot {operation}: something else on the target depends on them"))
                .hint("drop what depends on them first, or keep the tables with `cancel --keep-tables`")
        }
        _ => classify(error, operation),
    }
}

/// Who keeps us from the tables, readers too
struct Holder {
    words: String,
    /// VACUUM, ANALYZE and the like
    is_maintenance: bool,
}

/// A transaction that is prepared has no process any more. What we need is what has our triggers, what is planned, and
/// our own tables
const HOLDERS: &str = "
    select case when l.pid is null then 'a prepared transaction'
                else format('process %s (%s, %s, for %s s)', l.pid,
                            coalesce(nullif(a.application_name, ''), a.backend_type, 'unnamed'),
                            coalesce(a.state, 'at work'),
                            coalesce(round(extract(epoch from clock_timestamp() - a.xact_start), 1)::text, '?'))
                end || ' on ' || string_agg(distinct l.relation::regclass::text, ', '),
           bool_and(l.mode = 'ShareUpdateExclusiveLock')
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation' and l.granted and l.pid is distinct from pg_backend_pid()
      and l.database = (select oid from pg_database where datname = current_database())
      and l.relation in (
          select to_regclass(name)::oid from unnest($1::text[]) name
          union all select c.oid from pg_class c where c.relnamespace = to_regnamespace('crossfade')
          union all select t.tgrelid from pg_trigger t join pg_proc p on p.oid = t.tgfoid
                    where p.pronamespace = to_regnamespace('crossfade'))
    group by l.pid, l.virtualtransaction, a.application_name, a.backend_type, a.state, a.xact_start
    order by 1";

async fn holders(client: &Client, plan: &Plan) -> Result<Vec<Holder>> {
    let tables = plan.tables.iter().chain(plan.search_tables.iter().map(|search| &search.table));
    let names: Vec<String> = tables.map(|table| copy::relation(plan, table)).collect();
    let rows = client.query(HOLDERS, &[&names]).await.map_err(|e| classify(e, "look for who uses the tables"))?;
    Ok(rows.iter().map(|row| Holder { words: row.get(0), is_maintenance: row.get(1) }).collect())
}

fn in_use(holders: &[Holder]) -> Error {
    let mut text = format!("cannot {OPERATION}: somebody has used the tables for {} s", PATIENCE.as_secs());
    for holder in holders {
        text.push_str(&format!("\n  {}", holder.words));
    }
    Error::refused(text)
        .hint("nothing was changed; wait for these transactions or end them (pg_terminate_backend), then try again")
}
