//! Finish: PostgreSQL stays the primary alone; every trace of crossfade goes, and SQLite is put aside
//!
//! What can be refused is refused while nothing has been done yet: the file is locked, and everything of ours is removed
//! from PostgreSQL in a transaction that is still open. Then the file is put aside, and then PostgreSQL commits. Between
//! two steps there is never a file that accepts writes beside a PostgreSQL that is not finished (I8):
//!
//! - cut off before the file is put aside: the transaction is gone with its session, the lock with its process, and
//!   nothing has happened but a mark in the target, which says that the file may be missing
//! - cut off behind it, or if the commit fails: PostgreSQL is the primary as before, with our schema and that mark.
//!   `finish` again goes by the mark: a file that is gone or holds nothing of ours is one that was put aside
//!
//! With `--keep-source` the file accepts writes again at the end, which may be no earlier than PostgreSQL is finished. What
//! stands on its tables goes first, and is committed; then the file is opened; and then the schema with the record of it
//! all goes. Cut off before the first commit nothing has happened; behind it the file is fenced still, behind the second
//! step it is open and the tables have nothing of ours any more; in both cases the schema is there, and `finish` again goes
//! on from it, as each step does nothing where it was done.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_postgres::Client;

use crate::engine::cancel::{after_stop, take_lock};
use crate::engine::job::Context;
use crate::engine::phases;
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint;
use crate::model::phase::{Side, Verb};
use crate::model::schema::KeyKind;
use crate::model::words::counted;
use crate::postgres::control::{self, State};
use crate::postgres::removal::{self, Extent};
use crate::postgres::{change_log, finishing, unreturned};
use crate::sqlite::connection::open_reader;
use crate::sqlite::{archive, capture, fence};

/// How long a replicator at work may take to bring over what SQLite lacks, and how often that is looked at
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// What is asked for beside finishing
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The file stays where it is, as it was before, and accepts writes
    pub keep_source: bool,
    /// What waits in PostgreSQL's change log need not reach SQLite any more
    pub leave_behind: bool,
}

/// What is left
#[derive(Clone, Debug, Serialize)]
pub struct Finished {
    /// `null` if the file stays where it is, or was put aside by an earlier attempt
    pub archive: Option<PathBuf>,
    /// Changes on PostgreSQL that SQLite lacks
    pub left_behind: i64,
}

/// What would go, one line each; touches nothing
///
/// # Errors
/// [`ErrorKind::WrongPhase`] unless PostgreSQL is the primary.
pub fn outlook(context: &Context, options: Options) -> Result<Vec<String>> {
    let runtime = &context.runtime;
    let client = runtime.block_on(context.target.connect("crossfade finish"))?;
    let state = reversed(context, &client)?;
    let path = context.settings.source.display();
    let mut lines = vec![format!("`{}` stays the primary, with every table and row", context.target.display())];
    lines.push(match options.keep_source {
        true => {
            format!("`{path}` is left as it was before the migration, accepts writes again, and nothing follows them")
        }
        false => format!("`{path}` becomes a read-only archive beside it, with the date in its name"),
    });
    lines.push("there is no way back to SQLite afterwards: no rollback, no change log on either side".into());
    lines.push("the record of the migration goes with the schema `crossfade`: `--report FILE` keeps it".into());
    lines.push("`crossfade.primary` and `_crossfade_primary` go: no application may ask them any more".into());
    let numbered = state.plan.tables.iter().filter(|table| table.key.kind == KeyKind::Rowid);
    lines.extend(numbered.map(|table| {
        let column = table.key_plans().next().map(|column| column.target_name.as_str()).unwrap_or_default();
        format!("`{}` loses the column `{column}` that crossfade added, and has no key then", table.target_name)
    }));
    Ok(lines)
}

/// Stops a running replicator, puts SQLite aside and removes everything of ours from PostgreSQL
pub fn finish(context: &Context, options: Options) -> Result<Finished> {
    let runtime = &context.runtime;
    let mut client = runtime.block_on(context.target.connect("crossfade finish"))?;
    let state = reversed(context, &client)?;
    wait_until_nothing_lacks(context, &client, &state, options)?;
    let stopped = take_lock(context, &client, true)?;
    let is_partly_done = Cell::new(false);
    finish_alone(context, &mut client, options, &is_partly_done).map_err(|error| match is_partly_done.get() {
        true => error
            .hint("PostgreSQL is the primary; run `crossfade finish` again, with the same options: it goes on here"),
        false => after_stop(error, stopped),
    })
}

/// While no replicator runs
fn finish_alone(
    context: &Context,
    client: &mut Client,
    options: Options,
    is_partly_done: &Cell<bool>,
) -> Result<Finished> {
    let runtime = &context.runtime;
    let run_id = runtime.block_on(control::take_over(client))?;
    // Until that moment the replicator may have rolled back (I8).
    let state = reversed(context, client)?;
    let was_marked = runtime.block_on(finishing::is_marked(client))?;
    let is_there = source_is_there(context, &state, was_marked)?;
    let left_behind = runtime.block_on(lacking(client))?;
    if is_there && !options.leave_behind {
        refuse_lacking(left_behind)?;
    }
    let archive = match (is_there, options.keep_source) {
        (false, _) => runtime.block_on(removal::remove(client, &state, Extent::Ours, || Ok(None)))?.1,
        (true, false) => Some(put_aside(context, client, &state, run_id, is_partly_done)?),
        (true, true) => {
            open_source(context, client, &state, run_id, is_partly_done)?;
            None
        }
    };
    Ok(Finished { archive, left_behind })
}

