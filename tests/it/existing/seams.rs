//! What belongs to the target alone stays what it was, whatever happens to the rows beside it (I10)

use crossfade::model::plan::Policy;

use super::hand::{Given, policy};
use crate::support::given::{assert_same, lines};
use crate::support::scene::run;

const EXISTING: [&str; 2] = ["--schema", "existing"];

/// NULL equals no kept key, so a row with one must be known for the target's own by that
#[test]
fn i10_rows_with_null_in_their_key_survive_a_repair() {
    let source = "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v INT); INSERT INTO t VALUES('a', 1), ('b', 2)";
    let made = "CREATE TABLE t(k text UNIQUE, v bigint, mine text DEFAULT 'd');
                INSERT INTO t VALUES(NULL, 1, 'one'), (NULL, 2, 'two'), ('z', 3, 'three')";
    let given = Given::new(source, made, |choices| policy(choices, "t", Policy::Merge));
    let limited = ["--until", "in-sync"];
    given.pair.verb("run").args(&limited).run().expect_code(0);
    given.pair.verify();
    // More than the log keeps.
    run(
        &given.pair,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO t SELECT i, i FROM n",
    );
    run(&given.pair, "DELETE FROM t WHERE v > 100");
    let repaired = given.pair.verb("run").args(&limited).run().expect_code(0).stderr;
    assert!(repaired.contains("comparing every table"), "{repaired}");
    let own = lines(&given.target(), "SELECT v, mine FROM t WHERE mine <> 'd' ORDER BY v");
    assert_eq!(own, ["1 one", "2 two", "3 three"]);
    given.pair.verify();
}

/// A row that the server refuses costs that row, and not the columns that only the target has of all others
#[test]
fn i10_a_refused_row_leaves_the_others_what_only_the_target_has() {
    let source = "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT); CREATE TABLE b(id INTEGER PRIMARY KEY, v INT);
                  INSERT INTO a VALUES(1, 1), (2, 2), (3, 5000); INSERT INTO b VALUES(1, 1), (2, 2)";
    let made = "CREATE TABLE a(id bigint PRIMARY KEY, v bigint CHECK (v < 1000), n bigint, notes text DEFAULT 'none');
                CREATE TABLE b(id bigint PRIMARY KEY, v bigint, notes text DEFAULT 'none');
                CREATE UNIQUE INDEX other ON a (coalesce(v, 0));
                INSERT INTO a VALUES(1, 0, 0, 'mine'), (2, -1, 0, 'mine'); INSERT INTO b VALUES(1, 0, 'mine'), (2, 0, 'mine')";
    let given = Given::new(source, made, |choices| {
        policy(choices, "a", Policy::Merge);
        policy(choices, "b", Policy::Merge);
    });
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    run(&given.pair, "BEGIN; UPDATE a SET v = v + 10 WHERE id < 3; UPDATE b SET v = v + 10; COMMIT");
    given.pair.wait_caught_up(&mut replicator);
    run(
        &given.pair,
        "BEGIN; UPDATE a SET v = 2000 WHERE id = 3; UPDATE a SET v = v + 10 WHERE id < 3; UPDATE b SET v = 7; COMMIT",
    );
    given.pair.wait_caught_up(&mut replicator);
    let target = given.target();
    assert_eq!(lines(&target, "SELECT id, v, notes FROM a ORDER BY id"), ["1 21 mine", "2 22 mine"]);
    assert_eq!(lines(&target, "SELECT id, v, notes FROM b ORDER BY id"), ["1 7 mine", "2 7 mine"]);
    assert_eq!(target.value("SELECT count(*) FROM crossfade.quarantine").as_deref(), Some("1"));
    // Rows that swap unique values beside a row that is refused still pass.
    run(&given.pair, "BEGIN; UPDATE a SET v = 3000 WHERE id = 3; UPDATE a SET v = 43 - v WHERE id < 3; COMMIT");
    given.pair.wait_caught_up(&mut replicator);
    assert_eq!(lines(&target, "SELECT id, v FROM a ORDER BY id"), ["1 22", "2 21"]);
    assert_eq!(target.value("SELECT count(*) FROM crossfade.quarantine").as_deref(), Some("1"));
    given.pair.verify();
    replicator.stop();
}

