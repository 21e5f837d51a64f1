//! Rows that PostgreSQL cannot hold: kept whole beside it, never lost, and back as soon as they fit
//!
//! The rule that every test ends with: each row of the source is on the target or in the quarantine, never in both.

mod commands;
mod nulls;
mod random;
mod refusals;
mod surrogates;

use crate::support::compare::{assert_equal, assert_equal_or_held};
use crate::support::fresh_database;
use crate::support::held::{self, Held};
use crate::support::pg::Pg;
use crate::support::process::{Pair, Running, wait_until};
use crate::support::scene::{arrive, run};
use crate::support::source::{self, Workplace};

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, qty INT, price REAL, name TEXT, photo BLOB);
    CREATE TABLE tag(k TEXT PRIMARY KEY, v INT);
    CREATE TABLE slot(id INTEGER PRIMARY KEY, place INT);
    CREATE UNIQUE INDEX slot_place ON slot(place);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO item SELECT i, i, i / 8.0, printf('%0100d', i), x'00ff' FROM n;
    INSERT INTO tag VALUES('a', 1), ('b', 2), ('c', 3);
    INSERT INTO slot VALUES(1, 10), (2, 20), (3, 30)";

/// One value of each kind that no column of `item` takes
const MISFITS: &str = "
    UPDATE item SET qty = 'many' WHERE id = 1;
    UPDATE item SET qty = 1.5 WHERE id = 2;
    UPDATE item SET price = 'free' WHERE id = 3;
    UPDATE item SET name = CAST(x'610062' AS TEXT) WHERE id = 4;
    UPDATE item SET name = CAST(x'ff' AS TEXT) WHERE id = 5;
    UPDATE item SET name = x'00ff' WHERE id = 6;
    UPDATE item SET photo = 'text', qty = NULL WHERE id = 7;
    UPDATE item SET qty = 9223372036854775808.0 WHERE id = 8;
    INSERT INTO item VALUES(9001, x'', -0.0, NULL, NULL)";

const MISFIT_ROWS: u64 = 9;

/// The rows of [`MISFITS`] fit again
const CORRECTED: &str = "UPDATE item SET qty = 1, price = 0.5, name = 'good', photo = NULL WHERE id < 9 OR id = 9001";

#[test]
fn i10_a_misfit_of_the_tail_is_kept_whole_and_comes_back() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    run(&pair, MISFITS);
    settle(&pair, &mut replicator, MISFIT_ROWS);
    let target = Pg::connect(&pair.target);
    assert_eq!(target.value("SELECT count(*) FROM item WHERE id < 9 OR id = 9001").as_deref(), Some("0"));
    let first = held::rows(&target, "item").into_iter().find(|row| row.0[0].1 == Held::Integer(1)).expect("row 1");
    let names: Vec<&str> = first.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "qty", "price", "name", "photo"]);
    assert_eq!(first.0[1].1, Held::Text(b"many".to_vec()));
    assert_eq!(first.0[2].1, Held::Real(0.125));
    // The stream goes on, also through these rows; one of them goes, and two fit again.
    run(&pair, "UPDATE item SET name = 'other'; DELETE FROM item WHERE id = 2; UPDATE item SET qty = 5 WHERE id = 1");
    settle(&pair, &mut replicator, MISFIT_ROWS - 5);
    run(&pair, CORRECTED);
    arrive(&pair, replicator);
}

/// `since` is when the row came; another misfit in the same row does not make it younger
#[test]
fn an_entry_that_stays_keeps_its_age() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    run(&pair, "UPDATE item SET qty = 'many' WHERE id = 1");
    settle(&pair, &mut replicator, 1);
    let target = Pg::connect(&pair.target);
    let since = || target.value("SELECT since || ' ' || column_name FROM crossfade.quarantine").expect("an entry");
    let before = since();
    run(&pair, "UPDATE item SET qty = 2, price = 'free' WHERE id = 1");
    settle(&pair, &mut replicator, 1);
    assert_eq!(since(), before.replace("qty", "price"));
    assert_eq!(target.value("SELECT seen > since FROM crossfade.quarantine").as_deref(), Some("t"));
    replicator.stop();
}

