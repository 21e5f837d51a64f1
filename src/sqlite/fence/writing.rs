//! One write transaction of ours on the source

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::record;
use crate::error::{Error, Result};
use crate::sqlite::capture::source_id;
use crate::sqlite::connection::classify;

/// Between two looks at the write lock
const LOOK_AGAIN: Duration = Duration::from_micros(300);

/// The file, and the number of the run that writes to it
///
/// Every write transaction of a switch, of a recovery and of following in reverse begins by storing the run's number, and
/// ends there if a later one is stored: a replicator that lost its lock while it slept could otherwise lift the fence of
/// the one that took over, or write older rows over newer ones (both found by the model in tests/it/switch_model).
#[derive(Clone, Copy, Debug)]
pub struct Source<'p> {
    pub path: &'p Path,
    pub run_id: i64,
}

/// As no run at all: good for as long as none has written
impl<'p> From<&'p Path> for Source<'p> {
    fn from(path: &'p Path) -> Source<'p> {
        Source { path, run_id: 0 }
    }
}

impl<'p> From<&'p PathBuf> for Source<'p> {
    fn from(path: &'p PathBuf) -> Source<'p> {
        Source::from(path.as_path())
    }
}

/// Runs `body` with the write lock, and commits; whatever fails, nothing is changed
///
/// In a rollback-journal mode the COMMIT waits for the readers, each of which counts with `timeout` of its own.
pub fn transaction<T>(
    connection: &Connection,
    run_id: i64,
    timeout: Duration,
    what: &str,
    body: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    begin(connection, run_id, timeout, what)?;
    finish(connection, what, body)
}

/// Takes the write lock, and leaves `timeout` as the connection's own patience
///
/// SQLite's own waiting looks every 100 ms in the end, and under writers at full speed hardly ever finds the lock free.
pub fn begin_immediate(connection: &Connection, timeout: Duration) -> rusqlite::Result<()> {
    let deadline = Instant::now() + timeout;
    connection.busy_timeout(Duration::ZERO)?;
    let outcome = loop {
        match connection.execute_batch("BEGIN IMMEDIATE") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => std::thread::sleep(LOOK_AGAIN),
            outcome => break outcome,
        }
    };
    connection.busy_timeout(timeout)?;
    outcome
}

/// Takes the write lock, as this run
pub fn begin(connection: &Connection, run_id: i64, timeout: Duration, what: &str) -> Result<()> {
    begin_immediate(connection, timeout).map_err(|e| busy(e, what, timeout))?;
    let guarded = guard(connection, run_id);
    if guarded.is_err() {
        // Nothing was written; without it the lock would stay.
        let _ = connection.execute_batch("ROLLBACK");
    }
    guarded
}

/// Fails if a later run has written here, and else makes it impossible for every earlier one
fn guard(connection: &Connection, run_id: i64) -> Result<()> {
    if source_id(connection)?.is_none() {
        return Ok(());
    }
    match record::get::<i64>(connection, record::RUN)?.unwrap_or(0) {
        later if later > run_id => {
            Err(Error::refused("another crossfade replicator took over this source").hint("see `crossfade status`"))
        }
        same if same == run_id => Ok(()),
        _ => record::set(connection, record::RUN, run_id),
    }
}

pub fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Runs `body` in the transaction that is open, and commits
pub fn finish<T>(connection: &Connection, what: &str, body: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let outcome = body(connection)
        .and_then(|value| connection.execute_batch("COMMIT").map_err(|e| unfinished(e, what)).map(|()| value));
    if outcome.is_err() {
        // SQLite has ended it already after some errors.
        let _ = connection.execute_batch("ROLLBACK");
    }
    outcome
}

/// SQLite cannot say who holds a lock
fn busy(error: rusqlite::Error, what: &str, timeout: Duration) -> Error {
    if !is_busy(&error) {
        return classify(error, what);
    }
    Error::source_side(format!(
        "cannot {what}: another process has held the write lock of the file for {:.1} s",
        timeout.as_secs_f64()
    ))
    .hint(
        "look for a transaction that was left open: a shell, a worker, a migration or a backup; `fuser` or `lsof` on the \
         file lists the processes that have it open",
    )
    .caused_by(error)
    .transient()
}

/// In a rollback-journal mode a commit needs the file for itself
pub fn unfinished(error: rusqlite::Error, what: &str) -> Error {
    if !is_busy(&error) {
        return classify(error, what);
    }
    Error::source_side(format!("cannot {what}: a reader does not let go of the file"))
        .hint("end long reads of the source, such as reports and backups; or use `PRAGMA journal_mode=WAL`")
        .caused_by(error)
        .transient()
}
