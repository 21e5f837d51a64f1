//! Cutover, rehearsal and rollback: exactly one side accepts writes, whatever happens on the way (I8, I9)

/// The readiness gate, dry runs, and verbs in the wrong phase
mod gate;
/// Locks that somebody holds, and replies that are lost, on the way back
mod held;
/// The operator's command at each stage
mod hooks;
/// Foreign keys of an ordinary owner: there while PostgreSQL is the primary, and not while it follows
mod keys;
/// Killed at every failpoint, and processes that wake up late
mod kills;
/// What SQLite loses although every row comes back, and who says so
mod losses;
/// Timeouts, Ctrl-C, and sides that go away in the middle
mod outages;
/// What is compared before the fence and under it
mod rounds;
/// What the application does between two switches
mod seams;
/// A migration to switch
pub mod stage;

use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::source;
use stage::{Stage, try_sqlite};

/// Writes that touch every table: new rows, changes, a changed key, a delete
fn write_postgres(target: &Pg, round: u32) {
    target.execute(&format!(
        "INSERT INTO shelves(name) VALUES('of PostgreSQL {round}');
         INSERT INTO items(shelf, name, amount) VALUES(1, 'item {round}', {round}.25), (NULL, NULL, NULL);
         UPDATE items SET name = 'changed in {round}' WHERE id = 1;
         UPDATE tags SET tag = 'tag {round}' WHERE item = 1 AND tag = (SELECT min(tag) FROM tags WHERE item = 1);
         DELETE FROM items WHERE id = (SELECT max(id) FROM items)"
    ));
}

fn write_sqlite(stage: &Stage, round: u32) {
    stage.write_sqlite(&format!(
        "INSERT INTO shelves(name) VALUES('shelf {round}');
         INSERT INTO items(shelf, name, amount) VALUES(2, 'item {round}', {round}.5);
         UPDATE items SET amount = amount + 1 WHERE id = 1;
         INSERT INTO tags VALUES({round}, 'of {round}');
         DELETE FROM items WHERE id = (SELECT max(id) FROM items) AND {round} % 2 = 0"
    ));
}

#[test]
fn i8_there_and_back_and_there_again() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    let target = stage.target();
    for round in 1..=3 {
        assert_eq!(stage.primary(), "sqlite");
        write_sqlite(&stage, round * 10);
        stage
            .cutover(&[])
            .expect_code(0)
            .expect_stdout("PostgreSQL is the primary since ")
            .expect_stdout("writes were refused for ");
        let heard = stage.on_sqlite().expect_err("a fence on SQLite");
        assert!(heard.contains("PostgreSQL"), "{heard}");
        assert_eq!(stage.primary(), "postgres");
        assert_eq!(target.value("SELECT side FROM crossfade.primary").as_deref(), Some("postgres"));
        stage.wait_equal(&mut replicator);
        write_postgres(&target, round);
        stage.wait_equal(&mut replicator);
        stage
            .rollback(&[])
            .expect_code(0)
            .expect_stdout("SQLite is the primary since ")
            .expect_stdout("writes were refused for ");
        assert_eq!(stage.primary(), "sqlite");
        assert_eq!(target.value("SELECT side FROM crossfade.primary").as_deref(), Some("sqlite"));
        write_sqlite(&stage, round);
        stage.wait_equal(&mut replicator);
        stage.pair.verify();
    }
    let all = "cutover switched, rollback switched";
    assert_eq!(stage.outcomes(), [all, all, all].join(", "));
    // No second snapshot: the chunks and the copied rows are those of the first.
    let phases = "SELECT string_agg(phase, ' ' ORDER BY id) FROM crossfade.phases WHERE phase = 'snapshotting'";
    assert_eq!(target.value(phases).as_deref(), Some("snapshotting"));
    assert_eq!(target.value("SELECT count(*) FROM crossfade.switch_steps WHERE seconds IS NULL").as_deref(), Some("0"));
    assert_eq!(target.value("SELECT count(*) FROM crossfade.control WHERE done_at IS NULL").as_deref(), Some("0"));
    replicator.stop();
}

