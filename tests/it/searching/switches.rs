//! Switches with search tables: no log has what is written to them, and nothing is lost all the same (I1, I8, I10)

use super::*;
use crate::switching::stage::{SCHEMA, Stage};

/// A column that is not indexed, a table of FTS4, and one without text
const SEARCHED: &str = "
    CREATE VIRTUAL TABLE notes USING fts5(title, body, label UNINDEXED, tokenize='porter');
    CREATE VIRTUAL TABLE old USING fts4(title, body, tokenize=porter);
    CREATE VIRTUAL TABLE bare USING fts5(words, content='');
    INSERT INTO notes(rowid, title, body, label) VALUES
      (1, 'Databases', 'The moves of a running database', 'a'), (2, 'Running', 'shoes', NULL), (3, 'Shoes', NULL, 'c');
    INSERT INTO old(docid, title, body) SELECT rowid, title, body FROM notes;
    INSERT INTO bare(rowid, words) VALUES (1, 'one'), (2, 'two');";

fn stage() -> Stage {
    Stage::on(fresh_database(), &format!("{SCHEMA}{SEARCHED}"))
}

/// New rows, changes, a changed key and a delete, in all tables of which that comes back
fn write_postgres(target: &Pg, round: u32) {
    let id = round * 100;
    for table in ["notes", "old"] {
        target.execute(&format!(
            "INSERT INTO {table}(rowid, title, body) VALUES ({id}, 'of PostgreSQL', 'elephants {round}'), (-{id}, NULL, NULL),
                 ({id} + 1, 'gone', NULL), ({id} + 2, '', 'moved {round}');
             UPDATE {table} SET body = 'changed by elephants, ' || {round} WHERE rowid = 1;
             UPDATE {table} SET rowid = {id} + 3 WHERE rowid = {id} + 2;
             DELETE FROM {table} WHERE rowid = {id} + 1;
             DELETE FROM {table} WHERE rowid = 3"
        ));
    }
    target.execute(&format!("UPDATE notes SET label = 'label {round}' WHERE rowid = 2"));
}

fn write_sqlite(stage: &Stage, round: u32) {
    let id = round * 100;
    stage.write_sqlite(&format!(
        "DELETE FROM notes WHERE rowid = 3; DELETE FROM old WHERE docid = 3;
         INSERT INTO notes(rowid, title, body, label) VALUES ({id} + 10, 'of SQLite', 'feathers {round}', 'x'),
             (3, 'again', '', NULL);
         INSERT INTO old(docid, title, body) VALUES ({id} + 10, 'of SQLite', 'feathers {round}'), (3, 'again', '');
         UPDATE notes SET body = 'feather' WHERE rowid = 2; DELETE FROM old WHERE docid = 2;
         INSERT INTO old(docid, title) VALUES (2, 'back'); INSERT INTO bare(rowid, words) VALUES ({id}, 'word{round}')"
    ));
}

/// SQLite finds by its own index what PostgreSQL's application wrote, and holds the index to be whole
fn sqlite_finds(stage: &Stage, rounds: u32) {
    for (table, key) in [("notes", "rowid"), ("old", "docid")] {
        let mut expected: Vec<String> = (1..=rounds).map(|round| (round * 100).to_string()).collect();
        expected.insert(0, "1".into());
        assert_eq!(matches(&stage.pair, table, "elephant"), expected, "{table} by {key}");
        stage.write_sqlite(&format!("INSERT INTO {table}({table}) VALUES ('integrity-check')"));
    }
}

#[test]
fn i1_writes_to_search_tables_survive_there_and_back_twice() {
    let stage = stage();
    let mut replicator = stage.ready(&[]);
    let target = stage.target();
    for round in 1..=2 {
        write_sqlite(&stage, round);
        stage.cutover(&[]).expect_code(0);
        assert_equal(&stage.pair.source, &stage.pair.target);
        let fed = found(&stage.pair, "notes", "websearch_to_tsquery('english', 'feathers')");
        assert!(fed.contains(&(round * 100 + 10).to_string()), "{fed:?}");
        write_postgres(&target, round);
        if round == 1 {
            // Several ranges, before the fence and under it.
            target
                .execute("INSERT INTO notes(rowid, title) SELECT g, 'bulk ' || g FROM generate_series(5000, 22000) g");
        }
        stage.rollback(&[]).expect_code(0);
        assert_eq!(stage.primary(), "sqlite");
        assert_equal(&stage.pair.source, &stage.pair.target);
        sqlite_finds(&stage, round);
        assert_eq!(matches(&stage.pair, "notes", "bulk").len(), 17_001);
        stage.pair.wait_compared(&mut replicator);
        stage.pair.verify();
    }
    assert_eq!(stage.outcomes(), ["cutover switched, rollback switched"; 2].join(", "));
    stage.cutover(&["--rehearse"]).expect_code(0);
    assert_equal(&stage.pair.source, &stage.pair.target);
    replicator.stop();
}

