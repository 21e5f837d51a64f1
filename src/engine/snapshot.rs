//! The snapshot: every table in chunks, in waves, with the tail between them
//!
//! Two ways, chosen by size and width (research: performance.md B):
//! - `Load`: a whole table in one target transaction that creates it, copies with FREEZE and adds the key afterwards.
//! - `Chunks`: key ranges on all connections at once, each chunk and its progress row in one transaction.
//!
//! Tables that exist go in chunks, whatever their size, by way of `engine::existing`.
//!
//! Either way the source is read in short views of its own, never in one long one.

mod careful;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;
use tokio_postgres::Client;

use crate::config::Settings;
use crate::engine::existing;
use crate::engine::job::{Context, Job};
use crate::engine::loading::Loading;
use crate::engine::wave::{self, lock};
use crate::error::{Error, Result};
use crate::model::chunk::{Chunk, Copied, Range, remainder};
use crate::model::plan::{Mode, Plan, TablePlan};
use crate::model::quarantine::Rejected;
use crate::observe::metrics;
use crate::observe::progress::Stage;
use crate::postgres::careful::start_over;
use crate::postgres::connect::classify;
use crate::postgres::control;
use crate::postgres::copy::relation;
use crate::postgres::ddl;
use crate::postgres::fence;
use crate::postgres::staging::Staging;
use crate::sqlite::chunks::chunk_end;
use crate::sqlite::connection::{journal_mode, open_reader};
use crate::sqlite::durable;
use crate::sqlite::rows::read_slice;

/// Buffers between a reader and its writer: enough to overlap them, too few to matter for memory
const BUFFER_CAPACITY: usize = 4;

/// A table up to this size goes in one transaction: what is lost by a kill is copied again in seconds
///
/// Counted in slices, so that a smaller `--chunk-bytes` also means smaller transactions: 512 MiB by default.
const LOAD_SLICES_MAX: u64 = 128;

/// Wide rows keep one server process busier than one reader, so they pay for several connections
const WIDE_ROW_BYTES: u64 = 200;

/// Below this even a wide table is not worth splitting
const SPLIT_SLICES_MIN: u64 = 8;

/// Slices in one chunk: the larger, the fewer commits; the smaller, the less is repeated after a kill
const SLICES_PER_CHUNK: u64 = 4;

/// A piece of a wave
enum Piece<'p> {
    Load(&'p TablePlan),
    Chunk(&'p TablePlan, Chunk),
}

/// What a reader hands to its writer
enum Read {
    /// Encoded tuples, and the rows that they count for
    Tuples(Bytes, u64),
    Rejected(Vec<Rejected>),
}

/// What a range came to
#[derive(Clone, Copy, Default)]
struct Tally {
    /// Rows that the target takes
    fitting: u64,
    /// Rows for the quarantine
    rejected: u64,
}

/// What is left to hand out of the tables
struct Queue<'p> {
    loads: Vec<&'p TablePlan>,
    splits: Vec<Split<'p>>,
    /// Finds the ends of chunks
    source: Connection,
    chunk_bytes: u64,
}

struct Split<'p> {
    table: &'p TablePlan,
    gaps: Vec<Chunk>,
    next: Option<(i64, Option<Vec<u8>>)>,
}

/// Runs one wave; afterwards `job.copied` says what the target holds
pub fn run_wave(job: &mut Job, stage: &Stage) -> Result<()> {
    let context = job.context.clone();
    let plan = job.plan.clone();
    let run_id = job.applier.run_id();
    let queue = Mutex::new(fill_queue(job, &plan)?);
    let copier = Copier { context: &context, plan: &plan, run_id, stage };
    // Not before every gap of a killed run is handed out: the tail must find what is copied in one piece.
    let has_gaps = || lock(&queue).splits.iter().any(|split| !split.gaps.is_empty());
    let watch = || Ok(wave::has_room(job, stage.rate())? || has_gaps());
    wave::run(&context, || next_piece(&mut lock(&queue)), |client, piece| copier.copy(client, piece), watch)?;
    job.quarantine.forget();
    end_tables(job, &plan)?;
    job.copied = copied(job, &plan)?;
    existing::look(job)
}

/// Whether the table goes in chunks on several connections
fn is_split(table: &TablePlan, settings: &Settings) -> bool {
    let slice = settings.chunk_bytes as u64;
    let width = table.byte_count / table.row_count.max(1);
    let wide = width >= WIDE_ROW_BYTES && table.byte_count >= SPLIT_SLICES_MIN * slice && settings.workers > 1;
    table.byte_count > LOAD_SLICES_MAX * slice || wide
}

