//! UTF-16 databases with halves of surrogate pairs: no UTF-8 says what they are, so they are kept as they are

use super::*;

/// Text of a UTF-16 database from its bytes
fn text(bytes: &str) -> String {
    format!("CAST(x'{bytes}' AS TEXT)")
}

/// The bytes that SQLite itself gives for the values of `t.v`, by id
fn stored(pair: &Pair) -> Vec<(i64, Vec<u8>)> {
    let connection = source::open(&pair.source);
    let mut statement = connection.prepare("SELECT id, CAST(v AS BLOB) FROM t ORDER BY id").expect("the values");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("the values");
    rows.collect::<Result<_, _>>().expect("the values")
}

/// These rows are in the quarantine with their bytes, all others on the target
fn check(pair: &Pair, replicator: &mut Running, expected: &[i64]) {
    pair.wait_caught_up(replicator);
    let target = Pg::connect(&pair.target);
    let entry = |row: held::Row| match (&row.0[0].1, &row.0[1].1) {
        (Held::Integer(id), Held::Text16(bytes)) => (*id, bytes.clone()),
        other => panic!("{other:?}"),
    };
    let mut found: Vec<(i64, Vec<u8>)> = held::rows(&target, "t").into_iter().map(entry).collect();
    found.sort();
    let (wanted, others): (Vec<_>, Vec<_>) = stored(pair).into_iter().partition(|(id, _)| expected.contains(id));
    assert_eq!(found, wanted);
    let there = target.query("SELECT id FROM t ORDER BY id");
    let there: Vec<i64> = there.iter().map(|row| row[0].as_ref().expect("an id").parse().expect("a number")).collect();
    assert_eq!(there, others.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let verdict = pair.verb("verify").arg("--json").run().expect_code(0).json();
    assert_eq!(verdict["quarantined"].as_u64(), Some(expected.len() as u64), "{verdict}");
}

/// `high`: the first half of a pair before an A; `low`: the second half alone; `whole`: both; `plain`: an A
fn followed(encoding: &str, high: &str, low: &str, whole: &str, plain: &str) {
    let work = Workplace::new();
    let path = work.path("app.db");
    let table = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INT)";
    source::open(&path).execute_batch(&format!("PRAGMA encoding='{encoding}'; {table}")).expect("a table");
    source::set_journal_mode(&source::open(&path), "WAL");
    let pair = Pair::new(path, fresh_database());
    run(&pair, &format!("INSERT INTO t VALUES(1, {}, 1), (2, 'x', 1), (3, {}, 1)", text(plain), text(whole)));
    // The copy meets one, the tail the others.
    let mut replicator = between_plan_and_capture(&pair, &[], &format!("UPDATE t SET v = {} WHERE id = 2", text(high)));
    pair.wait_consistent(&mut replicator);
    check(&pair, &mut replicator, &[2]);
    run(&pair, &format!("INSERT INTO t VALUES(4, {}, 1), (5, {}, 1)", text(low), text(whole)));
    run(&pair, &format!("UPDATE t SET v = {} WHERE id = 1; UPDATE t SET n = 2", text(high)));
    check(&pair, &mut replicator, &[1, 2, 4]);
    let list = crate::support::process::Cli::new(["quarantine", "list", "--json"]);
    let list = list.arg("--source").arg(&pair.source).arg("--target").arg(&pair.target).run().expect_code(0).json();
    let rows = list["rows"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["reason"] == "utf16" && row["column"] == "v"), "{list}");
    let has = |bytes: &str| rows.iter().any(|row| row["row"]["v"]["$utf16"] == bytes);
    assert!(has(high) && has(low), "{list}");
    run(&pair, "UPDATE t SET v = 'y' WHERE id = 1; DELETE FROM t WHERE id = 4");
    check(&pair, &mut replicator, &[2]);
    run(&pair, "UPDATE t SET v = 'y' WHERE id = 2");
    arrive(&pair, replicator);
}

#[test]
fn i10_lone_surrogates_of_a_utf16le_source_are_kept_as_they_are() {
    followed("UTF-16le", "00d84100", "00dc", "3dd800de", "4100");
}

#[test]
fn i10_lone_surrogates_of_a_utf16be_source_are_kept_as_they_are() {
    followed("UTF-16be", "d8000041", "dc00", "d83dde00", "0041");
}

