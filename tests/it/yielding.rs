//! What the target gets beside the rows: it never costs one, and it goes when `cancel` says so

use crate::support::compare::{assert_equal, assert_views_equal};
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::Pair;
use crate::support::scene::arrive;
use crate::support::source::{self, Workplace};

const SCRIPT: &str = "
    CREATE TABLE c(id INTEGER PRIMARY KEY, age INT CHECK (age >= 0), name TEXT CONSTRAINT named CHECK (name <> ''));
    CREATE UNIQUE INDEX c_lower ON c(lower(name));
    CREATE VIEW grown AS SELECT id, name FROM c WHERE age > 17;
    INSERT INTO c VALUES (1, 30, 'Ann'), (2, 5, 'Bob');";

fn pair(work: &Workplace) -> Pair {
    Pair::new(work.database(SCRIPT), fresh_database())
}

fn write(pair: &Pair, sql: &str) {
    source::open(&pair.source).execute_batch(sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
}

fn checks(pair: &Pair) -> Vec<String> {
    let sql = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 'c'::regclass AND convalidated";
    let mut names: Vec<String> = Pg::connect(&pair.target).query(sql).into_iter().flatten().flatten().collect();
    names.sort();
    names
}

fn notices(pair: &Pair) -> String {
    let sql = "SELECT coalesce(string_agg(object || ': ' || message, E'\\n'), '') FROM crossfade.notices";
    Pg::connect(&pair.target).value(sql).expect("notices")
}

fn held(pair: &Pair) -> Option<String> {
    Pg::connect(&pair.target).value("SELECT count(*) FROM crossfade.quarantine")
}

/// SQLite can be told not to look at CHECKs: the row arrives, and only the condition at fault goes
#[test]
fn i10_a_check_gives_way_to_a_row_that_the_source_holds() {
    let work = Workplace::new();
    let pair = pair(&work);
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    assert_eq!(checks(&pair), ["c_age_check", "named"]);
    write(
        &pair,
        "PRAGMA ignore_check_constraints = ON; INSERT INTO c VALUES (3, -1, 'Cid'); UPDATE c SET age = 6 WHERE id = 2",
    );
    arrive(&pair, replicator);
    assert_eq!(checks(&pair), ["named"]);
    assert_eq!(held(&pair).as_deref(), Some("0"));
    let told = notices(&pair);
    assert!(told.contains("CHECK `c_age_check` was dropped from the target"), "{told}");
    // The next session does not look for it again, and the other one still holds.
    write(&pair, "PRAGMA ignore_check_constraints = ON; INSERT INTO c VALUES (4, -2, 'Dee')");
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    let refused = Pg::stray(&pair.target).try_query("INSERT INTO c VALUES (9, -9, '')");
    assert!(refused.is_err_and(|e| e.contains("named")));
}

/// Rows from before the CHECK was declared, or from when it was ignored, are copied like all others
#[test]
fn i10_a_check_that_rows_do_not_meet_is_dropped_after_the_copy() {
    let work = Workplace::new();
    let pair = pair(&work);
    write(&pair, "PRAGMA ignore_check_constraints = ON; INSERT INTO c VALUES (3, 1, '')");
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    assert_eq!(checks(&pair), ["c_age_check"]);
    let told = notices(&pair);
    assert!(told.contains("CHECK `named` was dropped from the target: rows do not meet it"), "{told}");
}

/// The same where the tables are compared, and not followed
#[test]
fn i10_a_check_gives_way_to_a_repair() {
    let work = Workplace::new();
    let pair = pair(&work);
    pair.migrate();
    let trigger = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '%crossfade%' LIMIT 1";
    let name: String = source::open(&pair.source).query_row(trigger, [], |row| row.get(0)).expect("a trigger of ours");
    write(
        &pair,
        &format!("DROP TRIGGER \"{name}\"; PRAGMA ignore_check_constraints = ON; INSERT INTO c VALUES (3, -1, '')"),
    );
    let output = pair.migrate();
    assert!(output.stderr.contains("comparing every table"), "{}", output.stderr);
    assert_equal(&pair.source, &pair.target);
    assert!(checks(&pair).is_empty());
    assert_eq!(held(&pair).as_deref(), Some("0"));
}

/// An index that takes for equal what SQLite does not, and an expression that fails: nothing of ours on the target stops
/// the rows. Both are made worse by hand, as no translation is known that is wrong
#[test]
fn i10_expressions_that_disagree_give_way() {
    let work = Workplace::new();
    let pair = pair(&work);
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    let target = Pg::connect(&pair.target);
    target.execute("DROP INDEX c_lower; CREATE UNIQUE INDEX c_lower ON c (abs(age))");
    write(&pair, "INSERT INTO c VALUES (3, 30, 'Cid'), (4, 5, 'Dee')");
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    assert!(target.value("SELECT to_regclass('c_lower')").is_none());
    target
        .execute("ALTER TABLE c DROP CONSTRAINT named, ADD CONSTRAINT named CHECK (1 / nullif(age, 7) + 1 / age > -9)");
    write(&pair, "INSERT INTO c VALUES (5, 0, 'Eve')");
    arrive(&pair, replicator);
    assert_eq!(checks(&pair), ["c_age_check"], "only what has failed");
    let told = notices(&pair);
    assert!(told.contains("c_lower") && told.contains("division by zero"), "{told}");
    assert_eq!(held(&pair).as_deref(), Some("0"));
}

/// Of several expressions only those go that fail, however many they are; a row that something else refuses is held
#[test]
fn i10_only_the_expressions_that_fail_give_way() {
    let work = Workplace::new();
    let script = "CREATE TABLE e(id INTEGER PRIMARY KEY, n INT CHECK (n <> 77), m INT CONSTRAINT m_low CHECK (m < 1000),
                                 t TEXT CHECK (t <> 'x'));
                  CREATE INDEX e_sum ON e(upper(t)); CREATE INDEX e_lower ON e(lower(t)); CREATE INDEX e_part ON e(m) WHERE n > 5;
                  INSERT INTO e VALUES (1, 1, 1, 'a'), (2, 7, 2, 'b');";
    let pair = Pair::new(work.database(script), fresh_database());
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    let target = Pg::connect(&pair.target);
    target.execute(
        "ALTER TABLE e DROP CONSTRAINT m_low, ADD CONSTRAINT m_low CHECK (1 / (m - 500) < 9);
         DROP INDEX e_sum; CREATE INDEX e_sum ON e ((1 / (n - 50)));
         DROP INDEX e_part; CREATE INDEX e_part ON e (m) WHERE 1 / (n - 60) < 2",
    );
    let ours = || -> Vec<String> {
        let sql = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 'e'::regclass \
                   UNION ALL SELECT indexname FROM pg_indexes WHERE tablename = 'e' AND indexname LIKE 'e\\__%' ORDER BY 1";
        target.query(sql).into_iter().flatten().flatten().filter(|name| name != "e_pkey").collect()
    };
    assert_eq!(ours(), ["e_lower", "e_n_check", "e_part", "e_sum", "e_t_check", "m_low"]);
    // Two at once, each alone enough to refuse the row
    write(&pair, "INSERT INTO e VALUES (3, 50, 500, 'c'), (4, 8, 3, 'd')");
    pair.wait_caught_up(&mut replicator);
    assert_eq!(ours(), ["e_lower", "e_n_check", "e_part", "e_t_check"]);
    write(&pair, "INSERT INTO e VALUES (5, 60, 4, 'e')");
    pair.wait_caught_up(&mut replicator);
    assert_eq!(ours(), ["e_lower", "e_n_check", "e_t_check"]);
    assert_equal(&pair.source, &pair.target);
    // Somebody else's condition is not ours to give up.
    target.execute("ALTER TABLE e ADD CONSTRAINT theirs CHECK (1 / (m - 600) < 9)");
    write(&pair, "INSERT INTO e VALUES (6, 6, 600, 'f'), (7, 7, 7, 'g')");
    pair.wait_caught_up(&mut replicator);
    assert_eq!(ours(), ["e_lower", "e_n_check", "e_t_check", "theirs"]);
    assert_eq!(held(&pair).as_deref(), Some("1"));
    assert_eq!(target.value("SELECT count(*) FROM e WHERE id >= 6").as_deref(), Some("1"));
    replicator.stop();
}

