//! Rollback: SQLite becomes the primary again, with every write that PostgreSQL took meanwhile
//!
//! ```text
//!   1 begin    target   reversed -> rolling_back, with the token of this switch
//!   2 fence    target   deny triggers, in a durable transaction that waits out whoever is writing
//!   3 drain             reverse cycles, until a view that was opened under the fence shows no entry; then the search
//!                       tables, compared row by row
//!   4 verify            what changed since the last clean verify
//!   5 prepare  source   the write lock: capture proven, sqlite_sequence, full-text tables; nothing is committed yet
//!              target   the checkpoint at the head of the source's change log, where forward following goes on
//!   6 open     source   fence lifted, primary, the token: one durable transaction, the point of no return
//!   7 settle   target   following; capture removed, the fence stays (and foreign keys that would act on replicated rows
//!                       are dropped before the first of them)
//! ```
//! The mirror image of a cutover: here SQLite's own transaction decides. 5 stores the checkpoint before 6 commits: behind
//! 6 the application writes, and its first entries would be skipped if the checkpoint were read later; and a checkpoint
//! that 6 never follows is of no use to anybody. I9: whoever takes this back voids the token on SQLite first, which 6 looks
//! at inside its own transaction, and only then opens PostgreSQL; but for the process that has never sent the COMMIT of 6,
//! see `take_back`.
//!
//! SQLite's write lock is taken before 2 and held wherever nothing has to be committed: with it in somebody else's hands
//! neither side could be opened. It stands before the fence, so that nobody is refused anything while it is waited for.

use std::time::{Duration, Instant};

use crate::engine::job::Job;
use crate::engine::reverse::{self, ReverseReport};
use crate::engine::searching;
use crate::engine::switch::cutover::{compare, reason};
use crate::engine::switch::hook::{self, Stage};
use crate::engine::switch::keeper::{Watch, Wish};
use crate::engine::switch::steps::Record;
use crate::engine::switch::{Asked, Blocker, gate};
use crate::error::{Error, Result};
use crate::model::phase::{Phase, Side};
use crate::model::words::{counted, seconds};
use crate::postgres::connect::classify;
use crate::postgres::control::{self, Checkpoint};
use crate::postgres::switches::{self, Begun};
use crate::postgres::{capture, fence as target_fence, owed, readiness, sequences};
use crate::sqlite::apply::SourceApplier;
use crate::sqlite::connection::open_reader;
use crate::sqlite::fence::{self, NotOpened};

/// Before the fence, cycles run until one brings so little
const FEW_KEYS: u64 = 200;
const CATCH_UP_CYCLES: u32 = 50;

/// A wait for SQLite's lock that may be given up in between
const LOCK_SLICE: Duration = Duration::from_secs(1);

/// How long the void of a switch that is taken back already waits for it
const VOID_PATIENCE: Duration = Duration::from_secs(1);

/// Makes SQLite the primary again; whatever fails before the point of no return is taken back. Returns what stands in the
/// way, with nothing begun
pub fn run(job: &mut Job, asked: &Asked) -> Result<Option<Vec<Blocker>>> {
    let mut source = SourceApplier::open(job.as_run())?;
    let began = Instant::now();
    come_close(job, &mut source, || job_may_go_on(began, asked))?;
    let blockers = gate::all(job, asked.kind, &asked.options, began.elapsed())?;
    if !blockers.is_empty() {
        return Ok(Some(blockers));
    }
    let mut record = Record::begin(job, asked, Phase::RollingBack)?;
    crate::failpoint::hit("rollback.begun");
    let watch = Watch::start(&job.context, Duration::from_secs_f64(asked.options.timeout));
    let mut attempt = Attempt { source, wish: &watch.wish, asked, refused: None };
    let outcome = attempt.until_open(job, &mut record);
    let since_when = attempt.refused;
    let refused = since_when.map(|began| began.elapsed().as_secs_f64());
    // What the attempt still holds of SQLite's lock would keep ourselves from taking it back.
    drop(attempt);
    match outcome {
        Ok(since) => {
            record.step(job, "settle")?;
            settle(job, record.id, &since)?;
            crate::failpoint::hit("rollback.settled");
            record.end(job)?;
            finish(job, record.id, &since, refused)
        }
        Err(failure) => take_back(job, &record, since_when, failure),
    }?;
    Ok(None)
}

/// Why there is no rollback, and whether SQLite may have been opened all the same
enum Failure {
    /// The point of no return was not reached
    Before(Error),
    /// The disk failed in the middle of it: only the file knows
    Unknown(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Before(error)
    }
}

