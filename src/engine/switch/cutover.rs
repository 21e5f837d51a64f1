//! Cutover: PostgreSQL becomes the primary
//!
//! ```text
//!   1 begin      target   following -> cutting_over, with the token of this switch
//!   2 fence      source   deny triggers and the token, durable; then the write lock, held to the end
//!   3 drain               the tail, until the checkpoint is the fence point
//!   4 verify              what changed since the last clean verify
//!   5 sequences  target   behind every number that the source has given
//!   6 capture    target   of writes to PostgreSQL; nothing fires yet, for the fence there stands
//!   7 open       target   reversed, primary, fence lifted, foreign keys that did not stand: one durable transaction, the
//!                         point of no return
//!   8 settle     source   notes who is the primary; the lock is released, the deny triggers stay
//! ```
//! I8: at every moment either SQLite has no fence and PostgreSQL has one, or SQLite has one. 2 before 7, and both durable:
//! the other way round a crash in between would leave two sides that accept writes. I9: up to 7 everything is taken back
//! by lifting SQLite's fence; 7 can then not happen any more, because its transaction demands the run's number and the
//! phase. From 7 on everything is completed.

use std::time::{Duration, Instant};

use crate::engine::finishing;
use crate::engine::foreign_keys;
use crate::engine::job::Job;
use crate::engine::searching::{self, Look};
pub(super) use crate::engine::switch::approach::compare;
use crate::engine::switch::approach::{Approach, moved};
use crate::engine::switch::hook::{self, Stage};
use crate::engine::switch::keeper::{Keeper, Watch};
use crate::engine::switch::steps::Record;
use crate::engine::switch::{Asked, Blocker, Kind, gate, rehearsal};
use crate::engine::tail::{CycleReport, Tail};
use crate::error::{Error, ErrorKind, Result};
use crate::model::phase::{Phase, Side};
use crate::model::words::{counted, grouped};
use crate::postgres::connect::classify;
use crate::postgres::{capture as target_capture, fence as target_fence, quarantine, switches};
use crate::sqlite::capture;
use crate::sqlite::connection::open_reader;
use crate::sqlite::fence::{self, FencePoint, Hold};

/// A wait for the write lock that may be given up in between
const LOCK_SLICE: Duration = Duration::from_secs(1);

/// How the part before the point of no return ended
enum End {
    /// PostgreSQL is open; the lock is still held
    Opened { hold: Hold, since: String, refused: Duration },
    /// A rehearsal came to its end
    Rehearsed,
}

/// A failure, and whether the other side may have been opened in spite of it
pub enum Failure {
    /// The point of no return was not reached
    Before(Error),
    /// The COMMIT was sent, and its reply did not come: only the target knows
    Unknown(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Before(error)
    }
}

/// Makes PostgreSQL the primary, or rehearses that; whatever fails before the point of no return is taken back. Returns
/// what stands in the way, with nothing begun
pub fn run(job: &mut Job, asked: &Asked) -> Result<Option<Vec<Blocker>>> {
    let tail = Tail::start(job.source().clone(), job.plan.clone(), job.context.stop.clone())?;
    let lag = catch_up(job, &tail, asked.options.max_lag)?;
    let blockers = gate::all(job, asked.kind, &asked.options, lag)?;
    if !blockers.is_empty() {
        return Ok(Some(blockers));
    }
    let phase = if asked.kind == Kind::Rehearsal { Phase::Rehearsing } else { Phase::CuttingOver };
    let mut record = Record::begin(job, asked, phase)?;
    crate::failpoint::hit(point(asked.kind, "cutover.begun", "rehearse.begun"));
    let watch = Watch::start(&job.context, Duration::from_secs_f64(asked.options.timeout));
    let keeper = Keeper::start(&job.context, job.applier.run_id(), &record.token, watch.wish.clone())?;
    let attempt = Attempt { tail: &tail, keeper: &keeper, asked };
    match attempt.until_open(job, &mut record) {
        Ok(End::Opened { hold, since, refused }) => settle(job, &mut record, hold, &since, refused)?,
        Ok(End::Rehearsed) => {
            let refused = keeper.lift()?;
            rehearsal::end(job, &mut record, refused)?;
        }
        Err(Failure::Before(error)) => take_back(job, &mut record, &keeper, error)?,
        // Nothing is lifted, for PostgreSQL may be open: the next session asks it.
        Err(Failure::Unknown(error)) => return Err(error.transient()),
    }
    Ok(None)
}

