//! The source changed behind our back: repaired or refused, never silently wrong

use std::path::{Path, PathBuf};

use crate::support::compare::{assert_equal, differences};
use crate::support::process::{Output, Pair, Running, wait_until};
use crate::support::scene::Scene;
use crate::support::source::{self, Workplace};

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL);
    CREATE TABLE note(body TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO item SELECT i, 'item ' || i, i / 4.0 FROM n;
    INSERT INTO note SELECT name FROM item WHERE id % 3 = 0";

/// A copy taken earlier comes back; before that, the target has seen changes that the copy does not know
#[test]
fn i5_an_older_copy_is_noticed() {
    let (work, pair) = shop();
    let copy = take_copy(&work, &pair);
    change(
        &pair,
        "UPDATE item SET price = price + 1; DELETE FROM item WHERE id > 1900; INSERT INTO note VALUES('lost')",
    );
    pair.migrate();
    restore(&copy, &pair);
    repaired_or_refused(&pair, pair.verb("run").args(&["--until", "in-sync"]).run());
}

/// The same numbers stand in the log again, under other changes: only the nonce tells
#[test]
fn i5_an_older_copy_that_was_written_to_is_noticed() {
    let (work, pair) = shop();
    let copy = take_copy(&work, &pair);
    change(&pair, "UPDATE item SET price = 1 WHERE id <= 100");
    pair.migrate();
    restore(&copy, &pair);
    change(&pair, "UPDATE item SET price = 2 WHERE id BETWEEN 200 AND 299");
    change(&pair, "UPDATE item SET name = name || ' again' WHERE id BETWEEN 300 AND 349");
    repaired_or_refused(&pair, pair.verb("run").args(&["--until", "in-sync"]).run());
}

/// The copy is put in place while the replicator runs, and the application goes on with it
#[test]
fn i5_an_older_copy_under_a_running_replicator_is_noticed() {
    let (work, pair) = shop();
    let copy = take_copy(&work, &pair);
    change(&pair, "UPDATE item SET price = 5");
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    pair.wait_caught_up(&mut replicator);
    restore_by_rename(&copy, &pair);
    change(&pair, "UPDATE item SET price = 6 WHERE id < 10");
    settle(&pair, replicator);
}

/// A copy made before crossfade came has no log at all
#[test]
fn i5_a_copy_without_capture_is_refused() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), crate::support::fresh_database());
    let copy = take_copy(&work, &pair);
    pair.migrate();
    restore(&copy, &pair);
    pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("source");
}

#[test]
fn i5_an_overflow_of_the_log_is_repaired() {
    let scene = Scene::new(7301, 10_000);
    let limit = ["--log-limit", "1000", "--until", "in-sync"];
    scene.pair.verb("run").args(&limit).run().expect_code(0);
    let entries = "SELECT count(*) FROM _crossfade_log";
    change(&scene.pair, "UPDATE bulk SET amount = amount + 1; DELETE FROM bulk WHERE id % 7 = 0");
    change(&scene.pair, "INSERT INTO bulk(id, name) SELECT id + 50000, 'new ' || id FROM bulk WHERE id % 5 = 0");
    let kept: i64 = source::open(&scene.pair.source).query_row(entries, [], |row| row.get(0)).expect("a count");
    assert!(kept < 3000, "the log keeps {kept} entries, so nothing has overflowed");
    assert!(!differences(&scene.pair.source, &scene.pair.target).is_empty(), "nothing is left to repair");
    scene.pair.verb("run").args(&limit).run().expect_code(0);
    assert_equal(&scene.pair.source, &scene.pair.target);
    scene.pair.verify();
}

/// One statement bigger than the whole log, while the replicator runs
#[test]
fn i5_an_overflow_under_a_running_replicator_is_repaired() {
    let scene = Scene::new(7302, 10_000);
    let mut replicator = scene.pair.replicate(&["--log-limit", "1000"]);
    scene.pair.wait_captured(&mut replicator);
    let mut load = scene.first_load();
    scene.full_load(&mut load);
    scene.pair.wait_consistent(&mut replicator);
    for _ in 0..3 {
        change(&scene.pair, "UPDATE bulk SET amount = amount + 1");
        load.wait_for(20, &mut replicator);
    }
    scene.settle(load, replicator);
}

#[test]
fn a_source_that_is_gone_is_reported() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    for end in ["", "-wal", "-shm"] {
        // Only those that exist can be removed.
        let _ = std::fs::remove_file(beside(&pair.source, end));
    }
    wait_until("the loss of the source to be reported", || match replicator.exited() {
        Some(status) => {
            assert_eq!(status.code(), Some(5), "{}", replicator.stderr());
            true
        }
        None => replicator.stderr().contains(&file_name(&pair.source)),
    });
    assert!(!pair.source.exists(), "crossfade has made a new, empty source");
}

