//! What moves the fingerprint of an index, and where the text of full-text tables is

use rusqlite::Connection;

use super::*;
use crate::model::plan::example_table;
use crate::model::schema::{KeyKind, KeyPart};
use crate::sqlite::fulltext::parse;

fn search_of(connection: &Connection, name: &str, module: &str) -> SearchPlan {
    let sql = statement(connection, name).unwrap().unwrap();
    let id = if module == "fts5" { "id" } else { "docid" };
    let mut table = example_table(Vec::new(), Vec::new());
    let part = KeyPart { column: Some(0), sql: id.into(), collation: "BINARY".into() };
    table.key = crate::model::schema::Key::new(KeyKind::RowidAlias, vec![part]);
    SearchPlan { name: name.into(), module: module.into(), sql, note: String::new(), text: SearchText::Stored, table }
}

/// Each step in a transaction of its own; whether each moved the fingerprint
fn moved(module: &str, options: &str, steps: &[&str]) -> Vec<bool> {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&format!("CREATE VIRTUAL TABLE t USING {module}({options})")).unwrap();
    let search = search_of(&connection, "t", module);
    let mut last = fingerprint(&connection, &search).unwrap();
    let moved = steps.iter().map(|step| {
        connection.execute_batch(&format!("BEGIN; {step}; COMMIT")).unwrap_or_else(|e| panic!("{step}: {e}"));
        let now = fingerprint(&connection, &search).unwrap();
        std::mem::replace(&mut last, now.clone()) != now
    });
    moved.collect()
}

const WRITES: &[&str] = &[
    "INSERT INTO t(rowid, a, b) VALUES (1, 'hello world', 'x')",
    "INSERT INTO t(rowid, a, b) VALUES (2, 'hello world', 'x'), (3, 'one more', ''), (4, 'and', 'another')",
    "UPDATE t SET a = 'other words' WHERE rowid = 1",
    // The same words, spelled otherwise.
    "UPDATE t SET a = 'Other, words!' WHERE rowid = 1",
    "UPDATE t SET a = a || ' end'",
    "UPDATE t SET rowid = 100 WHERE rowid = 1",
    "UPDATE t SET a = 5 WHERE rowid = 2",
    "UPDATE t SET a = 5.0 WHERE rowid = 2",
    "DELETE FROM t WHERE rowid = 2",
    "DELETE FROM t WHERE rowid = 3; INSERT INTO t(rowid, a, b) VALUES (3, 'one more end', '')",
    "INSERT INTO t(rowid, a, b) VALUES (9, 'short', 'life'); DELETE FROM t WHERE rowid = 9",
    "WITH RECURSIVE n(i) AS (VALUES (1000) UNION ALL SELECT i + 1 FROM n WHERE i < 1500) \
     INSERT INTO t(rowid, a, b) SELECT i, 'word' || i, 'many' FROM n",
    "DELETE FROM t WHERE rowid >= 1000",
    "DELETE FROM t",
];

#[test]
fn every_write_of_words_moves_the_fingerprint() {
    for (module, options) in [
        ("fts5", "a, b"),
        ("fts5", "a, b, detail=none"),
        ("fts5", "a, b, columnsize=0"),
        ("fts5", "a, b UNINDEXED, prefix='2 3', tokenize=porter"),
        ("fts4", "a, b"),
        ("fts4", "a, b, matchinfo=fts3, order=desc"),
        ("fts3", "a, b"),
    ] {
        let found = moved(module, options, WRITES);
        let still: Vec<_> = WRITES.iter().zip(&found).filter(|(_, moved)| !**moved).map(|(step, _)| step).collect();
        assert!(still.is_empty(), "{module}({options}) {still:?}");
    }
}

/// What the fingerprint does not tell, and the comparison made from time to time is for
#[test]
fn rows_without_words_may_change_without_a_trace() {
    let steps = ["INSERT INTO t(rowid, a) VALUES (1, '!')", "UPDATE t SET a = '?' WHERE rowid = 1"];
    assert_eq!(moved("fts5", "a", &steps), [true, false]);
    assert_eq!(moved("fts3", "a", &steps), [true, false]);
    let again = [
        "INSERT INTO t(rowid, a) VALUES (1, 'a b')",
        "INSERT INTO t(t) VALUES ('rebuild')",
        "UPDATE t SET a = 'a, b'; INSERT INTO t(t) VALUES ('rebuild')",
    ];
    assert!(!moved("fts5", "a", &again)[2], "an index made anew is as it was");
}

#[test]
fn merging_and_rebuilding_does_no_harm() {
    let steps = [
        "INSERT INTO t(rowid, a) VALUES (1, 'a b')",
        "INSERT INTO t(rowid, a) VALUES (2, 'c d')",
        "INSERT INTO t(t) VALUES ('optimize')",
        "INSERT INTO t(rowid, a) VALUES (3, 'e f')",
        "INSERT INTO t(t) VALUES ('rebuild')",
        "DELETE FROM t WHERE rowid = 1",
    ];
    for module in ["fts5", "fts4", "fts3"] {
        let found = moved(module, "a", &steps);
        assert_eq!([found[0], found[1], found[3], found[5]], [true; 4], "{module}: {found:?}");
    }
}

#[test]
fn the_text_is_found_behind_every_kind_of_table() {
    let connection = Connection::open_in_memory().unwrap();
    let of = |name: &str, arguments: &str| {
        let sql = format!("CREATE VIRTUAL TABLE \"{name}\" USING {arguments}");
        connection.execute_batch(&sql).unwrap();
        let found = shadow(&connection, &parse(name, &sql).unwrap()).unwrap();
        found.map(|(table, statement, text)| {
            assert_eq!((statement, text), (sql, SearchText::Stored));
            table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>().join(" ")
        })
    };
    assert_eq!(of("one", "fts5(title, body UNINDEXED)").unwrap(), "id c0 c1");
    assert_eq!(
        of("two \"x\"".replace('"', "").as_str(), "fts4(title, \"the body\")").unwrap(),
        "docid c0title c1the body"
    );
    assert_eq!(of("three", "fts3").unwrap(), "docid c0content");
    assert_eq!(of("four", "fts5(a, locale=1)").unwrap(), "id c0");
    assert!(of("six", "fts4(a, languageid=lang)").is_err());
}