impl From<NotOpened> for Failure {
    fn from(why: NotOpened) -> Failure {
        match why {
            NotOpened::Certainly(error) => Failure::Before(error),
            NotOpened::Perhaps(error) => Failure::Unknown(error),
        }
    }
}

fn job_may_go_on(began: Instant, asked: &Asked) -> Result<bool> {
    Ok(began.elapsed().as_secs_f64() <= asked.options.max_lag)
}

/// Cycles until little is left, while the application still writes
fn come_close(job: &mut Job, source: &mut SourceApplier, goes_on: impl Fn() -> Result<bool>) -> Result<u64> {
    let mut sum = 0;
    for _ in 0..CATCH_UP_CYCLES {
        if !goes_on()? {
            break;
        }
        match reverse::cycle(job, source)? {
            ReverseReport::Applied { keys } => {
                sum += keys;
                if keys < FEW_KEYS {
                    break;
                }
            }
            ReverseReport::InSync => break,
        }
    }
    Ok(sum)
}

struct Attempt<'a> {
    source: SourceApplier,
    wish: &'a Wish,
    asked: &'a Asked,
    /// When PostgreSQL began to refuse writes, or to keep them waiting for that: see [`target_fence::close`]
    refused: Option<Instant>,
}

impl Attempt<'_> {
    fn check(&self) -> Result<()> {
        self.wish.check(self.refused)
    }

    fn left(&self) -> Duration {
        let timeout = Duration::from_secs_f64(self.asked.options.timeout);
        self.refused.map_or(timeout, |since| timeout.saturating_sub(since.elapsed()))
    }

    /// Up to and with the point of no return; since when SQLite is the primary
    fn until_open(&mut self, job: &mut Job, record: &mut Record) -> std::result::Result<String, Failure> {
        if job.context.settings.on_switch.is_some() {
            record.step(job, "hook")?;
            hook::run(&job.context, Stage::BeforeFence, self.asked.kind, || self.check())?;
        }
        record.step(job, "catch up")?;
        self.source.wait_at_most(self.left());
        let keys = come_close(job, &mut self.source, || self.wish.check(None).map(|()| true))?;
        record.detail(counted(keys, "change"));
        crate::failpoint::hit("rollback.caught_up");
        if !job.plan.search_tables.is_empty() {
            record.step(job, "search")?;
            record.detail(self.bring_search(job, false)?);
        }
        record.step(job, "compare")?;
        record.detail(compare(job, self.asked, false)?);
        come_close(job, &mut self.source, || self.wish.check(None).map(|()| true))?;
        record.step(job, "fence")?;
        self.hold()?;
        self.fence(job)?;
        crate::failpoint::hit("rollback.fenced");
        record.step(job, "drain")?;
        record.detail(self.drain(job)?);
        crate::failpoint::hit("rollback.drained");
        if !job.plan.search_tables.is_empty() {
            record.step(job, "search")?;
            record.detail(self.bring_search(job, true)?);
            crate::failpoint::hit("rollback.searched");
            self.hold()?;
        }
        record.step(job, "verify")?;
        record.detail(compare(job, self.asked, true)?);
        self.check()?;
        crate::failpoint::hit("rollback.verified");
        record.step(job, "open")?;
        self.open(job, record)
    }

    /// SQLite's write lock, as long as the time lasts. It is had before PostgreSQL refuses anybody anything, as nobody could
    /// open either side while somebody else holds it; and it is let go of only where a commit does that
    fn hold(&mut self) -> Result<()> {
        let (began, patience) = (Instant::now(), self.left());
        loop {
            self.check()?;
            let left = patience.saturating_sub(began.elapsed());
            self.source.wait_at_most(left.min(LOCK_SLICE));
            match self.source.hold() {
                Err(error) if error.is_transient() && left.is_zero() => {
                    let held = seconds(patience.as_secs_f64());
                    return Err(Error::refused(format!("another process has held SQLite's write lock for {held}"))
                        .hint("look for a transaction that was left open; `fuser` names the processes on the file"));
                }
                Err(error) if error.is_transient() => {}
                outcome => break outcome,
            }
        }?;
        self.source.wait_at_most(self.left());
        Ok(())
    }

    /// Step 2
    fn fence(&mut self, job: &mut Job) -> Result<()> {
        let (runtime, plan, run_id, left) = (job.runtime.clone(), job.plan.clone(), job.applier.run_id(), self.left());
        let since = runtime.block_on(target_fence::close(job.applier.client_mut(), &plan, run_id, left))?;
        self.refused = Some(since);
        self.check()
    }

    /// Step 3
    fn drain(&mut self, job: &mut Job) -> Result<String> {
        let mut changes = 0;
        loop {
            self.check()?;
            self.source.wait_at_most(self.left());
            match reverse::cycle(job, &mut self.source)? {
                ReverseReport::Applied { keys } => changes += keys,
                // Its view was opened under the fence, so nothing can come behind it.
                ReverseReport::InSync => break,
            }
            self.hold()?;
        }
        // I2: under the fence nothing is written any more, so this is the last time that it has to be true.
        if !job.wait(capture::is_undisturbed(job.applier.client()))? {
            return Err(Error::refused(
                "triggers of crossfade on PostgreSQL were switched off for a while, or columns were altered",
            )
            .hint("`crossfade run` compares the tables now; ask again when it has"));
        }
        if let Some(reason) = job.wait(owed::reason(job.applier.client()))? {
            return Err(Error::refused(format!("the tables must be compared first: {reason}"))
                .hint("`crossfade run` compares them now; ask again when it has"));
        }
        let facts = job.wait(readiness::facts(job.applier.client()))?;
        if facts.unreturned > 0 {
            return Err(Error::refused(format!("SQLite cannot hold {}", counted(facts.unreturned as u64, "row")))
                .hint("crossfade.unreturned names them; change them on PostgreSQL, then ask again"));
        }
        Ok(counted(changes, "change"))
    }

    /// What the application wrote to full-text tables: no log has it
    fn bring_search(&mut self, job: &Job, is_fenced: bool) -> Result<String> {
        self.source.wait_at_most(self.left());
        let (wish, refused) = (self.wish, self.refused);
        let forced = self.asked.options.force.iter().any(|name| name == "search");
        searching::bring(job, &mut self.source, is_fenced, forced, || wish.check(refused))
    }

    /// Steps 5 and 6. The write lock is held from the first to the last, so that the checkpoint is the head at which the
    /// application's own entries begin
    fn open(&mut self, job: &mut Job, record: &Record) -> std::result::Result<String, Failure> {
        let numbers = job.wait(sequences::given(job.applier.client(), &job.plan))?;
        // From one connection of ours to the other. Who comes in between is refused by the triggers, and who stays there is
        // waited for as long as the time lasts.
        self.source.rollback()?;
        let (plan, token) = (job.plan.clone(), &record.token);
        let opening = fence::open(job.as_run(), &plan, token, &numbers, job.log_limit, &job.source_id, self.left())?;
        crate::failpoint::hit("rollback.opening");
        let position = opening.position;
        let checkpoint = Checkpoint { seq: position.seq, nonce: position.nonce, consistent: true };
        let (runtime, run_id, version) = (job.runtime.clone(), job.applier.run_id(), opening.schema_version);
        let since = runtime.block_on(async {
            let transaction = switches::guarded(job.applier.client_mut(), run_id).await?;
            control::reset_checkpoint(&transaction, run_id, checkpoint).await?;
            control::set_proven(&transaction, version, &plan).await?;
            let since = switches::now(&transaction).await?;
            transaction.commit().await.map_err(|e| classify(e, "store where following goes on"))?;
            Ok::<_, Error>(since)
        })?;
        crate::failpoint::hit("rollback.checkpointed");
        self.check()?;
        let stale = opening.stale.clone();
        opening.commit(&since)?;
        crate::failpoint::hit("rollback.opened");
        job.checkpoint = checkpoint;
        job.schema_version = Some(version);
        for notice in stale {
            job.context.reporter.line(&format!("warning: {}: {}", notice.object, notice.message));
            // Of the point of no return nothing may be taken back any more, for a notice least of all.
            let _ = job.wait(control::note(job.applier.client(), &notice));
        }
        Ok(since)
    }
}

