//! What becomes of the SQLite file when the migration is finished

use std::fs::{self, Permissions};
use std::io::ErrorKind as Io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::capture::uninstall;
use super::connection::{classify, open_writer};
use crate::error::{Error, Result};

/// How many archives of one day there may be
const ARCHIVES_MAX: u32 = 1000;

/// The file, with every other process kept out
pub struct Alone {
    connection: Connection,
    path: PathBuf,
    was_wal: bool,
}

impl Alone {
    /// Locks it; nothing else is changed, but that the journal mode may no longer be WAL if that fails
    ///
    /// # Errors
    /// Another process has the file open.
    pub fn take(path: &Path) -> Result<Alone> {
        let path = path.canonicalize().map_err(|e| failed(path, "find").caused_by(e))?;
        let connection = open_writer(&path)?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .map_err(|e| classify(e, "read the journal mode of the source"))?;
        take_alone(&connection).map_err(|e| match e.is_transient() {
            true => e.hint("stop everything that reads the file: backups, reports, shells, and the application itself"),
            false => e,
        })?;
        Ok(Alone { connection, path, was_wal: mode == "wal" })
    }

    /// Removes everything of ours from the file, and puts it aside, read-only, as `<stem>.<date>.archive.<extension>`;
    /// the moment is text that begins with the date
    ///
    /// One file is left, without `-wal` and `-shm`, that anybody can read. It is locked from before its fence goes until
    /// it has its new name, so that nothing can be written to it in between.
    pub fn archive(mut self, moment: &str) -> Result<PathBuf> {
        // The name first: what stands against it must not leave a file without its fence.
        let archive = link(&self.path, moment.get(..10).unwrap_or(moment))?;
        if let Err(error) = uninstall(&mut self.connection) {
            let _ = fs::remove_file(&archive);
            return Err(error);
        }
        fs::remove_file(&self.path).map_err(|e| failed(&self.path, "rename").caused_by(e))?;
        drop(self.connection);
        remove_journal(&self.path)?;
        fs::set_permissions(&archive, Permissions::from_mode(0o444))
            .map_err(|e| failed(&archive, "make read-only").caused_by(e))?;
        sync_directory(&archive)?;
        Ok(archive)
    }

    /// Lets the others in again, to the file as it was
    pub fn give_back(self) {
        if self.was_wal {
            // Best effort: it is the same database in every mode.
            let _ = self.connection.execute_batch("PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL");
        }
    }
}

/// Removes everything of ours from the file and leaves it where it is, as it was before: it accepts writes again, but
/// nobody follows them
pub fn leave(path: &Path) -> Result<bool> {
    uninstall(&mut open_writer(path)?)
}

/// Keeps every other process out until the connection closes, with all that was in the WAL moved into the file
fn take_alone(connection: &Connection) -> Result<()> {
    let take = || -> rusqlite::Result<String> {
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        let mode = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
        connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
        Ok(mode)
    };
    match take().map_err(|e| classify(e, "lock the source for its archive"))?.as_str() {
        "delete" => Ok(()),
        other => Err(Error::source_side(format!("cannot archive the source: its journal mode stays `{other}`"))),
    }
}

/// A second name that is free; the first goes when the file is ready, so that nothing is overwritten
fn link(path: &Path, date: &str) -> Result<PathBuf> {
    for number in 1..ARCHIVES_MAX {
        let archive = path.with_file_name(name(path, date, number));
        match fs::hard_link(path, &archive) {
            Ok(()) => return Ok(archive),
            // An earlier attempt ended between the two steps.
            Err(e) if e.kind() == Io::AlreadyExists && is_same(path, &archive) => return Ok(archive),
            Err(e) if e.kind() == Io::AlreadyExists => continue,
            Err(e) => return Err(failed(path, "rename").caused_by(e)),
        }
    }
    Err(failed(path, "find a name for the archive of"))
}

fn name(path: &Path, date: &str, number: u32) -> String {
    let part = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = part(path.file_stem()).unwrap_or_default();
    let again = if number > 1 { format!(".{number}") } else { String::new() };
    let extension = part(path.extension()).map(|end| format!(".{end}")).unwrap_or_default();
    format!("{stem}.{date}.archive{again}{extension}")
}

fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// In exclusive mode SQLite leaves its journal behind, emptied
fn remove_journal(path: &Path) -> Result<()> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    match fs::remove_file(&journal) {
        Err(e) if e.kind() != Io::NotFound => Err(failed(Path::new(&journal), "remove").caused_by(e)),
        _ => Ok(()),
    }
}

fn sync_directory(path: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| failed(directory, "sync").caused_by(e))
}

