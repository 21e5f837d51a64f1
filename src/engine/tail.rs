//! The tail: following the change log, one cycle after the other
//!
//! A reader thread owns the source: it waits for a change, reads one cycle in one view and hands the batches over. The
//! supervisor applies them and commits when the reader says that the source is durable (I4).

use std::collections::HashSet;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use crate::engine::existing;
use crate::engine::job::Job;
use crate::engine::quarantine;
use crate::engine::stop::Stop;
use crate::engine::yielding;
use crate::error::{Error, Result};
use crate::model::change::Batch;
use crate::model::plan::Plan;
use crate::observe::metrics;
use crate::observe::progress::Stage;
use crate::postgres::apply::ApplyError;
use crate::postgres::control::Checkpoint;
use crate::postgres::disagreement::Disagreement;
use crate::postgres::quarantine::Entry;
use crate::sqlite::change_log::{self, LogPosition, PositionLost};
use crate::sqlite::connection::{allow_cleanup, file_identity, in_read_view, open_reader, schema_version};
use crate::sqlite::cycle::{CycleOutcome, CycleStart, read_cycle};
use crate::sqlite::durable;
use crate::sqlite::watch::{Footprint, Watch};

/// Batches between reader and supervisor: one being applied, one ready
const BATCH_CAPACITY: usize = 2;

/// After an event of the file system the commit may not be visible yet (research: capture.md section 10)
const LADDER_MS: [u64; 7] = [0, 1, 2, 4, 8, 16, 32];

/// Where events are missed (other file systems), changes are found by looking
const POLL: Duration = Duration::from_millis(250);

/// An idle connection is closed: it would keep the `-wal` file of a stopped application alive
const IDLE_CLOSE: Duration = Duration::from_secs(2);

/// A view that was open for long had to wait for the target; the application's next commits then need no longer a gap
const REST_MAX: Duration = Duration::from_millis(250);

/// With the connection closed, the log is looked at this often even if the files seem untouched
const IDLE_LOOK: Duration = Duration::from_secs(30);

/// A cycle of more rows than this shows a progress bar
const LONG_CYCLE_ROWS: u64 = 50_000;

/// What one cycle came to
#[derive(Debug)]
pub enum CycleReport {
    /// Nothing new within the waiting time: the checkpoint is the head
    InSync,
    /// Applied and committed
    Applied { entries: u64, rows: u64 },
    /// The checkpoint is not in the log any more (I5); nothing was applied
    Lost(PositionLost),
    /// The schema moved since capture was proven (I2); nothing was applied
    SchemaMoved(i64),
}

/// How one attempt at a cycle ended
enum Attempt {
    Done(CycleReport),
    Collided { table: i64, computed: Option<String> },
    IndexTooSmall(String),
    Refused,
    Disagreed(Disagreement),
}

struct Request {
    start: CycleStart,
    proven_version: Option<i64>,
    wait: Duration,
}

enum Message {
    Batch(Batch),
    Done(ReadOutcome),
    Failed(Error),
}

enum ReadOutcome {
    Cycle(CycleOutcome),
    SchemaMoved(i64),
}

