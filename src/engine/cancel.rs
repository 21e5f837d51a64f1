//! Cancel: removes every trace of crossfade from both sides, in one transaction each
//!
//! The source first: triggers without a target to read their log cost the application something, a target without
//! triggers costs nothing. A crash in between is finished by running it again.

use std::time::{Duration, Instant};

use crate::engine::job::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::Mode;
use crate::postgres::control;
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
    take_lock(context, &client, state.is_some())?;
    let capture = capture::uninstall(&mut source)?;
    let tables = match &state {
        Some(state) => runtime.block_on(control::remove(&mut client, state, keep_tables))?,
        None => 0,
    };
    let existing = state.as_ref().is_some_and(|state| state.plan.mode == Mode::Existing);
    Ok(Removed { capture, tables, control: state.is_some(), existing })
}

/// No replicator may run while its ground is taken away
fn take_lock(context: &Context, client: &tokio_postgres::Client, may_run: bool) -> Result<()> {
    let runtime = &context.runtime;
    if runtime.block_on(control::try_lock(client))? {
        return Ok(());
    }
    if may_run {
        runtime.block_on(control::request(client, "stop", None))?;
        context.reporter.line("asking the running replicator to stop");
    }
    let deadline = Instant::now() + STOP_TIMEOUT;
    while !runtime.block_on(control::try_lock(client))? {
        context.stop.check()?;
        if Instant::now() > deadline {
            return Err(
                Error::refused("the running replicator does not stop").hint("stop it by hand, then cancel again")
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
