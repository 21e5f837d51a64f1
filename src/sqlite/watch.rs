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
        let sender = waker.clone();
        let failed =
            |e| Error::source_side(format!("cannot watch the directory `{}`", directory.display())).caused_by(e);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_relevant(&event, &name)) {
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
        let wal = {
            let mut name: OsString = self.path.clone().into_os_string();
            name.push("-wal");
            PathBuf::from(name)
        };
        let stat = |path: &Path| std::fs::metadata(path).ok().and_then(|m| Some((m.len(), m.modified().ok()?)));
        Footprint([stat(&self.path), stat(&wal)])
    }
}

/// Writes to the database or the WAL, and the end of a rollback journal (the commit point in those modes); creation and
/// removal of `-wal` and `-shm` are often our own doing and would wake us for ever
fn is_relevant(event: &notify::Event, database: &OsString) -> bool {
    let named = |suffix: &str| {
        let mut name = database.clone();
        name.push(suffix);
        event.paths.iter().any(|p| p.file_name() == Some(&name))
    };
    match event.kind {
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => named("") || named("-wal"),
        EventKind::Modify(ModifyKind::Name(_)) => named(""),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => named("-journal"),
        EventKind::Remove(RemoveKind::File | RemoveKind::Any) => named("-journal") || named(""),
        EventKind::Create(_) => named(""),
        _ => false,
    }
}