/// Both halves as they are stored, for the rows of `tables` whose keys have a lone one: in the quarantine; and all others,
/// by their whole keys, on the target
fn check_keys(pair: &Pair, replicator: &mut Running, tables: &[&str], expected: u64) {
    pair.wait_caught_up(replicator);
    let (connection, target) = (source::open(&pair.source), Pg::connect(&pair.target));
    let mut count = 0;
    for table in tables {
        let read = |sql: &str| -> Vec<Vec<u8>> {
            let mut statement = connection.prepare(sql).expect("the keys");
            let rows = statement.query_map([], |row| row.get(0)).expect("the keys");
            rows.collect::<Result<_, _>>().expect("the keys")
        };
        let lone = "CAST(replace(k, 'x', 'x') AS BLOB) <> CAST(k AS BLOB)";
        let stored = read(&format!("SELECT CAST(k AS BLOB) FROM {table} WHERE {lone} ORDER BY 1"));
        let entry = |row: held::Row| match &row.0[0].1 {
            Held::Text16(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        };
        let mut found: Vec<Vec<u8>> = held::rows(&target, table).into_iter().map(entry).collect();
        found.sort();
        assert_eq!(found, stored, "{table}");
        count += found.len() as u64;
        let mut whole = connection.prepare(&format!("SELECT k, n FROM {table} WHERE NOT ({lone})")).expect("rows");
        let whole = whole.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).expect("rows");
        let mut whole: Vec<_> = whole.map(|row| row.expect("a row")).collect();
        let there = target.query(&format!("SELECT k, n FROM {table}"));
        let text = |field: &Option<String>| field.clone().expect("a value");
        let mut there: Vec<_> =
            there.iter().map(|row| (text(&row[0]), text(&row[1]).parse().expect("a number"))).collect();
        whole.sort();
        there.sort();
        assert_eq!(there, whole, "{table}");
    }
    assert_eq!(count, expected);
    let verdict = pair.verb("verify").arg("--json").run().expect_code(0).json();
    assert_eq!(verdict["quarantined"].as_u64(), Some(expected), "{verdict}");
}

/// SQLite joins `D800 0041` into the one character U+10041 on the way out: as a key that is another row's
#[test]
fn i10_lone_surrogates_in_keys_are_kept_and_touch_no_other_row() {
    let work = Workplace::new();
    let path = work.path("app.db");
    source::open(&path)
        .execute_batch(
            "PRAGMA encoding='UTF-16le'; CREATE TABLE plain(k TEXT PRIMARY KEY, n INT);
             CREATE TABLE solid(k TEXT, n INT, PRIMARY KEY(k)) WITHOUT ROWID;
             CREATE TABLE cased(k TEXT COLLATE NOCASE NOT NULL UNIQUE, n INT)",
        )
        .expect("tables");
    source::set_journal_mode(&source::open(&path), "WAL");
    let pair = Pair::new(path, fresh_database());
    let tables = ["plain", "solid", "cased"];
    let all = |sql: &str| tables.map(|table| sql.replace('@', table)).join(";");
    let (lone, joined, low) = (text("00d84100"), text("00d841dc"), text("00dc"));
    run(
        &pair,
        &all("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
                     INSERT INTO @ SELECT printf('%040d', i), i FROM n"),
    );
    run(&pair, &all(&format!("INSERT INTO @ VALUES({low}, 5)")));
    let plan = pair.verb("plan").run().expect_code(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plan.contains("cased.k: half of a surrogate pair in 1 text") && plan.contains("which is in the key"),
        "{plan}"
    );
    let options = ["--chunk-bytes", "128", "--log-limit", "1000"];
    let mut replicator = between_plan_and_capture(&pair, &options, &all(&format!("INSERT INTO @ VALUES({lone}, 1)")));
    pair.wait_consistent(&mut replicator);
    check_keys(&pair, &mut replicator, &tables, 6);
    // The other row comes, changes and goes; NOCASE takes the two for equal.
    for table in &tables[..2] {
        run(&pair, &format!("INSERT INTO {table} VALUES({joined}, 2); UPDATE {table} SET n = 3 WHERE k = {lone}"));
    }
    check_keys(&pair, &mut replicator, &tables, 6);
    run(
        &pair,
        &all(&format!("UPDATE @ SET k = {joined} || 'c', n = 9 WHERE k = {low}; DELETE FROM @ WHERE k = {joined}")),
    );
    run(&pair, &all(&format!("UPDATE @ SET k = {lone} || 'b' WHERE n = 77; UPDATE @ SET k = 'good' WHERE k = {lone}")));
    check_keys(&pair, &mut replicator, &tables, 3);
    replicator.stop();
    // More than the log keeps: a repair.
    run(&pair, &all("UPDATE @ SET n = n + 1; UPDATE @ SET n = n + 1"));
    let mut replicator = pair.replicate(&options);
    check_keys(&pair, &mut replicator, &tables, 3);
    run(&pair, &all("UPDATE @ SET k = 'better' WHERE n = 79"));
    arrive(&pair, replicator);
}