/// A value that swaps its place under an index over expressions passes, like one under a plain index
#[test]
fn i10_folded_values_swap_within_a_cycle() {
    let work = Workplace::new();
    let script = "CREATE TABLE n(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE);
                  INSERT INTO n VALUES (1, 'one'), (2, 'two')";
    let pair = Pair::new(work.database(script), fresh_database());
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    write(
        &pair,
        "BEGIN; UPDATE n SET a = 'x' WHERE id = 1; UPDATE n SET a = 'ONE' WHERE id = 2;
         UPDATE n SET a = 'TWO' WHERE id = 1; COMMIT",
    );
    arrive(&pair, replicator);
    let refused = Pg::stray(&pair.target).try_query("INSERT INTO n VALUES (3, 'oNe')");
    assert!(refused.is_err_and(|e| e.contains("n_a_key")));
    assert!(Pg::stray(&pair.target).try_query("INSERT INTO n VALUES (4, 'É'), (5, 'é')").is_ok(), "ASCII only");
}

/// Killed after each piece that comes after the copy, and started again: all of it is there once
#[test]
fn what_comes_after_the_copy_survives_kills() {
    let work = Workplace::new();
    let pair = pair(&work);
    for hit in 1..=4 {
        let point = format!("snapshot.index_built:{hit}");
        let killed = pair.verb("run").args(&["--until", "in-sync"]).env("CROSSFADE_FAILPOINT", &point).run();
        assert_eq!(killed.code().is_none(), cfg!(feature = "failpoints"), "{killed}");
    }
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    assert_eq!(assert_views_equal(&pair.source, &pair.target), 1);
    assert_eq!(checks(&pair), ["c_age_check", "named"]);
    let target = Pg::connect(&pair.target);
    assert!(target.value("SELECT to_regclass('c_lower')").is_some());
    assert_eq!(notices(&pair), "");
}