/// What a chunk finds taken is compared with what stands there, and a domain is no other type for that
#[test]
fn i7_domains_do_not_stop_a_copy_with_conflicts() {
    let source = "CREATE TABLE t(id INTEGER PRIMARY KEY, c TEXT); INSERT INTO t VALUES(1, 'a'), (2, 'A'), (3, 'b')";
    let made = "CREATE DOMAIN code AS varchar(5) CHECK (value <> ''); CREATE TABLE t(id bigint PRIMARY KEY, c code);
                CREATE UNIQUE INDEX other ON t (lower(c))";
    let given = Given::new(source, made, |_| {});
    given.pair.migrate();
    let target = given.target();
    assert_eq!(lines(&target, "SELECT id, c FROM t ORDER BY id"), ["1 a", "3 b"]);
    assert_eq!(target.value("SELECT reason FROM crossfade.quarantine").as_deref(), Some("server:23505"));
    given.pair.verify();
}

#[test]
fn partitioned_tables_are_compared_too() {
    let source = "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES(1, 1), (200, 2)";
    let made = "CREATE TABLE t(id bigint PRIMARY KEY, v bigint) PARTITION BY RANGE (id);
                CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100);
                CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (100) TO (1000)";
    let given = Given::new(source, made, |_| {});
    given.pair.migrate();
    given.pair.verify();
    assert_same(&given.pair.source, &given.pair.target);
}

/// Each of these would lose or break something without a word
#[test]
fn what_could_not_be_kept_apart_is_refused() {
    let cases = [
        (
            "CREATE TABLE t(code TEXT NOT NULL PRIMARY KEY)",
            "CREATE EXTENSION citext; CREATE TABLE t(code citext PRIMARY KEY)",
            "takes two texts for one",
        ),
        (
            "CREATE TABLE t(id INTEGER PRIMARY KEY, place INT)",
            "CREATE TABLE t(id bigint PRIMARY KEY, place bigint UNIQUE DEFERRABLE)",
            "DEFERRABLE: PostgreSQL does not check it",
        ),
        ("CREATE TABLE t(v INT)", "CREATE TABLE t(v bigint, _crossfade_rowid bigint)", "_crossfade_rowid already"),
    ];
    for (source, made, message) in cases {
        let given = Given::unplanned(source, made);
        let plan = given.pair.verb("plan").args(&EXISTING).run().expect_code(3).stdout;
        let words = plan.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(message), "{made}: {plan}");
    }
}

#[test]
fn rows_that_share_a_key_are_not_merged_into_one() {
    let source = "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v INT); INSERT INTO t VALUES('a', 10)";
    let made = "CREATE TABLE t(k text, v bigint); INSERT INTO t VALUES('a', 1), ('a', 2)";
    let given = Given::new(source, made, |choices| policy(choices, "t", Policy::Merge));
    let refused = given.pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3);
    refused.expect_error("rows with the same");
    assert_eq!(lines(&given.target(), "SELECT k, v FROM t ORDER BY v"), ["a 1", "a 2"]);
}

/// The temporary table on the way refuses such a row already: then the tail writes the whole chunk, row by row
#[test]
fn i10_a_row_that_no_page_holds_costs_that_row_of_its_chunk() {
    let columns: Vec<String> = (0..1100).map(|at| format!("c{at}")).collect();
    let declared = |of: &str| columns.iter().map(|name| format!("{name} {of}")).collect::<Vec<_>>().join(", ");
    let source = format!(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, {}); INSERT INTO t(id) VALUES(1), (3); INSERT INTO t VALUES(2, {})",
        declared("INT"),
        vec!["7"; 1100].join(", ")
    );
    let given = Given::new(&source, &format!("CREATE TABLE t(id bigint PRIMARY KEY, {})", declared("bigint")), |_| {});
    given.pair.migrate();
    let target = given.target();
    assert_eq!(lines(&target, "SELECT id FROM t ORDER BY id"), ["1", "3"]);
    assert_eq!(target.value("SELECT reason FROM crossfade.quarantine").as_deref(), Some("server:54000"));
    given.pair.verify();
}

/// A view of somebody else over the column that we have added: it is named, and nothing is dropped with it
#[test]
fn cancel_names_what_depends_on_a_column_of_ours() {
    let given = Given::new("CREATE TABLE t(v INT); INSERT INTO t VALUES(1)", "CREATE TABLE t(v bigint)", |_| {});
    given.pair.verb("run").args(&EXISTING).args(&["--until", "in-sync"]).run().expect_code(0);
    given.target().execute("CREATE VIEW \"my view\" AS SELECT v, _crossfade_rowid FROM t");
    let refused = given.pair.verb("cancel").run().expect_code(3);
    refused.expect_error("_crossfade_rowid").expect_error("my view").expect_error("then cancel again");
    assert_eq!(given.target().value("SELECT count(*) FROM \"my view\"").as_deref(), Some("1"));
    given.target().execute("DROP VIEW \"my view\"");
    given.pair.verb("cancel").run().expect_code(0);
    assert_same(&given.pair.source, &given.pair.target);
}