/// A replicator at work brings over what SQLite lacks; it is stopped only when there was a moment without anything
fn wait_until_nothing_lacks(context: &Context, client: &Client, state: &State, options: Options) -> Result<()> {
    let runtime = &context.runtime;
    let was_marked = runtime.block_on(finishing::is_marked(client))?;
    if options.leave_behind || !source_is_there(context, state, was_marked)? {
        return Ok(());
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let is_followed = runtime.block_on(control::is_locked(client))?;
        let lacks = runtime.block_on(lacking(client))?;
        if lacks == 0 || !is_followed || Instant::now() > deadline {
            return refuse_lacking(lacks);
        }
        context.stop.check()?;
        std::thread::sleep(LOOK);
    }
}

fn refuse_lacking(lacks: i64) -> Result<()> {
    if lacks == 0 {
        return Ok(());
    }
    Err(Error::refused(format!("SQLite would be left without {} that PostgreSQL has", counted(lacks as u64, "change")))
        .hint(
            "let `crossfade run` bring them over, then finish again (`crossfade status` names rows that SQLite cannot \
             hold); or `--leave-behind`: PostgreSQL has them all, and the archive is as old as its last change",
        ))
}

/// Changes that SQLite has not got yet, or cannot hold
async fn lacking(client: &Client) -> Result<i64> {
    let refused: u64 = unreturned::counts(client).await?.values().sum();
    Ok(change_log::backlog(client).await?.keys + refused as i64)
}

/// The stored migration, which must have PostgreSQL as the primary
fn reversed(context: &Context, client: &Client) -> Result<State> {
    let state = context.runtime.block_on(control::load(client))?;
    phases::check(Verb::Finish, state.as_ref())?;
    state.ok_or_else(|| Error::internal("finish fits where nothing is migrated"))
}

/// Whether there is something of ours on the source; an earlier attempt may have put it aside
fn source_is_there(context: &Context, state: &State, was_marked: bool) -> Result<bool> {
    let path = &context.settings.source;
    if was_marked && !path.exists() {
        return Ok(false);
    }
    match capture::source_id(&open_reader(path)?)? {
        Some(found) if found == state.source_id => Ok(true),
        None if was_marked => Ok(false),
        _ => Err(Error::refused("this SQLite file and this target do not belong together")
            .hint(format!("the target follows `{}`", state.source_path))),
    }
}

/// The file becomes an archive between the last statement on the target and its commit
fn put_aside(
    context: &Context,
    client: &mut Client,
    state: &State,
    run_id: i64,
    is_partly_done: &Cell<bool>,
) -> Result<PathBuf> {
    let (runtime, path) = (&context.runtime, &context.settings.source);
    let today = runtime.block_on(finishing::today(client))?;
    // Whoever reads the file may be waited for: nobody waits behind us on PostgreSQL meanwhile.
    let alone = Cell::new(Some(archive::Alone::take(path)?));
    runtime.block_on(finishing::mark(client, run_id, true))?;
    let archive = || {
        failpoint::hit("finish.before_source");
        let alone = alone.take().ok_or_else(|| Error::internal("the source was put aside already"))?;
        let archive = alone.archive(&today)?;
        is_partly_done.set(true);
        failpoint::hit("finish.source_done");
        Ok(archive)
    };
    let outcome = runtime.block_on(removal::remove(client, state, Extent::Ours, archive));
    if let Some(alone) = alone.take() {
        // Best effort: the mark only says that the file may be missing.
        let _ = runtime.block_on(finishing::mark(client, run_id, false));
        alone.give_back();
    }
    outcome.map(|(_, archive)| archive)
}

/// The file is opened when nothing of ours stands on PostgreSQL's tables any more
fn open_source(
    context: &Context,
    client: &mut Client,
    state: &State,
    run_id: i64,
    is_partly_done: &Cell<bool>,
) -> Result<()> {
    let (runtime, path) = (&context.runtime, &context.settings.source);
    runtime.block_on(finishing::mark(client, run_id, true))?;
    failpoint::hit("finish.before_target");
    let outcome = runtime.block_on(removal::remove(client, state, Extent::OnTables, || Ok(())));
    if let Err(error) = outcome {
        let _ = runtime.block_on(finishing::mark(client, run_id, false));
        return Err(error);
    }
    is_partly_done.set(true);
    failpoint::hit("finish.before_source");
    archive::leave(path)?;
    failpoint::hit("finish.source_done");
    runtime.block_on(removal::remove(client, state, Extent::Ours, || Ok(()))).map(|_| ())
}

/// # Errors
/// Refused, if the file says that PostgreSQL is the primary: taking the fence away would leave two.
pub fn refuse_if_fenced(connection: &rusqlite::Connection) -> Result<()> {
    let state = fence::state(connection)?;
    if state.primary != Side::Postgres {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::WrongPhase,
        format!("PostgreSQL is the primary of this SQLite file since {} UTC", state.since),
    )
    .hint("give the target that it was moved to; there `crossfade rollback` or `crossfade finish` fits"))
}
