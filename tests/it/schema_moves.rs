//! Indexes that come and go on the source while the target follows, and values that an index of the target cannot hold

use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::process::{Pair, Running};
use crate::support::scene::{arrive, run};
use crate::support::source::{self, Workplace};

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, code INT, name TEXT, price REAL);
    CREATE UNIQUE INDEX one_code ON item(code);
    CREATE INDEX by_name ON item(name);
    CREATE TABLE loose(v);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    INSERT INTO item SELECT i, i * 10, 'item ' || i, i / 4.0 FROM n;
    INSERT INTO loose SELECT name FROM item";

/// A plain index changes nothing about REPLACE: capture stays as it is, to the row of the schema table
#[test]
fn i2_a_new_plain_index_leaves_capture_alone() {
    let (_work, pair, mut replicator) = following();
    let before = triggers(&pair);
    assert!(!before.is_empty(), "no capture");
    run(&pair, "CREATE INDEX by_price ON item(price); UPDATE item SET price = 0 WHERE id < 50");
    pair.wait_caught_up(&mut replicator);
    assert_eq!(triggers(&pair), before);
    run(&pair, "DROP INDEX by_price; UPDATE item SET price = 1 WHERE id < 50");
    pair.wait_caught_up(&mut replicator);
    assert_eq!(triggers(&pair), before);
    arrive(&pair, replicator);
}

/// The rows that REPLACE removes through the new index, in the very transaction that makes it
#[test]
fn i2_a_new_unique_index_is_captured_with_its_transaction() {
    let (_work, pair, mut replicator) = following();
    run(
        &pair,
        "BEGIN; CREATE UNIQUE INDEX one_price ON item(price); REPLACE INTO item VALUES(901, 9010, 'new', 0.25);
         UPDATE OR REPLACE item SET price = 0.5 WHERE id = 100; COMMIT",
    );
    pair.wait_caught_up(&mut replicator);
    run(&pair, "REPLACE INTO item VALUES(902, 9020, 'new', 0.75); UPDATE OR REPLACE item SET price = 1 WHERE id = 200");
    arrive(&pair, replicator);
}

/// The target's copy of the index goes too, and the operator can read why
#[test]
fn a_unique_index_dropped_while_followed_lets_duplicates_through() {
    let (_work, pair, mut replicator) = following();
    run(&pair, DUPLICATES);
    pair.wait_caught_up(&mut replicator);
    expect_notice(&pair, "one_code");
    run(&pair, "INSERT INTO item VALUES(700, 20, 'third', NULL)");
    arrive(&pair, replicator);
}

#[test]
fn a_unique_index_dropped_while_stopped_lets_duplicates_through() {
    let (_work, pair, replicator) = following();
    replicator.stop();
    run(&pair, DUPLICATES);
    let replicator = pair.replicate(&[]);
    arrive(&pair, replicator);
    expect_notice(&pair, "one_code");
}

const DUPLICATES: &str = "DROP INDEX one_code; UPDATE item SET code = 20 WHERE id IN (3, 4); \
                          INSERT INTO item VALUES(600, 20, 'second', NULL)";

/// An index of PostgreSQL holds a third of a page, one of SQLite anything
#[test]
fn i10_a_text_too_long_for_an_index_of_the_target_costs_the_index_not_the_row() {
    let (_work, pair, mut replicator) = following();
    run(&pair, "INSERT INTO item VALUES(800, 8000, hex(randomblob(6000)), 8)");
    pair.wait_caught_up(&mut replicator);
    expect_notice(&pair, "by_name");
    run(&pair, "UPDATE item SET name = hex(randomblob(9000)) WHERE id = 5");
    arrive(&pair, replicator);
}

/// Holes in the middle, then VACUUM: every row behind them has another rowid, and no trigger has seen it
#[test]
fn i2_vacuum_renumbers_rows_without_key_and_index() {
    let (_work, pair, mut replicator) = following();
    run(&pair, "DELETE FROM loose WHERE rowid BETWEEN 100 AND 199");
    pair.wait_caught_up(&mut replicator);
    run(&pair, "VACUUM; UPDATE loose SET v = v || '!' WHERE rowid > 150; INSERT INTO loose VALUES('last')");
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
    run(&pair, "DELETE FROM loose WHERE rowid BETWEEN 10 AND 19; VACUUM; DELETE FROM loose WHERE rowid = 50");
    arrive(&pair, pair.replicate(&[]));
}

/// Fails unless `status` has a notice that names this
fn expect_notice(pair: &Pair, named: &str) {
    let status = pair.status();
    let notices = status["notices"].as_array().expect("a list of notices");
    assert!(notices.iter().any(|n| n.as_str().is_some_and(|n| n.contains(named))), "no notice on {named}: {notices:?}");
}

/// Capture's triggers, with their places in the schema table, which a trigger made anew would not keep
fn triggers(pair: &Pair) -> Vec<(i64, String, String)> {
    let connection = source::open(&pair.source);
    let sql =
        "SELECT rowid, name, sql FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '_crossfade_*' ORDER BY 1";
    let mut statement = connection.prepare(sql).expect("the schema");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("the schema");
    rows.collect::<Result<_, _>>().expect("the schema")
}

fn following() -> (Workplace, Pair, Running) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    crate::support::process::wait_until("the indexes to be there", || {
        replicator.must_run();
        replicator.stderr().contains("following;")
    });
    (work, pair, replicator)
}
