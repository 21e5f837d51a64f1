//! The tail in the other direction: PostgreSQL is the primary, SQLite follows
//!
//! ```text
//!   1 open one view of PostgreSQL: the entries of its change log, and the rows that they name
//!   2 take SQLite's write lock; only then make sure that no other replicator has taken over
//!   3 write the rows
//!   4 PostgreSQL flushes what the view shows
//!   5 SQLite commits the rows, and with them the number of the cycle
//!   6 PostgreSQL deletes exactly these entries, stores the number, and commits
//! ```
//! 4 before 5 (I4): the other way round, a power cut that takes PostgreSQL's last transactions would leave SQLite with
//! writes that never were. 5 before 6 (I3): the other way round, a crash in between would lose the entries, and with them
//! every row that they name. As it is, a crash between 5 and 6 leaves SQLite one number ahead; the entries are still
//! there, and are applied again (I6). Any other difference of the numbers means that SQLite's file is not the one that
//! followed: it is compared, as after a lost log in the other direction (I5).

mod bring;
mod compare;
mod fields;
mod watch;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::engine::drift;
use crate::engine::foreign_keys::Validation;
use crate::engine::job::Job;
use crate::engine::pulse::{LOOK_INTERVAL, Pulse};
use crate::engine::quarantine;
use crate::engine::switch;
use crate::error::{Error, Result};
use crate::failpoint::hit;
use crate::model::phase::Phase;
use crate::observe::metrics;
use crate::postgres::change_log::{LogView, backlog};
use crate::postgres::connect::classify;
use crate::postgres::{control, touched, unreturned};
use crate::sqlite::apply::SourceApplier;
use crate::sqlite::connection::{FileIdentity, file_identity, open_reader};
use bring::{Bringing, Brought, TOUCHED_MAX};
use watch::Watch;

pub use fields::{Decoder, write_key};

/// Between two looks at the log: while there is something to do, and after a while without
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// What the operator reads if SQLite's file is another one
const STRAYED: &str = "SQLite's file is not the one that followed PostgreSQL: it was restored or replaced";

/// What one reverse cycle came to
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReverseReport {
    /// Nothing was in the log
    InSync,
    Applied {
        keys: u64,
    },
}

/// How one attempt at a cycle ended
enum Attempt {
    Done(ReverseReport),
    /// SQLite holds this cycle, and should hold that one
    Strayed(i64, i64),
}

/// Brings over what is in the log now
pub fn cycle(job: &mut Job, source: &mut SourceApplier) -> Result<ReverseReport> {
    quarantine::look(job)?;
    let started = Instant::now();
    let attempt = attempt(job, source);
    let attempt = take_back_after_failure(job, source, attempt)?;
    match attempt {
        Attempt::Done(report) => {
            if let ReverseReport::Applied { keys } = report {
                job.quarantine.forget_if_any();
                metrics::cycle(keys, keys, started.elapsed());
            }
            Ok(report)
        }
        // What differs goes into the log, and the next cycles bring it.
        Attempt::Strayed(held, expected) => {
            let keys = compare::all(job, &format!("{STRAYED} (cycle {held} instead of {expected})"))?;
            // The rowids that a VACUUM has given rows are right from here on: the rows are about to come with theirs.
            source.begin_repair()?;
            source.commit(expected)?;
            compare::done(job)?;
            Ok(ReverseReport::Applied { keys })
        }
    }
}

/// The connections may be in any state after an error; rolling back is all that helps, and if it fails the session ends
fn take_back_after_failure<T>(job: &Job, source: &mut SourceApplier, outcome: Result<T>) -> Result<T> {
    if outcome.is_err() {
        let _ = source.rollback();
        let _ = job.wait(job.applier.client().batch_execute("rollback"));
    }
    outcome
}

