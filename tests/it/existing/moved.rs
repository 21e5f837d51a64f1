//! The target's schema altered while we follow it

use super::hand::Given;
use crate::support::given::assert_same;
use crate::support::pg::Pg;
use crate::support::process::{Cli, Output, Running, wait_until};
use crate::support::scene::run;

const SOURCE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, name VARCHAR(3), mood TEXT);
                      INSERT INTO t VALUES(1, 'ann', 'ok'), (2, 'bob', NULL)";
const MADE: &str =
    "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t(id integer PRIMARY KEY, name varchar(3), mood mood)";

/// Followed, with a row that is too long and one of a label that is not there
fn beyond_limits() -> (Given, Running, Pg) {
    let given = Given::new(SOURCE, MADE, |_| {});
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    run(&given.pair, "UPDATE t SET name = 'anna' WHERE id = 1; UPDATE t SET mood = 'sad' WHERE id = 2");
    given.pair.wait_caught_up(&mut replicator);
    let target = given.target();
    (given, replicator, target)
}

fn retry(given: &Given) -> Output {
    let retry = Cli::new(["quarantine", "retry", "--source"]).arg(&given.pair.source);
    retry.arg("--target").arg(&given.pair.target).run()
}

/// Rows that were too long, or of a label that was not there, come out of the quarantine once the target takes them
#[test]
fn i10_limits_that_are_widened_are_followed() {
    let (given, replicator, target) = beyond_limits();
    assert_eq!(target.value("SELECT count(*) FROM crossfade.quarantine").as_deref(), Some("2"));
    assert_eq!(target.value("SELECT count(*) FROM t").as_deref(), Some("0"));
    given.pair.verify();
    replicator.stop();
    target.execute("ALTER TABLE t ALTER name TYPE varchar(9); ALTER TABLE t ADD more text DEFAULT 'x'");
    target.execute("ALTER TYPE mood ADD VALUE 'sad'");
    let replicator = given.pair.replicate(&[]);
    wait_until("the quarantine to be empty", || {
        retry(&given);
        target.value("SELECT count(*) FROM crossfade.quarantine").as_deref() == Some("0")
    });
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    replicator.stop();
}

/// `quarantine retry` looks at the limits by itself: the replicator goes on running
#[test]
fn i10_a_retry_takes_limits_over_that_were_widened_meanwhile() {
    let (given, mut replicator, target) = beyond_limits();
    let held = || target.value("SELECT count(*) FROM crossfade.quarantine");
    retry(&given).expect_code(0);
    assert_eq!(held().as_deref(), Some("2"));
    target.execute("ALTER TABLE t ALTER name TYPE varchar(9)");
    target.execute("ALTER TYPE mood ADD VALUE 'sad'");
    retry(&given).expect_code(0);
    wait_until("the quarantine to be empty", || held().as_deref() == Some("0"));
    // What comes later goes by the new limits too.
    run(&given.pair, "INSERT INTO t VALUES (3, 'annabella', 'sad'), (4, 'annabellas', 'ok')");
    given.pair.wait_caught_up(&mut replicator);
    assert_eq!(held().as_deref(), Some("1"));
    run(&given.pair, "DELETE FROM t WHERE id = 4");
    given.pair.wait_caught_up(&mut replicator);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    replicator.stop();
}

/// What no conversion fits any more is named, and nothing is written
#[test]
fn what_is_gone_from_the_target_is_named() {
    let given = Given::new(SOURCE, MADE, |_| {});
    given.pair.migrate();
    given.target().execute("ALTER TABLE t DROP name");
    run(&given.pair, "UPDATE t SET mood = NULL");
    let refused = given.pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3);
    refused.expect_error("t.name").expect_error("not on the target any more");
    given.target().execute("ALTER TABLE t ADD name integer");
    given.pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("of type integer now");
    given.pair.verb("cancel").run().expect_code(0);
    assert_eq!(given.target().value("SELECT count(*) FROM t").as_deref(), Some("2"));
}
