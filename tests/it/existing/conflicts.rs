//! Rows whose key or unique value is taken, in the copy and while we follow (I6, I7, I10)

use crossfade::model::plan::Policy;

use super::hand::{Given, policy};
use crate::support::given::{assert_same, lines};
use crate::support::scene::run;

const SLOTS: &str = "
    CREATE TABLE slot(id INTEGER PRIMARY KEY, place INT UNIQUE, note TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO slot SELECT i, i, 'note ' || i FROM n";

const CHUNKS: [&str; 2] = ["--chunk-bytes", "8192"];

/// Unique values wander from row to row while the chunks are copied: what a chunk finds taken is written by the tail
#[test]
fn i7_unique_values_that_move_during_the_copy_arrive() {
    let made = "CREATE TABLE slot(id bigint PRIMARY KEY, place bigint UNIQUE, note text, mine text DEFAULT 'd')";
    let given = Given::new(SLOTS, made, |_| {});
    let mut replicator = given.pair.replicate(&CHUNKS);
    given.pair.wait_captured(&mut replicator);
    let mut rounds = 0;
    while !given.pair.checkpoint().is_some_and(|(_, consistent)| consistent) {
        replicator.must_run();
        // Every place goes to the next row; the last row's goes to the first.
        run(
            &given.pair,
            "BEGIN IMMEDIATE; UPDATE slot SET place = -place; \
             UPDATE slot SET place = CASE WHEN place = -3000 THEN 1 ELSE 1 - place END; COMMIT",
        );
        rounds += 1;
    }
    assert!(rounds > 0, "the copy was over before the first change");
    given.pair.wait_caught_up(&mut replicator);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    replicator.stop();
}

/// Where no index of the target can arbitrate, rows are updated in place or inserted, never doubled
#[test]
fn i6_rows_without_a_unique_index_are_written_once() {
    let source = "CREATE TABLE t(k TEXT PRIMARY KEY, v INT); INSERT INTO t VALUES('a', 1), ('b', 2), ('c', 3)";
    let made = "CREATE TABLE t(v bigint, k text, mine text DEFAULT 'd')";
    let given = Given::new(source, made, |_| {});
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    let target = given.target();
    assert_eq!(
        target.value("SELECT string_agg(indexdef, ';') FROM pg_indexes WHERE tablename = 't'").as_deref(),
        Some("CREATE INDEX _crossfade_1 ON public.t USING btree (k)")
    );
    given.stray().execute("UPDATE t SET mine = 'theirs' WHERE k = 'a'");
    run(&given.pair, "UPDATE t SET v = 10 WHERE k = 'a'; DELETE FROM t WHERE k = 'b'; INSERT INTO t VALUES('d', 4)");
    given.pair.wait_caught_up(&mut replicator);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    assert_eq!(lines(&target, "SELECT k, v, mine FROM t ORDER BY k"), ["a 10 theirs", "c 3 d", "d 4 d"]);
    replicator.stop();
    given.pair.verb("cancel").run().expect_code(0);
    assert_eq!(target.value("SELECT count(*) FROM pg_indexes WHERE tablename = 't'").as_deref(), Some("0"));
    assert_eq!(target.value("SELECT count(*) FROM t").as_deref(), Some("3"));
}

/// A table without any key: its rows are numbered on the target as long as we follow
#[test]
fn i6_rows_without_a_key_get_a_number_for_a_while() {
    let source = "CREATE TABLE t(a TEXT, b INT); INSERT INTO t VALUES('x', 1), ('x', 1), (NULL, 2)";
    let given = Given::new(source, "CREATE TABLE t(b bigint, a text)", |_| {});
    let before = lines(&given.target(), COLUMNS);
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    run(&given.pair, "DELETE FROM t WHERE rowid = 2; UPDATE t SET b = 3 WHERE a IS NULL; INSERT INTO t VALUES('y', 4)");
    given.pair.wait_caught_up(&mut replicator);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    assert_ne!(lines(&given.target(), COLUMNS), before);
    replicator.stop();
    given.pair.verb("cancel").run().expect_code(0);
    assert_eq!(lines(&given.target(), COLUMNS), before);
    assert_eq!(lines(&given.target(), "SELECT a, b FROM t ORDER BY b"), ["x 1", "- 3", "y 4"]);
}

const COLUMNS: &str = "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 \
                       AND NOT attisdropped ORDER BY attnum";

/// PostgreSQL never updates a column that it numbers ALWAYS; a row whose number moves is written anew
#[test]
fn i10_numbers_that_postgres_would_give_are_those_of_the_source() {
    let source = "CREATE TABLE t(k TEXT PRIMARY KEY, n INT NOT NULL, v TEXT);
                  CREATE TABLE u(id INTEGER PRIMARY KEY, v TEXT);
                  INSERT INTO t VALUES('a', 1, 'A'), ('b', 2, 'B'); INSERT INTO u VALUES(5, 'five')";
    let made = "CREATE TABLE t(k text PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY UNIQUE, v text, mine int);
                CREATE TABLE u(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)";
    let given = Given::new(source, made, |_| {});
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    let target = given.stray();
    target.execute("UPDATE t SET mine = 7");
    run(&given.pair, "UPDATE t SET v = 'AA' WHERE k = 'a'; UPDATE u SET v = 'FIVE'");
    given.pair.wait_caught_up(&mut replicator);
    assert_eq!(lines(&target, "SELECT * FROM t ORDER BY k"), ["a 1 AA 7", "b 2 B 7"]);
    // They swap their numbers, which are unique.
    run(&given.pair, "UPDATE t SET n = 3 - n");
    given.pair.wait_caught_up(&mut replicator);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    // The next row of the target's own gets a number that is free.
    let next = "INSERT INTO u(v) VALUES('own') RETURNING id";
    assert_eq!(target.value(&format!("BEGIN; {next}; ROLLBACK")).as_deref(), Some("6"));
    replicator.stop();
}

/// `ON CONFLICT` does not work beside a constraint that may be deferred
#[test]
fn i7_deferrable_constraints_do_not_stop_the_copy() {
    let made = "CREATE TABLE slot(id bigint PRIMARY KEY, place bigint UNIQUE DEFERRABLE INITIALLY DEFERRED, note text)";
    let given = Given::new(SLOTS, made, |_| {});
    let mut replicator = given.pair.replicate(&CHUNKS);
    given.pair.wait_consistent(&mut replicator);
    run(&given.pair, "UPDATE slot SET place = -place; UPDATE slot SET place = 3001 + place");
    given.pair.wait_caught_up(&mut replicator);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    replicator.stop();
}

/// Killed inside chunks, between them, and before what they left out is written: nothing is doubled or lost
#[test]
fn i7_killed_while_copying_into_tables_that_exist() {
    if !cfg!(feature = "failpoints") {
        return;
    }
    let made = "CREATE TABLE slot(id bigint, place bigint UNIQUE, note text);
                INSERT INTO slot VALUES(-1, 5, 'kept'), (7, -7, 'replaced')";
    for point in [
        "existing.prepared",
        "existing.chunk_inserted:3",
        "snapshot.progress_stored:2",
        "snapshot.chunk_committed:3",
        "existing.left_out_written",
    ] {
        let given = Given::new(SLOTS, made, |choices| policy(choices, "slot", Policy::Merge));
        run(&given.pair, "UPDATE slot SET place = 6000 WHERE id = 5");
        let killed = given.pair.verb("run").args(&CHUNKS).env("CROSSFADE_FAILPOINT", point).run();
        killed.expect_killed();
        run(&given.pair, "UPDATE slot SET place = -place WHERE id % 10 = 1; DELETE FROM slot WHERE id % 10 = 2");
        let mut replicator = given.pair.replicate(&CHUNKS);
        given.pair.wait_consistent(&mut replicator);
        given.pair.wait_caught_up(&mut replicator);
        given.pair.verify();
        let target = given.stray();
        target.execute("DELETE FROM slot WHERE id = -1");
        assert_same(&given.pair.source, &given.pair.target);
        replicator.stop();
    }
}
