//! A process that was stopped wakes up and goes on with its next step, after another session has taken the switch back
//! (I8, I9): at every step it finds out in its own transaction

use super::*;
use crate::sqlite::apply::SourceApplier;

/// A process that is stopped between two steps: it still has its connection and its token
fn stopped(file: &File, token: &str) -> Hold {
    Hold { connection: open_writer(&file.path()).unwrap(), token: token.to_owned(), run_id: 0 }
}

fn assert_open(file: &File) {
    assert!(writes(file));
    let state = what(file);
    assert_eq!((state.primary, state.fenced_by, state.is_fenced), (Side::Sqlite, None, false));
    assert_eq!(view(file).2, 0);
}

#[test]
fn i9_late_before_the_fence() {
    let file = File::wal(SHOP);
    let late = stopped(&file, "one");
    take_back(&file.path(), "one").unwrap();
    let error = late.fence(LONG).unwrap_err();
    assert!(error.to_string().contains("taken back"), "{error}");
    assert_open(&file);
    // Whatever has been switched since, and however often.
    for token in ["two", "three"] {
        close(&file.path(), token, LONG).unwrap().0.lift().unwrap();
    }
    late.fence(LONG).unwrap_err();
    assert_open(&file);
}

#[test]
fn i9_late_between_the_fence_and_the_lock() {
    let file = File::wal(SHOP);
    let late = stopped(&file, "one");
    let point = late.fence(LONG).unwrap();
    take_back(&file.path(), "one").unwrap();
    assert_open(&file);
    late.take_lock(point, LONG).unwrap_err();
    late.give_up(Error::internal("late"));
    assert_open(&file);
}

/// The fence that stands now is another's, and must not be lifted by the late one
#[test]
fn i8_late_behind_the_fence_of_the_next_switch() {
    let file = File::wal(SHOP);
    let late = stopped(&file, "one");
    let point = late.fence(LONG).unwrap();
    take_back(&file.path(), "one").unwrap();
    let (next, _) = close(&file.path(), "two", LONG).unwrap();
    next.pause().unwrap();
    late.take_lock(point, LONG).unwrap_err();
    late.give_up(Error::internal("late"));
    assert!(!writes(&file));
    assert_eq!(what(&file).fenced_by.as_deref(), Some("two"));
    take_back(&file.path(), "one").unwrap();
    assert!(!writes(&file), "taking back the first again does not touch the second");
    next.settle(NOW).unwrap();
    let late = stopped(&file, "one");
    late.fence(LONG).unwrap_err();
    late.lift().unwrap();
    assert!(!writes(&file));
    assert_eq!(what(&file).primary, Side::Postgres);
}

/// DDL slipped in between the two transactions
#[test]
fn a_schema_that_moved_behind_the_fence_takes_it_back() {
    let file = File::wal(SHOP);
    let hold = stopped(&file, "one");
    let point = hold.fence(LONG).unwrap();
    file.app().execute_batch("CREATE TABLE later(a)").unwrap();
    let error = hold.take_lock(point, LONG).unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("schema"), "{error}");
    hold.give_up(error);
    assert_open(&file);
}

/// While the lock is held nobody takes anything back; when its holder dies, the fence is there to be taken back
#[test]
fn i9_dead_under_the_lock() {
    let file = File::wal(SHOP);
    let (hold, _) = close(&file.path(), "one", LONG).unwrap();
    let other = open_writer(&file.path()).unwrap();
    transaction(&other, 0, SHORT, "take back", |connection| take_away(connection, "one")).unwrap_err();
    drop(hold);
    assert!(!writes(&file));
    take_back(&file.path(), "one").unwrap();
    take_back(&file.path(), "one").unwrap();
    assert_open(&file);
}

/// Behind the point of no return of a cutover there is only one way
#[test]
fn i9_dead_after_postgresql_was_opened() {
    let file = File::wal(SHOP);
    drop(close(&file.path(), "one", LONG).unwrap());
    settle(&file.path(), NOW).unwrap();
    assert_eq!(view(&file), ("postgres".into(), NOW.into(), 0));
    let error = take_back(&file.path(), "one").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(!writes(&file));
    assert!(close(&file.path(), "two", LONG).unwrap_err().to_string().contains("primary already"));
    SourceApplier::open(&file.path()).unwrap().begin().unwrap();
}

#[test]
fn a_second_switch_does_not_fence_over_the_first() {
    let file = File::wal(SHOP);
    drop(close(&file.path(), "one", LONG).unwrap());
    let error = close(&file.path(), "two", LONG).unwrap_err();
    assert!(error.to_string().contains("another switch"), "{error}");
    take_back(&file.path(), "one").unwrap();
    close(&file.path(), "two", LONG).unwrap().0.lift().unwrap();
    assert_open(&file);
}

/// A fence that says of nobody whose it is goes with whatever is taken back
#[test]
fn a_fence_without_an_owner_is_lifted() {
    let file = File::wal(SHOP);
    drop(close(&file.path(), "one", LONG).unwrap());
    file.app().execute_batch("DELETE FROM _crossfade_state WHERE k = 'switch'").unwrap();
    assert_eq!((what(&file).fenced_by, what(&file).is_fenced), (None, true));
    take_back(&file.path(), "").unwrap();
    assert_open(&file);
}

#[test]
fn a_file_without_capture_is_refused_everywhere() {
    let file = File::wal(SHOP);
    crate::sqlite::capture::uninstall(&mut open_writer(&file.path()).unwrap()).unwrap();
    let path = file.path();
    let errors = [
        close(&path, "one", LONG).unwrap_err(),
        state(&file.app()).unwrap_err(),
        take_back(&path, "one").unwrap_err(),
        settle(&path, NOW).unwrap_err(),
        void(&path, "one").unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
    assert!(writes(&file));
}

/// A run that lost its lock on the target while it slept writes nothing any more, whatever its token
#[test]
fn i8_a_run_that_was_succeeded_writes_nothing() {
    let file = File::wal(SHOP);
    let path = file.path();
    let run = |run_id| Source { path: &path, run_id };
    let (hold, _) = close(run(7), "seven", LONG).unwrap();
    hold.settle("2026-11-21 20:15:00").unwrap();
    let mut slept = SourceApplier::open(run(6)).unwrap();
    let refused = |outcome: Result<()>| {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("another crossfade replicator took over"), "{error}");
    };
    refused(slept.begin());
    refused(close(run(6), "six", SHORT).map(drop));
    refused(take_back(run(6), "six"));
    refused(void(run(6), "seven").map(drop));
    assert!(!writes(&file));
    // It has let go of the lock, and the one in charge goes on.
    let mut current = SourceApplier::open(run(7)).unwrap();
    current.begin().unwrap();
    current.commit(1).unwrap();
    assert_eq!(what(&file).primary, Side::Postgres);
}
