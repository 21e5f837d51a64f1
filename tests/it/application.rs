//! The application notices nothing: same results, same errors, no waiting, with and without capture

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::generator::{self, is_constraint, statements};
use crate::support::fresh_database;
use crate::support::process::Pair;
use crate::support::rng::Rng;
use crate::support::scene::Scene;
use crate::support::source::{self, Workplace};

/// The same statements on a captured database and on a copy without capture
#[test]
fn i11_statements_give_the_same_results_with_capture() {
    for seed in 7601..7613 {
        let work = Workplace::new();
        let captured = work.path("captured.db");
        let schema = generator::create(&captured, seed, 5, "WAL");
        let bare = work.path("bare.db");
        std::fs::copy(&captured, &bare).expect("a copy");
        Pair::new(&captured, fresh_database()).migrate();
        let sides = [source::open(&captured), source::open(&bare)];
        let mut rng = Rng::new(seed);
        let flags = format!("PRAGMA foreign_keys={}; PRAGMA recursive_triggers={}", rng.below(2), rng.below(2));
        sides.iter().for_each(|side| side.execute_batch(&flags).expect("flags"));
        for _ in 0..400 {
            let mut sql = statements::statement(&mut rng, &schema);
            if rng.chance(40) {
                sql.push_str(" RETURNING *");
            }
            let [with, without] = sides.each_ref().map(|side| outcome(side, &sql));
            assert_eq!(with, without, "seed {seed}, {flags}: {sql}\n{}", schema.ddl.join(";\n"));
        }
    }
}

/// Without any patience on the application's side, while the snapshot and the tail read
#[test]
fn i11_a_writer_without_patience_never_meets_a_lock() {
    let scene = Scene::new(7620, 10_000);
    let mut replicator = scene.pair.replicate(&["--chunk-bytes", "8192"]);
    scene.pair.wait_captured(&mut replicator);
    let connection = source::open(&scene.pair.source);
    connection.busy_timeout(std::time::Duration::ZERO).expect("no patience");
    let mut rng = Rng::new(7620);
    let mut after = 0;
    // Through the snapshot, however long it takes, and well into the tail.
    while after < 500 {
        replicator.must_run();
        connection.execute_batch("BEGIN").expect("a transaction");
        connection.query_row("SELECT count(*) FROM accounts", [], |_| Ok(())).expect("I11: a read");
        for sql in [
            format!("UPDATE bulk SET amount = {} WHERE id = {}", rng.below(1000), rng.below(10_000)),
            format!("DELETE FROM bulk WHERE id = {}", rng.below(10_000)),
            "COMMIT".to_owned(),
        ] {
            connection.execute_batch(&sql).unwrap_or_else(|e| panic!("I11: the application got {e} from {sql}"));
        }
        let consistent = after > 0 || scene.pair.checkpoint().is_some_and(|(_, consistent)| consistent);
        after += u32::from(consistent);
    }
    drop(connection);
    scene.settle(crate::support::load::Load::new(), replicator);
}

/// A change and its entry come together or not at all
#[test]
fn i1_a_change_and_its_entry_commit_together() {
    let scene = Scene::new(7630, 10);
    scene.pair.migrate();
    let path = &scene.pair.source;
    let (writer, before) = (source::open(path), source::head(path));
    writer.execute_batch("BEGIN; UPDATE bulk SET amount = 1 WHERE id = 1").expect("an update");
    assert_eq!(source::head(path), before, "the entry is visible before its change");
    writer.execute_batch("ROLLBACK").expect("a rollback");
    assert_eq!(source::head(path), before, "the entry outlives its change");
    writer.execute_batch("BEGIN; UPDATE bulk SET amount = 1 WHERE id = 1; COMMIT").expect("an update");
    assert_eq!(source::head(path), before.map(|seq| seq + 1));
    writer.execute_batch("SAVEPOINT s; DELETE FROM bulk; ROLLBACK TO s; RELEASE s").expect("a savepoint");
    assert_eq!(source::head(path), before.map(|seq| seq + 1));
}

/// Everything that the application can see of a statement
#[derive(Debug, PartialEq)]
struct Outcome {
    rows: Vec<Vec<String>>,
    error: Option<String>,
    changes: u64,
    last_insert_rowid: i64,
}

fn outcome(connection: &Connection, sql: &str) -> Outcome {
    let (mut rows, mut error) = (Vec::new(), None);
    if let Err(e) = collect(connection, sql, &mut rows) {
        assert!(is_constraint(&e), "{e} in {sql}");
        error = Some(e.to_string());
        // SQLite promises that a failed INSERT leaves last_insert_rowid() alone, and breaks that promise for a failed
        // foreign key on a table without triggers. This makes both sides the same again.
        connection.execute_batch("INSERT INTO audit(what) VALUES('error')").expect("an insert that works");
    }
    let last_insert_rowid = connection.last_insert_rowid();
    Outcome { rows, error, changes: connection.changes(), last_insert_rowid }
}

fn collect(connection: &Connection, sql: &str, found: &mut Vec<Vec<String>>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let value = |at| -> String {
            match row.get_ref(at).expect("a value of the row") {
                ValueRef::Real(real) => format!("real {real:?}"),
                other => format!("{other:?}"),
            }
        };
        found.push((0..columns).map(value).collect());
    }
    Ok(())
}
