//! The readiness gate: everything that stands in the way of a switch, all at once, each with its remedy
//!
//! The same code for the switch itself and for `--dry-run`. `--force NAME` passes a blocker by, and is recorded, except
//! where passing it by would lose writes: `schema` (changes that nobody noted), `mismatch` (rows that only one side has),
//! `privileges` (without capture nothing that PostgreSQL takes finds its way back) and `unreturned` (rows that SQLite cannot
//! hold, and a rollback would drop).

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::engine::drift;
use crate::engine::job::{Context, Job};
use crate::engine::searching;
use crate::engine::switch::{Kind, Options};
use crate::engine::verify::changed::{self, Known};
use crate::error::{Error, Result};
use crate::model::plan::{Notice, Plan};
use crate::model::schema::Generated;
use crate::model::words::{counted, grouped, seconds};
use crate::observe::progress::human_bytes;
use crate::postgres::control::{self, State};
use crate::postgres::{
    capture as target_capture, change_log as target_log, fence as target_fence, foreign_keys, quarantine, readiness,
    sequences,
};
use crate::sqlite::capture::{self, CaptureGap};
use crate::sqlite::change_log;
use crate::sqlite::connection::{in_read_view, open_reader, schema_version};
use crate::sqlite::introspect::introspect;
use crate::sqlite::room;

/// One thing that stands in the way
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// For `--force`
    pub name: String,
    pub message: String,
    pub remedy: String,
}

/// Names that `--force` knows
pub const OVERRIDABLE: [&str; 11] = [
    "computed",
    "disk",
    "lag",
    "orphans",
    "quarantine",
    "replicator",
    "search",
    "sequences",
    "tables",
    "unverified",
    "writers",
];
/// Names that it refuses, and says why
pub const FIRM: [&str; 4] = ["mismatch", "privileges", "schema", "unreturned"];

/// How long the gate tries to get the source's write lock
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// Room on the source's disk: for what comes back, and for the log that it is written to
const ROOM_LEAST: u64 = 64 << 20;
const ROOM_SHARE: u64 = 10;
/// Names in one message
const NAMED: usize = 5;
const LOOK: Duration = Duration::from_millis(20);

fn blocker(name: &str, message: impl Into<String>, remedy: impl Into<String>) -> Blocker {
    Blocker { name: name.into(), message: message.into(), remedy: remedy.into() }
}

fn of_notices(name: &str, notices: Vec<Notice>, remedy: &str) -> impl Iterator<Item = Blocker> {
    notices.into_iter().map(move |n| {
        blocker(name, format!("{}: {}", n.object, n.message), n.remedy.unwrap_or_else(|| remedy.to_owned()))
    })
}

/// # Errors
/// A name that `--force` does not know, or that stands for what would lose writes.
pub fn check_forced(force: &[String]) -> Result<()> {
    for name in force {
        if FIRM.contains(&name.as_str()) {
            return Err(Error::usage(format!("`--force {name}` is not possible: writes would be lost"))
                .hint("follow the remedy that `--dry-run` prints"));
        }
        if !OVERRIDABLE.contains(&name.as_str()) {
            return Err(Error::usage(format!("there is no blocker `{name}`"))
                .hint(format!("--force takes one of: {}", OVERRIDABLE.join(", "))));
        }
    }
    Ok(())
}

/// Everything in the way, as the replicator sees it; `lag` is how long it took just now to catch up
pub fn all(job: &Job, kind: Kind, options: &Options, lag: Duration) -> Result<Vec<Blocker>> {
    let state = job.wait(control::load(job.applier.client()))?.ok_or_else(control::superseded)?;
    let mut found = job.wait(on_target(job.applier.client(), &state, kind, options))?;
    found.extend(job.wait(in_comparison(job.applier.client(), &found, job.source()))?);
    found.extend(job.wait(in_search(job.applier.client(), &state.plan, kind, job.source()))?);
    found.extend(too_late(kind, options, lag, job.checkpoint.seq, job.source())?);
    found.extend(on_source(job.source(), &state, kind)?);
    Ok(left(found, options))
}

