//! Small things from outside that must not stop the replicator: a cancelled query, an old request, a key that is NULL

use std::time::Duration;

use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Pair, Running, wait_until};
use crate::support::scene::{arrive, run};
use crate::support::source::{self, Workplace};

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE tag(k TEXT PRIMARY KEY, v INT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO item SELECT i, printf('%0180d', i) FROM n;
    INSERT INTO tag VALUES('a', 1), ('b', 2)";

/// A timeout or an administrator cancels a statement (57014), not the migration
#[test]
fn i3_a_cancelled_cycle_is_tried_again() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    wait_until("the indexes to be there", || {
        replicator.must_run();
        replicator.stderr().contains("following;")
    });
    cancelled(&pair, &mut replicator, "item", "UPDATE item SET name = 'changed' WHERE id < 100");
    cancelled(&pair, &mut replicator, "crossfade.checkpoint", "DELETE FROM item WHERE id < 50");
    arrive(&pair, replicator);
}

#[test]
fn i3_a_cancelled_chunk_is_copied_again() {
    let (_work, pair) = shop();
    let writer = source::open(&pair.source);
    writer.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let mut replicator = pair.replicate(&["--chunk-bytes", "2048"]);
    let target = Pg::connect(&pair.target);
    wait_until("the tables of crossfade", || {
        replicator.must_run();
        target.value("SELECT to_regclass('crossfade.chunks')").is_some()
    });
    let lock = held(&pair, "crossfade.chunks");
    writer.execute_batch("COMMIT").expect("the write lock is free");
    cancel_waiting(&pair, &mut replicator);
    lock.execute("ROLLBACK");
    arrive(&pair, replicator);
}

/// Its lock died with its connection and another run took over: that one's status is not the first one's to write
#[test]
fn i3_a_superseded_run_ends_and_leaves_the_status_alone() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    wait_until("the indexes to be there", || {
        replicator.must_run();
        replicator.stderr().contains("following;")
    });
    Pg::connect(&pair.target).execute("UPDATE crossfade.checkpoint SET run_id = run_id + 1");
    run(&pair, "UPDATE item SET name = 'changed' WHERE id < 100");
    replicator.wait().expect_code(3).expect_error("took over");
    let target = Pg::connect(&pair.target);
    assert_eq!(target.value("SELECT last_error FROM crossfade.state"), None);
    assert_eq!(target.value("SELECT count(*) FROM item WHERE name = 'changed'").as_deref(), Some("0"));
}

/// Makes a change, and cancels the replicator's statement while a lock keeps it from being applied
fn cancelled(pair: &Pair, replicator: &mut Running, table: &str, script: &str) {
    let lock = held(pair, table);
    run(pair, script);
    cancel_waiting(pair, replicator);
    lock.execute("ROLLBACK");
    pair.wait_caught_up(replicator);
}

/// Nobody writes to that table until the connection's transaction ends
fn held(pair: &Pair, table: &str) -> Pg {
    let holder = Pg::connect(&pair.target);
    holder.execute(&format!("BEGIN; LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"));
    holder
}

fn cancel_waiting(pair: &Pair, replicator: &mut Running) {
    let target = Pg::connect(&pair.target);
    let cancel = "SELECT sum(pg_cancel_backend(pid)::int) FROM pg_stat_activity WHERE datname = current_database() \
                  AND application_name LIKE 'crossfade%' AND wait_event_type = 'Lock'";
    wait_until("a statement that waits for the lock", || {
        replicator.must_run();
        target.value(cancel).is_some()
    });
}

/// The request was for a replicator that had ended before it looked
#[test]
fn an_old_request_to_stop_is_not_for_the_next_run() {
    let (_work, pair) = shop();
    pair.migrate();
    let target = Pg::connect(&pair.target);
    let stop = "INSERT INTO crossfade.control(verb) VALUES('stop')";
    target.execute(stop);
    let mut replicator = pair.replicate(&[]);
    run(&pair, "UPDATE item SET name = 'changed' WHERE id = 1");
    pair.wait_caught_up(&mut replicator);
    // It looks for requests once a second.
    replicator.must_run_for(Duration::from_millis(1500));
    target.execute(stop);
    wait_until("the new request to be heard", || replicator.exited().is_some());
    assert_eq!(replicator.wait().code(), Some(130));
    assert_equal(&pair.source, &pair.target);
}

/// SQLite allows NULL in a primary key; the target does not, and need not while the row is gone again
#[test]
fn i6_a_null_key_that_came_and_went_is_no_row() {
    let (_work, pair) = shop();
    pair.migrate();
    run(&pair, "INSERT INTO tag VALUES(NULL, 3); DELETE FROM tag WHERE k IS NULL; UPDATE tag SET v = 5 WHERE k = 'a'");
    let mut replicator = pair.replicate(&[]);
    pair.wait_caught_up(&mut replicator);
    run(&pair, "BEGIN; INSERT INTO tag VALUES(NULL, 4), ('c', 6); UPDATE tag SET k = 'd' WHERE k IS NULL; COMMIT");
    pair.wait_caught_up(&mut replicator);
    run(&pair, "BEGIN; INSERT INTO tag VALUES(NULL, 7); DELETE FROM tag WHERE k IS NULL OR k = 'b'; COMMIT");
    arrive(&pair, replicator);
}

fn shop() -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    (work, pair)
}
