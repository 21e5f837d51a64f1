//! Foreign keys of an ordinary owner: they stand while PostgreSQL is the primary, and no replicated row comes under them

use super::stage::Stage;
use crate::support::compare::differences;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Running, wait_until};

const FAMILY: &str = "
    CREATE TABLE items(id INTEGER PRIMARY KEY, amount REAL);
    CREATE TABLE parts(id INTEGER PRIMARY KEY, item INTEGER REFERENCES items(id) ON DELETE CASCADE, name TEXT);
    CREATE TABLE marks(part INTEGER PRIMARY KEY REFERENCES parts(id) ON DELETE CASCADE, item INTEGER REFERENCES items(id)
        DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO items VALUES(1, 1), (2, 2), (3, 3), (4, 4);
    INSERT INTO parts VALUES(10, 1, 'a'), (11, 1, 'b'), (20, 2, 'c'), (30, 3, 'd'), (40, 4, 'e');
    INSERT INTO marks VALUES(10, 1), (20, 2), (40, NULL);";

/// A target of a role that may not set session_replication_role
fn ordinary() -> Stage {
    let url = fresh_database();
    let admin = Pg::connect(&url);
    let database = admin.value("SELECT current_database()").expect("a name");
    admin.execute(&format!("CREATE ROLE owner_{database} LOGIN; ALTER DATABASE {database} OWNER TO owner_{database}"));
    let own = url.replacen("postgres@", &format!("owner_{database}@"), 1);
    assert_ne!(own, url, "the role is not in the address");
    Stage::on(own, FAMILY)
}

/// Foreign keys that stand, with a star at each that is not validated
fn keys(target: &Pg) -> String {
    let sql = "SELECT string_agg(conrelid::regclass || CASE WHEN convalidated THEN '' ELSE '*' END, ' ' ORDER BY conname) \
               FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace";
    target.value(sql).unwrap_or_default()
}

fn wait_keys(target: &Pg, replicator: &mut Running, expected: &str) {
    wait_until(&format!("the keys {expected:?}, not {:?}", keys(target)), || {
        replicator.must_run();
        keys(target) == expected
    });
}

#[test]
fn an_ordinary_owner_has_foreign_keys_while_postgresql_is_the_primary() {
    let stage = ordinary();
    let mut replicator = stage.ready(&[]);
    let target = stage.target();
    assert_eq!(keys(&target), "");
    assert!(stage.pair.status()["notices"].to_string().contains("created by the cutover only"));
    for round in 1..=2 {
        stage.cutover(&["--dry-run"]).expect_code(0);
        stage.cutover(&[]).expect_code(0);
        // They stand from the first write on, and act; they are validated by themselves.
        assert_eq!(keys(&target).replace('*', ""), "marks marks parts");
        let orphan = target.try_query("INSERT INTO parts VALUES(99, 777, 'no parent')").expect_err("a foreign key");
        assert!(orphan.contains("23503"), "{orphan}");
        target.execute(&format!("DELETE FROM items WHERE id = {round}"));
        let left = "SELECT count(*) FROM parts p LEFT JOIN items i ON i.id = p.item WHERE i.id IS NULL";
        assert_eq!(target.value(left).as_deref(), Some("0"));
        wait_keys(&target, &mut replicator, "marks marks parts");
        stage.wait_equal(&mut replicator);
        stage.rollback(&[]).expect_code(0);
        wait_keys(&target, &mut replicator, "");
        // In an order that no foreign key would take, and nothing cascades a second time.
        stage.write_sqlite(&format!(
            "INSERT INTO parts VALUES({round}00, {round}0, 'before its parent'); INSERT INTO items VALUES({round}0, 0);
             BEGIN; DELETE FROM items WHERE id = 3; INSERT INTO items VALUES(3, {round}); COMMIT"
        ));
        stage.wait_equal(&mut replicator);
        assert_eq!(target.value("SELECT count(*) FROM parts WHERE item = 3").as_deref(), Some("1"));
        stage.pair.verify();
    }
    replicator.stop();
}

#[test]
fn rows_without_a_parent_are_said_before_the_cutover_and_after_a_forced_one() {
    let stage = ordinary();
    let mut replicator = stage.ready(&[]);
    let target = stage.target();
    stage.write_sqlite("DELETE FROM items WHERE id = 4; INSERT INTO parts VALUES(90, 900, 'an orphan')");
    stage.wait_equal(&mut replicator);
    let output = stage.cutover(&[]).expect_code(3);
    assert!(
        output.stderr.contains("orphans: ") && output.stderr.contains("2 rows have no parent in `items`"),
        "{output}"
    );
    stage.cutover(&["--force", "orphans"]).expect_code(0);
    wait_keys(&target, &mut replicator, "marks marks parts*");
    let noted = || stage.pair.status()["notices"].to_string().contains("2 rows have no parent in `items`");
    wait_until("the note", noted);
    target.try_query("INSERT INTO parts VALUES(99, 777, 'one more')").expect_err("a foreign key");
    // Corrected on PostgreSQL, they are validated by the next session.
    target.execute("INSERT INTO items VALUES(4, 4), (900, 9)");
    replicator.stop();
    let mut replicator = stage.pair.replicate(&[]);
    wait_keys(&target, &mut replicator, "marks marks parts");
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// After a rollback SQLite is open at once; what PostgreSQL gets waits for whoever reads it, across a restart too
#[test]
fn a_reader_keeps_the_foreign_keys_and_no_row_comes_under_them() {
    let stage = ordinary();
    let mut replicator = stage.ready(&[]);
    let (target, reader) = (stage.target(), stage.target());
    stage.cutover(&[]).expect_code(0);
    wait_keys(&target, &mut replicator, "marks marks parts");
    reader.execute("BEGIN; SELECT count(*) FROM items");
    stage.rollback(&[]).expect_code(0);
    stage.write_sqlite("DELETE FROM items WHERE id = 3");
    wait_until("the replicator to say what it waits for", || {
        replicator.must_run();
        replicator.stderr().contains("would act on replicated rows, and cannot be dropped: somebody has been reading")
    });
    // Others read on meanwhile.
    target.execute("SET statement_timeout = '2s'; SELECT count(*) FROM items, parts, marks");
    replicator.stop();
    let mut replicator = stage.pair.replicate(&[]);
    assert_ne!(keys(&target), "");
    assert!(!differences(&stage.pair.source, &stage.pair.target).is_empty());
    reader.execute("COMMIT");
    stage.wait_equal(&mut replicator);
    assert_eq!(keys(&target), "");
    assert_eq!(target.value("SELECT count(*) FROM parts WHERE item = 3").as_deref(), Some("1"), "nothing cascaded");
    assert_eq!(stage.primary(), "sqlite");
    replicator.stop();
}
