//! Verify: every row and every column of both sides, exactly, while both are written
//!
//! For each table a read view of the target (checkpoint M) and then one of the source (head N) are opened; the order
//! makes N >= M. Keys logged in (M, N] are in flight and set aside; everything else must be equal (DESIGN.md section
//! 3.6). The keys set aside are compared again, by key, in later views. In the rollback-journal modes the source is read
//! in short slices instead of one view, because a reader there holds up every commit (see `aside`).
//!
//! Rows are compared by 128-bit digests of values that are decoded here from the server's binary fields. Digests are
//! summed in buckets by key, so neither order nor collation matters and memory is bounded; only buckets that differ
//! are looked into row by row.

mod aside;
mod held;
mod search;
pub mod source;
pub mod target;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio_postgres::Client;
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::job::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::model::change::Rows;
use crate::model::key::KeyRef;
use crate::model::plan::{Plan, TablePlan};
use crate::observe::progress::Stage;
use crate::postgres::connect::classify;
use crate::postgres::control::{self, Checkpoint};
use crate::postgres::existing::kept_rows;
use crate::postgres::rows as target_rows;
use crate::sqlite::change_log;
use crate::sqlite::connection::{in_read_view, journal_mode, open_reader};
use aside::Aside;
use source::SourceScan;
use target::{Decoder, scan_target};

/// Buckets of one table; each holds a sum and a count
const BUCKETS: usize = 4096;

/// Rows of differing buckets that are looked into; with more the report says "at least"
const DRILL_ROWS_MAX: usize = 500_000;

/// How often, and how long, keys in flight are looked at again
const ROUNDS: usize = 20;
const ROUND_TIMEOUT: Duration = Duration::from_secs(10);

/// Differing keys that are named per table
const KEYS_NAMED: usize = 10;

/// Result of one table
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct TableVerdict {
    pub name: String,
    pub rows_compared: u64,
    pub mismatches: u64,
    /// The count is a lower bound
    pub at_least: bool,
    /// Keys that changed on the source and had not arrived on the target, and are not compared
    pub in_flight: u64,
    /// Rows of the quarantine, which are checked to be where they belong
    pub quarantined: u64,
    /// Rows that the target had before the copy and that the source never named
    pub kept: u64,
    /// Some of the differing keys, as text
    pub keys: Vec<String>,
}

/// Result of a whole run
#[derive(Clone, Debug, serde::Serialize)]
pub struct Verdict {
    /// The target's checkpoint at which the comparison holds, the earliest over all tables
    pub through_seq: i64,
    pub rows_compared: u64,
    pub mismatches: u64,
    /// Keys that are not compared: they changed on the source and had not arrived
    pub in_flight: u64,
    /// Rows that PostgreSQL cannot hold
    pub quarantined: u64,
    /// A replicator was running to bring them over
    pub replicator_running: bool,
    pub seconds: f64,
    pub tables: Vec<TableVerdict>,
}

/// Compares the named tables, or all
pub fn verify(context: &Context, tables: &[String]) -> Result<Verdict> {
    let started = Instant::now();
    let runtime = &context.runtime;
    let client = runtime.block_on(context.target.connect("crossfade verify"))?;
    let state = runtime.block_on(control::load(&client))?.ok_or_else(nothing_to_verify)?;
    let began_at = runtime
        .block_on(client.query_one("select now()::text", &[]))
        .map_err(|e| classify(e, "ask for the time"))?
        .get::<_, String>(0);
    let chosen = choose(&state.plan, tables)?;
    let total = chosen.iter().map(|t| t.row_count).sum();
    let stage = context.reporter.stage("verify", "rows", total);
    let mut verdict = Verdict {
        through_seq: i64::MAX,
        rows_compared: 0,
        mismatches: 0,
        in_flight: 0,
        quarantined: 0,
        replicator_running: false,
        seconds: 0.0,
        tables: Vec::new(),
    };
    let source = open_reader(&context.settings.source)?;
    crate::engine::drift::check_identity(&source, &state.source_id)?;
    let in_slices = journal_mode(&source)? != "wal";
    for table in chosen {
        context.stop.check()?;
        let check = TableCheck {
            context,
            client: &client,
            source: &source,
            in_slices,
            plan: &state.plan,
            table,
            stage: &stage,
        };
        let (found, through) = match state.plan.search_table(table.id) {
            Some(planned) => check.run_search(planned)?,
            None => check.run()?,
        };
        verdict.through_seq = verdict.through_seq.min(through);
        verdict.rows_compared += found.rows_compared;
        verdict.mismatches += found.mismatches;
        verdict.in_flight += found.in_flight;
        verdict.quarantined += found.quarantined;
        verdict.tables.push(found);
    }
    stage.finish();
    verdict.seconds = started.elapsed().as_secs_f64();
    verdict.replicator_running = runtime.block_on(control::is_locked(&client))?;
    runtime.block_on(store(&client, &verdict, &began_at))?;
    Ok(verdict)
}

