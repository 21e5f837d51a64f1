//! Wake-ups: a hint that the source may have changed, never the truth
//!
//! The watch is on the directory: one on the `-wal` file dies when the last connection closes and removes it. Events of
//! the WAL come before the commit is visible, so the reader looks again after short waits (see `engine::tail`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RemoveKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::error::{Error, Result};

/// Watches the source's directory and tells through a channel of capacity 1 that something happened
///
/// One slot is enough: a second event before the first was taken says nothing new.
pub struct Watch {
    wakeups: Receiver<()>,
    waker: Sender<()>,
    path: PathBuf,
    /// Kept alive: dropping it ends the watch
    _watcher: RecommendedWatcher,
}

/// Size and time of the files that a commit writes to; equal footprints mean that nobody wrote in between
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Footprint([Option<(u64, SystemTime)>; 2]);

impl Watch {
    /// Begins to watch; `path` is the database file
    pub fn start(path: &Path) -> Result<Watch> {
        let path =
            path.canonicalize().map_err(|e| Error::source_side("cannot resolve the source's path").caused_by(e))?;
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        let name = path.file_name().unwrap_or_default().to_owned();
        let (waker, wakeups) = bounded(1);
        let (sender, own) = (waker.clone(), path.clone());
        let failed =
            |e| Error::source_side(format!("cannot watch the directory `{}`", directory.display())).caused_by(e);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_relevant(&event, &name, &|suffix| beside(&own, suffix).exists())) {
                // A full channel already holds a wake-up.
                let _ = sender.try_send(());
            }
        })
        .map_err(failed)?;
        watcher.watch(&directory, RecursiveMode::NonRecursive).map_err(failed)?;
        Ok(Watch { wakeups, waker, path, _watcher: watcher })
    }

    /// Waits for a wake-up; `false` after the timeout
    pub fn wait(&self, timeout: Duration) -> bool {
        self.wakeups.recv_timeout(timeout).is_ok()
    }

    /// A handle that wakes the waiter from elsewhere, such as a request to stop
    pub fn waker(&self) -> Sender<()> {
        self.waker.clone()
    }

    /// The present footprint, by `stat` alone
    pub fn footprint(&self) -> Footprint {
        footprint(&self.path)
    }
}

/// The present footprint of a database, by `stat` alone
pub fn footprint(path: &Path) -> Footprint {
    let stat = |path: &Path| std::fs::metadata(path).ok().and_then(|m| Some((m.len(), m.modified().ok()?)));
    Footprint([stat(path), stat(&beside(path, "-wal"))])
}

/// The database's companion file with this suffix
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = database.to_owned().into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes to the WAL, and the end of a rollback journal (the commit point in those modes); creation and removal of `-wal`
/// and `-shm` are often our own doing and would wake us for ever
///
/// A write to the database itself says something only where neither companion is there (journal modes MEMORY and OFF).
/// Beside a journal it comes before the commit, and whoever looks then meets a lock or holds the writer up; beside a WAL
/// it is a checkpoint.
fn is_relevant(event: &notify::Event, database: &OsString, is_beside: &dyn Fn(&str) -> bool) -> bool {
    let named = |suffix: &str| {
        let mut name = database.clone();
        name.push(suffix);
        event.paths.iter().any(|p| p.file_name() == Some(&name))
    };
    match event.kind {
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => {
            named("-wal") || (named("") && !is_beside("-journal") && !is_beside("-wal"))
        }
        EventKind::Modify(ModifyKind::Name(_)) => named(""),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => named("-journal"),
        EventKind::Remove(RemoveKind::File | RemoveKind::Any) => named("-journal") || named(""),
        EventKind::Create(_) => named(""),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Long enough for an event to arrive, which takes microseconds
    const SOON: Duration = Duration::from_millis(300);

    /// Long enough for one that has to come, on a busy machine too
    const LATE: Duration = Duration::from_secs(20);

    #[test]
    fn a_rollback_journal_wakes_at_its_end_and_not_while_it_fills() {
        for mode in ["DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("app.db");
            let connection = Connection::open(&path).unwrap();
            connection
                .execute_batch(&format!("PRAGMA journal_mode = {mode}; PRAGMA cache_size = 10; CREATE TABLE t(a, b)"))
                .unwrap();
            let watch = Watch::start(&path).unwrap();
            while watch.wait(SOON) {}
            // More than the cache holds: pages are written to the database before the commit.
            connection
                .execute_batch(
                    "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                     INSERT INTO t SELECT i, printf('%0200d', i) FROM n",
                )
                .unwrap();
            if mode != "WAL" && mode != "MEMORY" {
                assert!(path.metadata().unwrap().len() > 100_000, "{mode}: nothing was written yet");
                assert!(!watch.wait(SOON), "{mode}: woken before the commit");
            }
            while watch.wait(SOON) {}
            connection.execute_batch("COMMIT").unwrap();
            assert!(watch.wait(LATE), "{mode}: not woken by the commit");
        }
    }

    #[test]
    fn a_checkpoint_wakes_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)").unwrap();
        let watch = Watch::start(&path).unwrap();
        while watch.wait(SOON) {}
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
        assert!(!watch.wait(SOON));
    }
}
