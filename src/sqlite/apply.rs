//! Writing rows that come back from PostgreSQL: one transaction a cycle, under no trigger and no foreign key
//!
//! A row is read before it is written: what is the same already is not written, a document that only PostgreSQL spells
//! differently keeps its spelling, and a key is the row's only by class and bytes. What SQLite would store as something
//! else than it was given is taken back and refused (I10).
//!
//! While SQLite follows nobody else writes to it, so that nobody else moves the WAL into the file either: this connection
//! does, as the application's own would, by a passive checkpoint after a commit that left the WAL long.

mod affinity;
mod fulltext;
mod row;
mod search;
mod table;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::capture::{CANARY, TABLES};
use super::connection::{allow_cleanup, classify, open_writer, schema_version};
use super::fence::{self, record};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::model::plan::{Notice, Plan, TablePlan};
use crate::model::value::Value;

pub use fulltext::left_behind;
use row::Written;
use table::TableWriter;

/// How long a cycle waits for the write lock: for a stray writer that is about to be refused, or for a checkpoint
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Pages of the WAL after which a commit moves it into the file; SQLite's own number
const CHECKPOINT_PAGES: i64 = 1000;

/// What `cycle` says where VACUUM has given rows other rowids than PostgreSQL knows: no cycle has left them so
const NO_CYCLE: i64 = -1;

/// The one writer of a SQLite file that follows
pub struct SourceApplier {
    connection: Connection,
    run_id: i64,
    patience: Duration,
    /// The write lock is held for the transaction that [`SourceApplier::begin`] would begin
    is_held: bool,
    /// By the table's number in the plan
    tables: HashMap<i64, TableWriter>,
    /// Full-text tables by the tables on which they depend
    fulltext: Vec<fulltext::Dependent>,
    /// `PRAGMA schema_version` at which the fence was found whole
    proven: Option<i64>,
    /// Tables, in this transaction, in which the touched rows were deleted first
    deleted_first: HashSet<i64>,
    /// Tables, in this transaction, whose full-text tables are marked
    marked: HashSet<i64>,
}

/// What became of a row
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    Inserted,
    Updated,
    Deleted,
    /// It was as it should be already
    Unchanged,
    /// A unique value is still another row's: everything is to be done again, with the keys of this table deleted first
    Collision,
    /// SQLite does not take it, whatever the order: column (empty if the row as a whole) and reason
    Refused {
        column: String,
        reason: String,
    },
}