#[test]
fn i2_triggers_dropped_while_stopped_are_noticed() {
    let (_work, pair) = shop();
    drop_triggers(&pair);
    change(&pair, "UPDATE item SET price = 7; DELETE FROM note WHERE rowid < 100; INSERT INTO note VALUES('unlogged')");
    repaired_or_refused(&pair, pair.verb("run").args(&["--until", "in-sync"]).run());
}

#[test]
fn i2_triggers_dropped_while_running_are_noticed() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    drop_triggers(&pair);
    change(&pair, "UPDATE item SET price = 8; INSERT INTO note VALUES('unlogged')");
    settle(&pair, replicator);
}

/// A new unique index needs closers of its own before REPLACE uses it
#[test]
fn i2_a_new_unique_index_is_followed() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    change(&pair, "CREATE UNIQUE INDEX by_price ON item(price); INSERT OR REPLACE INTO item VALUES(9001, 'new', 0.25)");
    settle(&pair, replicator);
}

/// Tables without any index get new rowids from VACUUM, and no trigger sees it
#[test]
fn i2_vacuum_that_renumbers_is_noticed() {
    let (_work, pair) = shop();
    change(&pair, "DELETE FROM note WHERE rowid % 2 = 0");
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    pair.wait_caught_up(&mut replicator);
    change(&pair, "VACUUM; INSERT INTO note VALUES('after')");
    settle(&pair, replicator);
}

/// What Django and Alembic do to change a column: the triggers are gone with the old table
#[test]
fn i2_a_rebuilt_table_is_noticed() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    change(
        &pair,
        "BEGIN; CREATE TABLE item_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL);
         INSERT INTO item_new SELECT id, name, price FROM item; DROP TABLE item; ALTER TABLE item_new RENAME TO item;
         COMMIT; UPDATE item SET price = 9 WHERE id < 50; DELETE FROM item WHERE id > 1990",
    );
    settle(&pair, replicator);
}

/// A migrated shop, its replicator stopped
fn shop() -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), crate::support::fresh_database());
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    (work, pair)
}

fn change(pair: &Pair, script: &str) {
    source::open(&pair.source).execute_batch(script).unwrap_or_else(|e| panic!("{e} in {script}"));
}

fn drop_triggers(pair: &Pair) {
    let connection = source::open(&pair.source);
    let sql = "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema \
               WHERE type = 'trigger' AND name LIKE '!_crossfade!_%' ESCAPE '!'";
    let script: Option<String> = connection.query_row(sql, [], |row| row.get(0)).expect("the triggers");
    let script = script.expect("crossfade's triggers are there");
    connection.execute_batch(&script).unwrap_or_else(|e| panic!("{e} in {script}"));
}

/// Both sides equal, or an exit code and an error line that say why not
fn repaired_or_refused(pair: &Pair, output: Output) {
    match output.code() {
        Some(0) => assert_equal(&pair.source, &pair.target),
        Some(3 | 5) => drop(output.expect_error("source")),
        _ => panic!("neither repaired nor refused: {}\n{output}", output.status),
    }
}

/// The same for a replicator that runs: equal in the end, or ended with a reason
fn settle(pair: &Pair, mut replicator: Running) {
    wait_until("both sides to be equal, or a reason why not", || {
        replicator.exited().is_some() || differences(&pair.source, &pair.target).is_empty()
    });
    if replicator.exited().is_some() {
        repaired_or_refused(pair, replicator.wait());
    } else {
        replicator.stop();
    }
}

/// Copies a database that nobody has open: then it is one file
fn take_copy(work: &Workplace, pair: &Pair) -> PathBuf {
    assert!(!beside(&pair.source, "-wal").exists(), "someone still has the source open");
    let copy = work.path("copy.db");
    std::fs::copy(&pair.source, &copy).expect("a copy of the source");
    copy
}

fn restore(copy: &Path, pair: &Pair) {
    assert!(!beside(&pair.source, "-wal").exists(), "someone still has the source open");
    std::fs::copy(copy, &pair.source).expect("the copy goes back");
}

/// As a careful operator does it: the new file takes the place of the old one at once, without its -wal
fn restore_by_rename(copy: &Path, pair: &Pair) {
    for end in ["-wal", "-shm"] {
        // Only those that exist can be removed.
        let _ = std::fs::remove_file(beside(&pair.source, end));
    }
    std::fs::rename(copy, &pair.source).expect("the copy takes the place");
}

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a file name").to_string_lossy().into_owned()
}