fn nothing_to_verify() -> Error {
    Error::new(ErrorKind::WrongPhase, "there is no migration on this target").hint("start one with `crossfade run`")
}

fn choose<'p>(plan: &'p Plan, names: &[String]) -> Result<Vec<&'p TablePlan>> {
    let all = || plan.tables.iter().chain(plan.search_tables.iter().map(|search| &search.table));
    if names.is_empty() {
        return Ok(all().collect());
    }
    let find = |name: &String| {
        all().find(|t| plan.name_of(t.id) == Some(name)).ok_or_else(|| {
            Error::usage(format!("there is no table `{name}` in the plan")).hint("`crossfade status` lists the tables")
        })
    };
    names.iter().map(find).collect()
}

async fn store(client: &Client, verdict: &Verdict, began_at: &str) -> Result<()> {
    client
        .execute(
            "insert into crossfade.verify_runs \
             (started_at, through_seq, rows_compared, mismatches, in_flight, quarantined) \
             values ($1::text::timestamptz, $2, $3, $4, $5, $6)",
            &[
                &began_at,
                &verdict.through_seq,
                &(verdict.rows_compared as i64),
                &(verdict.mismatches as i64),
                &(verdict.in_flight as i64),
                &(verdict.quarantined as i64),
            ],
        )
        .await
        .map(|_| ())
        .map_err(|e| classify(e, "store the result of verify"))
}

/// Sum and count of the digests whose keys fall into a bucket; a sum, because under XOR equal pairs would cancel
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    sum: u128,
    count: u64,
}

fn bucket_of(key: &[u8]) -> usize {
    xxh3_64(key) as usize % BUCKETS
}

/// A key and the digest of its row
type Visit<'v> = dyn FnMut(&[u8], u128) + 'v;

struct TableCheck<'a> {
    context: &'a Context,
    client: &'a Client,
    source: &'a Connection,
    /// Read the source in short views: it is in a rollback-journal mode
    in_slices: bool,
    plan: &'a Plan,
    table: &'a TablePlan,
    stage: &'a Stage,
}