fn attempt(job: &mut Job, source: &mut SourceApplier) -> Result<Attempt> {
    if job.flusher.is_none() {
        let runtime = job.runtime.clone();
        job.flusher = Some(runtime.block_on(job.context.target.connect("crossfade flush"))?);
    }
    let (client, run_id) = (job.applier.client(), job.applier.run_id());
    let view = job.wait(LogView::open(client, &job.plan))?;
    hit("reverse.view_opened");
    if view.touched.is_empty() {
        let (held, expected) = (source.cycle()?, view.cycle);
        job.wait(view.abandon())?;
        return Ok(match held == expected {
            true => Attempt::Done(ReverseReport::InSync),
            false => Attempt::Strayed(held, expected),
        });
    }
    // Before the lock too: rows that VACUUM has numbered anew are no state to begin a cycle in.
    let held = source.cycle()?;
    if !follows(held, view.cycle) {
        let expected = view.cycle;
        job.wait(view.abandon())?;
        return Ok(Attempt::Strayed(held, expected));
    }
    source.begin()?;
    // Behind the lock, not before it: a replicator whose connection died here could otherwise write rows that are older
    // than those of its successor. Now the successor waits for the lock, and finds the entries that this one has applied.
    job.wait(control::guard(client, run_id))?;
    let (held, expected) = (source.cycle()?, view.cycle);
    if !follows(held, expected) {
        source.rollback()?;
        job.wait(view.abandon())?;
        return Ok(Attempt::Strayed(held, expected));
    }
    let brought = bring(job, source, &view)?;
    hit("reverse.rows_written");
    make_durable(job, &view)?;
    hit("reverse.flushed");
    source.commit(expected + 1)?;
    hit("reverse.source_committed");
    job.wait(view.finish(run_id))?;
    hit("reverse.finished");
    tell(job, &brought);
    job.noted_keys = Some(brought.noted);
    Ok(Attempt::Done(ReverseReport::Applied { keys: brought.keys }))
}

/// SQLite holds the cycle, or the next one already, whose entries are then all in the log still
fn follows(held: i64, expected: i64) -> bool {
    held == expected || held == expected + 1
}

fn bring(job: &Job, source: &mut SourceApplier, view: &LogView<'_>) -> Result<Brought> {
    let client = job.applier.client();
    let noted = match job.noted_keys {
        // Verifies empty the list meanwhile, and a key that is written again is in it once.
        Some(noted) if noted < TOUCHED_MAX as u64 / 2 => noted,
        _ => job.wait(touched::count(client))?,
    };
    let quarantined: HashSet<i64> = job.quarantine.tables();
    let bringing = Bringing { job, client, view, quarantined: &quarantined, noted };
    bringing.run(source, |source| {
        source.rollback()?;
        source.begin()
    })
}

/// I4: what SQLite is about to commit must not be lost by a power cut on PostgreSQL's side, where transactions that
/// commit without waiting for the disk are visible at once
fn make_durable(job: &Job, view: &LogView<'_>) -> Result<()> {
    if job.wait(view.is_durable())? { Ok(()) } else { flush(job) }
}

/// Makes durable what anybody has seen of PostgreSQL by now
pub fn flush(job: &Job) -> Result<()> {
    let flusher = job.flusher.as_ref().ok_or_else(|| Error::internal("no connection to flush the target's log"))?;
    // A commit flushes everything before it. The message is nothing but a reason to write one.
    let commit = flusher.batch_execute(
        "begin; set local synchronous_commit = on; select pg_logical_emit_message(true, 'crossfade', ''); commit",
    );
    job.wait(commit).map_err(|e| classify(e, "flush the target's log"))
}

/// A line when rows do not go back
fn tell(job: &Job, brought: &Brought) {
    if brought.held > 0 {
        job.context.reporter.line(&format!(
            "{} rows are not on SQLite, for values that it cannot hold; see `crossfade.unreturned`",
            brought.held
        ));
    }
}

/// SQLite's file, opened for writing, and which file that is
struct Downstream {
    applier: SourceApplier,
    path: PathBuf,
    identity: FileIdentity,
}

