//! The record of a migration: as text, JSON and a page, with statements that anybody can run again

use serde_json::Value;

use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::migrate_and_switch;
use crate::support::process::Pair;
use crate::support::source::{self, Workplace};

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, qty INT, price REAL, name TEXT NOT NULL, photo BLOB, big INTEGER);
    CREATE TABLE \"o'<b>&\"\"dd\"(\"k\"\"ey\" TEXT PRIMARY KEY, v INT);
    CREATE TABLE empty(id INTEGER PRIMARY KEY, t TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO item SELECT i, i - 250, i / 8.0, printf('%d \u{e4}\u{1f600}', i), x'00ff', 9223372036854775807 - i FROM n;
    UPDATE item SET photo = NULL, qty = NULL, name = '' WHERE id < 10;
    INSERT INTO \"o'<b>&\"\"dd\" VALUES('', -1), ('b', NULL)";

fn shop() -> (Workplace, Pair) {
    let work = Workplace::new();
    let path = work.database(SHOP);
    source::open(&path).execute_batch("PRAGMA journal_mode = WAL").expect("WAL");
    (work, Pair::new(path, fresh_database()))
}

fn report(pair: &Pair) -> Value {
    pair.verb("report").arg("--json").run().expect_code(0).json()
}

fn table<'r>(report: &'r Value, name: &str) -> &'r Value {
    let tables = report["tables"].as_array().expect("tables");
    tables.iter().find(|table| table["name"] == name).expect("a table of that name")
}

fn sqlite_line(pair: &Pair, sql: &str) -> String {
    let connection = source::open(&pair.source);
    let mut statement = connection.prepare(sql).expect("a statement that SQLite knows");
    let columns = statement.column_count();
    let text = |value: rusqlite::types::Value| match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let line = statement
        .query_row([], |row| (0..columns).map(|at| row.get(at).map(text)).collect::<rusqlite::Result<Vec<String>>>());
    line.expect("a line").join("|")
}

fn postgres_line(pg: &Pg, sql: &str) -> String {
    pg.query(sql)[0].iter().map(|field| field.clone().unwrap_or_default()).collect::<Vec<_>>().join("|")
}

#[test]
fn i10_the_statements_of_the_report_give_the_same_on_both_sides() {
    let (_work, pair) = shop();
    pair.migrate();
    let first = report(&pair);
    let pg = Pg::connect(&pair.target);
    pg.execute(first["settings"].as_str().expect("settings"));
    for table in first["tables"].as_array().expect("tables") {
        let audit = &table["audit"];
        let sql = |name: &str| audit[name].as_str().expect("a statement");
        assert_eq!(audit["equal"], true, "{table:#}");
        assert_eq!(sqlite_line(&pair, sql("sqlite_sql")), audit["sqlite"].as_str().unwrap(), "{table:#}");
        assert_eq!(postgres_line(&pg, sql("postgres_sql")), audit["postgres"].as_str().unwrap(), "{table:#}");
        assert_eq!(postgres_line(&pg, sql("digest_sql")), audit["digest"].as_str().unwrap(), "{table:#}");
    }
    assert_eq!(table(&first, "item")["audit"]["postgres"].as_str().unwrap().split('|').next(), Some("500"));
    // Each of these is one that the counts alone would not show.
    for change in ["qty = qty + 1", "name = 'x' || name", "photo = photo || '\\x00'", "big = big - 1"] {
        pg.execute(&format!(
            "BEGIN; SET session_replication_role = replica; UPDATE item SET {change} WHERE id = 77; COMMIT"
        ));
        let changed = report(&pair);
        assert_eq!(table(&changed, "item")["audit"]["equal"], false, "{change}");
    }
    pg.execute("BEGIN; SET session_replication_role = replica; UPDATE item SET price = 0.3 WHERE id = 78; COMMIT");
    assert_ne!(table(&report(&pair), "item")["audit"]["digest"], table(&first, "item")["audit"]["digest"]);
}

/// While the two are not of one moment the report does not say that they differ
#[test]
fn rows_that_are_not_applied_yet_are_no_difference() {
    let (_work, pair) = shop();
    pair.migrate();
    source::open(&pair.source).execute_batch("UPDATE item SET qty = 7 WHERE id = 5").expect("an update");
    let behind = report(&pair);
    assert_eq!(table(&behind, "item")["audit"]["equal"], Value::Null);
    assert!(pair.verb("report").run().expect_code(0).stdout.contains("both sides: not of one moment"));
    let bare = pair.verb("report").args(&["--json", "--no-digests"]).run().expect_code(0).json();
    assert_eq!(table(&bare, "item")["audit"], Value::Null);
}