pub(super) fn point(kind: Kind, cutover: &'static str, rehearsal: &'static str) -> &'static str {
    if kind == Kind::Rehearsal { rehearsal } else { cutover }
}

/// Follows until what was written by now has arrived; how long that took, or why it cannot count as caught up
fn catch_up(job: &mut Job, tail: &Tail, max_lag: f64) -> Result<Duration> {
    let began = Instant::now();
    let head = crate::sqlite::change_log::head(&open_reader(job.source())?)?.seq;
    while job.checkpoint.seq < head && began.elapsed().as_secs_f64() <= max_lag {
        job.context.stop.check()?;
        match tail.cycle(job, Duration::ZERO)? {
            CycleReport::Applied { .. } | CycleReport::InSync => {}
            // For the follower to see to; the gate finds it.
            CycleReport::Lost(_) | CycleReport::SchemaMoved(_) => break,
        }
    }
    Ok(began.elapsed())
}

struct Attempt<'a> {
    tail: &'a Tail,
    keeper: &'a Keeper,
    asked: &'a Asked,
}

impl Attempt<'_> {
    fn is_rehearsal(&self) -> bool {
        self.asked.kind == Kind::Rehearsal
    }

    fn hit(&self, cutover: &'static str, rehearsal: &'static str) {
        crate::failpoint::hit(point(self.asked.kind, cutover, rehearsal));
    }

    fn until_open(&self, job: &mut Job, record: &mut Record) -> std::result::Result<End, Failure> {
        if job.context.settings.on_switch.is_some() {
            record.step(job, "hook")?;
            hook::run(&job.context, Stage::BeforeFence, self.asked.kind, || self.keeper.check())?;
        }
        if !job.plan.search_tables.is_empty() {
            record.step(job, "search")?;
            searching::settle(job, Look::All, || self.keeper.check())?;
        }
        record.step(job, "catch up")?;
        let check = || self.keeper.check();
        let mut approach = Approach::new(job, self.tail, self.asked, &check)?;
        let entries = approach.come_close(job)?;
        record.detail(counted(entries, "change"));
        self.keeper.check()?;
        self.hit("cutover.caught_up", "rehearse.caught_up");
        // What is compared here need not be compared while writes are refused; and if it cannot be known what changed, that
        // comes out before anybody is refused anything.
        record.step(job, "compare")?;
        record.detail(approach.compare_ahead(job)?);
        searching::settle(job, Look::Moved, check)?;
        approach.come_close(job)?;
        record.step(job, "fence")?;
        let point = self.fence(job, record)?;
        record.detail(format!("at seq {}", grouped(point.position.seq.max(0) as u64)));
        self.hit("cutover.fenced", "rehearse.fenced");
        record.step(job, "drain")?;
        record.detail(self.drain(job, point)?);
        self.keeper.check()?;
        self.hit("cutover.drained", "rehearse.drained");
        record.step(job, "verify")?;
        record.detail(approach.compare_rest()?);
        self.keeper.check()?;
        self.hit("cutover.verified", "rehearse.verified");
        record.step(job, "sequences")?;
        finishing::advance_sequences(job)?;
        self.keeper.check()?;
        self.hit("cutover.sequenced", "rehearse.sequenced");
        record.step(job, "capture")?;
        if self.is_rehearsal() {
            rehearsal::way_back(job, record, self.keeper)?;
            return Ok(End::Rehearsed);
        }
        install_capture(job, self.keeper.patience())?;
        self.keeper.check()?;
        self.hit("cutover.captured", "");
        record.step(job, "open")?;
        self.open(job, record)
    }

    /// Step 2. The clock starts with the attempt that gets the lock, as nobody is refused anything while others write
    fn fence(&self, job: &mut Job, record: &Record) -> Result<FencePoint> {
        let deadline = Instant::now() + Duration::from_secs_f64(self.asked.options.timeout);
        let point = loop {
            let since = Instant::now();
            let slice = deadline.saturating_duration_since(since).min(LOCK_SLICE);
            match fence::close(job.as_run(), &record.token, slice) {
                Ok((hold, point)) => {
                    self.keeper.keep(hold, since);
                    break point;
                }
                Err(error) if error.is_transient() && Instant::now() < deadline => self.keeper.check()?,
                Err(error) => return Err(error),
            }
        };
        // I2: complete at the fence point, in the schema that the fence froze. What is missing here was missing before it,
        // and what was written meanwhile is in no log.
        let gaps = capture::prove(&open_reader(job.source())?, &job.plan)?;
        if let Some(gap) = gaps.first() {
            return Err(moved(&gap.to_string()));
        }
        // The deny triggers moved it, and nobody else can while the lock is held.
        job.schema_version = Some(point.schema_version);
        job.wait(switches::fenced_at(job.applier.client(), record.id, point.position.seq))?;
        Ok(point)
    }

    /// Step 3: until the target holds the last entry that was ever written under the old primary
    fn drain(&self, job: &mut Job, point: FencePoint) -> Result<String> {
        let mut changes = 0;
        while (job.checkpoint.seq, job.checkpoint.nonce) != (point.position.seq, point.position.nonce) {
            self.keeper.check()?;
            match self.tail.cycle(job, Duration::ZERO)? {
                CycleReport::Applied { entries, .. } => changes += entries,
                CycleReport::InSync => return Err(Error::internal("the tail is in sync before the fence point")),
                CycleReport::Lost(_) => {
                    return Err(moved("the change log of the source does not reach back far enough"));
                }
                CycleReport::SchemaMoved(_) => return Err(moved("the schema of the source moved under the fence")),
            }
        }
        if !job.checkpoint.consistent || job.repair_reason.is_some() {
            return Err(moved("the target is not an image of one moment of the source"));
        }
        // The log has nothing of the search tables, which the lock has frozen: they are compared.
        searching::settle(job, Look::Moved, || self.keeper.check())?;
        // The last rows before the fence may be such that PostgreSQL cannot hold them.
        let held: u64 = job.wait(quarantine::counts(job.applier.client()))?.values().sum();
        if held > 0 && !self.asked.options.force.iter().any(|name| name == "quarantine") {
            return Err(Error::refused(format!("{} came into the quarantine", counted(held, "row")))
                .hint("`crossfade quarantine list` shows them; correct them, or --force quarantine"));
        }
        Ok(counted(changes, "change"))
    }

    /// Step 7. One transaction says that the switch is made, makes PostgreSQL the primary and lifts its fence: whoever can
    /// write there reads at the same moment that he may
    fn open(&self, job: &mut Job, record: &mut Record) -> std::result::Result<End, Failure> {
        let (runtime, plan, run_id) = (job.runtime.clone(), job.plan.clone(), job.applier.run_id());
        let patience = self.keeper.patience();
        let sent = runtime.block_on(async {
            let transaction = switches::guarded_for(job.applier.client_mut(), run_id, patience).await?;
            let phases = (Phase::CuttingOver, Phase::Reversed);
            let since = switches::make_primary(&transaction, Side::Postgres, phases, None).await?;
            switches::conclude(&transaction, record.id, "switched", None).await?;
            target_fence::lift(&transaction, &plan).await?;
            foreign_keys::add_at_opening(&transaction, &plan).await?;
            crate::failpoint::hit("cutover.opening");
            // The last moment at which the fence can have been lifted: what follows is the COMMIT and nothing else. Taken
            // any later, the keeper could open SQLite between our COMMIT and its reply.
            let (hold, began) = self.keeper.take()?;
            let commit = crate::failpoint::hit_after_sending("cutover.commit_sent", transaction.commit());
            match commit.await {
                Ok(()) => Ok(End::Opened { hold, since, refused: began.elapsed() }),
                Err(error) => Err(Failure::Unknown(
                    classify(error, "learn whether PostgreSQL was opened")
                        .hint("SQLite stays fenced until PostgreSQL has said; `crossfade run` asks it"),
                )),
            }
        })?;
        crate::failpoint::hit("cutover.opened");
        job.phase = Phase::Reversed;
        Ok(sent)
    }
}

