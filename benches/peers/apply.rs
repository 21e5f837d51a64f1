//! The tail: cycles of random updates, against awaited single-row upserts of the same rows
//!
//! Twice: as the program does it, and the apply step alone. A cycle's time begins when COMMIT has returned to the writer
//! and ends when a client sees the checkpoint at the head of the log: waking up, reading, upserting, syncing and committing
//! are all in it, and the last poll too. The apply step has its batches in hand and ends with COMMIT's reply, which is what
//! performance.md section C measured and took its goals from; the reference has no source to read or to sync either.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::params;
use tokio_postgres::Statement;

use crate::cycle::{Cycle, Stages};
use crate::data::{self, Narrow, Random, narrow_row};
use crate::measure::{self, Connection, Cost, Reading, median, median_cost};
use crate::product::{Replicator, head};
use crate::table::{Goal, Table};
use crate::{Bench, Outcome};

/// Changes per cycle, cycles per round, and the goal for the ratio
const SIZES: [(u64, usize, Goal); 5] = [
    (1, 100, Goal::None),
    (100, 30, Goal::AtLeast(5.0)),
    (1_000, 10, Goal::AtLeast(8.0)),
    (10_000, 4, Goal::None),
    (1_000_000, 1, Goal::None),
];

/// Awaited upserts of a million rows would take two minutes and say nothing new
const REFERENCE_MAX: usize = 10_000;

const UPDATE: &str =
    "UPDATE narrow SET customer = ?2, amount = ?3, created_at = ?4, status = ?5, note = ?6 WHERE id = ?1";

const UPSERT: &str = "insert into reference.narrow values \
                      ($1::int8, $2::int8, $3::int8, $4::int8, $5::text, $6::text) on conflict (id) do update set \
                      customer = excluded.customer, amount = excluded.amount, created_at = excluded.created_at, \
                      status = excluded.status, note = excluded.note";

type Change = (i64, Narrow);

struct Field<'b> {
    bench: &'b Bench,
    rows: u64,
    random: Random,
    writer: rusqlite::Connection,
    replicator: Replicator,
    target: Connection,
    /// The reference's connection: on a runtime like the product's, and on the quickest one there is
    like: Reference,
    quick: Reference,
}

struct Reference {
    connection: Connection,
    upsert: Statement,
}

impl Reference {
    fn new(connection: Connection) -> Outcome<Reference> {
        let upsert = connection.runtime.block_on(connection.client.prepare(UPSERT))?;
        Ok(Reference { connection, upsert })
    }
}

/// Changes per second of one block
#[derive(Default)]
struct Rates {
    ours: Vec<f64>,
    costs: Vec<Cost>,
    like: Vec<f64>,
    quick: Vec<f64>,
    /// Seconds of the one cycle before the block, which may still have to sit out the rest after a large one
    first: Vec<f64>,
}

pub fn run(bench: &Bench, table: &mut Table) -> Outcome<()> {
    let rows = bench.scaled(1_000_000);
    let source = data::narrow(&bench.directory, "apply.db", rows)?;
    let url = bench.database("apply")?;
    let replicator = Replicator::start(bench, &source, &url)?;
    let mut target = measure::connect(&url)?;
    target.run("create schema reference; create table reference.narrow (like public.narrow including all)")?;
    target.run("insert into reference.narrow select * from public.narrow")?;
    touch_every_page(&mut target)?;
    let (like, quick) = (Reference::new(measure::connect_as_product(&url)?)?, Reference::new(measure::connect(&url)?)?);
    let writer = data::writer(&source)?;
    // COMMIT would otherwise move the WAL to the file before it returns, while the replicator is at work already.
    writer.execute_batch("PRAGMA wal_autocheckpoint = 0")?;
    let mut field = Field { bench, rows, random: Random(7), writer, replicator, target, like, quick };
    field.cycle(&field.random.clone().changes(1, rows, 1))?;
    let mut measured = SIZES.map(|_| Rates::default());
    for round in 0..bench.rounds {
        for ((size, cycles, _), rates) in SIZES.into_iter().zip(&mut measured) {
            let size = if size > 10_000 { bench.scaled(size) } else { size };
            field.block(size, cycles, round as u64, rates)?;
        }
    }
    for ((size, _, goal), rates) in SIZES.into_iter().zip(&measured) {
        report(table, size, goal, rates);
    }
    if bench.rounds > 1 {
        // The smallest block of every round but the first comes right after the largest cycle.
        let after_large = 1000.0 * median(measured[0].first[1..].to_vec());
        let note = "the reader rests for at most 250 ms after a long read";
        table.add("apply: first change after the largest cycle", after_large, " ms", Goal::None, None, note);
    }
    field.alone(&source, &url, table)
}

