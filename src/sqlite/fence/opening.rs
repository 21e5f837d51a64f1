//! Opening SQLite again: what stands between a rollback and its point of no return

use std::time::Duration;

use rusqlite::{Connection, params};

use super::{Source, record, remove_fence, state, writing};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::model::fulltext::{Content, FullText};
use crate::model::phase::Side;
use crate::model::plan::{Notice, Plan, TablePlan};
use crate::model::schema::quote_identifier;
use crate::sqlite::capture::{CaptureGap, prove, reinstall_in};
use crate::sqlite::change_log::{LogPosition, head};
use crate::sqlite::connection::{classify, open_writer, schema_version};
use crate::sqlite::introspect::{VirtualTable, introspect};
use crate::sqlite::tokens::tokenize;

const OPEN: &str = "open the source";

/// What to do with a table that the application's triggers keep up
const FILL: &str = "fill it again from the tables that the application's triggers fill it from";

/// One write transaction on SQLite, open. Dropping it leaves everything as it was
#[derive(Debug)]
pub struct Opening {
    connection: Connection,
    token: String,
    /// Head of the change log; forward following goes on from here
    pub position: LogPosition,
    pub schema_version: i64,
    /// Full-text and other virtual tables that do not hold what PostgreSQL's applications have written, and why
    pub stale: Vec<Notice>,
}

/// Takes the write lock for a rollback, proves capture (or installs it again), sets sqlite_sequence to at least these
/// numbers (by the tables' names), rebuilds full-text tables over external content, and takes the deny triggers away, all
/// in one transaction that is left open
pub fn open<'p>(
    source: impl Into<Source<'p>>,
    plan: &Plan,
    token: &str,
    numbers: &[(String, i64)],
    log_limit: u64,
    source_id: &str,
    timeout: Duration,
) -> Result<Opening> {
    let Source { path, run_id } = source.into();
    let connection = open_writer(path)?;
    writing::begin(&connection, run_id, timeout, OPEN)?;
    require_fenced(&connection, token, source_id)?;
    prove_capture(&connection, plan, log_limit, source_id)?;
    plan.tables.iter().try_for_each(|table| set_sequence(&connection, table, numbers))?;
    let stale = rebuild_fulltext(&connection)?;
    remove_fence(&connection)?;
    let (position, schema_version) = (head(&connection)?, schema_version(&connection)?);
    failpoint::hit("opening.prepared");
    Ok(Opening { connection, token: token.to_owned(), position, schema_version, stale })
}

/// Why SQLite was not opened
#[derive(Debug)]
pub enum NotOpened {
    /// Nothing was written, and nobody but the caller could open it with this token
    Certainly(Error),
    /// The disk failed in the middle of it: only the file itself can say whether it is open, and [`super::void`] finds out
    Perhaps(Error),
}

impl Opening {
    /// The point of no return of a rollback: SQLite is open and the primary
    pub fn commit(self, since: &str) -> std::result::Result<(), NotOpened> {
        let note = |connection: &Connection| -> Result<()> {
            record::set(connection, record::PRIMARY, Side::Sqlite.as_str())?;
            record::set(connection, record::SINCE, since)?;
            record::set(connection, record::OPENED, &self.token)
        };
        note(&self.connection).map_err(NotOpened::Certainly)?;
        if let Err(error) = self.connection.execute_batch("COMMIT") {
            // Who cannot have the lock has written nothing; dropping the connection ends the transaction.
            return Err(match writing::is_busy(&error) {
                true => NotOpened::Certainly(writing::unfinished(error, OPEN)),
                false => NotOpened::Perhaps(classify(error, OPEN)),
            });
        }
        failpoint::hit("opening.committed");
        Ok(())
    }
}

fn require_fenced(connection: &Connection, token: &str, source_id: &str) -> Result<()> {
    if record::require_capture(connection)? != source_id {
        return Err(Error::refused("this SQLite file is captured for another target"));
    }
    record::require_valid(connection, token)?;
    match state(connection)?.primary {
        Side::Postgres => Ok(()),
        Side::Sqlite => Err(Error::refused("SQLite is the primary already")),
    }
}

