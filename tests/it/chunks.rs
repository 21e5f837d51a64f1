//! The snapshot in chunks and waves: a wide table, changed all the time while its chunks are copied
//!
//! Only a table that is big enough is split; the other tests copy theirs in one piece.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::generator::Transaction;
use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::load::Load;
use crate::support::pg::Pg;
use crate::support::process::{Pair, wait_until};
use crate::support::rng::Rng;
use crate::support::source::Workplace;

const ROWS: usize = 100_000;
/// A backlog of a quarter of the log ends a wave: several waves, each followed by a cycle of the tail
const OPTIONS: [&str; 6] = ["--chunk-bytes", "65536", "--workers", "2", "--log-limit", "4000"];

/// Deleted rows stay dead, moved keys move once, whatever chunk they were in
#[test]
fn i7_rows_that_change_while_their_chunks_are_copied() {
    let (_work, pair) = wide();
    let mut load = Load::new();
    load.add(&pair.source, 7801, change);
    load.add(&pair.source, 7803, change);
    let mut replicator = pair.replicate(&OPTIONS);
    let mut waves = BTreeSet::new();
    wait_until("the target to become consistent", || {
        replicator.must_run();
        load.check();
        pair.checkpoint().is_some_and(|(seq, consistent)| {
            waves.insert(seq);
            consistent
        })
    });
    assert!(waves.len() > 3, "the tail had its turn only at {waves:?}");
    assert!(chunks(&pair) > 20, "the table went in {} chunks", chunks(&pair));
    load.wait_for(100, &mut replicator);
    load.finish();
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}

/// The same with SIGKILL at random moments: what is copied stays, what is not is copied as it is by then
#[test]
fn i7_chunks_survive_kills_under_load() {
    let (_work, pair) = wide();
    let mut load = Load::new();
    load.add(&pair.source, 7802, change);
    let mut rng = Rng::new(7802);
    let mut replicator = pair.replicate(&OPTIONS);
    pair.wait_captured(&mut replicator);
    let mut before = 0;
    for _ in 0..8 {
        replicator.must_run_for(Duration::from_millis(150 + rng.below(500) as u64));
        replicator.kill();
        let now = chunks(&pair);
        assert!(now >= before, "{before} chunks were done before the kill and {now} are after it");
        before = now;
        replicator = pair.replicate(&OPTIONS);
    }
    pair.wait_consistent(&mut replicator);
    assert!(chunks(&pair) > 20, "the table went in {} chunks", chunks(&pair));
    load.finish();
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
}

fn wide() -> (Workplace, Pair) {
    let work = Workplace::new();
    let path: PathBuf = work.database(&format!(
        "CREATE TABLE wide(id INTEGER PRIMARY KEY, tag TEXT UNIQUE, body TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO wide SELECT i * 2, 'tag ' || i, printf('%0400d', i) FROM n"
    ));
    check_size(&path);
    (work, Pair::new(path, fresh_database()))
}

/// Wide rows and at least 32 MiB of them: below that there are no chunks
fn check_size(path: &Path) {
    let size = path.metadata().expect("the database").len();
    assert!(size > 33 << 20, "the database has only {size} bytes");
}

/// Deletes, inserts into the gaps, moves keys across the table, swaps tags, replaces by tag
fn change(rng: &mut Rng) -> Transaction {
    let mut statements = vec!["BEGIN IMMEDIATE".to_owned()];
    for _ in 0..1 + rng.below(4) {
        let (id, other) = (rng.below(2 * ROWS), rng.below(2 * ROWS));
        statements.push(match rng.below(6) {
            0 => format!("DELETE FROM wide WHERE id BETWEEN {id} AND {id} + 4"),
            1 => format!("INSERT OR IGNORE INTO wide VALUES({id}, 'new {id}', printf('%0300d', {id}))"),
            2 => format!("UPDATE OR REPLACE wide SET id = {other} WHERE id = {id}"),
            3 => format!("REPLACE INTO wide VALUES({id}, 'tag {}', 'replaced')", other / 2),
            4 => format!("UPDATE wide SET body = body || '.' WHERE id BETWEEN {id} AND {id} + 10"),
            _ => format!("UPDATE OR IGNORE wide SET tag = 'moved {other}' WHERE id = {id}"),
        });
    }
    statements.push(if rng.chance(10) { "ROLLBACK" } else { "COMMIT" }.to_owned());
    Transaction { statements, all_or_nothing: false }
}

/// Chunks that the target has recorded
fn chunks(pair: &Pair) -> u64 {
    let target = Pg::connect(&pair.target);
    if target.value("SELECT to_regclass('crossfade.chunks')").is_none() {
        return 0;
    }
    target.value("SELECT count(*) FROM crossfade.chunks").expect("a count").parse().expect("a number")
}
