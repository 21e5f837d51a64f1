//! Verify: every row and every column of both sides, exactly, while both are written
//!
//! For each table a read view of the target (checkpoint M) and then one of the source (head N) are opened; the order
//! makes N >= M. Keys logged in (M, N] are in flight and set aside; everything else must be equal (DESIGN.md section
//! 3.6). The keys set aside are compared again, by key, in later views. In the rollback-journal modes the source is read
//! in short slices instead of one view, because a reader there holds up every commit (see `aside`). While PostgreSQL is
//! the primary, the keys in its change log are in flight instead (see `views`).
//!
//! Rows are compared by 128-bit digests of values that are decoded here from the server's binary fields. Digests are
//! summed in buckets by key, so neither order nor collation matters and memory is bounded; only buckets that differ
//! are looked into row by row.

mod aside;
pub mod changed;
mod held;
mod search;
pub mod source;
pub mod target;
mod verdict;
mod views;

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use tokio_postgres::Client;
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::job::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::model::key::KeyRef;
use crate::model::plan::{Plan, TablePlan};
use crate::model::words::counted;
use crate::observe::progress::Stage;
use crate::postgres::existing::kept_rows;
use crate::postgres::{control, owed};
use crate::sqlite::connection::{journal_mode, open_reader};
use aside::Aside;
use held::Held;
use source::SourceScan;
use target::{by_keys as target_by_keys, scan_target};
use verdict::Run;
use views::{Keys, Through};

pub use verdict::{TableVerdict, Verdict};

/// Buckets of one table; each holds a sum and a count
const BUCKETS: usize = 4096;

/// Rows of differing buckets that are looked into; with more the report says "at least"
const DRILL_ROWS_MAX: usize = 500_000;

/// How often keys in flight are looked at again
const ROUNDS: usize = 20;

/// Differing keys that are named per table
const KEYS_NAMED: usize = 10;

/// Compares the named tables, or all
pub fn verify(context: &Context, tables: &[String]) -> Result<Verdict> {
    let runtime = &context.runtime;
    let client = runtime.block_on(context.target.connect("crossfade verify"))?;
    let state = runtime.block_on(control::load(&client))?.ok_or_else(nothing_to_verify)?;
    let run = runtime.block_on(Run::begin(&client, tables.is_empty()))?;
    let chosen = choose(&state.plan, tables)?;
    let total = chosen.iter().map(|t| t.row_count).sum();
    let stage = context.reporter.stage("verify", "rows", total);
    let mut verdict = Verdict::new();
    let source = open_reader(&context.settings.source)?;
    crate::engine::drift::check_identity(&source, &state.source_id)?;
    let in_reverse = state.phase.is_reverse();
    // A reader that holds up commits then holds up nobody but the replicator.
    let in_slices = !in_reverse && journal_mode(&source)? != "wal";
    for table in chosen {
        context.stop.check()?;
        let (client, source, plan, stage) = (&client, &source, &state.plan, &stage);
        let check = TableCheck { context, client, source, in_slices, in_reverse, plan, table, stage };
        let (found, through) = match state.plan.search_table(table.id) {
            // They are followed in one direction only.
            Some(_) if in_reverse => continue,
            Some(planned) => check.run_search(planned)?,
            None => check.run()?,
        };
        // A search table has no log, and of a table that was emptied nothing was compared.
        if state.plan.search_table(table.id).is_some() || found.is_unseen {
            verdict.unlogged += found.in_flight;
        }
        verdict.add(found, through);
    }
    stage.finish();
    verdict.replicator_running = runtime.block_on(control::is_locked(&client))?;
    runtime.block_on(run.store(&client, &mut verdict))?;
    if in_reverse && verdict.mismatches > 0 {
        verdict.is_mended = ask_for_comparison(context, &client, verdict.mismatches)?;
    }
    Ok(verdict)
}

/// While PostgreSQL is the primary its rows are right: the replicator compares the tables and brings them over
fn ask_for_comparison(context: &Context, client: &Client, mismatches: u64) -> Result<bool> {
    let why = format!("verify found differences in {}", counted(mismatches, "row"));
    context.runtime.block_on(owed::ask(client, &why))
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
    /// PostgreSQL is the primary
    in_reverse: bool,
    plan: &'a Plan,
    table: &'a TablePlan,
    stage: &'a Stage,
}

impl TableCheck<'_> {
    fn run(&self) -> Result<(TableVerdict, Through)> {
        let mut verdict = TableVerdict::new(self.table);
        let mut compare = |through: Through, mut aside: Aside<'_>| {
            if aside.is_whole {
                verdict.in_flight += 1;
                verdict.is_unseen = true;
                return Ok((HashSet::new(), through));
            }
            aside.held = self.held()?;
            verdict.quarantined = aside.held.count() + aside.noted.len() as u64;
            verdict.kept = self.context.runtime.block_on(kept_rows(self.client, self.plan, self.table))?;
            self.compare_all(&mut aside, &mut verdict)?;
            let mut in_flight = aside.keys();
            in_flight.extend(self.check_all_held(&mut aside, &mut verdict)?);
            Ok((in_flight, through))
        };
        let (in_flight, through) = match self.in_slices {
            true => self.in_target_view(|through| compare(through, self.aside(through)))?,
            false => self.in_views(compare)?,
        };
        self.compare_again(in_flight, &mut verdict)?;
        Ok((verdict, through))
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
                self.compare_keys(&now, &aside, &self.held()?, verdict)?;
                Ok(later)
            })?;
        }
        verdict.in_flight += keys.len() as u64;
        Ok(())
    }

    /// Compares the rows with these keys, which are not in flight, in the views that are open
    fn compare_keys(&self, keys: &Keys, aside: &Aside<'_>, held: &Held, verdict: &mut TableVerdict) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        self.check_held(held, keys.iter(), verdict)?;
        let keys: Keys =
            keys.iter().filter(|key| !held.contains(key) && !aside.noted.contains(*key)).cloned().collect();
        let (context, client, plan, table) = (self.context, self.client, self.plan, self.table);
        // At the same time, as in `scan_both`.
        let (left, right) = std::thread::scope(|scope| {
            let target = scope.spawn(|| target_by_keys(context, client, plan, table, &keys));
            let left = self.source_scan().by_keys(&keys);
            let target = target.join().unwrap_or_else(|_| Err(Error::internal("reading the target panicked")));
            left.and_then(|left| Ok((left, target?)))
        })?;
        verdict.rows_compared += left.len() as u64;
        note_differences(&left, &right, verdict);
        Ok(())
    }

    fn target_by_keys(&self, keys: &Keys) -> Result<HashMap<Vec<u8>, u128>> {
        target_by_keys(self.context, self.client, self.plan, self.table, keys)
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