/// The application writes here as soon as this commits (I2)
fn prove_capture(connection: &Connection, plan: &Plan, log_limit: u64, source_id: &str) -> Result<()> {
    let gaps = prove(connection, plan)?;
    if gaps.contains(&CaptureGap::Renumbered) {
        return Err(Error::refused("VACUUM has renumbered rows of the source that are followed by their rowid")
            .hint("`crossfade run` brings these tables over again; then roll back"));
    }
    if !gaps.is_empty() {
        reinstall_in(connection, plan, log_limit, source_id)?;
    }
    Ok(())
}

/// AUTOINCREMENT never gives a number twice: not one that PostgreSQL has given meanwhile either
fn set_sequence(connection: &Connection, table: &TablePlan, numbers: &[(String, i64)]) -> Result<()> {
    if !tokenize(&table.source.sql).iter().any(|token| token.is_word("AUTOINCREMENT")) {
        return Ok(());
    }
    let (Some(alias), name) = (table.source.rowid_alias, &table.source.name) else { return Ok(()) };
    let given = numbers.iter().filter(|(of, _)| of == name).map(|(_, number)| *number).max();
    let write = || -> rusqlite::Result<()> {
        let key = quote_identifier(&table.source.columns[alias].name);
        let largest = format!("SELECT max({key}) FROM main.{}", quote_identifier(name));
        let largest: Option<i64> = connection.query_row(&largest, [], |row| row.get(0))?;
        let Some(number) = largest.max(given) else { return Ok(()) };
        // The table is the application's to write to: what stands there need not be a number.
        let raise =
            "UPDATE main.sqlite_sequence SET seq = ?2 WHERE name = ?1 AND (typeof(seq) <> 'integer' OR seq < ?2)";
        connection.execute(raise, params![name, number])?;
        let add = "INSERT INTO main.sqlite_sequence(name, seq) SELECT ?1, ?2
                   WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE name = ?1)";
        connection.execute(add, params![name, number]).map(drop)
    };
    write().map_err(|e| classify(e, &format!("set the next number of table `{name}`")))
}

/// Only those that reverse apply has marked; one that cannot be rebuilt keeps nobody from going back
fn rebuild_fulltext(connection: &Connection) -> Result<Vec<Notice>> {
    let mut stale = Vec::new();
    let schema = introspect(connection)?;
    for table in schema.fulltext {
        if take_mark(connection, &table.name)? {
            stale.extend(rebuild(connection, &table));
        }
    }
    for VirtualTable { name, module } in schema.virtual_tables {
        if take_mark(connection, &name)? {
            let message = format!("this virtual table of module {module} lacks what was written on PostgreSQL");
            stale.push(Notice { object: name, message, remedy: Some(FILL.into()) });
        }
    }
    Ok(stale)
}

/// Whether reverse apply has marked the table as behind the times
fn take_mark(connection: &Connection, table: &str) -> Result<bool> {
    let mark = format!("{}{table}", record::STALE);
    let is_marked = record::get::<i64>(connection, &mark)?.is_some();
    if is_marked {
        record::remove(connection, &mark)?;
    }
    Ok(is_marked)
}

fn rebuild(connection: &Connection, table: &FullText) -> Option<Notice> {
    let name = quote_identifier(&table.name);
    let statement = format!("INSERT INTO {name}({name}) VALUES('rebuild')");
    let notice = |message, remedy| Some(Notice { object: table.name.clone(), message, remedy: Some(remedy) });
    if !matches!(table.content, Content::External(_)) {
        return notice(
            "this full-text table has a copy of its text, which lacks what was written on PostgreSQL".into(),
            FILL.into(),
        );
    }
    let error = connection.execute_batch(&statement).err()?;
    notice(
        format!("this full-text table could not be rebuilt: {error}"),
        format!("let the application run `{statement}`"),
    )
}