/// Where readers and writers of SQLite wait for each other, the lock of the fence is another one
#[test]
fn i8_a_rollback_journal_is_switched_too() {
    let stage = Stage::new();
    source::set_journal_mode(&source::open(&stage.pair.source), "DELETE");
    let mut replicator = stage.ready(&[]);
    stage.cutover(&["--rehearse"]).expect_code(0);
    stage.cutover(&[]).expect_code(0);
    assert_eq!(stage.primary(), "postgres");
    write_postgres(&stage.target(), 1);
    stage.wait_equal(&mut replicator);
    stage.rollback(&[]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    write_sqlite(&stage, 1);
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// Numbers go on on either side: none is given twice
#[test]
fn numbers_go_on_after_each_switch() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    // A row whose number SQLite has given and that is gone.
    stage.write_sqlite("INSERT INTO items(id, name) VALUES(100, 'gone'); DELETE FROM items WHERE id = 100");
    stage.cutover(&[]).expect_code(0);
    let target = stage.target();
    let given = target.value("INSERT INTO items(name) VALUES('on PostgreSQL') RETURNING id");
    assert_eq!(given.as_deref(), Some("101"));
    target.execute("INSERT INTO items(name) VALUES('and gone'); DELETE FROM items WHERE name = 'and gone'");
    stage.wait_equal(&mut replicator);
    stage.rollback(&[]).expect_code(0);
    let connection = source::open(&stage.pair.source);
    connection.execute_batch("INSERT INTO items(name) VALUES('on SQLite')").expect("a write");
    assert_eq!(connection.last_insert_rowid(), 103);
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// A rehearsal says how long writes were refused, and leaves nothing: SQLite's schema and the target's objects are as before
#[test]
fn a_rehearsal_leaves_everything_as_it_was() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    let before = (source::schema_text(&stage.pair.source), crate::cancel::catalog(&stage.pair.target));
    for _ in 0..2 {
        let output = stage.cutover(&["--rehearse"]).expect_code(0).expect_stdout("canary");
        output.expect_stdout("rehearsed: SQLite is still the primary; writes were refused for ");
        assert_eq!(stage.primary(), "sqlite");
        assert_eq!(stage.phase(), "following");
    }
    assert_eq!(stage.outcomes(), "rehearsal rehearsed, rehearsal rehearsed");
    assert_eq!(source::schema_text(&stage.pair.source), before.0);
    assert_eq!(crate::cancel::catalog(&stage.pair.target), before.1);
    write_sqlite(&stage, 1);
    stage.wait_equal(&mut replicator);
    stage.cutover(&[]).expect_code(0);
    assert_eq!(stage.primary(), "postgres");
    replicator.stop();
}

/// Every way of writing is refused, by a connection that was there before the fence too
#[test]
fn i8_the_fenced_side_refuses_every_write() {
    let stage = Stage::new();
    let replicator = stage.ready(&[]);
    let old = source::open(&stage.pair.source);
    let mut prepared = old.prepare("UPDATE items SET amount = 2 WHERE id = 1").expect("a statement");
    stage.cutover(&[]).expect_code(0);
    assert!(prepared.execute([]).is_err_and(|e| e.to_string().contains("PostgreSQL")));
    for sql in [
        "INSERT OR IGNORE INTO shelves(name) VALUES('left')",
        "INSERT OR REPLACE INTO shelves(id, name) VALUES(1, 'left')",
        "UPDATE OR IGNORE items SET id = 2 WHERE id = 1",
        "DELETE FROM tags",
    ] {
        let heard = try_sqlite(&stage.pair.source, sql).expect_err(sql);
        assert!(heard.contains("PostgreSQL"), "{sql}: {heard}");
    }
    replicator.stop();
}

/// The state survives a restart in either direction
#[test]
fn i9_a_restart_goes_on_in_the_direction_that_it_was() {
    let stage = Stage::new();
    let replicator = stage.ready(&[]);
    stage.cutover(&[]).expect_code(0);
    replicator.stop();
    write_postgres(&stage.target(), 1);
    let mut replicator = stage.pair.replicate(&[]);
    stage.wait_equal(&mut replicator);
    assert_eq!(stage.primary(), "postgres");
    stage.rollback(&[]).expect_code(0);
    replicator.stop();
    write_sqlite(&stage, 1);
    let mut replicator = stage.pair.replicate(&[]);
    stage.wait_equal(&mut replicator);
    assert_eq!(stage.primary(), "sqlite");
    replicator.stop();
}

/// A role that may not set session_replication_role, and owns no table any more in the end
#[test]
fn i8_an_ordinary_owner_switches_too() {
    let url = fresh_database();
    let admin = Pg::connect(&url);
    let database = admin.value("SELECT current_database()").expect("a name");
    admin.execute(&format!("CREATE ROLE owner_{database} LOGIN; ALTER DATABASE {database} OWNER TO owner_{database}"));
    let own = url.replacen("postgres@", &format!("owner_{database}@"), 1);
    assert_ne!(own, url, "the role is not in the address");
    let stage = Stage::on(own, stage::SCHEMA);
    let mut replicator = stage.ready(&[]);
    stage.cutover(&["--rehearse"]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    stage.cutover(&[]).expect_code(0);
    assert_eq!(stage.primary(), "postgres");
    write_postgres(&stage.target(), 1);
    stage.wait_equal(&mut replicator);
    stage.rollback(&[]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    write_sqlite(&stage, 1);
    stage.wait_equal(&mut replicator);
    admin.execute("ALTER TABLE tags OWNER TO postgres; GRANT ALL ON tags TO PUBLIC");
    let output = stage.cutover(&[]).expect_code(3).expect_error("privileges: ");
    assert!(output.stderr.contains("tags"), "{output}");
    assert_eq!(stage.primary(), "sqlite");
    replicator.stop();
}
