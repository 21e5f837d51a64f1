//! Killed between any two steps of a cycle, and started again: nothing lost, nothing that never was

use std::time::Duration;

use super::writers::{Writers, ledger};
use crate::support::cluster::{database_on, own_cluster};
use crate::support::compare::assert_equal;
use crate::support::primary::migrate_and_switch;
use crate::support::process::{Pair, wait_until};
use crate::support::rng::Rng;
use crate::support::source::Workplace;

#[test]
fn i3_i6_killed_at_random_moments_under_load() {
    let (_work, pair) = ledger();
    let mut rng = Rng::new(8201);
    let writers = Writers::start(&pair.target, 8201, 3);
    for _ in 0..12 {
        let mut replicator = pair.replicate(&[]);
        replicator.must_run_for(Duration::from_millis(100 + rng.below(400) as u64));
        replicator.kill();
    }
    writers.finish();
    let mut replicator = pair.replicate(&[]);
    pair.wait_returned(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}

/// PostgreSQL goes away in the middle of everything, and comes back as it was
#[test]
fn i3_postgresql_is_restarted_under_load() {
    let mut cluster = own_cluster();
    let work = Workplace::new();
    let pair = Pair::new(work.database(super::writers::LEDGER), database_on(&cluster));
    migrate_and_switch(&pair);
    let mut replicator = pair.replicate(&[]);
    let writers = Writers::start(&pair.target, 8202, 3);
    for round in 0..2 {
        writers.wait_for(200);
        match round {
            0 => cluster.stop(crossfade::cli::demo::cluster::Stop::Fast).expect("a stop"),
            _ => cluster.kill().expect("a kill"),
        }
        cluster.start_again().expect("a start");
    }
    writers.wait_for(100);
    writers.finish();
    pair.wait_returned(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}

/// Dies at the point under load, and goes on without it
#[cfg(feature = "failpoints")]
fn killed_at(point: &str, seed: u64) {
    use std::os::unix::process::ExitStatusExt;

    let (_work, pair) = ledger();
    let writers = Writers::start(&pair.target, seed, 3);
    let mut doomed = pair.verb("run").env("CROSSFADE_FAILPOINT", point).start();
    wait_until(&format!("the process to die at {point}"), || doomed.exited().is_some());
    let end = doomed.wait();
    assert_eq!(end.status.signal(), Some(libc::SIGKILL), "{point} was not reached\n{end}");
    // Half done, and no replicator: verify finds nothing wrong in what it can compare.
    let verdict = pair.verb("verify").arg("--json").run().json();
    assert_eq!(verdict["mismatches"], 0, "{verdict}");
    let mut replicator = pair.replicate(&[]);
    writers.wait_for(100);
    writers.finish();
    pair.wait_returned(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}

#[cfg(feature = "failpoints")]
macro_rules! killed_at {
    ($($name:ident: $point:literal, $seed:literal;)*) => {
        $(#[test]
        fn $name() {
            killed_at($point, $seed);
        })*
    };
}

#[cfg(feature = "failpoints")]
killed_at! {
    i3_killed_when_the_view_is_open: "reverse.view_opened:3", 8301;
    i3_killed_when_rows_are_written_to_sqlite: "reverse.rows_written:2", 8302;
    i4_killed_when_postgresql_has_flushed: "reverse.flushed:3", 8303;
    i3_killed_when_sqlite_has_committed: "reverse.source_committed:3", 8304;
    i3_killed_when_the_entries_are_deleted: "reverse.entries_deleted:2", 8305;
    i3_killed_when_a_cycle_is_done: "reverse.finished:4", 8306;
}

/// Capture was put back, and the comparison was cut off: it is done again
#[cfg(feature = "failpoints")]
#[test]
fn i2_killed_when_capture_is_mended() {
    for point in ["reverse.capture_mended", "reverse.table_compared"] {
        let (_work, pair) = super::shop();
        let target = crate::support::pg::Pg::connect(&pair.target);
        target.execute("ALTER TABLE item DISABLE TRIGGER USER; UPDATE item SET name = 'unseen' WHERE id = 9");
        pair.verb("run").env("CROSSFADE_FAILPOINT", point).run().expect_killed();
        super::bring(&pair, &["UPDATE tag SET v = 7 WHERE k = 'a'"]);
    }
}
