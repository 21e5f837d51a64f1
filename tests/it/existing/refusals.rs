//! Rows whose every value fits and that the target does not take all the same: each costs itself, and nothing else

use crossfade::model::plan::Policy;

use super::hand::{Given, policy};
use crate::support::given::{assert_same, lines};
use crate::support::scene::run;

const ITEMS: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, qty INT, code TEXT, owner TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO item SELECT i, i, 'code ' || i, 'a@b' FROM n;
    UPDATE item SET qty = -1 WHERE id = 7; UPDATE item SET owner = 'nobody' WHERE id = 1500;
    UPDATE item SET qty = 2000000000 WHERE id = 1999";

const MADE: &str = "
    CREATE DOMAIN address AS text CHECK (value LIKE '%@%');
    CREATE TABLE item(id integer PRIMARY KEY, qty integer CHECK (qty >= 0), code text, owner address,
        twice integer GENERATED ALWAYS AS (qty * 2) STORED, mine text DEFAULT 'd')";

const HELD: &str = "SELECT key_text, reason FROM crossfade.quarantine ORDER BY key_text::int";

/// A CHECK, a domain, a computed column that overflows: in the copy, in the tail, and after a correction
#[test]
fn i10_rows_that_the_target_refuses_are_quarantined_alone() {
    let given = Given::new(ITEMS, MADE, |_| {});
    let mut replicator = given.pair.replicate(&["--chunk-bytes", "8192"]);
    given.pair.wait_consistent(&mut replicator);
    let target = given.target();
    assert_eq!(lines(&target, HELD), ["7 server:23514", "1500 server:23514", "1999 server:22003"]);
    assert_eq!(target.value("SELECT count(*) FROM item").as_deref(), Some("1997"));
    given.pair.verify();
    run(
        &given.pair,
        "UPDATE item SET qty = 1, owner = 'x@y' WHERE id IN (7, 1500); UPDATE item SET qty = -5 WHERE id = 8",
    );
    given.pair.wait_caught_up(&mut replicator);
    assert_eq!(lines(&target, HELD), ["8 server:23514", "1999 server:22003"]);
    given.pair.verify();
    run(&given.pair, "UPDATE item SET qty = 0 WHERE id IN (8, 1999)");
    given.pair.wait_caught_up(&mut replicator);
    assert_eq!(lines(&target, HELD), [""; 0]);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    replicator.stop();
}

/// A row that was there before has a unique value of the source's: it stays, and the source's row waits
#[test]
fn i10_unique_values_of_rows_that_stay_are_not_taken() {
    let source = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1, 'one'), (2, 'two'), (3, 'x')";
    let made = "CREATE TABLE t(id bigint PRIMARY KEY, v text UNIQUE);
                INSERT INTO t VALUES(2, 'old'), (9, 'one'), (10, 'ten')";
    let given = Given::new(source, made, |choices| policy(choices, "t", Policy::Merge));
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    let (target, all) = (given.target(), "SELECT id, v FROM t ORDER BY id");
    assert_eq!(lines(&target, all), ["2 two", "3 x", "9 one", "10 ten"]);
    assert_eq!(lines(&target, HELD), ["1 server:23505"]);
    given.pair.verify();
    run(&given.pair, "UPDATE t SET v = 'uno' WHERE id = 1; UPDATE t SET v = 'ten' WHERE id = 3");
    given.pair.wait_caught_up(&mut replicator);
    assert_eq!(lines(&target, all), ["1 uno", "2 two", "9 one", "10 ten"]);
    assert_eq!(lines(&target, HELD), ["3 server:23505"]);
    given.pair.verify();
    replicator.stop();
}

/// Values that do not fit the type, of rows whose keys the target has already: the old row goes, the new one is kept whole
#[test]
fn i10_a_row_that_does_not_fit_takes_its_place_all_the_same() {
    let source = "CREATE TABLE t(id INTEGER PRIMARY KEY, v VARCHAR(3)); INSERT INTO t VALUES(1, 'one'), (2, 'two')";
    let made = "CREATE TABLE t(id bigint PRIMARY KEY, v varchar(3)); INSERT INTO t VALUES(2, 'old'), (3, 'old')";
    let given = Given::new(source, made, |choices| policy(choices, "t", Policy::Merge));
    run(&given.pair, "UPDATE t SET v = 'too long' WHERE id = 2");
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    assert_eq!(lines(&given.target(), "SELECT id, v FROM t ORDER BY id"), ["1 one", "3 old"]);
    assert_eq!(lines(&given.target(), HELD), ["2 length"]);
    given.pair.verify();
    replicator.stop();
}
