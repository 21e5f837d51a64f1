//! Verify: every row and every column of both sides, exactly, while both are written
//!
//! For each table a read view of the target (checkpoint M) and then one of the source (head N) are opened; the order
//! makes N >= M. Keys logged in (M, N] are in flight and set aside; everything else must be equal (DESIGN.md section
//! 3.6). The keys set aside are compared again, by key, in later views.
//!
//! Rows are compared by 128-bit digests of values that are decoded here from the server's binary fields. Digests are
//! summed in buckets by key, so neither order nor collation matters and memory is bounded; only buckets that differ
//! are looked into row by row.

mod target;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio_postgres::Client;
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::job::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::model::canonical::comparable;
use crate::model::change::Rows;
use crate::model::digest::RowDigest;
use crate::model::key::{KeyRef, write_value};
use crate::model::plan::{Plan, TablePlan};
use crate::observe::progress::Stage;
use crate::postgres::connect::classify;
use crate::postgres::control::{self, Checkpoint};
use crate::postgres::rows as target_rows;
use crate::sqlite::change_log::{self, LogPosition};
use crate::sqlite::connection::{classify as classify_source, in_read_view, open_reader};
use crate::sqlite::rows::{bind_key, column, key_at, key_of, select_all_sql, select_by_key_sql};
use target::{Decoder, scan_target};

/// Buckets of one table; each holds a sum and a count
const BUCKETS: usize = 4096;

/// Rows of differing buckets that are looked into; with more the report says "at least"
const DRILL_ROWS_MAX: usize = 500_000;

/// Keys in flight that are held in memory; with more the replicator is too far behind to compare
const IN_FLIGHT_MAX: usize = 1_000_000;

/// How often, and how long, keys in flight are looked at again
const ROUNDS: usize = 20;
const ROUND_TIMEOUT: Duration = Duration::from_secs(10);

/// Differing keys that are named per table
const KEYS_NAMED: usize = 10;

/// Result of one table
#[derive(Clone, Debug, serde::Serialize)]
pub struct TableVerdict {
    pub name: String,
    pub rows_compared: u64,
    pub mismatches: u64,
    /// The count is a lower bound
    pub at_least: bool,
    /// Keys that changed on the source and had not arrived on the target, and are not compared
    pub in_flight: u64,
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
        replicator_running: false,
        seconds: 0.0,
        tables: Vec::new(),
    };
    let source = open_reader(&context.settings.source)?;
    crate::engine::drift::check_identity(&source, &state.source_id)?;
    for table in chosen {
        context.stop.check()?;
        let check = TableCheck { context, client: &client, source: &source, plan: &state.plan, table, stage: &stage };
        let (found, through) = check.run()?;
        verdict.through_seq = verdict.through_seq.min(through);
        verdict.rows_compared += found.rows_compared;
        verdict.mismatches += found.mismatches;
        verdict.in_flight += found.in_flight;
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
    if names.is_empty() {
        return Ok(plan.tables.iter().collect());
    }
    let find = |name: &String| {
        plan.tables.iter().find(|t| t.source.name == *name).ok_or_else(|| {
            Error::usage(format!("there is no table `{name}` in the plan")).hint("`crossfade status` lists the tables")
        })
    };
    names.iter().map(find).collect()
}