fn failed(path: &Path, verb: &str) -> Error {
    Error::source_side(format!("cannot {verb} `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::fence::close;
    use crate::sqlite::fixture::File;
    use rusqlite::OpenFlags;

    const SCRIPT: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO t VALUES(1, 'a')";
    const NOW: &str = "2026-11-21 20:15:00";

    fn moved(journal: &str) -> File {
        let file = File::new(journal, SCRIPT);
        close(&file.path(), "one", std::time::Duration::from_secs(20)).unwrap().0.settle(NOW).unwrap();
        file
    }

    fn names(file: &File) -> Vec<String> {
        let entries = fs::read_dir(file.directory()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn archive(path: &Path, moment: &str) -> Result<PathBuf> {
        Alone::take(path)?.archive(moment)
    }

    /// Nothing is changed by having had it alone
    #[test]
    fn a_file_that_is_given_back_is_as_it_was() {
        for journal in ["WAL", "DELETE"] {
            let file = moved(journal);
            Alone::take(&file.path()).unwrap().give_back();
            assert_eq!(file.value::<String>("PRAGMA journal_mode"), journal.to_lowercase());
            file.app().execute_batch("INSERT INTO t(v) VALUES('late')").unwrap_err();
            archive(&file.path(), NOW).unwrap();
        }
    }

    #[test]
    fn an_archive_is_one_file_that_anybody_reads_and_nobody_writes() {
        for journal in ["WAL", "DELETE", "TRUNCATE"] {
            let file = moved(journal);
            let archive = archive(&file.path(), NOW).unwrap();
            assert_eq!(names(&file), ["app.2026-11-21.archive.db"], "{journal}");
            assert_eq!(fs::metadata(&archive).unwrap().mode() & 0o777, 0o444);
            let reader = Connection::open_with_flags(&archive, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
            let objects =
                "SELECT group_concat(name || ' ' || sql, ';') FROM sqlite_schema WHERE name <> 'sqlite_sequence'";
            let objects: String = reader.query_row(objects, [], |row| row.get(0)).unwrap();
            assert_eq!(objects, "t CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
            let whole: String = reader.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!((whole.as_str(), names(&file).len()), ("ok", 1));
        }
    }

    #[test]
    fn no_other_file_is_overwritten() {
        let file = moved("WAL");
        let other = file.directory().join("app.2026-11-21.archive.db");
        fs::write(&other, "mine").unwrap();
        archive(&file.path(), NOW).unwrap();
        assert_eq!(names(&file), ["app.2026-11-21.archive.2.db", "app.2026-11-21.archive.db"]);
        assert_eq!(fs::read(&other).unwrap(), b"mine");
        // Cut off between the two halves of the renaming
        let file = moved("WAL");
        fs::hard_link(file.path(), file.directory().join("app.2026-11-21.archive.db")).unwrap();
        archive(&file.path(), NOW).unwrap();
        assert_eq!(names(&file), ["app.2026-11-21.archive.db"]);
        assert_eq!(name(Path::new("/x/app"), "2026-11-21", 1), "app.2026-11-21.archive");
    }

    /// The fence goes only when nobody else can write any more
    #[test]
    fn i8_a_file_in_use_stays_fenced_and_where_it_is() {
        for journal in ["WAL", "DELETE"] {
            let file = moved(journal);
            let reader = file.app();
            reader.execute_batch("BEGIN").unwrap();
            reader.query_row("SELECT v FROM t", [], |row| row.get::<_, String>(0)).unwrap();
            let connection = open_writer(&file.path()).unwrap();
            connection.busy_timeout(std::time::Duration::from_millis(20)).unwrap();
            let error = take_alone(&connection).unwrap_err();
            assert!(error.is_transient(), "{error}");
            drop(connection);
            reader.execute_batch("COMMIT").unwrap();
            reader.execute_batch("INSERT INTO t(v) VALUES(1)").unwrap_err();
            drop(reader);
            archive(&file.path(), NOW).unwrap();
        }
    }

    /// An idle connection of a rollback-journal mode holds no lock, but SQLite notices that its file was renamed
    #[test]
    fn i8_an_idle_connection_does_not_write_to_the_archive() {
        let file = moved("DELETE");
        let idle = file.app();
        let rows =
            |connection: &Connection| connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
        assert_eq!(rows(&idle).unwrap(), 1);
        archive(&file.path(), NOW).unwrap();
        idle.execute_batch("INSERT INTO t(v) VALUES('late')").unwrap_err();
        assert_eq!(rows(&idle).unwrap(), 1);
    }

    #[test]
    fn the_other_way_leaves_the_file_as_it_was() {
        let file = moved("WAL");
        assert!(leave(&file.path()).unwrap());
        assert_eq!(file.value::<String>("PRAGMA journal_mode"), "wal");
        file.app().execute_batch("INSERT INTO t(v) VALUES('more')").unwrap();
        let names = "SELECT group_concat(name ORDER BY name) FROM sqlite_schema";
        assert_eq!(file.value::<String>(names), "sqlite_sequence,t");
        assert!(!leave(&file.path()).unwrap());
    }
}