/// Everything in the way, as another process sees it; writes nothing
pub fn look(context: &Context, client: &Client, state: &State, kind: Kind, options: &Options) -> Result<Vec<Blocker>> {
    let source = &context.settings.source;
    let runtime = &context.runtime;
    let mut found = Vec::new();
    if !runtime.block_on(control::is_locked(client))? {
        found.push(blocker("replicator", "no replicator is running that could do it", "start it with `crossfade run`"));
    }
    let head = change_log::head(&open_reader(source)?)?.seq;
    let began = Instant::now();
    if kind != Kind::Rollback && found.is_empty() {
        while runtime.block_on(control::checkpoint(client))?.seq < head
            && began.elapsed().as_secs_f64() <= options.max_lag
        {
            context.stop.check()?;
            std::thread::sleep(LOOK);
        }
    }
    let (lag, checkpoint) = (began.elapsed(), runtime.block_on(control::checkpoint(client))?.seq);
    found.extend(runtime.block_on(on_target(client, state, kind, options))?);
    found.extend(runtime.block_on(in_comparison(client, &found, source))?);
    found.extend(runtime.block_on(in_search(client, &state.plan, kind, source))?);
    if kind != Kind::Rollback && checkpoint < head {
        found.extend(too_late(kind, options, lag.max(Duration::from_secs_f64(options.max_lag)), checkpoint, source)?);
    }
    found.extend(on_source(source, state, kind)?);
    Ok(left(found, options))
}

/// Without those that the operator passes by
fn left(mut found: Vec<Blocker>, options: &Options) -> Vec<Blocker> {
    found.retain(|blocker| !options.force.contains(&blocker.name) || FIRM.contains(&blocker.name.as_str()));
    found
}

fn too_late(kind: Kind, options: &Options, lag: Duration, checkpoint: i64, source: &Path) -> Result<Option<Blocker>> {
    if kind == Kind::Rollback || lag.as_secs_f64() <= options.max_lag {
        return Ok(None);
    }
    let entries = (change_log::head(&open_reader(source)?)?.seq - checkpoint).max(0) as u64;
    if entries == 0 {
        return Ok(None);
    }
    let message = format!(
        "PostgreSQL is {} behind, and did not catch up within {}",
        counted(entries, "change"),
        seconds(options.max_lag)
    );
    Ok(Some(blocker(
        "lag",
        message,
        "wait until `crossfade status` says that it is in sync; or allow more with --max-lag",
    )))
}

async fn on_target(client: &Client, state: &State, kind: Kind, options: &Options) -> Result<Vec<Blocker>> {
    let (plan, facts) = (&state.plan, readiness::facts(client).await?);
    let mut found = Vec::new();
    if let Some(error) = &facts.last_error {
        let message = format!("the replicator has a failure: {error}");
        found.push(blocker(
            "replicator",
            message,
            "see `crossfade status`; `crossfade run`, where it has ended, goes on from here",
        ));
    }
    match facts.last_mismatches {
        Some(rows @ 1..) => {
            let message = format!("the last verify found {} rows that differ", grouped(rows as u64));
            let remedy = match kind {
                Kind::Rollback => {
                    "the replicator brings PostgreSQL's rows to SQLite by itself; run `crossfade verify` again"
                }
                _ => "`crossfade verify` names them; look what else writes to the target, correct them, verify again",
            };
            found.push(blocker("mismatch", message, remedy));
        }
        _ if !facts.verified => {
            let message = "not everything was compared yet: no verify of all tables found both sides equal";
            found.push(blocker("unverified", message, "run `crossfade verify`"));
        }
        _ => {}
    }
    if let Some(reason) = &state.repair_reason {
        let message = format!("the tables must be compared first: {reason}");
        found.push(blocker(
            "schema",
            message,
            "the replicator is at it; `crossfade status` shows when it is in sync again",
        ));
    }
    found.extend(of_notices("privileges", readiness::row_security(client, plan).await?, "let the role see all rows"));
    if kind == Kind::Rollback {
        found.extend(before_rollback(client, plan, options, &facts).await?);
    } else {
        found.extend(before_cutover(client, plan).await?);
    }
    Ok(found)
}

