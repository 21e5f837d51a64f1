//! What a switch needs of the source beside its rows: the write lock, and room on its disk

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use super::connection::{classify, open_writer};
use super::fence::begin_immediate;
use crate::error::{Error, Result};

/// Whether a write transaction can be begun within this time; nothing is written
pub fn write_lock_is_free(path: &Path, patience: Duration) -> Result<bool> {
    let failed = |e| classify(e, "take the write lock of the source");
    let connection = open_writer(path)?;
    match begin_immediate(&connection, patience) {
        Ok(()) => connection.execute_batch("ROLLBACK").map(|()| true).map_err(failed),
        Err(e) if matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
            Ok(false)
        }
        Err(e) => Err(failed(e)),
    }
}

/// Bytes of the database with its log, and bytes that are free where it lies
pub fn size_and_room(path: &Path) -> Result<(u64, u64)> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let failed = |e: std::io::Error| {
        Error::source_side(format!("cannot ask how much room is left beside `{}`", path.display())).caused_by(e)
    };
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|e| failed(e.into()))?;
    // SAFETY: a structure of plain numbers, which the call fills; the name ends with a zero and outlives it.
    let room = unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        match libc::statvfs(name.as_ptr(), &mut found) {
            0 => found.f_bavail.saturating_mul(found.f_frsize),
            _ => return Err(failed(std::io::Error::last_os_error())),
        }
    };
    Ok((size(path) + size(Path::new(&log)), crate::failpoint::free_bytes(room)))
}
