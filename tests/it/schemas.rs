//! Odd schemas: copied and followed, or refused by the plan with nothing left behind
//!
//! What the generator draws rarely or never, one case each.

use crate::cancel::catalog;
use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::Pair;
use crate::support::source::{self, Workplace};

/// Copies, applies `change` while following, and compares
fn copied(script: &str, change: &str) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(script), fresh_database());
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    source::open(&pair.source).execute_batch(change).unwrap_or_else(|e| panic!("{e} in {change}"));
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}

/// Copied, or refused with exit code 3 and both sides as they were
fn copied_or_refused(script: &str, named: &str) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(script), fresh_database());
    let before = (source::schema_text(&pair.source), catalog(&pair.target));
    let output = pair.verb("run").args(&["--until", "in-sync"]).run();
    if output.code() == Some(0) {
        assert_equal(&pair.source, &pair.target);
    } else {
        output.expect_code(3).expect_error(named);
        assert_eq!((source::schema_text(&pair.source), catalog(&pair.target)), before);
    }
}

#[test]
fn a_unique_index_may_name_a_column_twice() {
    copied(
        "CREATE TABLE t(a TEXT NOT NULL, b INT); CREATE UNIQUE INDEX twice ON t(a, a); INSERT INTO t VALUES('x', 1)",
        "REPLACE INTO t VALUES('x', 2); INSERT INTO t VALUES('y', 3)",
    );
}

#[test]
fn a_key_may_name_its_columns_in_another_order_and_direction() {
    copied(
        "CREATE TABLE t(a INT, b TEXT, c INT, PRIMARY KEY (c DESC, b COLLATE NOCASE)) WITHOUT ROWID;
         INSERT INTO t VALUES(1, 'x', 2), (2, 'y', 2)",
        "UPDATE t SET b = 'X' WHERE b = 'x'; DELETE FROM t WHERE a = 2; INSERT INTO t VALUES(3, 'Z', 1)",
    );
}

#[test]
fn hidden_rowids_fall_back_to_another_name() {
    copied(
        "CREATE TABLE t(rowid TEXT, oid TEXT); INSERT INTO t VALUES('a', 'b'), ('a', 'b'), (NULL, NULL)",
        "UPDATE t SET rowid = 'c' WHERE _rowid_ = 2; DELETE FROM t WHERE _rowid_ = 1; INSERT INTO t VALUES('d', 'e')",
    );
}

#[test]
fn a_table_without_any_name_for_its_rows_is_refused_or_works() {
    copied_or_refused("CREATE TABLE t(rowid, oid, _rowid_, body TEXT); INSERT INTO t VALUES(1, 2, 3, 'x')", "t");
}

#[test]
fn strict_tables_are_tables() {
    copied(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a ANY, r REAL, b BLOB) STRICT;
         INSERT INTO t VALUES(1, 1, 1, x'00'), (2, 'a', 2.5, NULL), (3, x'61', NULL, NULL), (4, 1.0, 0, x'')",
        "UPDATE t SET a = id; DELETE FROM t WHERE id = 2",
    );
}

#[test]
fn generated_columns_do_not_get_in_the_way() {
    copied(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, v INT AS (a + 1) VIRTUAL, s TEXT AS ('s' || a) STORED UNIQUE);
         INSERT INTO t(id, a) VALUES(1, 10), (2, 20)",
        "UPDATE t SET a = 30 WHERE id = 1; REPLACE INTO t(id, a) VALUES(3, 20)",
    );
}

#[test]
fn virtual_tables_and_views_are_left_out() {
    copied(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT); CREATE VIEW v AS SELECT * FROM t;
         CREATE VIRTUAL TABLE search USING fts5(body, content='t', content_rowid='id');
         CREATE TRIGGER feed AFTER INSERT ON t BEGIN INSERT INTO search(rowid, body) VALUES(NEW.id, NEW.body); END;
         INSERT INTO t VALUES(1, 'one')",
        "INSERT INTO t VALUES(2, 'two')",
    );
}

#[test]
fn dangling_and_circular_foreign_keys_are_not_fatal() {
    copied(
        "CREATE TABLE a(id INTEGER PRIMARY KEY, b INT REFERENCES b(id), parent INT REFERENCES a);
         CREATE TABLE b(id INTEGER PRIMARY KEY, a INT REFERENCES a(id), gone INT REFERENCES nowhere(id));
         INSERT INTO a VALUES(1, 1, 1), (2, 99, 98); INSERT INTO b VALUES(1, 1, 5), (2, 77, NULL)",
        "DELETE FROM a WHERE id = 1; INSERT INTO b VALUES(3, 12345, 6)",
    );
}

#[test]
fn indexes_may_have_the_names_of_what_is_made_on_the_target() {
    copied(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT UNIQUE, b INT); CREATE TABLE t_pkey(id INTEGER PRIMARY KEY, a INT);
         CREATE INDEX t_a_key ON t(b); CREATE INDEX t_pkey1 ON t_pkey(a); INSERT INTO t VALUES(1, 2, 3)",
        "INSERT INTO t VALUES(2, 3, 4); INSERT INTO t_pkey VALUES(1, 1)",
    );
}

/// PostgreSQL would cut both names to the same 63 bytes
#[test]
fn names_longer_than_the_target_takes_stay_apart() {
    let work = Workplace::new();
    let long = "n".repeat(60);
    let table = format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {long}_first TEXT, {long}_second TEXT)");
    let pair = Pair::new(work.database(&format!("{table}; INSERT INTO t VALUES(1, 'a', 'b')")), fresh_database());
    pair.migrate();
    pair.verify();
    let row = ["1", "a", "b"].map(|value| Some(value.to_owned()));
    assert_eq!(Pg::connect(&pair.target).query("SELECT * FROM t"), [row]);
}

#[test]
fn a_database_in_utf16_is_read_as_text() {
    copied(
        "PRAGMA user_version = 1; CREATE TABLE t(k TEXT PRIMARY KEY, v TEXT); INSERT INTO t VALUES('ключ', '🦀')",
        "UPDATE t SET v = '値'; INSERT INTO t VALUES('é', '')",
    );
    let work = Workplace::new();
    let path = work.path("utf16.db");
    let script = "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(k TEXT PRIMARY KEY, v TEXT);
                  INSERT INTO t VALUES('ключ', '🦀')";
    source::open(&path).execute_batch(script).expect("a database in UTF-16");
    let pair = Pair::new(path, fresh_database());
    pair.migrate();
    source::open(&pair.source).execute_batch("UPDATE t SET v = '値'; INSERT INTO t VALUES('é', '')").expect("changes");
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
}

/// The target's own search path decides where the tables go, and nothing else there is touched
#[test]
fn another_schema_on_the_target_is_left_alone() {
    let work = Workplace::new();
    let pair =
        Pair::new(work.database("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)"), fresh_database());
    let target = Pg::connect(&pair.target);
    target.execute("CREATE SCHEMA other; CREATE TABLE other.t(id int); INSERT INTO other.t VALUES(7)");
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    assert_eq!(target.value("SELECT string_agg(id::text, ',') FROM other.t"), Some("7".to_owned()));
}