/// Step 7
fn settle(job: &mut Job, switch: i64, since: &str) -> Result<()> {
    let (runtime, run_id, plan) = (job.runtime.clone(), job.applier.run_id(), job.plan.clone());
    runtime.block_on(async {
        let transaction = switches::guarded(job.applier.client_mut(), run_id).await?;
        let phases = (Phase::RollingBack, Phase::Following);
        switches::make_primary(&transaction, Side::Sqlite, phases, Some(since)).await?;
        capture::retire(&transaction, &plan).await?;
        switches::conclude(&transaction, switch, "switched", None).await?;
        crate::failpoint::hit("rollback.settling");
        transaction.commit().await.map_err(|e| classify(e, "note that SQLite is the primary"))
    })?;
    job.phase = Phase::Following;
    Ok(())
}

fn finish(job: &mut Job, switch: i64, since: &str, refused: Option<f64>) -> Result<()> {
    let time = refused.map(|seconds| format!("; writes were refused for {seconds:.3} s")).unwrap_or_default();
    job.context.reporter.line(&format!("SQLite is the primary since {since} UTC{time}"));
    hook::tell(&job.context, Stage::Switched, crate::engine::switch::Kind::Rollback);
    job.wait(switches::close(job.applier.client(), switch, refused))
}

/// Gives it up, unless SQLite was opened all the same: what its own state says counts, not what we have heard
///
/// Where the opening was never committed, PostgreSQL is opened first and the token made void behind it, so that neither
/// side waits for whoever holds SQLite's lock. I8 holds without the void: only this process has ever had the token in its
/// hands to open SQLite with, and its transaction is rolled back by now. That nobody else is recovering this switch is
/// proved by the run's number, in the transaction that opens PostgreSQL.
///
/// - Dead before that transaction: the phase says `rolling_back`, and the next session begins with the void.
/// - Dead behind it, with the token still good: PostgreSQL is the primary, and the token is in nobody's memory any more. A
///   later rollback has another one.
/// - Taken over before it: its guard fails, and it is the other session that takes back. Behind it: the other session
///   finds PostgreSQL open, and nothing to do.
/// - Its reply lost: this session ends, and the next one reads the phase behind its own number.
fn take_back(job: &mut Job, record: &Record, refused: Option<Instant>, failure: Failure) -> Result<()> {
    let (is_certain, error) = match failure {
        Failure::Before(error) => (true, error),
        Failure::Unknown(error) => (false, error),
    };
    let reason = reason(record.step_name(), None, &error);
    if !is_certain {
        if !fence::void(job.as_run(), &record.token)? {
            return complete(job, record.id, None);
        }
        crate::failpoint::hit("rollback.voided");
    }
    let refused = refuse_no_longer(job, record.id, &reason, refused)?;
    crate::failpoint::hit("rollback.lifted");
    if is_certain {
        // Nothing hangs on it, and whoever holds the lock may hold it for long.
        let _ = fence::void_within(job.as_run(), &record.token, VOID_PATIENCE);
    }
    let time = refused.map(|seconds| format!("; writes were refused for {seconds:.3} s")).unwrap_or_default();
    job.context.reporter.line(&format!("PostgreSQL is still the primary: {reason}{time}"));
    hook::tell(&job.context, Stage::Aborted, record.kind);
    job.wait(switches::close(job.applier.client(), record.id, refused))
}