/// Values that came after the plan, and were never logged: the copy itself meets them
#[test]
fn i10_misfits_are_met_by_the_copy_in_one_piece_and_in_chunks() {
    for options in [&[][..], &["--chunk-bytes", "2048", "--workers", "2"]] {
        let (_work, pair) = shop();
        let mut replicator = between_plan_and_capture(&pair, options, MISFITS);
        pair.wait_consistent(&mut replicator);
        settle(&pair, &mut replicator, MISFIT_ROWS);
        let tables = pair.status()["tables"].as_array().expect("a list of tables").clone();
        let item = tables.iter().find(|table| table["name"] == "item").expect("the table");
        assert_eq!(item["rows_copied"].as_u64(), Some(3001), "{item}");
        assert_eq!(item["quarantined"].as_u64(), Some(MISFIT_ROWS), "{item}");
        run(&pair, CORRECTED);
        arrive(&pair, replicator);
    }
}

/// Rows that swap unique values make the cycle delete everything first; misfits in it go their way all the same
#[test]
fn i10_misfits_in_a_cycle_that_swaps_unique_values() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    run(&pair, "UPDATE slot SET place = 'nowhere' WHERE id = 3");
    settle(&pair, &mut replicator, 1);
    // The quarantined row gives its value up, another takes it, and two swap theirs.
    run(
        &pair,
        "BEGIN; UPDATE slot SET place = -1 WHERE id = 1; UPDATE slot SET place = 10 WHERE id = 2;
         UPDATE slot SET place = 20 WHERE id = 1; INSERT INTO slot VALUES(4, 30), (5, 'anywhere');
         UPDATE slot SET place = 'still nowhere' WHERE id = 3; COMMIT",
    );
    settle(&pair, &mut replicator, 2);
    run(
        &pair,
        "BEGIN; UPDATE slot SET place = -1 WHERE id = 1; UPDATE slot SET place = 20 WHERE id = 2;
         UPDATE slot SET place = 10 WHERE id = 1; UPDATE slot SET place = 50 WHERE id = 5;
         DELETE FROM slot WHERE id = 3; UPDATE slot SET place = 'gone' WHERE id = 4; COMMIT",
    );
    settle(&pair, &mut replicator, 1);
    run(&pair, "UPDATE slot SET place = id * 100");
    arrive(&pair, replicator);
}

/// The log overflows while entries are there: what the comparison finds is in the quarantine afterwards, and only that
#[test]
fn i10_a_repair_fills_the_quarantine_anew() {
    let (_work, pair) = shop();
    let limit = ["--log-limit", "1000", "--until", "in-sync"];
    pair.verb("run").args(&limit).run().expect_code(0);
    run(&pair, MISFITS);
    pair.verb("run").args(&limit).run().expect_code(0);
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), MISFIT_ROWS);
    run(&pair, "UPDATE item SET qty = 4 WHERE id = 1; DELETE FROM item WHERE id = 2");
    run(&pair, "UPDATE item SET price = 'dear' WHERE id = 20; UPDATE slot SET place = 'nowhere' WHERE id = 2");
    run(&pair, "UPDATE item SET name = name || '.' WHERE id > 20");
    let output = pair.verb("run").args(&limit).run().expect_code(0);
    assert!(output.stderr.contains("comparing every table"), "{output}");
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), MISFIT_ROWS);
    pair.verify();
    run(&pair, CORRECTED);
    run(&pair, "UPDATE item SET price = 1.5 WHERE id = 20; UPDATE slot SET place = 20 WHERE id = 2");
    pair.verb("run").args(&limit).run().expect_code(0);
    assert_equal(&pair.source, &pair.target);
}