impl SourceApplier {
    /// Opens the file with triggers, foreign keys and CHECKs off for this connection
    pub fn open<'p>(source: impl Into<fence::Source<'p>>) -> Result<SourceApplier> {
        let fence::Source { path, run_id } = source.into();
        let connection = open_writer(path)?;
        let prepare = || -> rusqlite::Result<()> {
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
            connection.pragma_update(None, "ignore_check_constraints", true)?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
        };
        prepare().map_err(|e| classify(e, "prepare to write to the source"))?;
        let (tables, fulltext) = (HashMap::new(), Vec::new());
        let (deleted_first, marked) = (HashSet::new(), HashSet::new());
        let (patience, is_held, proven) = (BUSY_TIMEOUT, false, None);
        Ok(SourceApplier { connection, run_id, patience, is_held, tables, fulltext, proven, deleted_first, marked })
    }

    /// From now on the write lock is waited for at most so long, and the readers who keep a commit waiting in a
    /// rollback-journal mode
    pub fn wait_at_most(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Takes the write lock before there is anything to write, and keeps it: the next [`SourceApplier::begin`] goes on in
    /// this transaction, which sees what it would have seen, as nobody else can have written
    pub fn hold(&mut self) -> Result<()> {
        if !self.goes_on() {
            self.begin()?;
        }
        self.is_held = true;
        Ok(())
    }

    /// Takes the write lock; refused where no fence stands, for then the application writes here
    ///
    /// Tables that came since the fence get it too. Rows of tables that are followed by their rowid are not where PostgreSQL
    /// knows them to be after a VACUUM: that is refused as well, see [`SourceApplier::begin_repair`].
    pub fn begin(&mut self) -> Result<()> {
        self.begin_repair()?;
        match self.is_renumbered() {
            Ok(false) => Ok(()),
            outcome => {
                self.rollback()?;
                outcome?;
                Err(Error::refused("VACUUM has renumbered rows of the source that are followed by their rowid")
                    .hint("`crossfade run` brings the tables over again"))
            }
        }
    }

    /// As [`SourceApplier::begin`], for bringing whole tables over again: takes rowids that VACUUM has changed, and
    /// [`SourceApplier::commit`] then counts them as right
    pub fn begin_repair(&mut self) -> Result<()> {
        self.deleted_first.clear();
        self.marked.clear();
        if self.goes_on() {
            return Ok(());
        }
        fence::begin(&self.connection, self.run_id, self.patience, "write to the source")?;
        let checked = self.check_fence();
        if checked.is_err() {
            self.rollback()?;
        }
        checked
    }

    /// The cycle that the file holds; 0 if there was none yet, -1 if no cycle can have left it as it is
    pub fn cycle(&self) -> Result<i64> {
        if self.is_renumbered()? {
            return Ok(NO_CYCLE);
        }
        Ok(record::get(&self.connection, record::CYCLE)?.unwrap_or(0))
    }

    /// First pass of a table whose rows swap unique values: deletes the row, keeping what the plan leaves out of it
    pub fn delete_first(&mut self, table: &TablePlan, key: &[Value<'_>]) -> Result<()> {
        self.prepare(table);
        let writer = &self.tables[&table.id];
        if self.deleted_first.insert(table.id) {
            writer.create_kept(&self.connection)?;
        }
        writer.keep(&self.connection, key)?;
        if writer.delete(&self.connection, key)? {
            self.mark(table)?;
        }
        Ok(())
    }

    /// Empties a table that was noted as a whole
    pub fn empty(&mut self, table: &TablePlan) -> Result<u64> {
        self.prepare(table);
        self.mark(table)?;
        let writer = &self.tables[&table.id];
        if self.deleted_first.insert(table.id) {
            writer.create_kept(&self.connection)?;
        }
        writer.keep_all(&self.connection)?;
        writer.delete_all(&self.connection)
    }

    /// Writes the row with this key (values of the copied columns, in their order), or deletes it
    ///
    /// Where the table's keys were deleted first there is no [`Applied::Collision`] any more: such a row is refused.
    pub fn write(&mut self, table: &TablePlan, key: &[Value<'_>], row: Option<&[Value<'_>]>) -> Result<Applied> {
        self.prepare(table);
        let writer = &self.tables[&table.id];
        let written = match row {
            None if writer.delete(&self.connection, key)? => Written::Deleted,
            None => Written::Unchanged,
            Some(row) => writer.write(&self.connection, key, row, self.deleted_first.contains(&table.id))?,
        };
        if matches!(written, Written::Inserted | Written::Updated | Written::Deleted) {
            self.mark(table)?;
        }
        Ok(match written {
            Written::Inserted => Applied::Inserted,
            Written::Updated => Applied::Updated,
            Written::Deleted => Applied::Deleted,
            Written::Unchanged => Applied::Unchanged,
            Written::Refused { column, reason } => Applied::Refused { column, reason },
            Written::Collision(_) if !self.deleted_first.contains(&table.id) => Applied::Collision,
            Written::Collision(reason) => Applied::Refused { column: String::new(), reason },
        })
    }

    /// Stores the cycle and commits, durably
    pub fn commit(&mut self, cycle: i64) -> Result<()> {
        for id in self.deleted_first.drain() {
            self.tables[&id].forget_kept(&self.connection)?;
        }
        if self.is_renumbered()? {
            self.connection
                .execute(&format!("UPDATE main.{CANARY} SET rowid = 2"), [])
                .map_err(|e| classify(e, "note the rowids of the source"))?;
        }
        record::set(&self.connection, record::CYCLE, cycle)?;
        failpoint::hit("source.rows_written");
        self.connection.execute_batch("COMMIT").map_err(|e| classify(e, "commit to the source"))?;
        failpoint::hit("source.committed");
        Ok(())
    }

    /// Ends the holding; whether there is a transaction that can be gone on with. After some errors SQLite has ended it
    fn goes_on(&mut self) -> bool {
        std::mem::take(&mut self.is_held) && !self.connection.is_autocommit()
    }

    pub fn rollback(&mut self) -> Result<()> {
        self.is_held = false;
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.connection.execute_batch("ROLLBACK").map_err(|e| classify(e, "take back what was written to the source"))
    }

    /// When it is closed, this connection may move the WAL into the file and remove it, if it is the last one
    pub fn allow_cleanup(&self) {
        allow_cleanup(&self.connection);
    }

    /// The fence stands on every table, or the application may write where we do
    fn check_fence(&mut self) -> Result<()> {
        let version = schema_version(&self.connection)?;
        if self.proven == Some(version) {
            return Ok(());
        }
        record::require_capture(&self.connection)?;
        if record::get::<String>(&self.connection, record::SWITCH)?.is_none() {
            return Err(Error::refused("the source accepts writes of the application, so that it cannot follow")
                .hint("`crossfade status` says which side is the primary"));
        }
        let raised = fence::raise(&self.connection)?;
        self.tables.clear();
        self.connection.flush_prepared_statement_cache();
        self.fulltext = fulltext::dependents(&self.connection)?;
        // What was raised just now is not there if the cycle is taken back.
        self.proven = (raised == 0).then_some(version);
        Ok(())
    }

    /// VACUUM has run, and there are tables whose rows it may have renumbered
    fn is_renumbered(&self) -> Result<bool> {
        let sql = format!(
            "SELECT coalesce((SELECT max(rowid) FROM main.{CANARY}), 0) <> 2
             AND EXISTS (SELECT 1 FROM main.{TABLES} WHERE keycols IN ('rowid', '_rowid_', 'oid'))"
        );
        let read = self.connection.prepare_cached(&sql).and_then(|mut s| s.query_row([], |row| row.get(0)));
        read.map_err(|e| classify(e, "look for renumbered rows of the source"))
    }

    fn prepare(&mut self, table: &TablePlan) {
        self.tables.entry(table.id).or_insert_with(|| TableWriter::new(table));
    }

    /// Notes once in a transaction that full-text tables do not hold what this one holds
    fn mark(&mut self, table: &TablePlan) -> Result<()> {
        if !self.marked.insert(table.id) {
            return Ok(());
        }
        let names = self.fulltext.iter().filter(|dependent| dependent.is_of(&table.source.name));
        names
            .map(|dependent| format!("{}{}", record::STALE, dependent.name))
            .try_for_each(|mark| record::set(&self.connection, &mark, 1))
    }
}

/// Tables whose rows could not be written here: for an index or a generated column they need a function or a collation
/// that only the application's own process has
pub fn unwritable(connection: &Connection, plan: &Plan) -> Vec<Notice> {
    let notice = |table: &TablePlan| {
        let error = TableWriter::new(table).check(connection).err()?;
        Some(Notice {
            object: table.source.name.clone(),
            message: format!("its rows could not be written back to SQLite: {}", error.summary()),
            remedy: Some("drop the index or the column that needs it, for the time of the migration".into()),
        })
    };
    plan.tables.iter().filter_map(notice).collect()
}

#[cfg(test)]
mod tests;
