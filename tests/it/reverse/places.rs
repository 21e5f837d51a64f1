//! Other targets: tables that the application's own migrations made, an ordinary role, a server that loses its last commits

use crossfade::model::plan::Policy;

use super::writers::{LEDGER, Writers};
use crate::existing::hand::Given;
use crate::support::cluster::{database_on, own_cluster_with};
use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::{dump, migrate_and_switch, quoted};
use crate::support::process::Pair;
use crate::support::source::Workplace;

/// A column that only SQLite has, one that only PostgreSQL has, rows without a key, and rows that were there before
#[test]
fn tables_that_exist_go_back_too() {
    let given = Given::new(
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, at DATETIME, legacy TEXT);
         CREATE TABLE note(body TEXT);
         INSERT INTO item VALUES(1, 'one', '2026-01-01 10:00:00', 'l1'), (2, 'two', '2026-01-02 10:00:00', 'l2');
         INSERT INTO note VALUES('a'), ('b')",
        "CREATE TABLE item(id int PRIMARY KEY, name varchar(20), at timestamp,
             upper text GENERATED ALWAYS AS (upper(name)) STORED);
         CREATE TABLE note(body text); INSERT INTO item VALUES (8, 'kept'), (9, 'kept')",
        |choices| {
            let item = choices.tables.entry("item".to_owned()).or_default();
            item.policy = Some(Policy::Merge);
            item.columns.entry("legacy".to_owned()).or_default().skip = true;
        },
    );
    let (pair, target) = (&given.pair, given.target());
    migrate_and_switch(pair);
    target.execute("INSERT INTO item (id, name, at) VALUES (3, 'three', '2026-02-03 04:05:06')");
    target.execute("UPDATE item SET name = 'TWO' WHERE id IN (2, 9); DELETE FROM item WHERE id = 1");
    target.execute(
        "INSERT INTO note VALUES ('c'), ('d'); UPDATE note SET body = 'bb' WHERE body = 'b'; DELETE FROM note WHERE body = 'a'",
    );
    pair.bring_back();
    // What PostgreSQL does not have of a row stays as it was; a row of its own that is written to belongs to both.
    let items = ["2,'TWO','2026-01-02 10:00:00','l2'", "3,'three','2026-02-03 04:05:06',NULL", "9,'TWO',NULL,NULL"];
    assert_eq!(dump(&pair.source)["item"], items);
    assert_eq!(dump(&pair.source)["note"], ["'bb'", "'c'", "'d'"]);
    let verdict = pair.verb("verify").arg("--json").run().expect_code(0).json();
    assert_eq!(verdict["tables"][0]["kept"], 1, "{verdict}");
    // Swapped keys go through deletes; what PostgreSQL does not have must come through them.
    target.execute(
        "UPDATE note SET body = 'x'; TRUNCATE item; INSERT INTO item VALUES (2, 'again', NULL), (9, 'again', NULL)",
    );
    pair.bring_back();
    assert_eq!(dump(&pair.source)["item"], ["2,'again',NULL,'l2'", "9,'again',NULL,NULL"]);
    pair.verify();
}

/// A role that may not set `session_replication_role`
#[test]
fn an_ordinary_role_brings_everything_back() {
    let work = Workplace::new();
    let url = fresh_database();
    let admin = Pg::connect(&url);
    let name = admin.value("SELECT current_database()").expect("a name");
    let role = format!("ordinary_{name}");
    admin.execute(&format!(
        "CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}"
    ));
    let (start, rest) = url.split_once("://").expect("a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let pair = Pair::new(work.database(LEDGER), format!("{start}://{role}@{host}"));
    migrate_and_switch(&pair);
    let mut replicator = pair.replicate(&[]);
    let writers = Writers::start(&pair.target, 8401, 2);
    writers.wait_for(150);
    writers.finish();
    pair.wait_returned(&mut replicator);
    replicator.stop();
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    // The comparison as well, which logs keys by itself.
    let target = Pg::connect(&pair.target);
    target.execute("ALTER TABLE account DISABLE TRIGGER USER; UPDATE account SET name = 'unseen' WHERE id < 9");
    pair.bring_back();
    assert_equal(&pair.source, &pair.target);
    target.execute("TRUNCATE account CASCADE");
    pair.bring_back();
    assert_equal(&pair.source, &pair.target);
}

/// I4 mirrored: what an application that does not wait for the disk has written is on PostgreSQL's disk before SQLite has it
#[cfg(feature = "failpoints")]
#[test]
fn i4_sqlite_never_holds_what_postgresql_loses() {
    let mut cluster = own_cluster_with(&[("wal_writer_delay", "10s"), ("wal_writer_flush_after", "1GB")]);
    let work = Workplace::new();
    let pair = Pair::new(work.database(LEDGER), database_on(&cluster));
    migrate_and_switch(&pair);
    let mut doomed = pair.verb("run").env("CROSSFADE_FAILPOINT", "reverse.source_committed").start();
    crate::support::process::wait_until("the replicator to follow", || {
        doomed.must_run();
        doomed.stderr().contains("SQLite follows")
    });
    Pg::connect(&pair.target).execute("SET synchronous_commit = off; UPDATE account SET balance = 4711 WHERE id = 1");
    doomed.wait().expect_killed();
    cluster.kill().expect("a server that is gone at once");
    cluster.start_again().expect("a server");
    let balance = "SELECT balance || '' FROM account WHERE id = 1";
    assert_eq!(quoted(&pair.source, balance), "4711");
    assert_eq!(Pg::connect(&pair.target).value(balance).as_deref(), Some("4711"));
    pair.bring_back();
    assert_equal(&pair.source, &pair.target);
}