/// Opens PostgreSQL again. Only where SQLite cannot be opened any more: in a process that has never tried to commit that,
/// or behind the void, as an old process could otherwise still do it
fn refuse_no_longer(job: &mut Job, switch: i64, reason: &str, since: Option<Instant>) -> Result<Option<f64>> {
    let (runtime, run_id, plan) = (job.runtime.clone(), job.applier.run_id(), job.plan.clone());
    runtime.block_on(async {
        let transaction = switches::guarded(job.applier.client_mut(), run_id).await?;
        target_fence::lift(&transaction, &plan).await?;
        switches::enter(&transaction, Phase::RollingBack, Phase::Reversed).await?;
        switches::conclude(&transaction, switch, "aborted", Some(reason)).await?;
        crate::failpoint::hit("rollback.taking_back");
        transaction.commit().await.map_err(|e| classify(e, "open PostgreSQL again"))
    })?;
    job.phase = Phase::Reversed;
    Ok(since.map(|since| since.elapsed().as_secs_f64()))
}

fn complete(job: &mut Job, switch: i64, refused: Option<f64>) -> Result<()> {
    let since = fence::state(&open_reader(job.source())?)?.since;
    settle(job, switch, &since)?;
    job.checkpoint = job.wait(control::checkpoint(job.applier.client()))?;
    finish(job, switch, &since, refused)
}

/// What an earlier run left in `rolling_back`: completed if it has opened SQLite, else made impossible and taken back
pub(super) fn recover(job: &mut Job, begun: &Begun) -> Result<()> {
    // One write transaction, which waits out a process that is in the middle of its own.
    if !fence::void(job.as_run(), &begun.token)? {
        crate::failpoint::hit("rollback.completing");
        return complete(job, begun.id, None);
    }
    crate::failpoint::hit("rollback.recovering");
    let step = begun.step.as_deref().unwrap_or("begin");
    let reason = format!("the replicator ended, or lost a side, in step `{step}`; the next one took it back");
    refuse_no_longer(job, begun.id, &reason, None)?;
    job.context.reporter.line(&format!("PostgreSQL is still the primary: {reason}"));
    hook::tell(&job.context, Stage::Aborted, crate::engine::switch::Kind::Rollback);
    job.wait(switches::close(job.applier.client(), begun.id, None))
}