/// While PostgreSQL is the primary nothing overwrites what is written there
#[test]
fn i1_a_new_session_leaves_what_postgres_took() {
    let stage = stage();
    let replicator = stage.ready(&[]);
    stage.cutover(&[]).expect_code(0);
    write_postgres(&stage.target(), 1);
    replicator.stop();
    stage.pair.migrate();
    stage.pair.verify();
    let there = found(&stage.pair, "notes", "websearch_to_tsquery('english', 'elephants')");
    assert_eq!(there, ["1", "100"]);
    let replicator = stage.pair.replicate(&[]);
    wait_until("the replicator to be there", || stage.pair.status()["replicator_running"] == true);
    stage.rollback(&[]).expect_code(0);
    assert_equal(&stage.pair.source, &stage.pair.target);
    sqlite_finds(&stage, 1);
    replicator.stop();
}

#[cfg(feature = "failpoints")]
#[test]
fn i9_killed_on_the_way_back_it_comes_back_with_the_next() {
    for point in ["search.back_written", "search.back_committed", "rollback.searched"] {
        let stage = stage();
        let replicator = stage.ready(&[]);
        stage.cutover(&[]).expect_code(0);
        write_postgres(&stage.target(), 1);
        replicator.stop();
        let target = stage.target();
        let run = || target.value("SELECT run_id FROM crossfade.checkpoint");
        let before = run();
        let mut doomed = stage.pair.verb("run").env("CROSSFADE_FAILPOINT", point).start();
        wait_until("the replicator to be there", || {
            doomed.must_run();
            run() != before
        });
        let switch = stage.pair.verb("rollback").start();
        wait_until(&format!("the process to die at {point}"), || doomed.exited().is_some());
        doomed.wait().expect_killed();
        let replicator = stage.pair.replicate(&[]);
        switch.wait().expect_code(3);
        assert_eq!(stage.primary(), "postgres", "after {point}");
        target.execute("UPDATE old SET title = 'later' WHERE rowid = 100");
        stage.rollback(&[]).expect_code(0);
        assert_equal(&stage.pair.source, &stage.pair.target);
        sqlite_finds(&stage, 1);
        replicator.stop();
    }
}

#[test]
fn i8_the_fence_covers_search_tables_and_leaves_nothing() {
    let stage = stage();
    let replicator = stage.ready(&[]);
    let target = stage.target();
    for table in ["notes", "old", "bare"] {
        let heard = target.try_query(&format!("DELETE FROM {table}")).expect_err("a fence");
        assert!(heard.contains("SQLite is the primary"), "{heard}");
    }
    replicator.stop();
    stage.pair.verb("cancel").run().expect_code(0);
    // A schema that stands is left without it.
    let work = Workplace::new();
    let pair = pair(&work, NOTES);
    let target = Pg::connect(&pair.target);
    target.execute(
        "CREATE TABLE item(id int PRIMARY KEY, body text);
         CREATE TABLE notes(rowid bigint PRIMARY KEY, title text, body text)",
    );
    let mut replicator = pair.replicate(&["--schema", "existing"]);
    pair.wait_following(&mut replicator);
    let heard = target.try_query("TRUNCATE notes").expect_err("a fence");
    assert!(heard.contains("SQLite is the primary"), "{heard}");
    replicator.stop();
    pair.verb("cancel").run().expect_code(0);
    target.execute("DELETE FROM notes WHERE rowid = 1");
    assert_eq!(target.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").as_deref(), Some("0"));
}

/// An index has no text to write back
#[test]
fn a_contentless_table_that_changed_stands_in_the_way_of_a_rollback() {
    let stage = stage();
    let mut replicator = stage.ready(&[]);
    stage.cutover(&[]).expect_code(0);
    stage.target().execute("DELETE FROM bare WHERE rowid = 1");
    let said = stage.rollback(&[]).expect_code(3);
    assert!(said.to_string().contains("contentless full-text table `bare`"), "{said}");
    assert_eq!(stage.primary(), "postgres");
    stage.rollback(&["--force", "search"]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    stage.wait_equal(&mut replicator);
    assert_eq!(stage.target().value("SELECT count(*) FROM bare").as_deref(), Some("2"));
    replicator.stop();
}
