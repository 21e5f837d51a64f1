//! Making what was read durable on the source before the target commits it (I4)
//!
//! With `synchronous=NORMAL` in WAL mode the application's commits are not fsynced. If the target committed such rows
//! and the power failed, the source would come back older than its replica. So the WAL and the database file are synced
//! through SQLite's own file handles: opening the files ourselves would drop SQLite's POSIX locks on close.

use std::fs::File;
use std::os::raw::{c_int, c_void};
use std::path::Path;

use rusqlite::{Connection, ffi};

use crate::error::{Error, Result};

/// Syncs everything that a read view opened before this call has seen
///
/// The WAL's handle is asked for each time: the application may have switched the journal mode meanwhile.
pub fn sync(connection: &Connection, path: &Path) -> Result<()> {
    // Frames are only ever moved from the WAL to the file, so the WAL comes first: what was in it a moment ago is synced
    // here, or has been moved to the file that is synced next.
    let is_wal = sync_handle(connection, ffi::SQLITE_FCNTL_JOURNAL_POINTER)?;
    sync_handle(connection, ffi::SQLITE_FCNTL_FILE_POINTER)?;
    if is_wal {
        return Ok(());
    }
    // In rollback modes the commit point is the journal's removal from the directory.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| Error::source_side("cannot sync the directory of the source").caused_by(e).transient())
}

/// Version number of the library that last wrote the file's first page (header bytes 96..99, like 3040001), read
/// through SQLite's own handle; 0 if it is not known
pub fn last_writer_version(connection: &Connection) -> Result<u32> {
    let file = handle(connection, ffi::SQLITE_FCNTL_FILE_POINTER)?;
    let mut bytes = [0u8; 4];
    // SAFETY: `file` is SQLite's own open file, and the buffer is as long as the amount that is asked for.
    let code = unsafe {
        match (*file).pMethods.as_ref().and_then(|methods| methods.xRead) {
            Some(x_read) => x_read(file, bytes.as_mut_ptr().cast(), 4, 96),
            None => return Ok(0),
        }
    };
    Ok(if code == ffi::SQLITE_OK { u32::from_be_bytes(bytes) } else { 0 })
}

/// Whether the file is open at all; if it is, it is synced
fn sync_handle(connection: &Connection, which: c_int) -> Result<bool> {
    let file = handle(connection, which)?;
    // SAFETY: `file` is SQLite's own open file; a file that is not open has no methods.
    let code = unsafe {
        match (*file).pMethods.as_ref().and_then(|methods| methods.xSync) {
            Some(x_sync) => x_sync(file, ffi::SQLITE_SYNC_NORMAL),
            None => return Ok(false),
        }
    };
    if code != ffi::SQLITE_OK {
        return Err(Error::source_side(format!("cannot sync the source to disk (result code {code})")).transient());
    }
    Ok(true)
}

/// SQLite's own file object behind the connection, or that of its journal
fn handle(connection: &Connection, which: c_int) -> Result<*mut ffi::sqlite3_file> {
    let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
    // SAFETY: the handle is a live connection owned by this thread, and the pointer that SQLite stores belongs to its
    // pager: it stays valid until the connection closes, which the borrow rules out.
    let code = unsafe {
        let out: *mut c_void = (&raw mut file).cast();
        ffi::sqlite3_file_control(connection.handle(), c"main".as_ptr(), which, out)
    };
    if code != ffi::SQLITE_OK || file.is_null() {
        return Err(Error::internal(format!("cannot ask SQLite for a file handle (result code {code})")));
    }
    Ok(file)
}
