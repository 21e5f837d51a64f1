//! NULL in a key: SQLite allows it in most primary keys, PostgreSQL in none

use super::*;

const KEYS: &str = "
    CREATE TABLE tag(k TEXT PRIMARY KEY, v INT);
    CREATE TABLE pair(a INT, b TEXT COLLATE NOCASE, v TEXT, PRIMARY KEY(a, b));
    CREATE TABLE hidden(rowid TEXT, oid INT, _rowid_ INT, v INT, PRIMARY KEY(rowid, oid));
    INSERT INTO tag VALUES('a', 1), ('b', 2);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO pair SELECT i, 'x' || i, printf('%080d', i) FROM n;
    INSERT INTO hidden VALUES('r', 1, 1, 1)";

fn keys() -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(KEYS), fresh_database());
    (work, pair)
}

#[test]
fn i10_rows_with_null_in_their_key_come_change_and_go() {
    let (_work, pair) = keys();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    // Rows with the same NULL key are as many as SQLite says; an equal row twice is two rows.
    run(
        &pair,
        "INSERT INTO tag VALUES(NULL, 3), (NULL, 3), (NULL, 4); INSERT INTO pair VALUES(NULL, 'x', '1'), (7, NULL, '2'),
         (NULL, 'X', '3'), (NULL, NULL, '4'); INSERT INTO hidden VALUES(NULL, 1, 1, 1), (NULL, 1, 1, 1), ('r', NULL, 1, 1)",
    );
    settle(&pair, &mut replicator, 10);
    // A NULL key becomes one, and a key becomes NULL.
    run(
        &pair,
        "UPDATE tag SET k = 'c' WHERE v = 4; UPDATE pair SET b = NULL WHERE a = 9; DELETE FROM pair WHERE v = '3';
         UPDATE hidden SET v = 2 WHERE rowid IS NULL AND v = 1; UPDATE tag SET v = 9 WHERE k IS NULL",
    );
    settle(&pair, &mut replicator, 9);
    replicator.stop();
    run(&pair, "DELETE FROM hidden WHERE oid IS NULL; INSERT INTO pair VALUES(NULL, 'x', '1')");
    let mut replicator = pair.replicate(&[]);
    settle(&pair, &mut replicator, 9);
    run(&pair, "DELETE FROM tag WHERE k IS NULL; DELETE FROM pair WHERE a IS NULL OR b IS NULL; DELETE FROM hidden");
    arrive(&pair, replicator);
}

/// They were never logged, and a slice that ended on one would never go on
#[test]
fn i10_rows_with_null_in_their_key_are_met_by_the_copy() {
    for options in [&[][..], &["--chunk-bytes", "1024", "--workers", "2"]] {
        let (_work, pair) = keys();
        let script = "INSERT INTO tag VALUES(NULL, 3), (NULL, 'text');
                      INSERT INTO pair SELECT NULL, b, v FROM pair WHERE a < 200;
                      INSERT INTO pair SELECT a, NULL, v FROM pair WHERE a < 200";
        let mut replicator = between_plan_and_capture(&pair, options, script);
        pair.wait_consistent(&mut replicator);
        settle(&pair, &mut replicator, 2 + 199 + 199);
        run(&pair, "DELETE FROM tag WHERE k IS NULL; DELETE FROM pair WHERE a IS NULL OR b IS NULL");
        arrive(&pair, replicator);
    }
}

#[test]
fn i10_a_repair_finds_rows_with_null_in_their_key() {
    let (_work, pair) = keys();
    let limit = ["--log-limit", "1000", "--until", "in-sync"];
    pair.verb("run").args(&limit).run().expect_code(0);
    run(&pair, "INSERT INTO tag VALUES(NULL, 3), (NULL, 3)");
    pair.verb("run").args(&limit).run().expect_code(0);
    run(&pair, "DELETE FROM tag WHERE rowid = (SELECT max(rowid) FROM tag); INSERT INTO pair VALUES(NULL, NULL, 'n')");
    run(&pair, "UPDATE pair SET v = v || '.'");
    let output = pair.verb("run").args(&limit).run().expect_code(0);
    assert!(output.stderr.contains("comparing every table"), "{output}");
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 2);
    pair.verify();
}
