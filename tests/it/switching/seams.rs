//! What the application does to PostgreSQL and to the files between two switches

use std::path::Path;

use super::stage::Stage;
use crate::support::compare::assert_equal;
use crate::support::pg::Pg;
use crate::support::process::{Running, wait_until};
use crate::support::{fresh_database, source};

/// How bulk loads begin and end: whatever stands on the table is switched off for them, and on again
const BULK: &str = "BEGIN; ALTER TABLE items DISABLE TRIGGER ALL; UPDATE items SET name = 'bulk' WHERE id = 2; \
                    ALTER TABLE items ENABLE TRIGGER ALL; COMMIT";

fn wait_open(target: &Pg, replicator: &mut Running) {
    wait_until("PostgreSQL to accept writes again", || {
        replicator.must_run();
        target.try_query("UPDATE items SET amount = 77 WHERE id = 1").is_ok()
    });
}

/// Neither is the application refused for good, nor is what it wrote under them lost
#[test]
fn i2_triggers_switched_off_for_a_bulk_load_lose_nothing() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    stage.cutover(&[]).expect_code(0);
    let target = stage.target();
    target.execute(BULK);
    wait_open(&target, &mut replicator);
    stage.wait_equal(&mut replicator);
    // While nobody looks, too.
    replicator.stop();
    target.execute(BULK);
    target.execute("UPDATE shelves SET name = 'bulk' WHERE id = 1");
    let mut replicator = stage.pair.replicate(&[]);
    wait_open(&target, &mut replicator);
    stage.wait_equal(&mut replicator);
    stage.pair.verify();
    stage.rollback(&[]).expect_code(0);
    assert_equal(&stage.pair.source, &stage.pair.target);
    replicator.stop();
}

/// A report that reads PostgreSQL for hours holds nothing up, and nobody waits behind us for it
#[test]
fn a_long_reader_of_postgresql_keeps_no_switch_from_its_end() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    stage.cutover(&[]).expect_code(0);
    let reader = stage.target();
    reader.execute("BEGIN; SELECT count(*) FROM items; SELECT count(*) FROM shelves");
    stage.rollback(&[]).expect_code(0);
    assert_eq!((stage.primary(), stage.phase().as_str()), ("sqlite", "following"));
    stage.cutover(&["--rehearse"]).expect_code(0);
    stage.cutover(&[]).expect_code(0);
    stage.target().execute("INSERT INTO items(name) VALUES('noted again')");
    stage.wait_equal(&mut replicator);
    reader.execute("COMMIT");
    replicator.stop();
}

/// A file that says that PostgreSQL is the primary, put in place after the rollback
#[test]
fn i9_an_older_copy_of_the_file_is_opened_again() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    stage.cutover(&[]).expect_code(0);
    stage.wait_equal(&mut replicator);
    let path: &Path = &stage.pair.source;
    let copy = path.with_extension("copy");
    source::open(path).execute_batch(&format!("VACUUM INTO '{}'", copy.display())).expect("a copy");
    stage.rollback(&[]).expect_code(0);
    stage.write_sqlite("INSERT INTO shelves(name) VALUES('lost with the file')");
    replicator.stop();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    let connection = source::open(&copy);
    source::set_journal_mode(&connection, "WAL");
    drop(connection);
    std::fs::rename(&copy, path).expect("the copy in place");
    let mut replicator = stage.pair.replicate(&[]);
    wait_until("SQLite to accept writes", || {
        replicator.must_run();
        stage.on_sqlite().is_ok()
    });
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// A column that PostgreSQL computes stands between others: a table that is brought as a whole has each in its place
#[test]
fn i10_a_truncated_table_with_a_computed_column_comes_back_as_it_is() {
    let schema = "CREATE TABLE g(id INTEGER PRIMARY KEY, f TEXT, l TEXT, s TEXT AS (f || l) STORED, b TEXT, c TEXT);
                  INSERT INTO g(f, l, b, c) VALUES('a', 'b', 'c', 'd')";
    let stage = Stage::on(fresh_database(), schema);
    let mut replicator = stage.pair.replicate(&[]);
    stage.pair.wait_following(&mut replicator);
    stage.pair.verify();
    stage.cutover(&["--force", "computed"]).expect_code(0);
    stage.target().execute("TRUNCATE g; INSERT INTO g(id, f, l, b, c) VALUES(11, 'F', 'L', 'BB', 'CC')");
    let expected = "11|F|L|FL|BB|CC";
    let sql = "SELECT id || '|' || f || '|' || l || '|' || s || '|' || b || '|' || c FROM g";
    wait_until("the row to come back", || {
        replicator.must_run();
        let found: Option<String> = source::open(&stage.pair.source).query_row(sql, [], |row| row.get(0)).ok();
        assert!(found.as_ref().is_none_or(|row| row == expected || row.starts_with("1|")), "{found:?}");
        found.as_deref() == Some(expected)
    });
    replicator.stop();
}

/// What cannot come back without the application's help is said before it goes there
#[test]
fn a_column_that_only_sqlite_computes_is_said_before_a_cutover() {
    let schema = "CREATE TABLE g(id INTEGER PRIMARY KEY, a INTEGER, s INTEGER AS (a * 2) STORED);
                  INSERT INTO g(a) VALUES(1)";
    let stage = Stage::on(fresh_database(), schema);
    let mut replicator = stage.pair.replicate(&[]);
    stage.pair.wait_following(&mut replicator);
    stage.pair.verify();
    stage
        .cutover(&[])
        .expect_code(3)
        .expect_error("computed: columns that SQLite computes and PostgreSQL does not: g.s");
    stage.cutover(&["--force", "computed"]).expect_code(0);
    replicator.stop();
}
