//! What `status` and `verify` say with no replicator running: never "equal" where nobody has looked

use serde_json::Value;

use crate::support::fresh_database;
use crate::support::pg::{Pg, quote};
use crate::support::process::Pair;
use crate::support::scene::run;
use crate::support::source::{self, Workplace};

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL);
    CREATE TABLE odd(id INTEGER PRIMARY KEY, n, j);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    INSERT INTO item SELECT i, 'item ' || i, i / 4.0 FROM n;
    INSERT INTO odd VALUES(1, 1, 1), (2, 2.5, 'two'), (3, 3, x'03')";

#[test]
fn i5_status_of_a_restored_source_is_not_in_sync() {
    let (work, pair) = migrated();
    let copy = work.path("copy.db");
    std::fs::copy(&pair.source, &copy).expect("a copy of the source");
    run(&pair, "UPDATE item SET price = 1 WHERE id <= 20");
    pair.migrate();
    assert_eq!(pair.status()["in_sync"], true);
    std::fs::copy(&copy, &pair.source).expect("the copy goes back");
    assert_eq!(pair.status()["in_sync"], false, "the checkpoint is after the end of this log");
    // As many entries again, under other changes: only the nonce tells.
    run(&pair, "UPDATE item SET price = 2 WHERE id BETWEEN 101 AND 120");
    assert_eq!(source::head(&pair.source), pair.checkpoint().map(|(seq, _)| seq));
    assert_eq!(pair.status()["in_sync"], false, "the checkpoint is in another log");
    pair.migrate();
    assert_eq!(pair.status()["in_sync"], true);
}

#[test]
fn i2_status_of_a_rebuilt_table_is_not_in_sync() {
    let (_work, pair) = migrated();
    run(
        &pair,
        "BEGIN; CREATE TABLE item_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL);
         INSERT INTO item_new SELECT * FROM item; DROP TABLE item; ALTER TABLE item_new RENAME TO item; COMMIT;
         DELETE FROM item WHERE id <= 10",
    );
    let status = pair.status();
    assert_eq!(status["in_sync"], false, "ten rows were deleted without a trigger: {status}");
}

/// Columns that both sides compute are compared too: on the target nobody has written them
#[test]
fn verify_sees_a_computed_column_that_comes_to_something_else() {
    let work = Workplace::new();
    let script = "CREATE TABLE g(id INTEGER PRIMARY KEY, a TEXT, up TEXT AS (upper(a)) VIRTUAL, long BOOLEAN AS (length(a) > 3));
                  INSERT INTO g(a) VALUES ('ab'), ('abcd'), (NULL), ('É')";
    let pair = Pair::new(work.database(script), fresh_database());
    pair.migrate();
    pair.verify();
    let target = Pg::connect(&pair.target);
    let computed = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute \
                    WHERE attrelid = 'g'::regclass AND attgenerated <> ''";
    assert_eq!(target.value(computed).as_deref(), Some("up long"));
    target.execute("ALTER TABLE g DROP long, ADD long boolean GENERATED ALWAYS AS (length(a) > 1) STORED");
    let verdict = verify(&pair);
    assert_eq!(verdict["mismatches"], 1, "{verdict}");
    pair.verb("verify").run().expect_code(4);
}

#[test]
fn verify_with_a_backlog_says_what_it_did_not_compare() {
    let (_work, pair) = migrated();
    run(&pair, "UPDATE item SET price = 0 WHERE id <= 7");
    let text = pair.verb("verify").run().expect_code(4);
    assert!(text.stdout.contains('7') && text.stdout.contains("not compared"), "{text}");
    let verdict = verify(&pair);
    assert_eq!(verdict["in_flight"], 7, "{verdict}");
    assert_eq!(verdict["mismatches"], 0, "{verdict}");
    pair.migrate();
    pair.verify();
}

#[test]
fn verify_finds_a_row_that_is_there_twice() {
    let (_work, pair) = migrated();
    let target = Pg::connect(&pair.target);
    let key = target.value("SELECT conname FROM pg_constraint WHERE conrelid = 'item'::regclass AND contype = 'p'");
    target.execute(&format!("ALTER TABLE item DROP CONSTRAINT {}", quote(&key.expect("a key"))));
    Pg::stray(&pair.target).execute("INSERT INTO item SELECT * FROM item WHERE id = 5");
    let verdict = verify(&pair);
    assert!(verdict["mismatches"].as_u64() >= Some(1), "{verdict}");
}

/// The plan of an older crossfade has another shape, and what it leaves out must not be guessed
#[test]
fn a_migration_of_another_format_is_refused() {
    let (_work, pair) = migrated();
    Pg::connect(&pair.target).execute("UPDATE crossfade.state SET format = 1");
    for verb in ["run", "verify", "status"] {
        pair.verb(verb).run().expect_code(3).expect_error("format 1");
    }
}

#[test]
fn i10_verify_takes_a_number_that_sqlite_cannot_hold_for_a_mismatch() {
    foreign_value("n", "numeric", "'NaN'");
}

#[test]
fn i10_verify_takes_a_document_that_is_not_ours_for_a_mismatch() {
    for document in ["{\"a\": 1}", "{\"$blob\": \"zz\"}", "[1]", "true", "null", "{\"$real\": \"x\"}"] {
        foreign_value("j", "jsonb", &format!("'{document}'"));
    }
}

/// Writes a value by hand that stands for nothing of SQLite's
fn foreign_value(column: &str, kind: &str, value: &str) {
    let (_work, pair) = migrated();
    let target = Pg::connect(&pair.target);
    let found = target.value(&format!("SELECT pg_typeof({column}) FROM odd LIMIT 1"));
    assert_eq!(found.as_deref(), Some(kind), "the test needs a column of this type");
    // Past the fence, if there is one.
    target.execute(&format!("SET session_replication_role = replica; UPDATE odd SET {column} = {value} WHERE id = 2"));
    let verdict = verify(&pair);
    assert_eq!(verdict["mismatches"], 1, "{value}: {verdict}");
}

/// `verify --json`, which must find the two sides not proven equal
fn verify(pair: &Pair) -> Value {
    pair.verb("verify").arg("--json").run().expect_code(4).json()
}

fn migrated() -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    pair.migrate();
    pair.verify();
    (work, pair)
}