/// Step 6
fn install_capture(job: &mut Job, patience: Duration) -> Result<()> {
    let (runtime, plan, run_id) = (job.runtime.clone(), job.plan.clone(), job.applier.run_id());
    runtime.block_on(async {
        let transaction = switches::guarded_for(job.applier.client_mut(), run_id, patience).await?;
        target_capture::install(&transaction, &plan).await?;
        transaction.commit().await.map_err(|e| classify(e, "install capture on the target"))
    })
}

/// Step 8, and everything that is told
fn settle(job: &mut Job, record: &mut Record, hold: Hold, since: &str, refused: Duration) -> Result<()> {
    hold.settle(since)?;
    crate::failpoint::hit("cutover.settled");
    record.end(job)?;
    let seconds = refused.as_secs_f64();
    job.context
        .reporter
        .line(&format!("PostgreSQL is the primary since {since} UTC; writes were refused for {seconds:.3} s"));
    hook::tell(&job.context, Stage::Switched, record.kind);
    job.wait(switches::close(job.applier.client(), record.id, Some(seconds)))?;
    crate::failpoint::hit("cutover.closed");
    Ok(())
}

/// Lifts the fence, whether or not PostgreSQL can be reached, then notes it there. Never the other way round: in phase
/// `following` nobody would look for a fence that a crash left
pub(super) fn take_back(job: &mut Job, record: &mut Record, keeper: &Keeper, error: Error) -> Result<()> {
    let reason = reason(record.step_name(), keeper.check().err(), &error);
    let refused = keeper.lift()?;
    if record.step_name() == "fence" && is_fenced_by(job, &record.token) {
        // The fence may stand though the lock could not be had.
        fence::take_back(job.as_run(), &record.token)?;
    }
    job.context.reporter.line(&format!("SQLite is still the primary: {reason}"));
    hook::tell(&job.context, Stage::Aborted, record.kind);
    // Where the target is away, the session ends with that, and the next one notes it.
    close_taken_back(job, record.id, &reason, refused)
}

