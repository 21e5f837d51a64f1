//! PostgreSQL is the primary and SQLite follows: everything that is written there arrives, in the source's own form

mod altered;
mod changed;
mod crash;
mod looks;
mod places;
mod refusals;
mod values;
mod waits;
mod writers;

use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::{dump, migrate_and_switch, quoted};
use crate::support::process::Pair;
use crate::support::source::Workplace;

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, doc JSON, place INT UNIQUE);
    CREATE TABLE part(id INTEGER PRIMARY KEY, item INT REFERENCES item(id) ON DELETE CASCADE ON UPDATE CASCADE, n INT);
    CREATE TABLE tag(k TEXT PRIMARY KEY, v INT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    INSERT INTO item SELECT i, 'item ' || i, i / 4.0, '{\"b\":  ' || i || ', \"a\" : [1,2 ]}', i * 10 FROM n;
    INSERT INTO part SELECT id, id, id % 7 FROM item;
    INSERT INTO tag VALUES('a', 1), ('b', 2), ('c', 3)";

fn shop() -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    migrate_and_switch(&pair);
    (work, pair)
}

/// Runs statements on PostgreSQL, each in a transaction of its own, and brings them back
fn bring(pair: &Pair, statements: &[&str]) {
    let target = Pg::connect(&pair.target);
    statements.iter().for_each(|sql| target.execute(sql));
    pair.bring_back();
    assert_equal(&pair.source, &pair.target);
    pair.verify();
}

#[test]
fn i10_rows_that_nobody_touched_stay_byte_by_byte() {
    let (_work, pair) = shop();
    let before = dump(&pair.source);
    bring(
        &pair,
        &[
            "UPDATE item SET price = 99.5 WHERE id = 7",
            "UPDATE item SET doc = '{\"new\": true}' WHERE id = 8",
            "INSERT INTO item VALUES (1000, 'new', 1.0, '{\"a\":1}', 1)",
            "DELETE FROM tag WHERE k = 'b'",
        ],
    );
    let after = dump(&pair.source);
    assert_eq!(before["part"], after["part"]);
    let kept: Vec<&String> = before["item"].iter().filter(|row| after["item"].contains(row)).collect();
    assert_eq!(kept.len(), 298, "all but rows 7 and 8");
    assert_eq!(after["item"].len(), 301);
    // The document of a row that was written keeps its spelling, if it is the same document still.
    let row = quoted(&pair.source, "SELECT quote(price) || quote(doc) FROM item WHERE id = 7");
    assert_eq!(row, "99.5'{\"b\":  7, \"a\" : [1,2 ]}'");
    assert_eq!(quoted(&pair.source, "SELECT quote(price) FROM item WHERE id = 1000"), "1.0");
}

#[test]
fn every_way_of_writing_arrives() {
    let (_work, pair) = shop();
    bring(
        &pair,
        &[
            // New identities, a key change that cascades, a delete that cascades.
            "INSERT INTO item (name, price) SELECT 'made ' || i, i FROM generate_series(1, 50) i",
            "UPDATE item SET id = 5000 WHERE id = 5",
            "DELETE FROM item WHERE id BETWEEN 20 AND 30",
            // A swap of unique values, and a ring of three.
            "UPDATE item SET place = NULL WHERE id = 1; UPDATE item SET place = 10 WHERE id = 2; \
             UPDATE item SET place = 20 WHERE id = 1",
            "UPDATE item SET place = -id WHERE id IN (40, 41, 42); UPDATE item SET place = 410 WHERE id = 40; \
             UPDATE item SET place = 420 WHERE id = 41; UPDATE item SET place = 400 WHERE id = 42",
            // Keys that change places.
            "UPDATE tag SET k = CASE k WHEN 'a' THEN 'x' ELSE k END; UPDATE tag SET k = 'a' WHERE k = 'b'; \
             UPDATE tag SET k = 'b' WHERE k = 'x'",
            // A savepoint that is taken back, and one that is not.
            "BEGIN; SAVEPOINT one; DELETE FROM tag; ROLLBACK TO one; SAVEPOINT two; INSERT INTO tag VALUES ('s', 9); \
             RELEASE two; COMMIT",
            "BEGIN; DELETE FROM tag WHERE k = 'c'; ROLLBACK",
            // The same key many times in one transaction, to nothing and back.
            "BEGIN; DELETE FROM tag WHERE k = 'c'; INSERT INTO tag VALUES ('c', 33); UPDATE tag SET v = 34 WHERE k = 'c'; COMMIT",
            "INSERT INTO tag VALUES ('c', 35) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
        ],
    );
    assert_eq!(quoted(&pair.source, "SELECT quote(v) FROM tag WHERE k = 'c'"), "35");
    assert_eq!(quoted(&pair.source, "SELECT count(*) || '' FROM part WHERE item = 5000"), "1");
}

#[test]
fn truncate_cascade_empties_what_it_empties() {
    let (_work, pair) = shop();
    bring(&pair, &["TRUNCATE item CASCADE", "INSERT INTO item VALUES (3, 'again', 1, '{\"b\":3}', 7)"]);
    let after = dump(&pair.source);
    assert_eq!((after["item"].len(), after["part"].len(), after["tag"].len()), (1, 0, 3));
    bring(&pair, &["TRUNCATE tag"]);
    assert_eq!(dump(&pair.source)["tag"].len(), 0);
}

#[test]
fn verify_knows_which_side_is_ahead() {
    let (_work, pair) = shop();
    pair.verify();
    Pg::connect(&pair.target).execute("UPDATE item SET price = 0 WHERE id <= 9");
    // Nobody brings them over: they are neither equal nor a mismatch.
    let verdict = pair.verb("verify").arg("--json").run().expect_code(4).json();
    assert_eq!((&verdict["in_flight"], &verdict["mismatches"]), (&9.into(), &0.into()), "{verdict}");
    pair.bring_back();
    pair.verify();
    // A row that is changed behind the triggers is a mismatch, in this direction too.
    Pg::unseen(&pair.target).execute("UPDATE item SET name = 'x' WHERE id = 3");
    let verdict = pair.verb("verify").args(&["--json", "--table", "item"]).run().expect_code(4).json();
    assert_eq!(verdict["mismatches"], 1, "{verdict}");
}

#[test]
fn status_says_in_words_who_is_the_primary() {
    let (_work, pair) = shop();
    let status = pair.status();
    assert_eq!((&status["phase"], &status["primary"]), (&"reversed".into(), &"postgres".into()), "{status}");
    assert_eq!((&status["in_sync"], &status["backlog"]), (&true.into(), &0.into()), "{status}");
    Pg::connect(&pair.target).execute("UPDATE item SET price = 0 WHERE id <= 9");
    let status = pair.status();
    assert_eq!((&status["in_sync"], &status["backlog"]), (&false.into(), &9.into()), "{status}");
    assert!(status["lag_seconds"].as_f64() > Some(0.0), "{status}");
    let text = pair.verb("status").run().expect_code(0);
    assert!(text.stdout.contains("go to PostgreSQL since") && text.stdout.contains("SQLite follows"), "{text}");
    pair.bring_back();
    assert_eq!(pair.status()["in_sync"], true);
}
