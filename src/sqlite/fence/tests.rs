//! The fence against real files: what it refuses, what it lets pass, and who comes too late

mod late;
mod opening;
mod refusals;

use std::time::Duration;

use super::*;
use crate::error::ErrorKind;
use crate::sqlite::capture::prove;
use crate::sqlite::fixture::File;

pub(super) const SHOP: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE);
    CREATE TABLE tags(item INT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(item, tag)) WITHOUT ROWID;
    CREATE TABLE note(body TEXT);
    CREATE VIEW people AS SELECT id, email FROM users;
    CREATE TRIGGER people_in INSTEAD OF INSERT ON people BEGIN INSERT INTO users VALUES(NEW.id, NEW.email); END;
    INSERT INTO users VALUES(1, 'a'), (2, 'b'); INSERT INTO tags VALUES(1, 'x'); INSERT INTO note VALUES('n')";

pub(super) const SHORT: Duration = Duration::from_millis(50);
pub(super) const LONG: Duration = Duration::from_secs(20);
pub(super) const NOW: &str = "2026-11-21 20:15:00";

pub(super) fn schema(file: &File) -> Vec<String> {
    let connection = file.app();
    let mut statement = connection
        .prepare("SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
        .unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

pub(super) fn what(file: &File) -> FenceState {
    state(&file.app()).unwrap()
}

pub(super) fn view(file: &File) -> (String, String, i64) {
    let sql = "SELECT side, since, switching FROM _crossfade_primary";
    file.app().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
}

pub(super) fn writes(file: &File) -> bool {
    let written = file.app().execute("INSERT INTO note VALUES('written')", []);
    if let Err(error) = &written {
        assert!(error.to_string().starts_with("crossfade: writes are refused"), "{error}");
    }
    written.is_ok()
}

/// Makes PostgreSQL the primary
pub(super) fn cut_over(file: &File, token: &str) {
    close(&file.path(), token, LONG).unwrap().0.settle(NOW).unwrap();
}

#[test]
fn i8_a_cutover_fences_and_notes_who_is_primary() {
    for journal in ["WAL", "DELETE", "TRUNCATE"] {
        let file = File::new(journal, SHOP);
        assert!(writes(&file));
        assert_eq!((view(&file).0.as_str(), view(&file).2), ("sqlite", 0));
        let head_before: i64 = file.value("SELECT max(seq) FROM _crossfade_log");
        let (hold, point) = close(&file.path(), "one", LONG).unwrap();
        assert_eq!(point.position.seq, head_before);
        assert_eq!(point.schema_version, file.value::<i64>("PRAGMA schema_version"));
        let fenced = what(&file);
        assert_eq!((fenced.primary, fenced.fenced_by.as_deref(), fenced.is_fenced), (Side::Sqlite, Some("one"), true));
        assert_eq!((view(&file).0.as_str(), view(&file).2), ("sqlite", 1));
        // The lock: neither DDL, nor a virtual table, nor a write that would be refused gets through; readers do.
        for sql in ["CREATE TABLE later(a)", "INSERT INTO note VALUES('x')", "DROP TRIGGER _crossfade_fence_1_insert"] {
            let error = file.app().execute_batch(sql).unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy), "{sql}: {error}");
        }
        assert_eq!(file.value::<i64>("SELECT count(*) FROM users"), 2);
        assert_eq!(prove(&file.app(), &file.plan).unwrap(), [], "capture stands behind the fence");
        hold.settle(NOW).unwrap();
        assert_eq!(view(&file), ("postgres".into(), NOW.into(), 0));
        assert!(!writes(&file));
        let settled = what(&file);
        assert_eq!((settled.primary, settled.since.as_str(), settled.is_fenced), (Side::Postgres, NOW, true));
        assert_eq!(settled.fenced_by.as_deref(), Some("one"));
    }
}

#[test]
fn an_aborted_cutover_leaves_nothing() {
    let file = File::wal(SHOP);
    let (before, since) = (schema(&file), view(&file).1);
    close(&file.path(), "one", LONG).unwrap().0.lift().unwrap();
    assert_eq!(schema(&file), before);
    assert_eq!(view(&file), ("sqlite".into(), since, 0));
    assert_eq!((what(&file).fenced_by, what(&file).is_fenced), (None, false));
    assert!(writes(&file));
    let error = close(&file.path(), "one", LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "a token serves once: {error}");
    assert!(writes(&file));
}