/// Where it is not known what changed since everything was compared, which the switch itself would have to compare. Rows that
/// one side cannot hold keep that from being known, and are named as such
async fn in_comparison(client: &Client, found: &[Blocker], source: &Path) -> Result<Option<Blocker>> {
    let named = ["unverified", "mismatch", "quarantine", "unreturned"];
    if found.iter().any(|blocker| named.contains(&blocker.name.as_str())) {
        return Ok(None);
    }
    let why = match changed::known(client, source).await? {
        Known::Since(_) => return Ok(None),
        Known::Nothing => "since then tables were repaired, or rows came out of the quarantine",
        Known::Trimmed => "the change log of SQLite was trimmed past the last clean verify",
    };
    let message = format!("it is not known what changed since everything was compared: {why}");
    Ok(Some(blocker("unverified", message, "run `crossfade verify`")))
}

async fn before_cutover(client: &Client, plan: &Plan) -> Result<Vec<Blocker>> {
    let mut found = Vec::new();
    let held: u64 = quarantine::counts(client).await?.values().sum();
    if held > 0 {
        let message = format!("{} not on PostgreSQL, as it cannot hold them", are(held));
        let remedy =
            "correct them on SQLite: `crossfade quarantine list` shows each; with --force quarantine they stay there";
        found.push(blocker("quarantine", message, remedy));
    }
    let obstacles = target_capture::obstacles(client, plan).await?;
    found.extend(of_notices("privileges", obstacles, "grant what is missing, or run as the owner of the tables"));
    for table in target_fence::strange_search_tables(client, plan).await? {
        let message = format!("the role does not own {table}, and could not fence it for a rollback");
        found.push(blocker("privileges", message, "grant it the role that owns the table, or run as the owner"));
    }
    let notices = sequences::check(client, plan).await?;
    found.extend(of_notices("sequences", notices, "set it by hand, then --force sequences"));
    let computed = computed_on_sqlite(plan);
    if !computed.is_empty() {
        let message = format!("columns that SQLite computes and PostgreSQL does not: {}", some(&computed));
        let remedy = "rows written on PostgreSQL come back only with the value that SQLite would compute: have the \
                      application write it, or a trigger; then --force computed";
        found.push(blocker("computed", message, remedy));
    }
    let unproven = foreign_keys::unproven(client, plan).await?;
    if !unproven.unvalidated.is_empty() {
        let message = format!("foreign keys are not validated on PostgreSQL: {}", some(&unproven.unvalidated));
        let remedy =
            "correct the rows without a parent on SQLite, then `alter table .. validate constraint ..` on PostgreSQL";
        found.push(blocker("orphans", message, remedy));
    }
    if !unproven.unfit.is_empty() {
        let message = format!("foreign keys that come with the cutover would not hold: {}", some(&unproven.unfit));
        let remedy =
            "correct the rows without a parent on SQLite; with --force orphans they stay, and the key is NOT VALID";
        found.push(blocker("orphans", message, remedy));
    }
    Ok(found)
}

async fn before_rollback(
    client: &Client,
    plan: &Plan,
    options: &Options,
    facts: &readiness::Facts,
) -> Result<Vec<Blocker>> {
    let mut found = Vec::new();
    if facts.unreturned > 0 {
        let message = format!("{} on PostgreSQL that SQLite cannot hold", are(facts.unreturned as u64));
        let remedy =
            "`select * from crossfade.unreturned` names each with the reason; change or delete them on PostgreSQL";
        found.push(blocker("unreturned", message, remedy));
    }
    let backlog = target_log::backlog(client).await?;
    if backlog.seconds > options.max_lag {
        let keys = counted(backlog.keys.max(0) as u64, "change");
        let message = format!("SQLite is {keys} behind, the oldest of {:.1} s ago", backlog.seconds);
        let remedy = "wait until `crossfade status` says that it is in sync; or allow more with --max-lag";
        found.push(blocker("lag", message, remedy));
    }
    let writers = readiness::long_writers(client, plan, options.max_lag).await?;
    if !writers.is_empty() {
        let message = format!("transactions on PostgreSQL have been writing for long: {}", some(&writers));
        found.push(blocker("writers", message, "wait until they end, or end them; prepared ones by COMMIT PREPARED"));
    }
    Ok(found)
}

