//! Capture: triggers on the source that note which rows were touched
//!
//! The log holds (seq, table, key), never a row image. Everything stored in the source's schema uses syntax that SQLite
//! 3.7.17 understands, because it runs inside the application's library: one newer token there would make the whole
//! file unreadable for an old one.

mod closers;
mod install;
mod prove;
mod render;
mod words;

pub(in crate::sqlite) use crate::model::template::fill;
pub use install::{install, reinstall, reinstall_in, source_id, uninstall};
pub use prove::{CaptureGap, adapt, prove};
pub use render::render_triggers;

use crate::error::Error;
use crate::model::plan::{Notice, Plan};
use crate::model::schema::{Index, Key, Table, Term};

/// Every object of ours on the source has a name that starts so
pub const PREFIX: &str = "_crossfade_";
/// The change log
pub const LOG: &str = "_crossfade_log";
/// Format, source id and log limit
pub const STATE: &str = "_crossfade_state";
/// What was installed on which table
pub const TABLES: &str = "_crossfade_tables";
/// Tells that VACUUM has renumbered rowids
pub const CANARY: &str = "_crossfade_canary";

/// The view that says which side is the primary
pub const PRIMARY: &str = "_crossfade_primary";
/// A table that is there while a cutover is rehearsed
pub const REHEARSAL: &str = "_crossfade_rehearsal";

/// Layout of the objects on the source; `_crossfade_state` holds it under `format`
const FORMAT: i64 = 2;

/// The first library whose ALTER TABLE RENAME also rewrites table names inside trigger bodies
const REWRITES_TRIGGERS: u32 = 3_026_000;

/// One trigger as it stands in `sqlite_schema`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub name: String,
    pub sql: String,
}

/// Capture that stands, and the position from which the log is complete
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// The plan with the indexes that the source had when capture was installed
    pub plan: Plan,
    /// Head of the log
    pub seq: i64,
    /// The head entry's nonce
    pub nonce: i64,
    /// `PRAGMA schema_version` with capture in place
    pub schema_version: i64,
}

/// Why capture of these tables could not be complete, or would harm the application
///
/// `last_writer_version` is the version number of the library that last wrote the file's first page (header bytes
/// 96..99, like 3040001); 0 if it is not known.
pub fn refusals(tables: &[(Table, Key)], last_writer_version: u32) -> Vec<Notice> {
    let old_writer = last_writer_version != 0 && last_writer_version < REWRITES_TRIGGERS;
    let mut notices = Vec::new();
    for (table, key) in tables {
        if table.name.to_ascii_lowercase().starts_with("_crossfade") {
            notices.push(reserved_name(table));
        }
        if old_writer && closers::closers(table, key).is_some() {
            notices.push(old_library(table, last_writer_version));
        }
        notices.extend(table.indexes.iter().filter(|i| names_rowid(table, i)).map(|i| rowid_expression(table, i)));
    }
    notices
}

/// A unique index over an expression of the rowid: BEFORE INSERT sees -1 for a rowid that SQLite is still to choose
fn names_rowid(table: &Table, index: &Index) -> bool {
    let Some(alias) = table.rowid_alias else { return false };
    let names_alias =
        |term: &Term| matches!(term, Term::Expression(e) if words::named_columns(e, table).contains(&alias));
    index.unique && index.terms.iter().any(|t| names_alias(&t.what))
}

fn reserved_name(table: &Table) -> Notice {
    Notice {
        object: table.name.clone(),
        message: "the name starts with _crossfade, which is reserved for crossfade's own objects".into(),
        remedy: Some("rename the table".into()),
    }
}

fn old_library(table: &Table, version: u32) -> Notice {
    let (major, minor) = (version / 1_000_000, version / 1000 % 1000);
    Notice {
        object: table.name.clone(),
        message: format!(
            "needs a trigger that reads the table itself, because REPLACE can remove its rows unseen; the file was last \
             written by SQLite {major}.{minor}, where a later ALTER TABLE RENAME would break that trigger"
        ),
        remedy: Some("let the application write with SQLite 3.26 or later".into()),
    }
}

fn rowid_expression(table: &Table, index: &Index) -> Notice {
    Notice {
        object: format!("{}.{}", table.name, index.name),
        message: "a unique index over an expression of the rowid: REPLACE could remove rows unseen".into(),
        remedy: Some("drop the index for the time of the migration".into()),
    }
}

/// Wraps a failure of SQLite; a busy database is worth another try
fn source_error(what: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |cause| {
        let busy = matches!(
            cause.sqlite_error_code(),
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
        );
        let error = Error::source_side(what);
        let error = match cause {
            // Its own text would repeat the whole statement.
            rusqlite::Error::SqlInputError { msg, .. } => error.caused_by(msg),
            other => error.caused_by(other),
        };
        if busy { error.transient() } else { error }
    }
}

#[cfg(test)]
mod tests;