/// Handle on the reader thread
pub struct Tail {
    requests: Sender<Request>,
    messages: Receiver<Message>,
    waker: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Tail {
    /// Starts the reader for a plan; it opens the source when the first cycle is asked for
    pub fn start(source: PathBuf, plan: Plan, stop: Stop) -> Result<Tail> {
        let watch = Watch::start(&source)?;
        let waker = watch.waker();
        let (requests, inbox) = bounded(1);
        let (outbox, messages) = bounded(BATCH_CAPACITY);
        let reader = Reader { source, plan, stop, watch, outbox, open: None, rest_until: None, footprint: None };
        let thread = std::thread::Builder::new()
            .name("tail-reader".into())
            .spawn(move || reader.serve(&inbox))
            .map_err(|e| Error::internal("start the tail reader").caused_by(e))?;
        Ok(Tail { requests, messages, waker, thread: Some(thread) })
    }

    /// Runs one cycle, waiting up to `wait` for something to do
    pub fn cycle(&self, job: &mut Job, wait: Duration) -> Result<CycleReport> {
        quarantine::look(job)?;
        let retried = quarantine::rows_to_retry(job)?;
        let (waiting, alone) = quarantine::rows_in_wait(job)?;
        let left_out = existing::take(job)?;
        let mut start = CycleStart {
            position: LogPosition { seq: job.checkpoint.seq, nonce: job.checkpoint.nonce },
            copied: job.copied.clone(),
            delete_first: HashSet::new(),
            careful: false,
            quarantined: job.quarantine.tables(),
            again: keys(&retried),
            beside: keys(&waiting),
        };
        start.again.extend(left_out.iter().map(|row| (row.table_id, row.key.clone())));
        if alone {
            start.again.append(&mut start.beside);
        }
        let mut wait = if start.again.is_empty() { wait } else { Duration::ZERO };
        loop {
            match self.attempt(job, start.clone(), wait)? {
                Attempt::Done(report) => {
                    if matches!(report, CycleReport::Applied { .. }) {
                        quarantine::tried(job, &retried);
                        quarantine::waited(job, !waiting.is_empty());
                        existing::taken(job, &left_out)?;
                    }
                    return Ok(report);
                }
                // Rows swap unique values: once more, deleting every touched key before the first row is written.
                Attempt::Collided { table, .. } if !start.delete_first.contains(&table) => {
                    metrics::collision();
                    start.delete_first.insert(table);
                }
                Attempt::Collided { computed: Some(index), .. } => {
                    yielding::give_up_index(job, &index, yielding::COARSER)?;
                }
                // The server does not take one of the rows, or a unique value belongs to a row that did not change.
                Attempt::Collided { .. } | Attempt::Refused if !start.careful => be_careful(job, &mut start),
                Attempt::Collided { .. } | Attempt::Refused => {
                    return Err(Error::internal("the server refuses rows that it has taken one by one"));
                }
                Attempt::IndexTooSmall(index) => yielding::give_up_index(job, &index, yielding::TOO_LARGE)?,
                Attempt::Disagreed(disagreement) => yielding::give_way(job, &disagreement)?,
            }
            wait = Duration::ZERO;
        }
    }

    /// Anything but `Done` means that everything was rolled back
    fn attempt(&self, job: &mut Job, start: CycleStart, wait: Duration) -> Result<Attempt> {
        let (careful, deleted) = (start.careful, start.delete_first.clone());
        let request = Request { start, proven_version: job.schema_version, wait };
        self.requests.send(request).map_err(|_| gone())?;
        let mut failure = None;
        let mut table = 0;
        let mut rows = 0;
        let started = Instant::now();
        let mut stage = None;
        // The channel is always drained to the end of the cycle, or the next one would read this one's batches.
        let outcome = loop {
            match self.messages.recv().map_err(|_| gone())? {
                Message::Batch(batch) if failure.is_none() => {
                    rows += (batch.upserts.count() + batch.deletes.count()) as u64;
                    table = batch.table_id;
                    let way = Way { careful, may_swap: !deleted.contains(&table) };
                    failure = apply(job, batch, way).err();
                    show(job, &mut stage, rows);
                }
                Message::Batch(_) => {}
                Message::Done(outcome) => break Ok(outcome),
                Message::Failed(error) => break Err(error),
            }
        };
        if failure.is_some() || outcome.is_err() {
            let rolled_back = job.runtime.block_on(job.applier.rollback());
            return match (outcome, failure) {
                (Ok(_), Some(ApplyError::Collision { computed })) => {
                    rolled_back.map(|()| Attempt::Collided { table, computed })
                }
                (Ok(_), Some(ApplyError::Disagreement(found))) => rolled_back.map(|()| Attempt::Disagreed(found)),
                (Ok(_), Some(ApplyError::IndexTooSmall { index })) => {
                    rolled_back.map(|()| Attempt::IndexTooSmall(index))
                }
                (Ok(_), Some(ApplyError::Refused)) => rolled_back.map(|()| Attempt::Refused),
                (_, Some(ApplyError::Other(error))) | (Err(error), _) => Err(error),
                (Ok(_), None) => Err(gone()),
            };
        }
        match outcome? {
            ReadOutcome::SchemaMoved(version) => Ok(Attempt::Done(CycleReport::SchemaMoved(version))),
            ReadOutcome::Cycle(CycleOutcome::Lost(lost)) => Ok(Attempt::Done(CycleReport::Lost(lost))),
            ReadOutcome::Cycle(CycleOutcome::Nothing) => Ok(Attempt::Done(CycleReport::InSync)),
            ReadOutcome::Cycle(CycleOutcome::Read { through, entries }) => {
                match commit(job, through) {
                    // By a constraint that is deferred; the server has rolled back.
                    Err(error) if error.refused_row().is_some() => return Ok(Attempt::Refused),
                    committed => committed?,
                }
                if let Some(stage) = stage {
                    stage.finish();
                }
                metrics::cycle(entries, rows, started.elapsed());
                Ok(Attempt::Done(CycleReport::Applied { entries, rows }))
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // Closing the request channel ends the reader; it may sit in a wait.
        let (closed, _) = bounded(0);
        drop(std::mem::replace(&mut self.requests, closed));
        let _ = self.waker.try_send(());
        // A reader that waits to hand over a batch finds the channel closed.
        self.messages = crossbeam_channel::never();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A long cycle shows its progress, in log entries (a row touched twice in it may count once)
fn show(job: &Job, stage: &mut Option<Stage>, rows: u64) {
    if rows < LONG_CYCLE_ROWS {
        return;
    }
    if stage.is_none() {
        let head = open_reader(job.source()).and_then(|source| change_log::head(&source));
        let total = head.map_or(0, |head| (head.seq - job.checkpoint.seq).max(0) as u64);
        *stage = Some(job.context.reporter.stage("catch up", "changes", total));
    }
    if let Some(stage) = stage {
        stage.add(rows - stage.done(), 0);
    }
}

fn keys(entries: &[Entry]) -> Vec<(i64, Vec<u8>)> {
    entries.iter().map(|entry| (entry.table_id, entry.key.clone())).collect()
}

fn gone() -> Error {
    Error::internal("the tail reader ended unexpectedly")
}

/// The cycle is done again row by row where need be. Every row that it writes may have an entry: one that was refused
/// and is named by two batches has one since the first
fn be_careful(job: &Job, start: &mut CycleStart) {
    metrics::refused();
    start.careful = true;
    start.quarantined = job.plan.tables.iter().map(|table| table.id).collect();
}

/// How a batch is applied
struct Way {
    careful: bool,
    /// The touched keys of its table are not deleted beforehand, so that a unique value may still be another row's
    may_swap: bool,
}

fn apply(job: &mut Job, mut batch: Batch, way: Way) -> std::result::Result<(), ApplyError> {
    let Some(table) = job.plan.tables.iter().find(|t| t.id == batch.table_id) else { return Ok(()) };
    match way.careful {
        true => job.runtime.block_on(job.applier.apply_carefully(table, &mut batch, way.may_swap))?,
        false => job.runtime.block_on(job.applier.apply(table, &batch))?,
    }
    job.quarantine.note(&batch);
    crate::failpoint::hit("apply.rows_written");
    if !batch.quarantine.is_empty() {
        crate::failpoint::hit("quarantine.rows_held");
    }
    Ok(())
}

/// Rows and checkpoint in one transaction (I3). While parts of tables are still to be copied, or indexes of an unclean
/// image could fail, the checkpoint says that the target is not consistent yet.
fn commit(job: &mut Job, through: LogPosition) -> Result<()> {
    crate::failpoint::hit("apply.synced");
    let checkpoint = Checkpoint { seq: through.seq, nonce: through.nonce, consistent: job.is_image() };
    job.runtime.block_on(job.applier.commit(checkpoint))?;
    job.checkpoint = checkpoint;
    crate::failpoint::hit("apply.committed");
    Ok(())
}

/// The reader thread's own state
struct Reader {
    source: PathBuf,
    plan: Plan,
    stop: Stop,
    watch: Watch,
    outbox: Sender<Message>,
    open: Option<OpenSource>,
    /// A gap between reads, at least as long as the last one took: back-to-back read views keep the WAL from being reset
    rest_until: Option<Instant>,
    /// The files as they were when the connection was closed, and when that was
    footprint: Option<(Footprint, Instant)>,
}

struct OpenSource {
    connection: Connection,
    identity: crate::sqlite::connection::FileIdentity,
    /// `PRAGMA data_version` before the last read
    data_version: i64,
    last_used: Instant,
}

impl Reader {
    fn serve(mut self, inbox: &Receiver<Request>) {
        while let Ok(request) = inbox.recv() {
            let message = match self.answer(&request) {
                Ok(outcome) => Message::Done(outcome),
                Err(error) => {
                    // After an error the connection may be in any state; the next request opens a new one.
                    self.open = None;
                    self.footprint = None;
                    Message::Failed(error)
                }
            };
            if self.outbox.send(message).is_err() {
                break;
            }
        }
        // A replicator that was stopped must leave nothing behind that an operator's restored file could trip over.
        if let Some(open) = &self.open {
            allow_cleanup(&open.connection);
        }
    }

    fn answer(&mut self, request: &Request) -> Result<ReadOutcome> {
        if let Some(rest) = self.rest_until.take() {
            std::thread::sleep(rest.saturating_duration_since(Instant::now()));
        }
        if !self.wait_for_change(request)? {
            return Ok(ReadOutcome::Cycle(CycleOutcome::Nothing));
        }
        let started = Instant::now();
        let outcome = self.read(request);
        self.rest_until = Some(Instant::now() + started.elapsed().min(REST_MAX));
        outcome
    }

    fn read(&mut self, request: &Request) -> Result<ReadOutcome> {
        self.ensure_open()?;
        let Some(open) = &mut self.open else { return Err(gone()) };
        // Taken before the view opens: a commit in between makes the next look say "changed", never the other way round.
        open.data_version = data_version(&open.connection)?;
        open.last_used = Instant::now();
        let (plan, outbox, stop) = (&self.plan, &self.outbox, &self.stop);
        let outcome = in_read_view(&open.connection, |connection| {
            let version = schema_version(connection)?;
            if request.proven_version != Some(version) {
                return Ok(ReadOutcome::SchemaMoved(version));
            }
            let mut emit = |batch| {
                stop.check()?;
                outbox.send(Message::Batch(batch)).map_err(|_| gone())
            };
            Ok(ReadOutcome::Cycle(read_cycle(connection, plan, &request.start, &mut emit)?))
        })?;
        if let ReadOutcome::Cycle(CycleOutcome::Read { .. }) = outcome {
            // I4: before the target commits. Swapped, a power cut could leave the target ahead of its source.
            durable::sync(&open.connection, &self.source)?;
        }
        Ok(outcome)
    }

    /// Opens the source unless it is open; a file that was replaced is never read through the old handle
    fn ensure_open(&mut self) -> Result<()> {
        let identity = file_identity(&self.source)?;
        if self.open.as_ref().is_some_and(|open| open.identity == identity) {
            return Ok(());
        }
        self.open = None;
        let connection = open_reader(&self.source)?;
        let data_version = data_version(&connection)?;
        self.open = Some(OpenSource { connection, identity, data_version, last_used: Instant::now() });
        Ok(())
    }

    /// Waits until there may be something to read; `false` if there is nothing after the request's waiting time
    fn wait_for_change(&mut self, request: &Request) -> Result<bool> {
        if request.wait.is_zero() || (self.open.is_none() && self.footprint.is_none()) {
            return Ok(true);
        }
        let deadline = Instant::now() + request.wait;
        let mut ladder = LADDER_MS.len();
        loop {
            if self.looks_changed()? {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= deadline || self.stop.is_requested() {
                return Ok(false);
            }
            self.close_if_idle();
            let step = LADDER_MS.get(ladder).map_or(POLL, |ms| Duration::from_millis(*ms));
            ladder += 1;
            if self.watch.wait(step.min(deadline - now)) {
                ladder = 0;
                // With the connection closed, an event is all there is to go by.
                if self.open.is_none() {
                    self.ensure_open()?;
                    return Ok(true);
                }
            }
        }
    }

    fn looks_changed(&mut self) -> Result<bool> {
        match (&self.open, &self.footprint) {
            (Some(open), _) => Ok(data_version(&open.connection)? != open.data_version),
            (None, Some((footprint, since))) => {
                Ok(self.watch.footprint() != *footprint || since.elapsed() >= IDLE_LOOK)
            }
            (None, None) => Ok(true),
        }
    }

    fn close_if_idle(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.last_used.elapsed() >= IDLE_CLOSE) {
            // The footprint is taken after closing, which may itself write (the last connection cleans up the WAL). A
            // commit that slips in between still has its event waiting in the watch, and the next look by time finds it.
            if let Some(open) = self.open.take() {
                allow_cleanup(&open.connection);
            }
            self.footprint = Some((self.watch.footprint(), Instant::now()));
        }
    }
}

fn data_version(connection: &Connection) -> Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(|e| crate::sqlite::connection::classify(e, "look for changes of the source"))
}
