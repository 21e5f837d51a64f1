//! What stands in the way is said all at once, each with its remedy; and nothing is touched

use super::stage::Stage;
use crate::support::given;
use crate::support::pg::Pg;
use crate::support::process::{Output, wait_until};
use crate::support::source;

/// The names at the beginnings of the lines, each followed by its remedy
fn blockers(output: &Output) -> Vec<String> {
    let lines: Vec<&str> = output.stderr.lines().collect();
    let names = lines.windows(2).filter(|pair| pair[1].trim_start().starts_with("remedy: "));
    names.filter_map(|pair| Some(pair[0].trim().split_once(':')?.0.to_owned())).collect()
}

#[test]
fn verbs_in_the_wrong_phase_name_the_one_that_fits() {
    let stage = Stage::new();
    for verb in ["cutover", "rollback"] {
        stage.pair.verb(verb).run().expect_code(7).expect_error("crossfade run");
    }
    let replicator = stage.ready(&[]);
    for options in [&[][..], &["--dry-run"]] {
        stage.rollback(options).expect_code(7).expect_error("`crossfade cutover`");
    }
    stage.cutover(&[]).expect_code(0);
    for options in [&[][..], &["--dry-run"], &["--rehearse"]] {
        stage.cutover(options).expect_code(7).expect_error("`crossfade rollback`");
    }
    stage.pair.verb("cancel").run().expect_code(7).expect_error("`crossfade rollback`");
    replicator.stop();
    // The phase is looked at first, whether or not anybody could do it.
    stage.cutover(&[]).expect_code(7);
    stage.rollback(&[]).expect_code(3).expect_error("crossfade run");
    assert_eq!(stage.primary(), "postgres");
}

#[test]
fn only_what_loses_nothing_can_be_forced() {
    let stage = Stage::new();
    stage.cutover(&["--force", "mismatch"]).expect_code(2).expect_error("writes would be lost");
    stage.cutover(&["--force", "nonsense"]).expect_code(2).expect_error("quarantine");
    stage.cutover(&["--timeout", "30"]).expect_code(2);
}

/// Nobody has compared anything, rows are in the quarantine, a foreign key does not hold, a transaction holds the lock, a
/// sequence has no number left, and the disk is full
#[test]
fn everything_in_the_way_of_a_cutover_is_said_at_once() {
    let schema = format!(
        "{}; INSERT INTO items(id, shelf, name) VALUES(9223372036854775807, 77, 'the last, and an orphan');",
        super::stage::SCHEMA
    );
    let stage = Stage::on(crate::support::fresh_database(), &schema);
    let mut replicator = stage.pair.replicate(&[]);
    stage.pair.wait_following(&mut replicator);
    stage.write_sqlite("UPDATE items SET name = CAST(x'61FF' AS TEXT) WHERE id = 2");
    let target = stage.target();
    wait_until("a row in the quarantine", || {
        replicator.must_run();
        target.value("SELECT count(*) FROM crossfade.quarantine").as_deref() == Some("1")
    });
    let writer = source::open(&stage.pair.source);
    writer.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let output = stage.pair.verb("cutover").arg("--dry-run").env("CROSSFADE_FREE_BYTES", "1000").run().expect_code(3);
    assert_eq!(blockers(&output), ["unverified", "quarantine", "sequences", "orphans", "writers", "disk"], "{output}");
    // The replicator's own look finds the same, but for the disk, which it sees as it is.
    let output = stage.cutover(&[]).expect_code(3);
    assert_eq!(blockers(&output), ["unverified", "quarantine", "sequences", "orphans", "writers"], "{output}");
    drop(writer);
    let accepted = ["unverified", "quarantine", "sequences", "orphans"].map(|name| ["--force", name]).concat();
    assert_eq!(stage.outcomes(), "");
    stage.cutover(&accepted).expect_code(0);
    let forced = "SELECT forced FROM crossfade.switches";
    assert_eq!(target.value(forced).as_deref(), Some("{unverified,quarantine,sequences,orphans}"));
    assert_eq!(stage.primary(), "postgres");
    replicator.stop();
}

/// A difference, a schema that moved, and no replicator to look after it
#[test]
fn a_mismatch_and_a_moved_schema_cannot_be_forced() {
    let stage = Stage::new();
    let replicator = stage.ready(&[]);
    stage.target().execute("SET session_replication_role = replica; UPDATE items SET amount = 99 WHERE id = 1");
    stage.pair.verb("verify").run().expect_code(4);
    let output = stage.cutover(&["--force", "unverified"]).expect_code(3);
    assert_eq!(blockers(&output), ["mismatch"], "{output}");
    replicator.stop();
    stage.write_sqlite("ALTER TABLE tags ADD COLUMN more TEXT");
    let output = stage.cutover(&["--dry-run", "--max-lag", "0s"]).expect_code(3);
    assert_eq!(blockers(&output), ["replicator", "mismatch", "schema"], "{output}");
    assert_eq!(stage.primary(), "sqlite");
}