/// Where our fence is not there, somebody else may have the write lock, and have it for long: nothing is to be lifted, and
/// the token needs no void, because only this process has it in its hands. Unless the file says so, it is lifted
fn is_fenced_by(job: &Job, token: &str) -> bool {
    let state = open_reader(job.source()).and_then(|connection| fence::state(&connection));
    state.map_or(true, |state| state.is_fenced || state.fenced_by.as_deref() == Some(token))
}

/// Why it was given up: what the keeper says first, as whatever failed may have failed because of that
pub(super) fn reason(step: &str, kept: Option<Error>, error: &Error) -> String {
    if [kept.as_ref(), Some(error)].into_iter().flatten().any(|error| error.kind() == ErrorKind::Interrupted) {
        return format!("the replicator was stopped (in step `{step}`)");
    }
    let first = kept.as_ref().unwrap_or(error);
    match first.hint_text() {
        Some(hint) => format!("{} (in step `{step}`; {hint})", first.summary()),
        None => format!("{} (in step `{step}`)", first.summary()),
    }
}

fn close_taken_back(job: &mut Job, switch: i64, reason: &str, refused: Option<Duration>) -> Result<()> {
    let (runtime, run_id, from) = (job.runtime.clone(), job.applier.run_id(), job.phase);
    let plan = job.plan.clone();
    runtime.block_on(async {
        let transaction = switches::guarded(job.applier.client_mut(), run_id).await?;
        target_capture::retire(&transaction, &plan).await?;
        rehearsal::drop_target(&transaction, &plan).await?;
        switches::enter(&transaction, from, Phase::Following).await?;
        switches::conclude(&transaction, switch, "aborted", Some(reason)).await?;
        switches::close(&transaction, switch, refused.map(|refused| refused.as_secs_f64())).await?;
        crate::failpoint::hit("cutover.taking_back");
        transaction.commit().await.map_err(|e| classify(e, "note that the switch was given up"))
    })?;
    job.phase = Phase::Following;
    Ok(())
}

/// What an earlier run left in `cutting_over` or `rehearsing`: its own opening has become impossible by the run's number,
/// and here by the token. Then the fence is lifted, and only then the phase left
pub(super) fn recover(job: &mut Job, begun: &switches::Begun) -> Result<()> {
    let kind = if job.phase == Phase::Rehearsing { Kind::Rehearsal } else { Kind::Cutover };
    fence::take_back(job.as_run(), &begun.token)?;
    crate::failpoint::hit("cutover.recovering");
    let step = begun.step.as_deref().unwrap_or("begin");
    let reason = format!("the replicator ended, or lost a side, in step `{step}`; the next one took it back");
    job.context.reporter.line(&format!("SQLite is still the primary: {reason}"));
    hook::tell(&job.context, Stage::Aborted, kind);
    close_taken_back(job, begun.id, &reason, None)
}