#[test]
fn phases_verify_runs_and_notices_are_in_it() {
    let (_work, pair) = shop();
    pair.migrate();
    pair.verify();
    let report = report(&pair);
    let phases: Vec<&str> = report["phases"].as_array().unwrap().iter().map(|p| p["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["planned", "capturing", "snapshotting", "indexing", "following"]);
    assert!(report["phases"][0]["seconds"].is_number() && report["phases"][4]["seconds"].is_null());
    assert_eq!(report["verify_runs"][0]["rows_compared"], 502);
    assert_eq!((&report["phase"], &report["primary"]), (&Value::from("following"), &Value::from("sqlite")));
    // Started again and again, the phases are entered once.
    pair.migrate();
    assert_eq!(self::report(&pair)["phases"].as_array().unwrap().len(), 5);
}

/// A row that PostgreSQL could not hold, and what became of it
#[test]
fn i10_the_fate_of_quarantined_rows_is_in_it() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    let write = |sql: &str| source::open(&pair.source).execute_batch(sql).expect("a write");
    write(
        "UPDATE item SET qty = 'many' WHERE id = 20; UPDATE item SET qty = 'few' WHERE id = 21;
         UPDATE item SET qty = x'00' WHERE id = 30",
    );
    pair.wait_caught_up(&mut replicator);
    write("UPDATE item SET qty = 1 WHERE id = 20; DELETE FROM item WHERE id = 21");
    pair.wait_caught_up(&mut replicator);
    replicator.stop();
    let report = report(&pair);
    let counts = report["quarantine"].as_array().unwrap();
    let sums = |name: &str| counts.iter().map(|count| count[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sums("held"), sums("left")), (1, 2), "{counts:#?}");
    let rows = report["quarantined_rows"].as_array().unwrap();
    let fates: Vec<(&str, bool)> =
        rows.iter().map(|row| (row["key"].as_str().unwrap(), row["left_at"].is_string())).collect();
    assert!(!fates[0].1, "{rows:#?}");
    assert!(fates[0].0.contains("30") && fates.len() == 3, "{rows:#?}");
    assert_eq!(table(&report, "item")["quarantined"], 1);
    pair.verb("report").run().expect_code(0).expect_stdout("different, as rows are held back");
}

/// Every switch with its steps; and the page, which holds no secret and no markup of anybody's
#[test]
fn switches_are_in_it_and_secrets_are_not() {
    let (work, mut pair) = shop();
    pair.migrate();
    let pg = Pg::connect(&pair.target);
    pg.execute(
        "INSERT INTO crossfade.switches (token, kind, ended_at, outcome, refused_seconds, fence_seq)
           VALUES ('secret-token', 'rehearsal', now(), 'rehearsed', 0.125, 42);
         INSERT INTO crossfade.switch_steps (switch_id, number, step, detail, seconds)
           SELECT id, 1, 'fence', '<i>12</i> tables', 0.003 FROM crossfade.switches;
         INSERT INTO crossfade.switches (token, kind, ended_at, outcome, reason)
           VALUES ('other-token', 'cutover', now(), 'aborted', 'the timeout was over')",
    );
    pair.target = with_password(&pair.target);
    let output = pair.verb("report").run().expect_code(0);
    for said in ["rehearsal: rehearsed, writes refused for 0.125 s", "fence", "aborted: the timeout was over"] {
        assert!(output.stdout.contains(said), "`{said}`\n{output}");
    }
    let path = work.path("report.html");
    pair.verb("report").arg("--html").arg(&path).run().expect_code(0);
    let page = std::fs::read_to_string(&path).expect("the page");
    let json = pair.verb("report").arg("--json").run().expect_code(0).stdout;
    for text in [&page, &json, &output.stdout] {
        assert!(!text.contains("hush-hush") && !text.contains("secret-token"), "{text}");
    }
    for said in
        ["writes refused for 0.125 s", "&lt;i&gt;12&lt;/i&gt; tables", "o&#39;&lt;b&gt;&amp;&quot;dd", "rehearsed"]
    {
        assert!(page.contains(said), "the page does not say `{said}`:\n{page}");
    }
    assert!(!page.contains("<b>&") && page.starts_with("<!DOCTYPE html>"));
}

/// The same address with a password in it, which this server does not ask for
fn with_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    match rest.split_once('@') {
        Some((user, rest)) => format!("{scheme}://{}:hush-hush@{rest}", user.split(':').next().unwrap_or_default()),
        None => format!("{scheme}://postgres:hush-hush@{rest}"),
    }
}

/// The same with PostgreSQL as the primary: what waits in its log is no difference either
#[test]
fn i10_the_sides_are_compared_in_both_directions() {
    let (_work, pair) = shop();
    migrate_and_switch(&pair);
    let pg = Pg::connect(&pair.target);
    pg.execute("UPDATE item SET name = 'changed' WHERE id = 50");
    assert_eq!(table(&report(&pair), "item")["audit"]["equal"], Value::Null);
    pair.bring_back();
    let back = report(&pair);
    assert_eq!((&back["primary"], &back["phase"]), (&Value::from("postgres"), &Value::from("reversed")));
    assert_eq!(table(&back, "item")["audit"]["equal"], true);
}

#[test]
fn there_is_no_report_of_nothing() {
    let (work, pair) = shop();
    pair.verb("report").run().expect_code(7).expect_error("nothing is migrated");
    pair.migrate();
    let nowhere = work.path("no/such/folder/report.html");
    pair.verb("report").arg("--html").arg(&nowhere).run().expect_code(2).expect_error("cannot write the report");
}
