//! Opening the source, and saying what went wrong with it
//!
//! Every connection is READWRITE with `query_only`: a read-only one would leave `-wal` and `-shm` behind or fail without
//! them (research: capture.md section 9). The database file is never opened outside SQLite: closing any descriptor of it
//! would drop the POSIX locks of every connection in this process.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{Error, Result};
use crate::model::schema::TextOrder;

/// How long a read of ours waits for a writer that holds the file (rollback-journal modes, recovery)
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the one write of ours (install or remove capture) waits for the application's writers
const WRITE_BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Which file this is: it changes when the file is replaced, and stays through every write
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    pub device: u64,
    pub inode: u64,
}

/// Device and inode of the database file, by `stat` alone
pub fn file_identity(path: &Path) -> Result<FileIdentity> {
    let metadata = std::fs::metadata(path).map_err(|e| {
        Error::source_side(format!("cannot find the SQLite database `{}`", path.display()))
            .hint("give the path of an existing SQLite file with --source")
            .caused_by(e)
    })?;
    if !metadata.is_file() {
        return Err(Error::source_side(format!("`{}` is not a file", path.display()))
            .hint("give the path of an existing SQLite file with --source"));
    }
    Ok(FileIdentity { device: metadata.dev(), inode: metadata.ino() })
}

/// Opens the source for reading
///
/// # Errors
/// A missing file, a file that is not a database, one that cannot be read; a source in use exclusively is transient.
pub fn open_reader(path: &Path) -> Result<Connection> {
    let connection = open(path)?;
    let prepare = || -> rusqlite::Result<()> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        // Reads the header and the schema, so that a file that is no database is refused here and nowhere else.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
    };
    prepare().map_err(|e| classify(e, &format!("read the SQLite database `{}`", path.display())))?;
    Ok(connection)
}

/// Opens the source for a transaction of ours: to install or remove capture, to fence or open it
pub fn open_writer(path: &Path) -> Result<Connection> {
    let connection = open(path)?;
    let prepare = || -> rusqlite::Result<()> {
        connection.busy_timeout(WRITE_BUSY_TIMEOUT)?;
        // The capture must be as durable as the chunks that rely on it. In a rollback-journal mode that takes EXTRA: the
        // commit point is the journal's removal, and FULL does not sync the directory; in WAL mode the two are the same.
        connection.pragma_update(None, "synchronous", "EXTRA")
    };
    prepare().map_err(|e| classify(e, &format!("open the SQLite database `{}`", path.display())))?;
    Ok(connection)
}

fn open(path: &Path) -> Result<Connection> {
    file_identity(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let attempt = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_prepared_statement_cache_capacity(1024);
        // rusqlite's bundled library differs from the C default here; the application's own setting is not ours to add.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
        // The last connection to close checkpoints under an exclusive lock, and an application without a busy timeout
        // that opens just then would fail (I11). See `allow_cleanup` for the exception.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(connection)
    };
    attempt().map_err(|e| classify(e, &format!("open the SQLite database `{}`", path.display())))
}

/// Lets the closing connection clean up the WAL if it is the last one: for a source that has been idle for a while. A
/// `-wal` left behind would be replayed into whatever file an operator puts in its place
pub fn allow_cleanup(connection: &Connection) {
    // Without it the file is only less tidy.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
}

/// Runs `body` in one read view, which ends with it
pub fn in_read_view<T>(connection: &Connection, body: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    connection.execute_batch("BEGIN").map_err(|e| classify(e, "begin to read the source"))?;
    let outcome = body(connection);
    // A failed COMMIT of a read transaction has nothing to lose; ROLLBACK then ends it for certain.
    if connection.execute_batch("COMMIT").is_err() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    outcome
}

/// The schema's change counter, which also begins the read view if none is open
pub fn schema_version(connection: &Connection) -> Result<i64> {
    connection
        .prepare_cached("PRAGMA schema_version")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(|e| classify(e, "read the schema version of the source"))
}

/// How the database's encoding orders text
pub fn text_order(connection: &Connection) -> Result<TextOrder> {
    let encoding: String = connection
        .query_row("PRAGMA encoding", [], |row| row.get(0))
        .map_err(|e| classify(e, "read the encoding of the source"))?;
    match encoding.as_str() {
        "UTF-8" => Ok(TextOrder::Utf8),
        "UTF-16le" => Ok(TextOrder::Utf16Le),
        "UTF-16be" => Ok(TextOrder::Utf16Be),
        other => Err(Error::refused(format!("the source has the encoding `{other}`, which is not known"))),
    }
}

/// `wal`, `delete`, ...
pub fn journal_mode(connection: &Connection) -> Result<String> {
    connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .map_err(|e| classify(e, "read the journal mode of the source"))
}

/// Turns a failure of `operation` ("read table ...") into an error that can be shown: which side, whether waiting helps,
/// what to do
pub fn classify(error: rusqlite::Error, operation: &str) -> Error {
    let wrapped = Error::source_side(format!("cannot {operation}"));
    let wrapped = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => wrapped
            .hint("another process holds the file; an application in `locking_mode=EXCLUSIVE` never lets go of it")
            .transient(),
        Some(ErrorCode::NotADatabase) => {
            wrapped.hint("the file is not a SQLite database, or it is encrypted; crossfade reads plain SQLite files")
        }
        Some(ErrorCode::DatabaseCorrupt) => wrapped.hint(
            "the file is damaged or not a database: run `PRAGMA integrity_check` on a copy, and repair it with \
             `.recover` of the sqlite3 shell",
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => wrapped.hint(
            "crossfade must run as the same user as the application, with write permission on the file and its directory",
        ),
        Some(ErrorCode::SystemIoFailure) => wrapped.hint("see the system log; the disk or the file may be gone").transient(),
        _ => wrapped,
    };
    wrapped.caused_by(error)
}