fn fill_queue<'p>(job: &Job, plan: &'p Plan) -> Result<Queue<'p>> {
    let progress = job.wait(control::tables(job.applier.client()))?;
    let state = |id: i64| progress.iter().find(|p| p.id == id).map_or("pending", |p| p.state.as_str());
    let mut tables: Vec<&TablePlan> = plan.tables.iter().filter(|t| state(t.id) != "copied").collect();
    // The largest first, so that no worker is left alone with it at the end. `pop` takes from the back.
    tables.sort_by_key(|t| t.byte_count);
    let source = open_reader(job.source())?;
    let (mut loads, mut splits) = (Vec::new(), Vec::new());
    for table in tables {
        let split = plan.mode == Mode::Existing || is_split(table, &job.context.settings);
        if !split && state(table.id) == "pending" {
            loads.push(table);
            continue;
        }
        if state(table.id) == "pending" {
            create_split(job, plan, table)?;
        }
        let rest = remainder(&job.wait(control::chunks(job.applier.client(), table.id))?);
        splits.push(Split { table, gaps: rest.gaps, next: rest.next });
    }
    let chunk_bytes = job.context.settings.chunk_bytes as u64;
    Ok(Queue { loads, splits, source, chunk_bytes })
}

/// Begins a table that is filled in several transactions, and creates it if that is for us to do
fn create_split(job: &Job, plan: &Plan, table: &TablePlan) -> Result<()> {
    let client = job.applier.client();
    let failed = |e| classify(e, &format!("create table `{}`", table.target_name));
    job.wait(async {
        client.batch_execute("begin").await.map_err(failed)?;
        control::guard(client, job.applier.run_id()).await?;
        if plan.mode == Mode::Create {
            client.batch_execute(&ddl::create_table(plan, table)).await.map_err(failed)?;
            fence_new(client, &job.context.settings, plan, table).await?;
        }
        control::add_progress(client, table.id, "copying", 0, 0).await?;
        client.batch_execute("commit").await.map_err(failed)
    })
}

/// The application must not write to a table that is being filled, nor later
async fn fence_new(client: &Client, settings: &Settings, plan: &Plan, table: &TablePlan) -> Result<()> {
    if settings.fence { fence::put(client, plan, table).await } else { Ok(()) }
}

fn next_piece<'p>(queue: &mut Queue<'p>) -> Result<Option<Piece<'p>>> {
    for split in &mut queue.splits {
        if let Some(gap) = split.gaps.pop() {
            return Ok(Some(Piece::Chunk(split.table, gap)));
        }
        if let Some((number, after)) = split.next.take() {
            let width = (split.table.byte_count / split.table.row_count.max(1)).max(1);
            let rows = (queue.chunk_bytes * SLICES_PER_CHUNK / width).max(1);
            let through = chunk_end(&queue.source, split.table, after.as_deref(), rows)?;
            split.next = through.clone().map(|key| (number + 1, Some(key)));
            return Ok(Some(Piece::Chunk(split.table, Chunk { number, range: Range { after, through } })));
        }
    }
    Ok(queue.loads.pop().map(Piece::Load))
}

/// Tables in chunks get their key when the wave ends, unless it is theirs: a cycle of the tail needs it, and adding it
/// last is cheaper
fn end_tables(job: &Job, plan: &Plan) -> Result<()> {
    let client = job.applier.client();
    for progress in job.wait(control::tables(client))?.iter().filter(|p| p.state == "copying") {
        let Some(table) = plan.table(progress.id) else { continue };
        let failed = |e| classify(e, &format!("add the key of table `{}`", table.target_name));
        let sql = "select exists(select from pg_constraint where conname = $1 and conrelid = to_regclass($2))";
        let has_key = plan.mode == Mode::Existing
            || job
                .wait(client.query_one(sql, &[&table.key_constraint, &relation(plan, table)]))
                .map_err(failed)?
                .get(0);
        if !has_key {
            match job.wait(client.batch_execute(&ddl::add_key(plan, table))).map_err(failed) {
                // By a key that is too long for an index; two equal keys are another matter.
                Err(error) if error.refused_row().is_some_and(|code| code.starts_with("54")) => {
                    metrics::refused();
                    job.wait(start_over(client, plan, table, job.applier.run_id()))?;
                }
                added => added?,
            }
        }
        // After the key: a crash in between adds the key on resume, but a table marked as copied never comes back here.
        let rest = remainder(&job.wait(control::chunks(client, table.id))?);
        if rest.gaps.is_empty() && rest.next.is_none() {
            job.wait(control::add_progress(client, table.id, "copied", 0, 0))?;
        }
    }
    Ok(())
}