/// Views go with their tables, without taking anything of the user's with them
#[test]
fn cancel_removes_the_views_and_nothing_else() {
    let work = Workplace::new();
    let pair = pair(&work);
    pair.migrate();
    let target = Pg::connect(&pair.target);
    target.execute("CREATE VIEW theirs AS SELECT name FROM grown");
    pair.verb("cancel").run().expect_code(3).expect_error("views");
    assert_eq!(target.value("SELECT count(*) FROM theirs").as_deref(), Some("1"));
    target.execute("DROP VIEW theirs");
    pair.verb("cancel").run().expect_code(0);
    assert!(target.value("SELECT to_regclass('grown')").is_none() && target.value("SELECT to_regclass('c')").is_none());
}

/// A name that is taken is found before anything is touched; one that is taken later is left alone
#[test]
fn views_of_others_are_left_alone() {
    let work = Workplace::new();
    let pair = pair(&work);
    let target = Pg::connect(&pair.target);
    target.execute("CREATE VIEW grown AS SELECT 1 AS one");
    pair.verb("plan").run().expect_code(3);
    pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("grown");
    target.execute("DROP VIEW grown; CREATE SEQUENCE c_id_seq");
    pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("c_id_seq");
    target.execute("DROP SEQUENCE c_id_seq");
    pair.migrate();
    target.execute("DROP VIEW grown; CREATE VIEW grown AS SELECT 2 AS two");
    pair.verb("cancel").run().expect_code(0);
    assert_eq!(target.value("SELECT two FROM grown"), Some("2".to_owned()));
}
