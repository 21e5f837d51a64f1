//! Values that change on PostgreSQL without a trigger, and rows that its policies would hide

use super::{SHOP, bring, shop};
use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::{dump, migrate_and_switch};
use crate::support::process::Pair;
use crate::support::source::Workplace;

const ALTERED: &str = "columns were altered on PostgreSQL";

/// A column that looks as before and holds other values
#[test]
fn i2_columns_that_were_altered_are_compared() {
    let (_work, pair) = shop();
    let target = Pg::connect(&pair.target);
    pair.bring_back();
    target.execute("ALTER TABLE tag DROP COLUMN v; ALTER TABLE tag ADD COLUMN v bigint");
    let run = pair.migrate();
    assert!(run.stderr.contains(ALTERED) && run.stderr.contains("3 rows differ"), "{run}");
    assert_eq!(dump(&pair.source)["tag"], ["'a',NULL", "'b',NULL", "'c',NULL"]);
    target.execute("ALTER TABLE part ALTER n TYPE bigint USING n * 100");
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    // Said once, and what only moves the rows is none of it.
    target.execute("VACUUM FULL part");
    target.execute("ALTER TABLE item ADD CONSTRAINT cheap CHECK (price < 1000)");
    let run = pair.migrate();
    assert!(!run.stderr.contains(ALTERED), "{run}");
    pair.verify();
}

/// A column that was gone, and is back
#[test]
fn i2_a_column_that_was_put_back_is_compared() {
    let (_work, pair) = shop();
    let target = Pg::connect(&pair.target);
    target.execute("ALTER TABLE tag DROP COLUMN v");
    pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("compares the table");
    target.execute("ALTER TABLE tag ADD COLUMN v bigint DEFAULT 7");
    bring(&pair, &[]);
    assert_eq!(dump(&pair.source)["tag"], ["'a',7", "'b',7", "'c',7"]);
}

/// Altered after the last look, before the fence of a rollback
#[test]
fn i2_a_rollback_does_not_pass_over_altered_columns() {
    let (_work, pair) = shop();
    pair.bring_back();
    pair.verify();
    let replicator = pair
        .verb("run")
        .args(&[
            "--on-switch",
            "if [ $CROSSFADE_STAGE = before-fence ]; then touch \"$HOOK\"; \
                 while [ -e \"$HOOK\" ]; do sleep 0.02; done; fi",
        ])
        .env("HOOK", _work.path("hook").to_str().expect("a path"))
        .start();
    crate::support::process::wait_until("the replicator", || replicator.stderr().contains("SQLite follows"));
    let rollback = pair.verb("rollback").start();
    crate::support::process::wait_until("the hook", || _work.path("hook").exists());
    Pg::connect(&pair.target).execute("ALTER TABLE tag ALTER v TYPE bigint USING v * 100");
    std::fs::remove_file(_work.path("hook")).expect("the hook waits");
    rollback.wait().expect_code(3).expect_error("or columns were altered");
    replicator.stop();
    bring(&pair, &[]);
    assert_eq!(dump(&pair.source)["tag"], ["'a',100", "'b',200", "'c',300"]);
}

/// A row that a policy hides is not taken for deleted
#[test]
fn i6_row_security_stops_with_a_remedy_and_loses_nothing() {
    let work = Workplace::new();
    let url = fresh_database();
    let admin = Pg::connect(&url);
    let name = admin.value("SELECT current_database()").expect("a name");
    let role = format!("secured_{name}");
    admin.execute(&format!(
        "CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}"
    ));
    let (start, rest) = url.split_once("://").expect("a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let pair = Pair::new(work.database(SHOP), format!("{start}://{role}@{host}"));
    migrate_and_switch(&pair);
    pair.bring_back();
    pair.verify();
    admin.execute(
        "ALTER TABLE tag ENABLE ROW LEVEL SECURITY; ALTER TABLE tag FORCE ROW LEVEL SECURITY; \
         CREATE POLICY shown ON tag USING (k = 'a'); UPDATE tag SET v = v + 10",
    );
    let run = pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3);
    assert!(run.stderr.contains("no force row level security"), "{run}");
    assert_eq!(dump(&pair.source)["tag"], ["'a',1", "'b',2", "'c',3"]);
    let gate = pair.verb("rollback").arg("--dry-run").run().expect_code(3);
    assert!(
        gate.stderr.contains("row security would hide") || gate.stdout.contains("row security would hide"),
        "{gate}"
    );
    admin.execute("ALTER TABLE tag NO FORCE ROW LEVEL SECURITY");
    bring(&pair, &[]);
    assert_eq!(dump(&pair.source)["tag"], ["'a',11", "'b',12", "'c',13"]);
}
