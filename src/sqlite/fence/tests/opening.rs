//! The way back: what is done before SQLite is open, and that all of it is one transaction

use super::*;
use crate::model::value::Value;
use crate::sqlite::apply::SourceApplier;
use crate::sqlite::capture::uninstall;
use crate::sqlite::fixture::{ID, LIMIT};

const LATER: &str = "2026-11-22 08:00:00";

fn reopen(file: &File, token: &str) -> Result<Opening> {
    super::super::open(&file.path(), &file.plan, token, &[], LIMIT, ID, LONG)
}

/// Writes a row in a cycle of its own
fn bring(file: &File, table: &str, row: &[Value<'_>]) {
    let mut applier = SourceApplier::open(&file.path()).unwrap();
    applier.begin().unwrap();
    applier.write(file.table(table), &row[..1], Some(row)).unwrap();
    let cycle = applier.cycle().unwrap() + 1;
    applier.commit(cycle).unwrap();
}

#[test]
fn i8_a_rollback_opens_in_one_transaction() {
    for journal in ["WAL", "DELETE"] {
        let file = File::new(journal, SHOP);
        let before = schema(&file);
        cut_over(&file, "one");
        let opening = reopen(&file, "two").unwrap();
        assert_eq!((view(&file).0.as_str(), what(&file).is_fenced), ("postgres", true), "nobody sees it yet");
        assert_eq!(opening.position.seq, file.value::<i64>("SELECT max(seq) FROM _crossfade_log"));
        let version = opening.schema_version;
        opening.commit(LATER).unwrap();
        assert_eq!(view(&file), ("sqlite".into(), LATER.into(), 0));
        assert_eq!(file.value::<i64>("PRAGMA schema_version"), version);
        let state = what(&file);
        assert_eq!((state.opened_by.as_deref(), state.fenced_by, state.is_fenced), (Some("two"), None, false));
        assert_eq!(schema(&file), before);
        assert!(writes(&file));
        assert_eq!(
            file.value::<String>("SELECT group_concat(k1) FROM _crossfade_log WHERE t > 0"),
            "2",
            "and is captured"
        );
        // Any number of times
        cut_over(&file, "three");
        assert!(!writes(&file));
        reopen(&file, "four").unwrap().commit(LATER).unwrap();
        assert!(writes(&file));
    }
}

#[test]
fn i9_a_rollback_that_dies_leaves_the_fence() {
    let file = File::wal(SHOP);
    cut_over(&file, "one");
    let before = schema(&file);
    drop(reopen(&file, "two").unwrap());
    assert_eq!(schema(&file), before);
    assert!(void(&file.path(), "two").unwrap());
    let error = reopen(&file, "two").unwrap_err();
    assert!(error.to_string().contains("taken back"), "{error}");
    assert!(!writes(&file));
    reopen(&file, "three").unwrap().commit(LATER).unwrap();
    assert!(!void(&file.path(), "three").unwrap(), "it has happened");
    assert!(reopen(&file, "four").unwrap_err().to_string().contains("primary already"));
    assert!(writes(&file));
}

/// Whoever takes a rollback back waits for the process that is about to commit it, and then finds that it has
#[test]
fn i9_taking_back_waits_for_the_one_that_opens() {
    let file = File::wal(SHOP);
    cut_over(&file, "one");
    let opening = reopen(&file, "two").unwrap();
    let path = file.path();
    std::thread::scope(|scope| {
        let (began, begins) = std::sync::mpsc::channel();
        let voiding = scope.spawn(move || {
            began.send(()).unwrap();
            void(&path, "two").unwrap()
        });
        begins.recv().unwrap();
        opening.commit(LATER).unwrap();
        assert!(!voiding.join().unwrap() || !writes(&file), "either it is open, or it was taken back before");
    });
    assert_eq!(what(&file).opened_by.as_deref(), Some("two"));
}

#[test]
fn another_file_is_not_opened() {
    let file = File::wal(SHOP);
    cut_over(&file, "one");
    let error = super::super::open(&file.path(), &file.plan, "two", &[], LIMIT, "other", LONG).unwrap_err();
    assert!(error.to_string().contains("another target"), "{error}");
    uninstall(&mut open_writer(&file.path()).unwrap()).unwrap();
    assert_eq!(reopen(&file, "two").unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn i2_capture_is_complete_when_sqlite_is_opened() {
    let file = File::wal(SHOP);
    cut_over(&file, "one");
    file.app().execute_batch("DROP TRIGGER _crossfade_1ai; CREATE UNIQUE INDEX later ON users(lower(email))").unwrap();
    reopen(&file, "two").unwrap().commit(LATER).unwrap();
    assert_eq!(prove(&file.app(), &file.plan).unwrap(), []);
    cut_over(&file, "three");
    file.app().execute_batch("ALTER TABLE tags ADD COLUMN more").unwrap();
    let error = reopen(&file, "four").unwrap_err();
    assert!(error.to_string().contains("definition of table tags changed"), "{error}");
    assert!(!writes(&file));
}

#[test]
fn rows_that_vacuum_has_renumbered_keep_sqlite_closed() {
    let file = File::wal(SHOP);
    cut_over(&file, "one");
    file.app().execute_batch("VACUUM").unwrap();
    assert!(reopen(&file, "two").unwrap_err().to_string().contains("VACUUM"));
}

#[test]
fn numbers_are_never_given_twice() {
    let file = File::wal(
        "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT);
         CREATE TABLE c(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE d(id INTEGER PRIMARY KEY AUTOINCREMENT);
         CREATE TABLE plain(id INTEGER PRIMARY KEY); CREATE TABLE e(id INTEGER PRIMARY KEY AUTOINCREMENT);
         INSERT INTO a VALUES(5, 1); INSERT INTO b VALUES(900); DELETE FROM b; INSERT INTO e VALUES(3)",
    );
    cut_over(&file, "one");
    bring(&file, "a", &[Value::Integer(40), Value::Null]);
    file.app().execute_batch("UPDATE sqlite_sequence SET seq = 'x' WHERE name = 'e'").unwrap();
    let numbers = ["a", "b", "c", "plain"].map(|name| (name.to_owned(), 77));
    let opening = super::super::open(&file.path(), &file.plan, "two", &numbers, LIMIT, ID, LONG).unwrap();
    opening.commit(LATER).unwrap();
    let found: String =
        file.value("SELECT group_concat(name || seq) FROM (SELECT * FROM sqlite_sequence ORDER BY name)");
    assert_eq!(found, "a77,b900,c77,e3");
    file.app().execute_batch("INSERT INTO a(v) VALUES(1); INSERT INTO c DEFAULT VALUES").unwrap();
    assert_eq!(file.value::<i64>("SELECT max(id) FROM a"), 78);
    assert_eq!(file.value::<i64>("SELECT max(id) FROM c"), 78);
}

const INDEXED: &str = "
    CREATE TABLE post(id INTEGER PRIMARY KEY, body TEXT); CREATE TABLE other(id INTEGER PRIMARY KEY, body TEXT);
    INSERT INTO post VALUES(1, 'old'); INSERT INTO other VALUES(1, 'old'); CREATE VIEW seen AS SELECT id, body FROM post;
    CREATE VIRTUAL TABLE five USING fts5(body, content='post', content_rowid='id');
    CREATE VIRTUAL TABLE four USING fts4(content=\"POST\", body); CREATE VIRTUAL TABLE own USING fts5(body);
    CREATE VIRTUAL TABLE idle USING fts5(body, content='other', content_rowid='id');
    CREATE VIRTUAL TABLE viewed USING fts5(body, content='seen', content_rowid='id');
    CREATE TRIGGER keep AFTER INSERT ON post BEGIN INSERT INTO own(rowid, body) VALUES(NEW.id, NEW.body); END;
    INSERT INTO five(five) VALUES('rebuild'); INSERT INTO four(four) VALUES('rebuild'); INSERT INTO idle(idle) VALUES('rebuild');
    INSERT INTO viewed(viewed) VALUES('rebuild')";

#[test]
fn full_text_tables_find_what_was_written_meanwhile() {
    let file = File::wal(INDEXED);
    let found = |table: &str, word: &str| {
        file.value::<i64>(&format!("SELECT count(*) FROM {table} WHERE {table} MATCH '{word}'"))
    };
    let marks = || {
        file.value::<String>(
            "SELECT coalesce(group_concat(k ORDER BY k), '') FROM _crossfade_state WHERE k GLOB 'stale:*'",
        )
    };
    cut_over(&file, "one");
    bring(&file, "post", &[Value::Integer(1), Value::Text(b"old")]);
    assert_eq!(marks(), "", "nothing was written");
    bring(&file, "post", &[Value::Integer(1), Value::Text(b"new")]);
    assert_eq!(marks(), "stale:five,stale:four,stale:own,stale:viewed");
    let opening = reopen(&file, "two").unwrap();
    assert_eq!(opening.stale.iter().map(|notice| notice.object.as_str()).collect::<Vec<_>>(), ["own"]);
    opening.commit(LATER).unwrap();
    for table in ["five", "four", "viewed"] {
        assert_eq!((found(table, "old"), found(table, "new")), (0, 1), "{table}");
    }
    assert_eq!((found("idle", "old"), marks().as_str()), (1, ""));
}

/// What nobody wrote to costs nothing: it is not rebuilt
#[test]
fn an_untouched_full_text_table_is_left_alone() {
    let file = File::wal(INDEXED);
    cut_over(&file, "one");
    // Rebuilt, it would find this word no more.
    file.app().execute_batch("INSERT INTO idle(rowid, body) VALUES(7, 'ghost')").unwrap();
    bring(&file, "post", &[Value::Integer(2), Value::Text(b"new")]);
    reopen(&file, "two").unwrap().commit(LATER).unwrap();
    assert_eq!(file.value::<i64>("SELECT count(*) FROM idle WHERE idle MATCH 'ghost'"), 1);
}
