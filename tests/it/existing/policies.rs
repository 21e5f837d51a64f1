//! Rows that are there before the copy: refused, truncated or merged

use crossfade::model::plan::Policy;

use super::hand::Given;
use crate::support::given::{assert_same, lines};
use crate::support::scene::run;

const SOURCE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1, 'one'), (2, 'two')";
const MADE: &str = "CREATE TABLE t(id bigint PRIMARY KEY, v text UNIQUE, mine text DEFAULT 'd')";

fn given(policy: Policy, rows: &str) -> Given {
    Given::new(SOURCE, &format!("{MADE}; {rows}"), |choices| super::hand::policy(choices, "t", policy))
}

/// Rows that came after the plan was made are noticed before anything is touched
#[test]
fn rows_that_nobody_spoke_of_are_refused() {
    let given = given(Policy::Refuse, "");
    given.target().execute("INSERT INTO t VALUES(9, 'theirs')");
    given.pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("`t`").expect_error("merge");
    assert_eq!(crate::support::source::head(&given.pair.source), None, "capture was installed");
    assert_eq!(lines(&given.target(), "SELECT * FROM t"), ["9 theirs d"]);
    given.target().execute("DELETE FROM t");
    given.pair.migrate();
    assert_same(&given.pair.source, &given.pair.target);
}

#[test]
fn truncated_tables_are_truncated_once() {
    let given = given(Policy::Truncate, "INSERT INTO t VALUES(1, 'theirs'), (9, 'one')");
    let point = "snapshot.chunk_committed";
    if cfg!(feature = "failpoints") {
        given.pair.verb("run").env("CROSSFADE_FAILPOINT", point).run().expect_killed();
        assert_eq!(lines(&given.target(), "SELECT v FROM t ORDER BY id"), ["one", "two"]);
    }
    given.pair.migrate();
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
}

/// A table that is not truncated refers to one that is: nothing is emptied behind anybody's back
#[test]
fn truncate_does_not_reach_beyond_the_plan() {
    let given = given(Policy::Truncate, "INSERT INTO t VALUES(9, 'x')");
    given.target().execute("CREATE TABLE child(t bigint REFERENCES t); INSERT INTO child VALUES(9)");
    given.pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("refers");
    assert_eq!(lines(&given.target(), "SELECT * FROM child"), ["9"]);
    assert_eq!(lines(&given.target(), "SELECT id FROM t"), ["9"]);
}

/// Rows that only the target has stay, also through a repair; the others are the source's from then on
#[test]
fn i6_merged_rows_are_told_apart() {
    let rows = "INSERT INTO t VALUES(1, 'old', 'kept'), (9, 'nine', 'kept'), (10, 'ten', 'kept')";
    let given = given(Policy::Merge, rows);
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    given.pair.verify();
    let all = "SELECT id, v, mine FROM t ORDER BY id";
    assert_eq!(lines(&given.target(), all), ["1 one kept", "2 two d", "9 nine kept", "10 ten kept"]);
    run(&given.pair, "INSERT INTO t VALUES(9, 'neuf')");
    given.pair.wait_caught_up(&mut replicator);
    run(&given.pair, "DELETE FROM t WHERE id = 9; UPDATE t SET v = 'uno' WHERE id = 1");
    given.pair.wait_caught_up(&mut replicator);
    given.pair.verify();
    assert_eq!(lines(&given.target(), all), ["1 uno kept", "2 two d", "10 ten kept"]);
    // A row that only the target has, and had not before the copy, is a difference.
    given.stray().execute("INSERT INTO t VALUES(11, 'eleven')");
    let verdict = given.pair.verb("verify").arg("--json").run().expect_code(4).json();
    assert_eq!((&verdict["mismatches"], &verdict["tables"][0]["kept"]), (&1.into(), &1.into()));
    replicator.stop();
    // Changes that were missed are mended by comparison, and what was there before is left alone.
    let connection = crate::support::source::open(&given.pair.source);
    let names = "SELECT group_concat('DROP TRIGGER \"' || name || '\"', ';') FROM sqlite_schema WHERE type = 'trigger'";
    let drop: String = connection.query_row(names, [], |row| row.get(0)).expect("capture");
    run(&given.pair, &format!("{drop}; UPDATE t SET v = 'dos' WHERE id = 2; DELETE FROM t WHERE id = 1"));
    run(&given.pair, "INSERT INTO t VALUES(10, 'dix')");
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_caught_up(&mut replicator);
    crate::support::process::wait_until("the repair", || lines(&given.target(), all).len() == 2);
    assert_eq!(lines(&given.target(), all), ["2 dos d", "10 dix kept"]);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    replicator.stop();
}