/// Changes that nobody brings over
#[test]
fn a_target_that_is_behind_is_said() {
    let stage = Stage::new();
    let replicator = stage.ready(&[]);
    replicator.signal(libc::SIGSTOP);
    stage.write_sqlite("UPDATE items SET amount = 5");
    let output = stage.cutover(&["--dry-run", "--max-lag", "300ms"]).expect_code(3);
    assert_eq!(blockers(&output), ["lag"], "{output}");
    assert!(output.stderr.contains("300 ms"), "{output}");
    replicator.signal(libc::SIGCONT);
    replicator.stop();
}

#[test]
fn everything_in_the_way_of_a_rollback_is_said_at_once() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    stage.cutover(&[]).expect_code(0);
    let target = stage.target();
    // NOT NULL is the source's; SQLite takes any text for a number, and a duplicate is PostgreSQL's to refuse.
    target.execute("ALTER TABLE shelves ALTER name DROP NOT NULL; INSERT INTO shelves(name) VALUES(NULL)");
    wait_until("a row that SQLite cannot hold", || {
        replicator.must_run();
        target.value("SELECT count(*) FROM crossfade.unreturned").as_deref() == Some("1")
    });
    // Whatever was done to a column, its table is compared, once nobody writes to it.
    wait_until("the comparison", || replicator.stderr().contains("compared;"));
    wait_until("its end", || target.value("SELECT repair_reason IS NULL FROM crossfade.state").as_deref() == Some("t"));
    let writer = stage.target();
    writer.execute("BEGIN; UPDATE items SET amount = 1 WHERE id = 1");
    let started =
        "SELECT now() - xact_start > interval '200ms' FROM pg_stat_activity WHERE state = 'idle in transaction'";
    wait_until("a long transaction", || target.value(started).as_deref() == Some("t"));
    let output =
        stage.pair.verb("rollback").args(&["--dry-run", "--max-lag", "100ms"]).env("CROSSFADE_FREE_BYTES", "0");
    let output = output.run().expect_code(3);
    assert_eq!(blockers(&output), ["unreturned", "writers", "disk"], "{output}");
    let output = stage.rollback(&["--max-lag", "100ms", "--force", "writers"]).expect_code(3);
    assert_eq!(blockers(&output), ["unreturned"], "{output}");
    writer.execute("ROLLBACK");
    target.execute("UPDATE shelves SET name = 'now it has one' WHERE name IS NULL");
    stage.wait_equal(&mut replicator);
    stage.pair.verify();
    stage.rollback(&[]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    replicator.stop();
}

/// Every row of ours on the target, but for the replicator's signs of life
fn ours(target: &Pg) -> Vec<String> {
    let tables = "SELECT relname FROM pg_class WHERE relnamespace = 'crossfade'::regnamespace AND relkind = 'r' \
                  AND relname NOT IN ('state', 'verify_runs') ORDER BY 1";
    let mut found = given::schema(target);
    for table in given::lines(target, tables) {
        found.extend(given::lines(target, &format!("SELECT '{table}', t::text FROM crossfade.{table} t ORDER BY 2")));
    }
    found
        .extend(given::lines(target, "SELECT phase, primary_side, primary_since, schema_version FROM crossfade.state"));
    found
}

#[test]
fn a_dry_run_changes_nothing() {
    let stage = Stage::new();
    let replicator = stage.ready(&[]);
    let rows = |path: &std::path::Path| {
        let connection = source::open(path);
        let sql = "SELECT count(*) || ' ' || max(seq) || ' ' || (SELECT group_concat(k || v) FROM _crossfade_state) \
                   FROM _crossfade_log";
        connection.query_row(sql, [], |row| row.get::<_, String>(0)).expect("our rows")
    };
    let look = || (source::schema_text(&stage.pair.source), rows(&stage.pair.source), ours(&stage.target()));
    let before = look();
    let output = stage.cutover(&["--dry-run"]).expect_code(0);
    for step in ["catch up", "fence", "drain", "verify", "sequences", "capture", "open"] {
        assert!(output.stdout.contains(&format!("\n  {step}")), "{output}");
    }
    assert_eq!(look(), before);
    stage.cutover(&[]).expect_code(0);
    let before = look();
    stage.rollback(&["--dry-run"]).expect_code(0).expect_stdout("\n  settle");
    assert_eq!(look(), before);
    replicator.stop();
}