fn report(table: &mut Table, size: u64, goal: Goal, rates: &Rates) {
    let ratio = |theirs: &[f64]| median(rates.ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect());
    let of = |values: &[f64]| median(values.to_vec());
    let note = format!(
        "{:.0} against {:.0} changes/s; x{:.2} against {:.0} of a single-threaded client",
        of(&rates.ours),
        of(&rates.like),
        ratio(&rates.quick),
        of(&rates.quick)
    );
    // Small cycles are mostly waiting, and the server's time is then mostly that of the polling.
    let cost = (size >= 10_000).then(|| median_cost(&rates.costs));
    table.add(&format!("apply: cycles of {size} / awaited upserts"), ratio(&rates.like), "x", goal, cost, &note);
}

impl Random {
    fn changes(&mut self, count: u64, rows: u64, salt: u64) -> Vec<Change> {
        (0..count).map(|_| self.up_to(rows)).map(|id| (id, narrow_row(id, salt))).collect()
    }
}

impl Field<'_> {
    /// Some cycles and the same changes by awaited upserts, in turns
    fn block(&mut self, size: u64, cycles: usize, round: u64, rates: &mut Rates) -> Outcome<()> {
        let (mut like, mut quick, mut reference_changes) = (0.0, 0.0, 0);
        let mut total = Cost::default();
        let change = self.random.changes(1, self.rows, 1);
        rates.first.push(self.cycle(&change)?.wall);
        for cycle in 0..cycles as u64 {
            let changes = self.random.changes(size, self.rows, 2 + round * 1000 + cycle);
            let cost = self.cycle(&changes)?;
            total.wall += cost.wall;
            total.client += cost.client;
            total.server += cost.server;
            total.other += cost.other;
            let same = &changes[..changes.len().min(REFERENCE_MAX)];
            // Whoever comes second finds the pages in the WAL already, so they take turns at being first.
            if cycle % 2 == 0 {
                like += self.like.upserts(same)?;
                quick += self.quick.upserts(same)?;
            } else {
                quick += self.quick.upserts(same)?;
                like += self.like.upserts(same)?;
            }
            reference_changes += same.len();
        }
        rates.ours.push((size * cycles as u64) as f64 / total.wall);
        rates.costs.push(total);
        rates.like.push(reference_changes as f64 / like);
        rates.quick.push(reference_changes as f64 / quick);
        Ok(())
    }

    /// One transaction of the application, until it is on the target
    fn cycle(&mut self, changes: &[Change]) -> Outcome<Cost> {
        let transaction = update(&mut self.writer, changes)?;
        let large = changes.len() >= 10_000;
        // Often enough to be exact, seldom enough to leave the two cores to those who are measured.
        let pause = Duration::from_micros(if large { 2_000 } else { 200 });
        let (before, cpu) = (large.then(|| Reading::take(self.bench)), self.replicator.cpu());
        transaction.commit()?;
        let committed = Instant::now();
        let head = head(&self.writer)?;
        self.target.wait_for_checkpoint(head, pause)?;
        let wall = committed.elapsed().as_secs_f64();
        let client = self.replicator.cpu() - cpu;
        let cost = before.map_or(Cost::default(), |before| before.to(&Reading::take(self.bench), client));
        self.writer.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(Cost { wall, client, ..cost })
    }
}