/// What the target holds, as stored; between waves there are no gaps
pub fn copied(job: &Job, plan: &Plan) -> Result<HashMap<i64, Copied>> {
    let mut copied = HashMap::new();
    for progress in job.wait(control::tables(job.applier.client()))? {
        let held = match progress.state.as_str() {
            "copied" => Copied::All,
            "copying" => {
                let rest = remainder(&job.wait(control::chunks(job.applier.client(), progress.id))?);
                if !rest.gaps.is_empty() {
                    return Err(Error::internal("the snapshot has gaps after a wave"));
                }
                match rest.next {
                    None => Copied::All,
                    Some((_, None)) => Copied::Nothing,
                    Some((_, Some(key))) => Copied::Through(key),
                }
            }
            _ => Copied::Nothing,
        };
        if plan.table(progress.id).is_some() {
            copied.insert(progress.id, held);
        }
    }
    Ok(copied)
}

/// Copies pieces on a worker's connection
struct Copier<'a> {
    context: &'a Context,
    plan: &'a Plan,
    run_id: i64,
    stage: &'a Stage,
}

impl Copier<'_> {
    fn copy(&self, client: &mut Client, piece: Piece<'_>) -> Result<()> {
        let began = Instant::now();
        let rows = match self.piece(client, &piece, false) {
            // One row is not to stop the others: once more, and that one goes to the quarantine.
            Err(error) if error.refused_row().is_some() => {
                let failed = |e| classify(e, "roll back what the server refused");
                self.context.runtime.block_on(client.batch_execute("rollback")).map_err(failed)?;
                metrics::refused();
                self.piece(client, &piece, true)?
            }
            copied => copied?,
        };
        let (Piece::Load(table) | Piece::Chunk(table, _)) = piece;
        crate::failpoint::hit("snapshot.chunk_committed");
        metrics::chunk(&table.source.name, rows, began.elapsed());
        Ok(())
    }

    fn piece(&self, client: &mut Client, piece: &Piece<'_>, careful: bool) -> Result<u64> {
        match piece {
            Piece::Load(table) => self.load(client, table, careful),
            Piece::Chunk(table, chunk) => self.chunk(client, table, chunk, careful),
        }
    }

    /// The whole table in the transaction that creates it
    fn load(&self, client: &mut Client, table: &TablePlan, careful: bool) -> Result<u64> {
        self.transaction(client, table, |client| {
            let failed = |e| classify(e, &format!("create table `{}`", table.target_name));
            let runtime = &self.context.runtime;
            let add_key = || runtime.block_on(client.batch_execute(&ddl::add_key(self.plan, table))).map_err(failed);
            runtime.block_on(client.batch_execute(&ddl::create_table(self.plan, table))).map_err(failed)?;
            runtime.block_on(fence_new(client, &self.context.settings, self.plan, table))?;
            let (rows, bytes) = if careful {
                // Its index may be what does not take a row.
                add_key()?;
                self.fill(client, table, &Range::default())?
            } else {
                let target = relation(self.plan, table);
                let streamed = self.stream(client, table, target, &Range::default(), true)?.0;
                add_key()?;
                streamed
            };
            runtime.block_on(control::add_progress(client, table.id, "copied", rows, bytes))?;
            Ok(rows)
        })
    }

    /// One key range and its progress row
    fn chunk(&self, client: &mut Client, table: &TablePlan, chunk: &Chunk, careful: bool) -> Result<u64> {
        self.transaction(client, table, |client| {
            let (rows, bytes) = match (self.plan.mode, careful) {
                (Mode::Create, false) => self.stream(client, table, relation(self.plan, table), &chunk.range, false)?.0,
                (Mode::Create, true) => self.fill(client, table, &chunk.range)?,
                (Mode::Existing, false) => self.stage(client, table, &chunk.range)?,
                (Mode::Existing, true) => self.leave(client, table, &chunk.range)?,
            };
            self.context.runtime.block_on(async {
                control::add_chunk(client, table.id, chunk, rows).await?;
                control::add_progress(client, table.id, "copying", rows, bytes).await
            })?;
            Ok(rows)
        })
    }

    /// One key range into a table that exists: what finds no room there is left to the tail
    fn stage(&self, client: &Client, table: &TablePlan, range: &Range) -> Result<(u64, u64)> {
        let runtime = &self.context.runtime;
        let staging = runtime.block_on(Staging::open(client, self.plan, table))?;
        let (copied, staged) = self.stream(client, table, staging.relation.clone(), range, false)?;
        runtime.block_on(existing::settle(client, &staging, table, staged))?;
        Ok(copied)
    }

    /// Runs `body` in a transaction that only the current run can commit
    fn transaction(
        &self,
        client: &mut Client,
        table: &TablePlan,
        body: impl FnOnce(&Client) -> Result<u64>,
    ) -> Result<u64> {
        let runtime = &self.context.runtime;
        let failed = |e| classify(e, &format!("copy table `{}`", table.source.name));
        runtime.block_on(async {
            client.batch_execute("begin").await.map_err(failed)?;
            control::guard(client, self.run_id).await
        })?;
        let rows = body(client)?;
        crate::failpoint::hit("snapshot.progress_stored");
        runtime.block_on(client.batch_execute("commit")).map_err(failed)?;
        Ok(rows)
    }

    /// Reads the range slice by slice on a thread of its own and streams it into COPY; returns how many rows and bytes
    /// were read, and how many rows were stored. What does not fit is counted as copied too, so that progress reaches its
    /// end
    fn stream(
        &self,
        client: &Client,
        table: &TablePlan,
        target: String,
        range: &Range,
        freeze: bool,
    ) -> Result<((u64, u64), u64)> {
        let runtime = &self.context.runtime;
        let mut loading = runtime.block_on(Loading::begin(client, target, table, freeze))?;
        let (sender, receiver) = bounded(BUFFER_CAPACITY);
        let (read, written) = std::thread::scope(|scope| {
            let reader = scope.spawn(move || self.read_range(table, range, &sender));
            let written = self.write(&mut loading, receiver);
            let read = reader.join().unwrap_or_else(|_| Err(Error::internal("a snapshot reader panicked")));
            (read, written)
        });
        // A reader that found the channel closed only echoes the writer's failure.
        let (tally, bytes) = match (read, written) {
            (Ok(tally), Ok(bytes)) => (tally, bytes),
            (_, Err(error)) | (Err(error), _) => return Err(error),
        };
        let stored = runtime.block_on(loading.finish())?;
        crate::failpoint::hit("snapshot.chunk_written");
        if stored != tally.fitting {
            return Err(Error::internal(format!(
                "table `{}`: {} rows were read, but the server stored {stored}",
                table.source.name, tally.fitting
            )));
        }
        Ok(((tally.fitting + tally.rejected, bytes), stored))
    }

    fn write(&self, loading: &mut Loading<'_>, receiver: Receiver<Read>) -> Result<u64> {
        let runtime = &self.context.runtime;
        let mut bytes = 0;
        for read in receiver {
            match read {
                Read::Tuples(buffer, rows) => {
                    let length = buffer.len() as u64;
                    bytes += length;
                    runtime.block_on(loading.send(buffer))?;
                    self.stage.add(rows, length);
                }
                Read::Rejected(rejected) => {
                    self.stage.add(rejected.len() as u64, 0);
                    runtime.block_on(loading.reject(rejected))?;
                }
            }
        }
        Ok(bytes)
    }

    fn read_range(&self, table: &TablePlan, range: &Range, sender: &Sender<Read>) -> Result<Tally> {
        let path = &self.context.settings.source;
        let source = open_reader(path)?;
        let is_wal = journal_mode(&source)? == "wal";
        let mut range = range.clone();
        let mut tally = Tally::default();
        loop {
            self.context.stop.check()?;
            let mut buffers = Vec::new();
            let began = Instant::now();
            let slice = read_slice(&source, table, &range, self.context.settings.chunk_bytes, &mut buffers)?;
            self.rest(is_wal, began.elapsed());
            tally.fitting += slice.rows;
            tally.rejected += slice.rejected.len() as u64;
            let mut rows = slice.rows;
            // Rows are counted once a slice, with its first buffer.
            let mut reads: Vec<Read> =
                buffers.into_iter().map(|buffer| Read::Tuples(buffer, std::mem::take(&mut rows))).collect();
            if !slice.rejected.is_empty() {
                reads.push(Read::Rejected(slice.rejected));
            }
            if reads.into_iter().any(|read| sender.send(read).is_err()) {
                return Ok(tally);
            }
            match slice.last_key {
                Some(key) => range.after = Some(key),
                None => break,
            }
        }
        // I4: before the target commits what was read here.
        durable::sync(&source, path)?;
        Ok(tally)
    }

    /// In rollback-journal modes a reader keeps writers from committing, so it leaves them as much time as it took
    fn rest(&self, is_wal: bool, took: Duration) {
        if !is_wal {
            std::thread::sleep(took);
        }
    }
}