impl Downstream {
    fn open(job: &Job) -> Result<Downstream> {
        let identity = file_identity(job.source())?;
        drift::check_identity(&open_reader(job.source())?, &job.source_id)?;
        let (applier, path) = (SourceApplier::open(job.as_run())?, job.source().clone());
        Ok(Downstream { applier, path, identity })
    }

    /// Rows written to a file that was replaced behind our back would be written to nowhere
    fn is_current(&self) -> Result<bool> {
        Ok(file_identity(&self.path)? == self.identity)
    }
}

impl Drop for Downstream {
    fn drop(&mut self) {
        // A replicator that was stopped must leave nothing behind that an operator's restored file could trip over; and
        // the cleanup goes by the file's name.
        if self.is_current().unwrap_or(false) {
            self.applier.allow_cleanup();
        }
    }
}

/// Follows PostgreSQL until asked to stop, or until a rollback has made SQLite the primary
pub fn follow(job: &mut Job) -> Result<()> {
    let mut source = Downstream::open(job)?;
    let mut watch = Watch::default();
    let mut validation = Validation::start(job)?;
    let mut pulse = Pulse::new();
    let mut pause = PAUSE.0;
    let mut looked = None;
    job.context.reporter.line("PostgreSQL is the primary, SQLite follows; stop with Ctrl-C, the state is kept");
    loop {
        job.context.stop.check()?;
        if !source.is_current()? {
            source = Downstream::open(job)?;
            looked = None;
        }
        if pulse.proof_is_due() {
            watch = Watch::default();
        }
        // Now and then also without anything to do: that is how a file that was restored in place is noticed.
        let due = looked.is_none_or(|at: Instant| at.elapsed() >= LOOK_INTERVAL);
        if due {
            looked = Some(Instant::now());
            watch.look_if_changed(job)?;
            quarantine::decline_retries(job)?;
            metrics::unreturned(job.wait(unreturned::counts(job.applier.client()))?.values().sum());
        }
        let report = step(job, &mut source, due)?;
        match report {
            ReverseReport::Applied { keys } => {
                pulse.applied(job, keys)?;
                pause = PAUSE.0;
            }
            ReverseReport::InSync => {
                pulse.in_sync(job)?;
                if job.context.settings.until_in_sync && watch.is_content() {
                    return in_sync_now(job, &mut pulse);
                }
                pause = (pause * 2).min(PAUSE.1);
            }
        }
        if is_switched(job, &mut validation)? {
            return Ok(());
        }
        rest(job, pause)?;
    }
}

/// Serves who asks for a rollback; foreign keys are not validated meanwhile, for its fence would have to wait for that
fn is_switched(job: &mut Job, validation: &mut Option<Validation>) -> Result<bool> {
    if job.switches.borrow().is_empty() {
        return Ok(false);
    }
    validation.take().map_or(Ok(()), |validation| validation.stop(job))?;
    switch::serve(job)?;
    if job.phase != Phase::Reversed {
        return Ok(true);
    }
    *validation = Validation::start(job)?;
    Ok(false)
}

/// One cycle, if there is anything for it to do
fn step(job: &mut Job, source: &mut Downstream, due: bool) -> Result<ReverseReport> {
    let waiting = job.wait(backlog(job.applier.client()))?;
    metrics::backlog(waiting.keys);
    match waiting.keys > 0 || due {
        true => cycle(job, &mut source.applier).map_err(|error| watch::explain(job, error)),
        false => Ok(ReverseReport::InSync),
    }
}

fn in_sync_now(job: &Job, pulse: &mut Pulse) -> Result<()> {
    pulse.beat(job, true)?;
    job.context
        .reporter
        .line("in sync: PostgreSQL is the primary, and SQLite holds everything; `crossfade run` goes on from here");
    Ok(())
}

fn rest(job: &Job, pause: Duration) -> Result<()> {
    job.context.stop.check()?;
    std::thread::sleep(pause);
    Ok(())
}

/// A session in which PostgreSQL is the primary cannot go on with a table that is not as the plan says
fn refused(text: String, hint: &str) -> Error {
    Error::refused(text).hint(hint.to_owned())
}