impl Field<'_> {
    /// The apply step by itself: the replicator makes room for the same steps, driven one by one
    fn alone(mut self, source: &Path, url: &str, table: &mut Table) -> Outcome<()> {
        drop(self.replicator);
        touch_every_page(&mut self.target)?;
        let mut cycle = Cycle::take_over(source, url)?;
        let sizes: Vec<_> = SIZES.into_iter().filter(|(size, ..)| *size <= REFERENCE_MAX as u64).collect();
        let mut measured: Vec<Alone> = sizes.iter().map(|_| Alone::default()).collect();
        for round in 0..self.bench.rounds {
            for ((size, cycles, _), alone) in sizes.iter().zip(&mut measured) {
                let (mut stages, mut like, mut quick) = (Stages::default(), 0.0, 0.0);
                for n in 0..*cycles {
                    let changes = self.random.changes(*size, self.rows, 100 + (round * 100 + n) as u64);
                    update(&mut self.writer, &changes)?.commit()?;
                    cycle.run(&mut stages)?;
                    like += self.like.upserts(&changes)?;
                    quick += self.quick.upserts(&changes)?;
                    self.writer.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
                }
                alone.push(stages, like, quick, *cycles);
            }
        }
        for ((size, _, goal), alone) in sizes.iter().zip(&measured) {
            alone.report(table, *size, *goal);
        }
        Ok(())
    }
}

/// The rounds of one size of batch, in seconds per cycle
#[derive(Default)]
struct Alone {
    stages: Vec<Stages>,
    like: Vec<f64>,
    quick: Vec<f64>,
}

impl Alone {
    fn push(&mut self, stages: Stages, like: f64, quick: f64, cycles: usize) {
        let per = |seconds: f64| seconds / cycles as f64;
        let Stages { read, sync, apply, commit } = stages;
        self.stages.push(Stages { read: per(read), sync: per(sync), apply: per(apply), commit: per(commit) });
        self.like.push(per(like));
        self.quick.push(per(quick));
    }

    fn report(&self, table: &mut Table, size: u64, goal: Goal) {
        let of = |figure: fn(&Stages) -> f64| median(self.stages.iter().map(figure).collect());
        let ratio = |theirs: &[f64]| {
            median(self.stages.iter().zip(theirs).map(|(ours, theirs)| theirs / (ours.apply + ours.commit)).collect())
        };
        let note = format!(
            "per batch: apply {:.2} + commit {:.2} ms (before them: read {:.2}, sync {:.2}); x{:.2} against a \
             single-threaded client",
            1000.0 * of(|s| s.apply),
            1000.0 * of(|s| s.commit),
            1000.0 * of(|s| s.read),
            1000.0 * of(|s| s.sync),
            ratio(&self.quick)
        );
        let name = format!("apply step alone: batches of {size} / awaited upserts");
        table.add(&name, ratio(&self.like), "x", goal, None, &note);
    }
}

/// Pages as they are in a table that has been in use: written since the checkpoint, with room for a new version of a
/// row. A table just filled has to find a new page for every update, and the first to touch a page pays for its image.
fn touch_every_page(target: &mut Connection) -> Outcome<()> {
    target.run("checkpoint")?;
    for table in ["reference.narrow", "public.narrow"] {
        target.run(&format!("update {table} set amount = amount"))?;
        target.run(&format!("vacuum freeze analyze {table}"))?;
    }
    Ok(())
}

fn update<'c>(writer: &'c mut rusqlite::Connection, changes: &[Change]) -> Outcome<rusqlite::Transaction<'c>> {
    let transaction = writer.transaction()?;
    let mut update = transaction.prepare_cached(UPDATE)?;
    for (id, row) in changes {
        update.execute(params![id, row.customer, row.amount, row.created_at, row.status, row.note])?;
    }
    drop(update);
    Ok(transaction)
}

impl Reference {
    /// BEGIN, one awaited upsert per change, COMMIT; returns the seconds
    fn upserts(&self, changes: &[Change]) -> Outcome<f64> {
        let Connection { runtime, client } = &self.connection;
        let began = Instant::now();
        runtime.block_on(async {
            client.batch_execute("begin").await?;
            for (id, row) in changes {
                let Narrow { customer, amount, created_at, status, note } = row;
                client.execute(&self.upsert, &[id, customer, amount, created_at, status, note]).await?;
            }
            client.batch_execute("commit").await
        })?;
        Ok(began.elapsed().as_secs_f64())
    }
}