#[test]
fn a_lock_that_is_let_go_leaves_the_fence() {
    let file = File::wal(SHOP);
    let (hold, _) = close(&file.path(), "one", LONG).unwrap();
    drop(hold);
    assert!(!writes(&file));
    file.app().execute_batch("CREATE TABLE later(a)").unwrap();
    take_back(&file.path(), "one").unwrap();
    assert!(writes(&file));
}

#[test]
fn a_rehearsal_lets_go_of_the_lock_and_keeps_the_fence() {
    let file = File::wal(SHOP);
    let before = schema(&file);
    let (hold, _) = close(&file.path(), "one", LONG).unwrap();
    hold.create_rehearsal_table("CREATE TABLE _crossfade_rehearsal(id INTEGER PRIMARY KEY, note TEXT)").unwrap();
    hold.pause().unwrap();
    assert!(!writes(&file));
    file.app().execute_batch("INSERT INTO _crossfade_rehearsal VALUES(1, 'canary')").unwrap();
    hold.lift().unwrap();
    assert_eq!(schema(&file), before);
    assert!(writes(&file));
}

#[test]
fn a_writer_that_does_not_let_go_is_named_as_the_reason() {
    for journal in ["WAL", "DELETE"] {
        let file = File::new(journal, SHOP);
        let writer = file.app();
        writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO note VALUES('long')").unwrap();
        let error = close(&file.path(), "one", SHORT).unwrap_err();
        assert!(error.is_transient() && error.hint_text().unwrap().contains("lsof"), "{}", error.report());
        assert!(error.to_string().contains("write lock"), "{error}");
        writer.execute_batch("COMMIT").unwrap();
        assert!(!what(&file).is_fenced && writes(&file));
    }
}

#[test]
fn a_reader_that_stays_is_named_as_the_reason_in_rollback_mode() {
    let file = File::new("DELETE", SHOP);
    let reader = file.app();
    reader.execute_batch("BEGIN; SELECT * FROM note").unwrap();
    let mut statement = reader.prepare("SELECT id FROM users").unwrap();
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap();
    let error = close(&file.path(), "one", SHORT).unwrap_err();
    assert!(error.hint_text().unwrap().contains("long reads"), "{}", error.report());
    drop(rows);
    drop(statement);
    reader.execute_batch("COMMIT").unwrap();
    assert!(!what(&file).is_fenced && writes(&file));
}

/// Readers come and go without a pause, and one of them is our own
#[test]
fn the_fence_commits_between_readers_in_rollback_mode() {
    let file = File::new("DELETE", SHOP);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let reader = file.app();
                reader.busy_timeout(LONG).unwrap();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    reader.query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0)).unwrap();
                }
            });
        }
        let closed = close(&file.path(), "one", LONG);
        let ours = crate::sqlite::connection::open_reader(&file.path()).unwrap();
        let read = crate::sqlite::connection::in_read_view(&ours, head);
        let settled = closed.map(|(hold, point)| (hold.settle(NOW), point));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let (settled, point) = settled.unwrap();
        settled.unwrap();
        assert_eq!(read.unwrap(), point.position, "our own reads go on under the lock");
    });
    assert!(!writes(&file));
}

#[test]
fn settling_again_changes_nothing_and_mends_what_is_missing() {
    let file = File::wal(SHOP);
    cut_over(&file, "one");
    let (before, version) = (schema(&file), file.value::<i64>("PRAGMA schema_version"));
    settle(&file.path(), "2030-01-01 00:00:00").unwrap();
    assert_eq!((schema(&file), view(&file).1.as_str()), (before, NOW));
    assert_eq!(file.value::<i64>("PRAGMA schema_version"), version, "not even written to");
    file.app().execute_batch("DROP TRIGGER _crossfade_fence_3_insert; CREATE TABLE later(a)").unwrap();
    settle(&file.path(), NOW).unwrap();
    assert!(!writes(&file));
    let error = file.app().execute_batch("INSERT INTO later VALUES(1)").unwrap_err();
    assert!(error.to_string().contains("moved to PostgreSQL"), "{error}");
}

/// An older copy of the file, from before the cutover, must not accept writes
#[test]
fn i8_settling_fences_a_file_that_has_no_fence() {
    let file = File::wal(SHOP);
    settle(&file.path(), NOW).unwrap();
    assert!(!writes(&file));
    assert_eq!(view(&file), ("postgres".into(), NOW.into(), 0));
    assert!(what(&file).is_fenced);
}
