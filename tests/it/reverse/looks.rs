//! What is done to PostgreSQL's schema, and to SQLite's file, behind the replicator's back

use super::{bring, shop};
use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::{dump, migrate_and_switch};
use crate::support::process::{Pair, wait_until};
use crate::support::source::{self, Workplace};

/// I2: writes that no trigger noted are found when the replicator begins anew
#[test]
fn i2_a_dropped_trigger_is_put_back_and_the_table_compared() {
    let (_work, pair) = shop();
    let target = Pg::connect(&pair.target);
    let triggers = "SELECT string_agg(format('DROP TRIGGER %I ON item', tgname), '; ') FROM pg_trigger \
                    WHERE tgrelid = 'item'::regclass AND tgname LIKE '\\_crossfade\\_%'";
    target.execute(&target.value(triggers).expect("triggers of ours"));
    target.execute(
        "UPDATE item SET name = 'unseen' WHERE id = 9; DELETE FROM item WHERE id = 10; \
                    INSERT INTO item VALUES (900, 'unseen', 1, NULL, 9)",
    );
    let before = dump(&pair.source);
    bring(&pair, &["UPDATE tag SET v = 7 WHERE k = 'a'"]);
    let after = dump(&pair.source);
    let same = before["item"].iter().filter(|row| after["item"].contains(row)).count();
    assert_eq!(same, 298, "rows that did not differ are not written");
    bring(&pair, &["UPDATE item SET name = 'seen' WHERE id = 11"]);
}

/// The table is another one: its triggers are gone, and its rows are what they are
#[test]
fn i2_a_rebuilt_table_is_compared() {
    let (_work, pair) = shop();
    bring(
        &pair,
        &[
            "BEGIN; CREATE TABLE tag2 (LIKE tag INCLUDING ALL); INSERT INTO tag2 SELECT k, v + 1 FROM tag WHERE k <> 'b'; \
           DROP TABLE tag; ALTER TABLE tag2 RENAME TO tag; COMMIT",
        ],
    );
    assert_eq!(dump(&pair.source)["tag"], ["'a',2", "'c',4"]);
}

#[test]
fn a_column_that_is_gone_or_of_another_type_stops_with_its_name() {
    let (_work, pair) = shop();
    let target = Pg::connect(&pair.target);
    target.execute("ALTER TABLE tag RENAME v TO w");
    pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("`v`");
    target.execute("ALTER TABLE tag RENAME w TO v; ALTER TABLE tag ALTER v TYPE text");
    pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("is of type text");
    target.execute("ALTER TABLE tag ALTER v TYPE bigint USING v::bigint");
    bring(&pair, &["UPDATE tag SET v = 8"]);
}

#[test]
fn what_is_only_on_postgresql_is_reported_once() {
    let (_work, pair) = shop();
    let target = Pg::connect(&pair.target);
    target.execute(
        "CREATE TABLE invoice(id int primary key); ALTER TABLE tag ADD colour text; INSERT INTO invoice VALUES (1)",
    );
    let first = pair.migrate();
    assert!(first.stderr.contains("invoice: this table is only on PostgreSQL"), "{first}");
    assert!(first.stderr.contains("tag.colour: this column is only on PostgreSQL"), "{first}");
    assert!(!pair.migrate().stderr.contains("only on PostgreSQL"), "said once");
    let notices = pair.status()["notices"].to_string();
    assert!(notices.contains("invoice") && notices.contains("tag.colour"), "{notices}");
    target.execute("UPDATE tag SET v = 5, colour = 'red'");
    pair.migrate();
    assert_eq!(dump(&pair.source)["tag"], ["'a',5", "'b',5", "'c',5"]);
}

/// I5 mirrored: an older copy of the file, put back while nobody looks
#[test]
fn i5_a_restored_file_is_compared() {
    let (work, pair) = shop();
    bring(&pair, &["UPDATE item SET price = 1 WHERE id <= 20"]);
    let copy = work.path("copy.db");
    source::open(&pair.source).execute("VACUUM INTO ?1", [copy.to_str()]).expect("a copy");
    bring(&pair, &["UPDATE item SET price = 2 WHERE id <= 40", "DELETE FROM tag", "INSERT INTO tag VALUES ('z', 1)"]);
    bring(&pair, &["UPDATE item SET price = 3 WHERE id <= 10"]);
    pair.bring_back();
    assert!(
        !std::path::Path::new(&format!("{}-wal", pair.source.display())).exists(),
        "it would be taken for the copy's"
    );
    std::fs::copy(&copy, &pair.source).expect("the copy goes back");
    assert_eq!(pair.status()["in_sync"], false);
    bring(&pair, &["UPDATE item SET price = 4 WHERE id = 1"]);
    assert_eq!(pair.status()["in_sync"], true);
}

/// The same under the eyes of a replicator that has the old file open
#[test]
fn i5_a_file_that_is_replaced_is_not_written_to_nowhere() {
    let (work, pair) = shop();
    let copy = work.path("copy.db");
    source::open(&pair.source).execute("VACUUM INTO ?1", [copy.to_str()]).expect("a copy");
    let target = Pg::connect(&pair.target);
    let mut replicator = pair.replicate(&[]);
    target.execute("UPDATE item SET price = 2 WHERE id <= 40");
    pair.wait_returned(&mut replicator);
    // As whoever puts a copy in place must do: what is in the old file's log is none of the new one.
    for suffix in ["-wal", "-shm"] {
        let beside = format!("{}{suffix}", pair.source.display());
        std::fs::remove_file(beside).expect("the log of the old file");
    }
    std::fs::rename(&copy, &pair.source).expect("the copy takes its place");
    wait_until("the comparison", || {
        replicator.must_run();
        replicator.stderr().contains("compared;")
    });
    target.execute("UPDATE item SET price = 3 WHERE id <= 20");
    pair.wait_returned(&mut replicator);
    wait_until("the two to be equal", || {
        replicator.must_run();
        crate::support::compare::differences(&pair.source, &pair.target).is_empty()
    });
    replicator.stop();
    assert_equal(&pair.source, &pair.target);
}

/// VACUUM gives the rows of a table without a key other numbers
#[test]
fn i5_rows_that_vacuum_numbered_anew_are_compared() {
    let work = Workplace::new();
    let path = work.database(
        "CREATE TABLE note(body TEXT); INSERT INTO note VALUES('a'), ('b'), ('c'), ('d'); DELETE FROM note WHERE body < 'c'",
    );
    let pair = Pair::new(path, fresh_database());
    migrate_and_switch(&pair);
    for entries in ["", "UPDATE note SET body = 'dd' WHERE body = 'd'; INSERT INTO note (body) VALUES ('e')"] {
        Pg::connect(&pair.target).execute(entries);
        source::open(&pair.source).execute_batch("VACUUM").expect("a VACUUM");
        pair.bring_back();
        assert_equal(&pair.source, &pair.target);
        pair.verify();
    }
    assert_eq!(dump(&pair.source)["note"], ["'c'", "'dd'", "'e'"]);
}
