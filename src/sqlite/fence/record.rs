//! What `_crossfade_state` says about switches
//!
//! | k               | v                                                                    |
//! |-----------------|----------------------------------------------------------------------|
//! | `primary`       | `sqlite` or `postgres`                                               |
//! | `since`         | moment of the last change of `primary`, text in UTC                  |
//! | `switching`     | 1 while a cutover has fenced SQLite and PostgreSQL is not open yet   |
//! | `switch`        | token of the cutover whose fence stands                              |
//! | `began`         | when that fence came: part of the text of its triggers               |
//! | `opened`        | token of the rollback that opened SQLite last                        |
//! | `void:<token>`  | a switch that was taken back: no step of it can happen any more      |
//! | `cycle`         | number of the last reverse cycle                                     |
//! | `run`           | number of the latest run that wrote here in a switch or in reverse   |
//! | `stale:<table>` | full-text table whose content was written since it was rebuilt       |
//!
//! Voided tokens are never forgotten: a process that was stopped for days must still find its own.

use rusqlite::types::{FromSql, ToSql};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, Result};
use crate::sqlite::capture::{STATE, source_id};
use crate::sqlite::connection::classify;

pub const PRIMARY: &str = "primary";
pub const SINCE: &str = "since";
pub const SWITCHING: &str = "switching";
pub const SWITCH: &str = "switch";
pub const BEGAN: &str = "began";
pub const OPENED: &str = "opened";
pub const CYCLE: &str = "cycle";
/// See [`super::Source`]
pub const RUN: &str = "run";
/// Before the name of a full-text table
pub const STALE: &str = "stale:";

/// The value under this name; `None` if there is none
pub fn get<T: FromSql>(connection: &Connection, name: &str) -> Result<Option<T>> {
    let read = || -> rusqlite::Result<Option<T>> {
        let mut statement = connection.prepare_cached(&format!("SELECT v FROM main.{STATE} WHERE k = ?1"))?;
        statement.query_row([name], |row| row.get(0)).optional()
    };
    read().map_err(|e| classify(e, "read the state of the switch on the source"))
}

pub fn set(connection: &Connection, name: &str, value: impl ToSql) -> Result<()> {
    let write = || -> rusqlite::Result<()> {
        let sql = format!("INSERT OR REPLACE INTO main.{STATE}(k, v) VALUES(?1, ?2)");
        connection.prepare_cached(&sql)?.execute(params![name, value]).map(drop)
    };
    write().map_err(failed)
}

pub fn remove(connection: &Connection, name: &str) -> Result<()> {
    let sql = format!("DELETE FROM main.{STATE} WHERE k = ?1");
    connection.execute(&sql, [name]).map(drop).map_err(failed)
}

/// Makes every step of this switch impossible that is still to come
pub fn void(connection: &Connection, token: &str) -> Result<()> {
    set(connection, &format!("void:{token}"), 1)
}

/// # Errors
/// Refused, if the switch was taken back.
pub fn require_valid(connection: &Connection, token: &str) -> Result<()> {
    match get::<i64>(connection, &format!("void:{token}"))? {
        None => Ok(()),
        Some(_) => Err(Error::refused("this switch was taken back by another session")
            .hint("`crossfade status` says where it stands now; begin a new switch")),
    }
}

/// # Errors
/// Refused, if the file holds nothing of ours, and so cannot say which side is the primary.
pub fn require_capture(connection: &Connection) -> Result<String> {
    source_id(connection)?.ok_or_else(|| {
        Error::refused("the source has no capture of crossfade: it is another file, or a copy made before the start")
            .hint("put the right file back")
    })
}

fn failed(e: rusqlite::Error) -> Error {
    classify(e, "write the state of the switch on the source")
}