/// Contentless full-text tables that were written to on PostgreSQL: an index has no text to write back
async fn in_search(client: &Client, plan: &Plan, kind: Kind, source: &Path) -> Result<Vec<Blocker>> {
    if kind != Kind::Rollback {
        return Ok(Vec::new());
    }
    let remedy = "write the same to SQLite's table once it is the primary: --force search leaves that as it is, and \
                  PostgreSQL then gets what SQLite has";
    let told = |(name, rows)| {
        let message =
            format!("{rows} rows of the contentless full-text table `{name}` differ, and cannot be brought back");
        blocker("search", message, remedy)
    };
    Ok(searching::unlike(client, plan, source).await?.into_iter().map(told).collect())
}

fn on_source(source: &Path, state: &State, kind: Kind) -> Result<Vec<Blocker>> {
    let mut found = Vec::new();
    let connection = open_reader(source)?;
    drift::check_identity(&connection, &state.source_id)?;
    let (version, gaps, tables) = in_read_view(&connection, |connection| {
        let tables = introspect(connection)?.tables;
        Ok((schema_version(connection)?, capture::prove(connection, &state.plan)?, tables))
    })?;
    let planned = |name: &str| {
        state.plan.tables.iter().any(|table| table.source.name == name)
            || state.plan.skipped.iter().any(|skipped| skipped.object == name)
    };
    let new: Vec<String> = tables.into_iter().map(|table| table.name).filter(|name| !planned(name)).collect();
    if kind != Kind::Rollback && !new.is_empty() {
        let message = format!("tables that came since the plan was made are on SQLite alone: {}", some(&new));
        let remedy = "begin again with a new plan, or bring them over by hand; then --force tables";
        found.push(blocker("tables", message, remedy));
    }
    drop(connection);
    // Before a rollback opens SQLite it installs missing triggers anew; nobody else has written there.
    let heals = |gap: &&CaptureGap| {
        kind == Kind::Rollback
            && !matches!(
                gap,
                CaptureGap::MissingTable { .. } | CaptureGap::TableChanged { .. } | CaptureGap::Renumbered
            )
    };
    // The fence itself moves the version; behind it only the proof counts.
    let is_moved = kind != Kind::Rollback && state.schema_version != Some(version);
    if let Some(gap) = gaps.iter().find(|gap| !heals(gap)) {
        let message = format!("the schema of the source changed: {gap}");
        found.push(blocker("schema", message, "the replicator sees to it, or `crossfade status` says what it needs"));
    } else if is_moved {
        let message = "the schema of the source changed, and capture is not proven complete since";
        found.push(blocker("schema", message, "the replicator proves it within a moment; ask again"));
    }
    if !room::write_lock_is_free(source, LOCK_PATIENCE)? {
        let message =
            format!("a transaction holds the write lock of the source for longer than {} s", LOCK_PATIENCE.as_secs());
        found.push(blocker(
            "writers",
            message,
            "wait until it ends, or end it; `fuser` names the processes on the file",
        ));
    }
    let (size, room) = room::size_and_room(source)?;
    let needed = (size / ROOM_SHARE).max(ROOM_LEAST);
    if room < needed {
        let message = format!(
            "only {} are free on the source's disk, of {} that may be needed",
            human_bytes(room),
            human_bytes(needed)
        );
        found.push(blocker("disk", message, "make room on it: what PostgreSQL takes is written there too"));
    }
    Ok(found)
}

/// Columns that are computed on the source and ordinary ones on the target
fn computed_on_sqlite(plan: &Plan) -> Vec<String> {
    let mut names = Vec::new();
    for table in &plan.tables {
        for (_, column) in table.copied_columns() {
            let source = column.source_column.map(|at| &table.source.columns[at]);
            if let Some(source) = source.filter(|source| source.generated != Generated::No) {
                names.push(format!("{}.{}", table.source.name, source.name));
            }
        }
    }
    names
}

fn are(count: u64) -> String {
    if count == 1 { "1 row is".to_owned() } else { format!("{} rows are", grouped(count)) }
}

fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let named = names[..names.len() - more].join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}