async fn store(client: &Client, verdict: &Verdict, began_at: &str) -> Result<()> {
    client
        .execute(
            "insert into crossfade.verify_runs (started_at, through_seq, rows_compared, mismatches, in_flight) \
             values ($1::text::timestamptz, $2, $3, $4, $5)",
            &[
                &began_at,
                &verdict.through_seq,
                &(verdict.rows_compared as i64),
                &(verdict.mismatches as i64),
                &(verdict.in_flight as i64),
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
            keys: Vec::new(),
        };
        let (in_flight, through) = self.in_views(|checkpoint, in_flight| {
            self.compare_all(&in_flight, &mut verdict)?;
            Ok((in_flight, checkpoint.seq))
        })?;
        self.compare_again(in_flight, &mut verdict)?;
        Ok((verdict, through))
    }

    /// Opens both views, the target's first, and runs `body` with the checkpoint and the keys in flight between them
    fn in_views<T>(&self, body: impl FnOnce(Checkpoint, HashSet<Vec<u8>>) -> Result<T>) -> Result<T> {
        let runtime = &self.context.runtime;
        let failed = |e| classify(e, "open a read view of the target");
        runtime
            .block_on(self.client.batch_execute("begin isolation level repeatable read read only"))
            .map_err(failed)?;
        // The first query fixes the view. It must come before the source's view: the other way round, the target
        // could hold rows that the source's view does not show yet.
        let outcome = runtime.block_on(control::checkpoint(self.client)).and_then(|checkpoint| {
            if !checkpoint.consistent {
                return Err(Error::new(
                    ErrorKind::WrongPhase,
                    "the copy is not finished, so there is nothing to compare yet",
                )
                .hint("wait until `crossfade status` says that it follows"));
            }
            in_read_view(self.source, |_| {
                let in_flight = self.keys_in_flight(checkpoint)?;
                body(checkpoint, in_flight)
            })
        });
        let closed = runtime.block_on(self.client.batch_execute("commit")).map_err(failed);
        let value = outcome?;
        closed.map(|()| value)
    }

    fn keys_in_flight(&self, checkpoint: Checkpoint) -> Result<HashSet<Vec<u8>>> {
        let position = LogPosition { seq: checkpoint.seq, nonce: checkpoint.nonce };
        if change_log::find(self.source, position)?.is_some() {
            return Err(Error::refused("the checkpoint is not in the source's change log any more")
                .hint("`crossfade run` compares and repairs first; verify after that"));
        }
        let failed = |e| classify_source(e, "read the change log");
        let width = self.plan.tables.iter().map(|t| t.key.parts.len()).max().unwrap_or(1);
        let mut statement = self.source.prepare_cached(&change_log::tail_sql(width)).map_err(failed)?;
        let mut rows = statement.query([checkpoint.seq]).map_err(failed)?;
        let mut keys = HashSet::new();
        while let Some(row) = rows.next().map_err(failed)? {
            if row.get::<_, i64>(0).map_err(failed)? != self.table.id {
                continue;
            }
            keys.insert(key_at(row, change_log::TAIL_KEY, self.table));
            if keys.len() > IN_FLIGHT_MAX {
                return Err(Error::refused("the replicator is too far behind to compare")
                    .hint("wait until the backlog in `crossfade status` is small"));
            }
        }
        Ok(keys)
    }

    fn compare_all(&self, aside: &HashSet<Vec<u8>>, verdict: &mut TableVerdict) -> Result<()> {
        let mut left = vec![Bucket::default(); BUCKETS];
        let mut right = vec![Bucket::default(); BUCKETS];
        fn add(buckets: &mut [Bucket], key: &[u8], digest: u128) {
            let bucket = &mut buckets[bucket_of(key)];
            bucket.sum = bucket.sum.wrapping_add(digest);
            bucket.count += 1;
        }
        self.scan_both(
            &mut |key, digest| {
                if !aside.contains(key) {
                    add(&mut left, key, digest);
                }
            },
            &mut |key, digest| {
                if !aside.contains(key) {
                    add(&mut right, key, digest);
                }
            },
        )?;
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
        aside: &HashSet<Vec<u8>>,
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
        let wanted = |key: &[u8]| chosen.contains(&bucket_of(key)) && !aside.contains(key);
        let (mut left, mut right) = (HashMap::new(), HashMap::new());
        self.scan_both(
            &mut |key, digest| {
                if wanted(key) {
                    left.insert(key.to_vec(), digest);
                }
            },
            &mut |key, digest| {
                if wanted(key) {
                    right.insert(key.to_vec(), digest);
                }
            },
        )?;
        let before = verdict.mismatches;
        note_differences(&left, &right, verdict);
        // Every bucket that was not looked into holds at least one difference; and a difference that no key accounts
        // for is one too (a key that the target holds twice).
        verdict.mismatches += (differing.len() - chosen.len()) as u64;
        if verdict.mismatches == before {
            verdict.mismatches += 1;
            verdict.at_least = true;
            verdict.keys.push("a key that the target holds more than once".into());
        }
        Ok(())
    }

    /// Scans both sides at the same time; the target on a thread of its own, as a SQLite connection may not cross one
    fn scan_both(&self, left: &mut Visit<'_>, right: &mut (impl FnMut(&[u8], u128) + Send)) -> Result<()> {
        let (context, client, plan, table) = (self.context, self.client, self.plan, self.table);
        std::thread::scope(|scope| {
            let target = scope.spawn(move || scan_target(context, client, plan, table, right));
            let source = self.scan_source(left);
            let target = target.join().unwrap_or_else(|_| Err(Error::internal("the scan of the target panicked")));
            source.and(target)
        })
    }

    fn scan_source(&self, visit: &mut Visit<'_>) -> Result<()> {
        let failed = |e| classify_source(e, &format!("read table `{}`", self.table.source.name));
        let mut statement = self.source.prepare_cached(&select_all_sql(self.table)).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let (mut digest, mut scratch, mut key) = (RowDigest::new(), Vec::new(), Vec::new());
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            add_row(&mut digest, self.table, row, &mut scratch);
            key.clear();
            self.table.key_columns.iter().for_each(|&index| write_value(&mut key, column(row, index)));
            visit(&key, digest.finish());
            count += 1;
            if count % 4096 == 0 {
                self.context.stop.check()?;
                self.stage.add(4096, 0);
            }
        }
        self.stage.add(count % 4096, 0);
        Ok(())
    }

    /// Compares the keys that were in flight, in later views, until none is left or they keep changing
    fn compare_again(&self, mut keys: HashSet<Vec<u8>>, verdict: &mut TableVerdict) -> Result<()> {
        for _ in 0..ROUNDS {
            if keys.is_empty() || !self.wait_for_progress()? {
                break;
            }
            keys = self.in_views(|_, in_flight| {
                let (later, now): (HashSet<_>, HashSet<_>) = keys.into_iter().partition(|key| in_flight.contains(key));
                let left = self.source_by_keys(&now)?;
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

    fn source_by_keys(&self, keys: &HashSet<Vec<u8>>) -> Result<HashMap<Vec<u8>, u128>> {
        let failed = |e| classify_source(e, &format!("read rows of table `{}`", self.table.source.name));
        let mut statement = self.source.prepare_cached(&select_by_key_sql(self.table)).map_err(failed)?;
        let (mut digest, mut scratch) = (RowDigest::new(), Vec::new());
        let mut found = HashMap::new();
        for key in keys {
            bind_key(&mut statement, 1, KeyRef(key))?;
            let mut rows = statement.raw_query();
            let Some(row) = rows.next().map_err(failed)? else { continue };
            // Natively equal is not enough: 'abc' is not the row that was logged as 'ABC'.
            if key_of(row, self.table) != *key {
                continue;
            }
            add_row(&mut digest, self.table, row, &mut scratch);
            found.insert(key.clone(), digest.finish());
        }
        Ok(found)
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
        let mut decoder = Decoder::new(self.table);
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

/// Digests a row of the source: what is copied of it, as both sides are compared
fn add_row(digest: &mut RowDigest, table: &TablePlan, row: &rusqlite::Row<'_>, scratch: &mut Vec<u8>) {
    digest.reset();
    for (index, planned) in table.copied_columns() {
        digest.add(comparable(column(row, index), planned.mapping, scratch));
    }
}

fn note_differences(left: &HashMap<Vec<u8>, u128>, right: &HashMap<Vec<u8>, u128>, verdict: &mut TableVerdict) {
    let mut note = |key: &[u8], what: &str| {
        verdict.mismatches += 1;
        if verdict.keys.len() < KEYS_NAMED {
            verdict.keys.push(format!("{} ({what})", key_text(key)));
        }
    };
    for (key, digest) in left {
        match right.get(key) {
            None => note(key, "missing on postgres"),
            Some(other) if other != digest => note(key, "differs"),
            Some(_) => {}
        }
    }
    right.keys().filter(|key| !left.contains_key(*key)).for_each(|key| note(key, "only on postgres"));
}

/// A key as the operator would write it
fn key_text(key: &[u8]) -> String {
    use crate::model::value::Value;
    let part = |value: Value<'_>| match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(v) => v.to_string(),
        Value::Real(v) => format!("{v:?}"),
        Value::Text(bytes) => format!("'{}'", String::from_utf8_lossy(bytes).chars().take(60).collect::<String>()),
        Value::Blob(bytes) => format!("x'{}'", bytes.iter().take(16).map(|b| format!("{b:02x}")).collect::<String>()),
    };
    KeyRef(key).parts().map(part).collect::<Vec<_>>().join(", ")
}
