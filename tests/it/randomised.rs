//! Randomised equality: random schemas and statements, several writers, snapshot and tail running, both sides equal
//!
//! Each seed is one database, one target and one replicator. `CROSSFADE_FUZZ_SEEDS` says how many seeds (default 200),
//! `CROSSFADE_FUZZ_FIRST` which comes first, `CROSSFADE_FUZZ_SECONDS` goes on with further seeds for that long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::generator::{self, bank};
use crate::support::cluster::{fresh_database, shared};
use crate::support::compare::unaccounted;
use crate::support::load::Load;
use crate::support::pg::Pg;
use crate::support::process::{Pair, checkpoint};
use crate::support::rng::Rng;
use crate::support::source::{self, Workplace};

const THREADS: usize = 4;
const TABLES: usize = 6;

#[test]
fn i3_i6_randomised_equality() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
    let seeds = number("CROSSFADE_FUZZ_SEEDS").unwrap_or(200);
    let first = number("CROSSFADE_FUZZ_FIRST").unwrap_or(1);
    let until = Instant::now() + Duration::from_secs(number("CROSSFADE_FUZZ_SECONDS").unwrap_or(0));
    let next = AtomicU64::new(first);
    let failure: Mutex<Option<String>> = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while failure.lock().expect("no panic while held").is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds && Instant::now() >= until {
                        return;
                    }
                    if let Err(message) = run_seed(seed) {
                        failure.lock().expect("no panic while held").get_or_insert(message);
                    }
                }
            });
        }
    });
    if let Some(message) = failure.into_inner().expect("no panic while held") {
        panic!("{message}");
    }
    println!("{} seeds, all equal", next.load(Ordering::Relaxed) - first - THREADS as u64);
}

/// Runs a seed; on failure keeps its files, and says all that is needed to see it again
fn run_seed(seed: u64) -> Result<(), String> {
    let work = Workplace::new();
    let path = work.path("app.db");
    let mut rng = Rng::new(seed);
    let journal_mode = if rng.chance(15) { "DELETE" } else { "WAL" };
    let schema = Arc::new(generator::create(&path, seed, TABLES, journal_mode));
    let target = fresh_database();
    let pair = Pair::new(&path, &target);
    let result = catch_unwind(AssertUnwindSafe(|| replicate(&pair, seed, &mut rng, &schema)));
    let reason = match result {
        Ok(found) if found.is_empty() => {
            drop_database(&target);
            return Ok(());
        }
        Ok(found) => format!("{} differences:\n{}", found.len(), found[..found.len().min(12)].join("\n")),
        Err(panic) => describe(panic.as_ref()),
    };
    let kept = work.0.keep();
    Err(format!(
        "seed {seed} (journal_mode {journal_mode}): {reason}\n\nschema:\n{};\n\nfiles kept in {}; again with: \
         CROSSFADE_FUZZ_FIRST={seed} CROSSFADE_FUZZ_SEEDS=1 cargo test randomised",
        schema.ddl.join(";\n"),
        kept.display()
    ))
}

/// Writers before, during and after the snapshot; the differences once they have ended
fn replicate(pair: &Pair, seed: u64, rng: &mut Rng, schema: &Arc<generator::schema::Schema>) -> Vec<String> {
    let mut load = Load::new().bank(&pair.source, seed);
    let watcher = Watcher::start(pair);
    let chunk_bytes = *rng.pick(&["1024", "2000", "4194304"]);
    let workers = *rng.pick(&["1", "2", "3"]);
    let mut replicator = pair.replicate(&["--chunk-bytes", chunk_bytes, "--workers", workers]);
    // What the columns hold is looked at before capture is installed: these writers must not be seen by the plan.
    pair.wait_captured(&mut replicator);
    load.add_writers(&pair.source, seed, schema, 1 + rng.below(3) as u64);
    pair.wait_consistent(&mut replicator);
    load.wait_for(60, &mut replicator);
    load.finish();
    pair.wait_caught_up(&mut replicator);
    watcher.finish();
    let found = unaccounted(&pair.source, &pair.target);
    replicator.stop();
    found
}

/// Looks at the target all the time, each time in one read view
struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<usize, String>>,
}

impl Watcher {
    fn start(pair: &Pair) -> Watcher {
        let stop: Arc<AtomicBool> = Arc::default();
        let (flag, pair) = (Arc::clone(&stop), pair.clone());
        let thread = thread::spawn(move || {
            let (target, source) = (Pg::connect(&pair.target), source::open(&pair.source));
            // In rollback journal modes a patient reader would wait for the writers until they have ended.
            source.busy_timeout(Duration::ZERO).map_err(|e| e.to_string())?;
            let (mut seen, mut last) = (0, -1);
            while !flag.load(Ordering::Relaxed) {
                if let Some(seq) = look(&target, &source, last)? {
                    seen += usize::from(seq != last);
                    last = seq;
                }
                // A pause that leaves the cores to those who are watched.
                thread::sleep(Duration::from_millis(3));
            }
            Ok(seen)
        });
        Watcher { stop, thread }
    }

    fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.thread.join().expect("a watcher that does not panic").unwrap_or_else(|e| panic!("{e}"));
        assert!(seen > 0, "the watcher never saw a consistent commit");
    }
}

/// One look: the sum of the balances, unique owners, and a checkpoint that only rises and never passes the head
fn look(target: &Pg, source: &Connection, last: i64) -> Result<Option<i64>, String> {
    target.try_query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let checkpoint = checkpoint(target);
    let facts = match checkpoint {
        Some((_, true)) => {
            target.try_query("SELECT sum(balance), count(owner), count(DISTINCT owner) FROM public.accounts")?
        }
        _ => Vec::new(),
    };
    target.try_query("COMMIT")?;
    let Some((seq, _)) = checkpoint else { return Ok(None) };
    if seq < last {
        return Err(format!("I4: the checkpoint went back from {last} to {seq}"));
    }
    let head: Option<i64> = source.query_row("SELECT max(seq) FROM _crossfade_log", [], |row| row.get(0)).ok();
    if head.is_some_and(|head| seq > head) {
        return Err(format!("I4: the checkpoint {seq} is ahead of the source, {head:?}"));
    }
    let Some([Some(sum), Some(owners), Some(distinct)]) = facts.first().map(Vec::as_slice) else { return Ok(None) };
    if *sum != bank::TOTAL.to_string() || owners != distinct {
        return Err(format!("I3: at {seq} the balances add up to {sum}, {distinct} of {owners} owners are distinct"));
    }
    Ok(Some(seq))
}

fn describe(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}

fn drop_database(url: &str) {
    let name = url.rsplit('/').next().expect("a URL ends with the database");
    Pg::connect(&shared().url("postgres")).execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
}