/// More than one message takes, and than waits in memory: an image in parts, and a COPY that is ended many times for rows
/// that do not fit
#[test]
fn i10_large_and_many_misfits_are_kept_whole() {
    let (_work, pair) = shop();
    let large = "UPDATE item SET qty = 'many', photo = zeroblob(70000000) WHERE id = 1";
    let many = "UPDATE item SET qty = 'many', name = printf('%020000d', id) WHERE id % 2 = 0";
    let mut replicator = between_plan_and_capture(&pair, &[], &format!("{large}; {many}"));
    pair.wait_consistent(&mut replicator);
    settle(&pair, &mut replicator, 1501);
    let target = Pg::connect(&pair.target);
    assert_eq!(target.value("SELECT max(parts) FROM crossfade.quarantine").as_deref(), Some("2"));
    // By the tail, too.
    run(&pair, "UPDATE item SET price = 2.5 WHERE id < 1000");
    settle(&pair, &mut replicator, 1501);
    run(&pair, "UPDATE item SET qty = 1, photo = NULL");
    arrive(&pair, replicator);
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// Killed there with rows in the quarantine, some new and some about to leave
    fn killed_at(point: &str, options: &[&str], in_copy: bool) {
        let (_work, pair) = shop();
        let command = || pair.verb("run").args(options).env("CROSSFADE_FAILPOINT", point);
        let doomed = if in_copy {
            between_plan_and_capture_of(&pair, command(), MISFITS)
        } else {
            let mut first = pair.replicate(options);
            pair.wait_consistent(&mut first);
            run(&pair, "UPDATE item SET qty = 'many' WHERE id BETWEEN 50 AND 60; INSERT INTO tag VALUES(NULL, 1)");
            settle(&pair, &mut first, 12);
            first.stop();
            run(&pair, MISFITS);
            run(&pair, "UPDATE item SET qty = 5 WHERE id = 50; DELETE FROM item WHERE id = 51; DELETE FROM tag");
            command().start()
        };
        let end = doomed.wait();
        assert_eq!(end.status.signal(), Some(libc::SIGKILL), "{point} was not reached\n{end}");
        if !in_copy {
            // Rows and entries of one moment: all of the cycle, or nothing of it.
            let both = "SELECT (SELECT count(*) FROM item) || ' ' || (SELECT count(*) FROM crossfade.quarantine)";
            let both = Pg::connect(&pair.target).value(both).expect("two numbers");
            assert!(["2989 12", "2982 18"].contains(&both.as_str()), "rows and entries: {both}");
        }
        let mut replicator = pair.replicate(options);
        pair.wait_consistent(&mut replicator);
        settle(&pair, &mut replicator, MISFIT_ROWS + if in_copy { 0 } else { 9 });
        run(&pair, CORRECTED);
        run(&pair, "UPDATE item SET qty = id");
        arrive(&pair, replicator);
    }

    const CHUNKS: [&str; 2] = ["--chunk-bytes", "2048"];

    #[test]
    fn i3_killed_when_a_cycle_has_filled_the_quarantine() {
        killed_at("quarantine.rows_held", &[], false);
    }

    #[test]
    fn i3_killed_when_the_commit_of_such_a_cycle_is_sent() {
        killed_at("apply.commit_sent", &[], false);
    }

    #[test]
    fn i3_killed_when_such_a_cycle_is_committed() {
        killed_at("apply.committed", &[], false);
    }

    #[test]
    fn i3_killed_when_the_copy_has_filled_the_quarantine() {
        killed_at("quarantine.rows_held", &[], true);
    }

    #[test]
    fn i3_killed_when_a_chunk_has_filled_the_quarantine() {
        killed_at("quarantine.rows_held:2", &CHUNKS, true);
    }

    #[test]
    fn i3_killed_when_a_chunk_with_misfits_is_committed() {
        killed_at("snapshot.chunk_committed", &CHUNKS, true);
    }
}

fn shop() -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    (work, pair)
}

/// Starts the replicator and changes the source when the plan is made and capture is not installed yet
fn between_plan_and_capture(pair: &Pair, options: &[&str], script: &str) -> Running {
    between_plan_and_capture_of(pair, pair.verb("run").args(options), script)
}

fn between_plan_and_capture_of(pair: &Pair, command: crate::support::process::Cli, script: &str) -> Running {
    let writer = source::open(&pair.source);
    writer.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let mut replicator = command.start();
    let target = Pg::connect(&pair.target);
    wait_until("the plan to be made", || {
        replicator.must_run();
        target.value("SELECT to_regclass('crossfade.state')").is_some()
            && target.value("SELECT phase FROM crossfade.state").as_deref() == Some("capturing")
    });
    writer.execute_batch(script).unwrap_or_else(|e| panic!("{e} in {script}"));
    writer.execute_batch("COMMIT").expect("the write lock is free");
    replicator
}

/// Caught up, with that many rows in the quarantine and all others on the target; the product's verify agrees
fn settle(pair: &Pair, replicator: &mut Running, quarantined: u64) {
    pair.wait_caught_up(replicator);
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), quarantined, "rows in the quarantine");
    let verdict = pair.verb("verify").arg("--json").run().expect_code(0).json();
    assert_eq!(verdict["quarantined"].as_u64(), Some(quarantined), "{verdict}");
    assert_eq!(pair.status()["quarantined"].as_u64(), Some(quarantined));
}