impl TableCheck<'_> {
    fn run(&self) -> Result<(TableVerdict, i64)> {
        let mut verdict = TableVerdict {
            name: self.table.source.name.clone(),
            rows_compared: 0,
            mismatches: 0,
            at_least: false,
            in_flight: 0,
            quarantined: 0,
            kept: 0,
            keys: Vec::new(),
        };
        let mut compare = |checkpoint: Checkpoint, mut aside: Aside<'_>| {
            aside.held = self.held()?;
            verdict.quarantined = aside.held.count();
            verdict.kept = self.context.runtime.block_on(kept_rows(self.client, self.plan, self.table))?;
            self.compare_all(&mut aside, &mut verdict)?;
            let mut in_flight = aside.keys();
            in_flight.extend(self.check_all_held(&mut aside, &mut verdict)?);
            Ok((in_flight, checkpoint.seq))
        };
        let (in_flight, through) = match self.in_slices {
            true => self.in_target_view(|checkpoint| compare(checkpoint, self.aside(checkpoint)))?,
            false => self.in_views(compare)?,
        };
        self.compare_again(in_flight, &mut verdict)?;
        Ok((verdict, through))
    }

    fn aside(&self, checkpoint: Checkpoint) -> Aside<'_> {
        Aside::new(self.plan, self.table, checkpoint)
    }

    /// Opens both views, the target's first, and runs `body` with the checkpoint and the keys in flight between them
    fn in_views<T>(&self, body: impl FnOnce(Checkpoint, Aside<'_>) -> Result<T>) -> Result<T> {
        self.in_target_view(|checkpoint| {
            in_read_view(self.source, |source| {
                let mut aside = self.aside(checkpoint);
                aside.catch_up(source)?;
                body(checkpoint, aside)
            })
        })
    }

    /// Opens a view of the target. It must come before any view of the source: the other way round, the target could
    /// hold rows that the source's view does not show yet
    fn in_target_view<T>(&self, body: impl FnOnce(Checkpoint) -> Result<T>) -> Result<T> {
        let runtime = &self.context.runtime;
        let failed = |e| classify(e, "open a read view of the target");
        runtime
            .block_on(self.client.batch_execute("begin isolation level repeatable read read only"))
            .map_err(failed)?;
        // The first query fixes the view.
        let outcome = runtime.block_on(control::checkpoint(self.client)).and_then(|checkpoint| {
            if checkpoint.consistent {
                return body(checkpoint);
            }
            Err(Error::new(ErrorKind::WrongPhase, "the copy is not finished, so there is nothing to compare yet")
                .hint("wait until `crossfade status` says that it follows"))
        });
        let closed = runtime.block_on(self.client.batch_execute("commit")).map_err(failed);
        let value = outcome?;
        closed.map(|()| value)
    }

    fn compare_all(&self, aside: &mut Aside<'_>, verdict: &mut TableVerdict) -> Result<()> {
        let mut left = vec![Bucket::default(); BUCKETS];
        let mut right = vec![Bucket::default(); BUCKETS];
        fn add(buckets: &mut [Bucket], key: &[u8], digest: u128) {
            let bucket = &mut buckets[bucket_of(key)];
            bucket.sum = bucket.sum.wrapping_add(digest);
            bucket.count += 1;
        }
        self.scan_both(aside, &mut |key, digest| add(&mut left, key, digest), &mut |key, digest| {
            add(&mut right, key, digest);
        })?;
        verdict.rows_compared += left.iter().map(|b| b.count).sum::<u64>();
        let differing: Vec<usize> = (0..BUCKETS).filter(|&index| left[index] != right[index]).collect();
        if differing.is_empty() { Ok(()) } else { self.drill(&differing, &left, &right, aside, verdict) }
    }

    /// Looks into differing buckets, row by row, as far as memory allows
    fn drill(
        &self,
        differing: &[usize],
        left: &[Bucket],
        right: &[Bucket],
        aside: &mut Aside<'_>,
        verdict: &mut TableVerdict,
    ) -> Result<()> {
        let mut chosen = HashSet::new();
        let mut rows = 0;
        for &index in differing {
            rows += (left[index].count + right[index].count) as usize;
            if !chosen.is_empty() && rows > DRILL_ROWS_MAX {
                verdict.at_least = true;
                break;
            }
            chosen.insert(index);
        }
        let wanted = |key: &[u8]| chosen.contains(&bucket_of(key));
        let (mut left, mut right, mut repeated) = (HashMap::new(), HashMap::new(), 0);
        self.scan_both(
            aside,
            &mut |key, digest| {
                if wanted(key) {
                    left.insert(key.to_vec(), digest);
                }
            },
            &mut |key, digest| {
                if wanted(key) && right.insert(key.to_vec(), digest).is_some() {
                    repeated += 1;
                }
            },
        )?;
        let before = verdict.mismatches;
        note_differences(&left, &right, verdict);
        // Every bucket that was not looked into holds at least one difference.
        verdict.mismatches += (differing.len() - chosen.len()) as u64 + repeated;
        // In slices, a row that differed may have changed since: its key is aside now, and compared later. In one view
        // nothing changes, so a difference that no key accounts for is one all the same.
        if !self.in_slices && verdict.mismatches == before {
            verdict.mismatches += 1;
            verdict.at_least = true;
        }
        if repeated > 0 {
            verdict.keys.push("a key that the target holds more than once".into());
        }
        Ok(())
    }

    fn source_scan(&self) -> SourceScan<'_> {
        let (table, mode) = (self.table, self.plan.mode);
        SourceScan { connection: self.source, table, mode, stop: &self.context.stop, stage: self.stage }
    }

    /// Calls the two with every row of the source and of the target whose key is not aside
    fn scan_both(
        &self,
        aside: &mut Aside<'_>,
        left: &mut Visit<'_>,
        right: &mut (impl FnMut(&[u8], u128) + Send),
    ) -> Result<()> {
        let (context, client, plan, table) = (self.context, self.client, self.plan, self.table);
        if self.in_slices {
            self.source_scan().in_slices(aside, left)?;
        }
        let (aside, in_slices) = (&*aside, self.in_slices);
        let mut right = |key: &[u8], digest| {
            if !aside.leaves_out(key) {
                right(key, digest);
            }
        };
        if in_slices {
            // Only now it is known which keys of the target to leave out.
            return scan_target(context, client, plan, table, &mut right);
        }
        // At the same time; the target on a thread of its own, as a SQLite connection may not cross one.
        std::thread::scope(|scope| {
            let target = scope.spawn(move || scan_target(context, client, plan, table, &mut right));
            let source = self.source_scan().in_view(aside, left);
            let target = target.join().unwrap_or_else(|_| Err(Error::internal("the scan of the target panicked")));
            source.and(target)
        })
    }

    /// Compares the keys that were in flight, in later views, until none is left or they keep changing
    fn compare_again(&self, mut keys: HashSet<Vec<u8>>, verdict: &mut TableVerdict) -> Result<()> {
        for _ in 0..ROUNDS {
            if keys.is_empty() || !self.wait_for_progress()? {
                break;
            }
            keys = self.in_views(|_, aside| {
                let (later, now): (HashSet<_>, HashSet<_>) = keys.into_iter().partition(|key| aside.holds(key));
                let held = self.held()?;
                self.check_held(&held, now.iter(), verdict)?;
                let now = now.into_iter().filter(|key| !held.contains(key)).collect();
                let left = self.source_scan().by_keys(&now)?;
                let right = self.target_by_keys(&now)?;
                verdict.rows_compared += left.len() as u64;
                note_differences(&left, &right, verdict);
                Ok(later)
            })?;
        }
        verdict.in_flight += keys.len() as u64;
        Ok(())
    }

    /// Waits until the target has reached the head as it is now; `false` if no replicator brings it there
    fn wait_for_progress(&self) -> Result<bool> {
        let head = change_log::head(self.source)?.seq;
        let deadline = Instant::now() + ROUND_TIMEOUT;
        loop {
            self.context.stop.check()?;
            let reached = self.context.runtime.block_on(control::checkpoint(self.client))?.seq >= head;
            if reached {
                return Ok(true);
            }
            let running = self.context.runtime.block_on(control::is_locked(self.client))?;
            if !running || Instant::now() > deadline {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn target_by_keys(&self, keys: &HashSet<Vec<u8>>) -> Result<HashMap<Vec<u8>, u128>> {
        let mut wanted = Rows::new(self.table.key_plans());
        for key in keys {
            let mut parts = KeyRef(key).parts().zip(self.table.key_plans()).enumerate();
            // A key that the target's type cannot hold is not there.
            if parts.all(|(place, (part, column))| wanted.push(place, column, part).is_ok()) {
                wanted.end_row();
            } else {
                wanted.undo_row();
            }
        }
        wanted.seal();
        if wanted.count() == 0 {
            return Ok(HashMap::new());
        }
        let rows = self.context.runtime.block_on(target_rows::by_keys(self.client, self.plan, self.table, &wanted))?;
        let mut decoder = Decoder::new(self.plan.mode, self.table);
        let mut found = HashMap::new();
        for row in &rows {
            let digest = decoder.decode(row.iter().map(|field| field.as_deref()));
            if keys.contains(&decoder.key) {
                found.insert(decoder.key.clone(), digest);
            }
        }
        Ok(found)
    }
}

fn note_differences(left: &HashMap<Vec<u8>, u128>, right: &HashMap<Vec<u8>, u128>, verdict: &mut TableVerdict) {
    for (key, digest) in left {
        match right.get(key) {
            None => note(verdict, key, "missing on postgres"),
            Some(other) if other != digest => note(verdict, key, "differs"),
            Some(_) => {}
        }
    }
    right.keys().filter(|key| !left.contains_key(*key)).for_each(|key| note(verdict, key, "only on postgres"));
}

fn note(verdict: &mut TableVerdict, key: &[u8], what: &str) {
    verdict.mismatches += 1;
    if verdict.keys.len() < KEYS_NAMED {
        verdict.keys.push(format!("{} ({what})", KeyRef(key).text()));
    }
}
