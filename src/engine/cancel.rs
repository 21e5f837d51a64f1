//! Cancel: removes every trace of crossfade from both sides, in one transaction each
//!
//! What can be refused is on the target, so that its transaction comes first; then the source's, and then the commit on the
//! target. Cut off before the source has committed, nothing was done. Cut off between the two, the file has no triggers
//! any more and the target still has our schema, which knows the file: `cancel` again removes it. The other way round,
//! triggers would go on filling a log that nobody empties, on the side that the application lives on.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::engine::finish::refuse_if_fenced;
use crate::engine::job::Context;
use crate::engine::phases;
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint;
use crate::model::phase::Verb;
use crate::model::plan::Mode;
use crate::postgres::control;
use crate::postgres::removal::{self, Extent};
use crate::sqlite::capture;
use crate::sqlite::connection::open_writer;

/// A running replicator looks for requests once a second; a chunk or an index build may keep it from stopping at once
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// What was removed
#[derive(Clone, Debug, serde::Serialize)]
pub struct Removed {
    /// Capture stood on the source
    pub capture: bool,
    /// Copied tables dropped from the target; 0 if they were kept
    pub tables: usize,
    /// The control schema stood on the target
    pub control: bool,
    /// The tables are the application's own, so that they and their rows stay
    pub existing: bool,
}

/// Stops a running replicator, then removes capture from the source and everything of ours from the target
pub fn cancel(context: &Context, keep_tables: bool) -> Result<Removed> {
    let runtime = &context.runtime;
    let mut client = runtime.block_on(context.target.connect("crossfade cancel"))?;
    let state = runtime.block_on(control::load(&client))?;
    phases::check(Verb::Cancel, state.as_ref())?;
    let mut source = open_writer(&context.settings.source)?;
    let found = capture::source_id(&source)?;
    if let (Some(found), Some(state)) = (&found, &state)
        && state.source_id != *found
    {
        return Err(Error::refused("this SQLite file and this target do not belong together")
            .hint(format!("the target follows `{}`", state.source_path)));
    }
    if state.is_none() && found.is_none() && !capture::uninstall(&mut source)? {
        return Err(Error::new(
            ErrorKind::WrongPhase,
            "there is nothing to cancel: neither side has anything of crossfade",
        ));
    }
    let stopped = take_lock(context, &client, state.is_some())?;
    let is_partly_done = Cell::new(false);
    let removed = remove(context, &mut client, &mut source, keep_tables, &is_partly_done);
    removed.map_err(|error| match is_partly_done.get() {
        true => error.hint("SQLite is as it was before; run `crossfade cancel` again for what is left on the target"),
        false => after_stop(error, stopped),
    })
}

/// While no replicator runs
fn remove(
    context: &Context,
    client: &mut tokio_postgres::Client,
    source: &mut rusqlite::Connection,
    keep_tables: bool,
    is_partly_done: &Cell<bool>,
) -> Result<Removed> {
    let runtime = &context.runtime;
    // Until the replicator had stopped it may have switched the primary (I8).
    let state = runtime.block_on(control::load(client))?;
    phases::check(Verb::Cancel, state.as_ref())?;
    if capture::source_id(source)?.is_some() {
        refuse_if_fenced(source)?;
    }
    let Some(state) = state else {
        return Ok(Removed { capture: capture::uninstall(source)?, tables: 0, control: false, existing: false });
    };
    let extent = if keep_tables { Extent::Ours } else { Extent::CopiedTables };
    let uninstall = || {
        failpoint::hit("cancel.before_source");
        let capture = capture::uninstall(source)?;
        is_partly_done.set(true);
        failpoint::hit("cancel.source_done");
        Ok(capture)
    };
    let (tables, capture) = runtime.block_on(removal::remove(client, &state, extent, uninstall))?;
    Ok(Removed { capture, tables, control: true, existing: state.plan.mode == Mode::Existing })
}

/// What went wrong, and that nobody follows any more
pub(super) fn after_stop(error: Error, stopped: bool) -> Error {
    if !stopped {
        return error;
    }
    let stopped = "the replicator was stopped; start `crossfade run` again";
    let hint = error.hint_text().map_or(stopped.to_owned(), |hint| format!("{hint}; {stopped}"));
    error.hint(hint)
}

/// No replicator may run while its ground is taken away; `true` if one was stopped for it
pub(super) fn take_lock(context: &Context, client: &tokio_postgres::Client, may_run: bool) -> Result<bool> {
    let runtime = &context.runtime;
    if runtime.block_on(control::try_lock(client))? {
        return Ok(false);
    }
    let ask = || runtime.block_on(control::request(client, "stop", None));
    let mut asked = None;
    if may_run {
        asked = Some(ask()?);
        context.reporter.line("asking the running replicator to stop");
    }
    let deadline = Instant::now() + STOP_TIMEOUT;
    while !runtime.block_on(control::try_lock(client))? {
        context.stop.check()?;
        // Where it cannot be asked any more, somebody else has removed the migration, and the lock is about to be free.
        let is_dropped = |&(request, run): &(i64, i64)| {
            runtime.block_on(control::is_answered(client, request)).is_ok_and(|(_, now)| now != run)
        };
        if asked.as_ref().is_some_and(is_dropped) {
            // A session that was only just beginning has dropped what was asked before it.
            asked = Some(ask()?);
        }
        if Instant::now() > deadline {
            return Err(Error::refused("the running replicator does not stop").hint("stop it by hand, then try again"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(true)
}
