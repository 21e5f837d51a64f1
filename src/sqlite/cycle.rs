//! One cycle's read view: the tail of the change log, and the rows it names as they are now
//!
//! The whole tail is read, always (I3): a part of it together with current rows is an image of no commit. What does not
//! fit in memory at once goes out in windows; all windows belong to the same view and to the same target transaction, and
//! a key that occurs in two of them is written twice with the same row (I6).

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection};

use super::change_log::{self, LogPosition, PositionLost};
use super::connection::{classify, schema_version};
use super::rows::{bind_key, column, key_at, misfit_error, select_by_key_sql};
use crate::error::{Error, Result};
use crate::model::change::{Batch, Rows};
use crate::model::chunk::Copied;
use crate::model::key::{KeyRef, KeySet};
use crate::model::plan::{Plan, TablePlan};
use crate::model::schema::quote_identifier;
use crate::model::value::Value;

/// Bytes of touched keys held at once; about 300,000 integer keys
const WINDOW_BYTES: usize = 8 << 20;

/// Rows of a table's first statement on the target; each further one takes twice as many, so that the target works on
/// the first while the rest is read, and a long tail is not cut into small pieces
const FIRST_BATCH_ROWS: usize = 128;

/// Rows and bytes of one statement on the target; more gains nothing (research: performance.md C)
const BATCH_ROWS: usize = 8_192;
const BATCH_BYTES: usize = 4 << 20;

/// What a cycle starts from
#[derive(Clone, Debug)]
pub struct CycleStart {
    /// The target's checkpoint
    pub position: LogPosition,
    /// How much of each table the target holds, by table number
    pub copied: HashMap<i64, Copied>,
    /// Delete every touched key before the first row is written: needed when rows swap unique values
    pub delete_first: bool,
}

/// What a cycle found
#[derive(Debug)]
pub enum CycleOutcome {
    /// The checkpoint is the head
    Nothing,
    /// Everything up to here was handed out
    Read { through: LogPosition, entries: u64 },
    /// The checkpoint is not in the log any more; nothing was handed out (I5)
    Lost(PositionLost),
}

/// Reads one cycle in the read view that is open on `connection`; batches go to `emit` in the order of application
pub fn read_cycle(
    connection: &Connection,
    plan: &Plan,
    start: &CycleStart,
    emit: &mut dyn FnMut(Batch) -> Result<()>,
) -> Result<CycleOutcome> {
    // The first statement opens the view; everything below is read in it.
    schema_version(connection)?;
    if let Some(lost) = change_log::find(connection, start.position)? {
        return Ok(CycleOutcome::Lost(lost));
    }
    if change_log::head(connection)?.seq == start.position.seq {
        return Ok(CycleOutcome::Nothing);
    }
    let mut reader = TailReader { connection, plan, start, emit };
    if start.delete_first {
        reader.pass(Pass::Deletes)?;
        let (through, entries) = reader.pass(Pass::Upserts)?;
        return Ok(CycleOutcome::Read { through, entries });
    }
    let (through, entries) = reader.pass(Pass::Both)?;
    Ok(CycleOutcome::Read { through, entries })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Delete what is gone, write what is there
    Both,
    /// Delete every touched key
    Deletes,
    /// Write what is there
    Upserts,
}

struct TailReader<'a> {
    connection: &'a Connection,
    plan: &'a Plan,
    start: &'a CycleStart,
    emit: &'a mut dyn FnMut(Batch) -> Result<()>,
}

impl TailReader<'_> {
    /// Goes through the tail once, window by window
    fn pass(&mut self, pass: Pass) -> Result<(LogPosition, u64)> {
        let failed = |e| classify(e, "read the change log");
        let width = self.plan.tables.iter().map(|t| t.key.parts.len()).max().unwrap_or(1);
        let mut statement = self.connection.prepare_cached(&change_log::tail_sql(width)).map_err(failed)?;
        statement.raw_bind_parameter(1, self.start.position.seq).map_err(failed)?;
        let mut touched: HashMap<i64, KeySet> = HashMap::new();
        let mut through = self.start.position;
        let mut entries = 0;
        let mut window = 0;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            entries += 1;
            through =
                LogPosition { seq: row.get(width + 1).map_err(failed)?, nonce: row.get(width + 2).map_err(failed)? };
            let id: i64 = row.get(0).map_err(failed)?;
            // Numbers that are not in the plan belong to an older installation of capture, or are the sentinel.
            let Some(table) = self.plan.table(id) else { continue };
            let keys = touched.entry(id).or_default();
            let before = keys.byte_size();
            if !add_key(keys, row, table) {
                if null_key_exists(self.connection, row, table)? {
                    return Err(null_key(table));
                }
                continue;
            }
            window += keys.byte_size() - before;
            if window >= WINDOW_BYTES {
                self.flush(&mut touched, pass)?;
                window = 0;
            }
        }
        self.flush(&mut touched, pass)?;
        Ok((through, entries))
    }

    fn flush(&mut self, touched: &mut HashMap<i64, KeySet>, pass: Pass) -> Result<()> {
        for table in &self.plan.tables {
            if let Some(keys) = touched.get_mut(&table.id)
                && !keys.is_empty()
            {
                keys.sort_dedup();
                self.table(table, keys, pass)?;
                keys.clear();
            }
        }
        Ok(())
    }

    /// Re-reads the touched rows of one table and hands them out
    fn table(&mut self, table: &TablePlan, keys: &KeySet, pass: Pass) -> Result<()> {
        let copied = self.start.copied.get(&table.id).unwrap_or(&Copied::Nothing);
        let statement = self
            .connection
            .prepare_cached(&select_by_key_sql(table))
            .map_err(|e| classify(e, &format!("read rows of table `{}`", table.source.name)))?;
        let mut lookup = Lookup::new(table, statement);
        for key in keys.iter().filter(|key| copied.covers(*key, &table.key)) {
            match pass {
                Pass::Deletes => lookup.delete(key),
                Pass::Both => lookup.read(key, true)?,
                Pass::Upserts => lookup.read(key, false)?,
            }
            lookup.emit_if_full(self.emit)?;
        }
        lookup.emit(self.emit)?;
        // Rows found under a natively equal but not identical key ('ABC' for 'abc', 1 for 1.0). PostgreSQL may take the
        // two for equal as well (numeric, jsonb), so deleting the one may have removed the other, written a batch
        // earlier: they are written again, after every delete, in a statement of their own.
        let mut renamed = std::mem::take(&mut lookup.renamed);
        renamed.sort_dedup();
        for key in renamed.iter().filter(|key| copied.covers(*key, &table.key)) {
            lookup.read(key, false)?;
            lookup.emit_if_full(self.emit)?;
        }
        lookup.emit(self.emit)
    }
}

/// Re-reads rows of one table by key and gathers what to write
struct Lookup<'a> {
    table: &'a TablePlan,
    statement: CachedStatement<'a>,
    batch: Batch,
    batch_rows: usize,
    renamed: KeySet,
}

impl<'a> Lookup<'a> {
    fn new(table: &'a TablePlan, statement: CachedStatement<'a>) -> Lookup<'a> {
        let batch = empty_batch(table);
        Lookup { table, statement, batch, batch_rows: FIRST_BATCH_ROWS, renamed: KeySet::new() }
    }

    /// The row as it is now, or its absence (I6)
    fn read(&mut self, key: KeyRef<'_>, delete_missing: bool) -> Result<()> {
        let table = self.table;
        let failed = |e| classify(e, &format!("read a row of table `{}`", table.source.name));
        bind_key(&mut self.statement, 1, key)?;
        let mut rows = self.statement.raw_query();
        let Some(row) = rows.next().map_err(failed)? else {
            drop(rows);
            if delete_missing {
                self.delete(key);
            }
            return Ok(());
        };
        let identical =
            key.parts().zip(&table.key_columns).all(|(part, &index)| part.is_identical(&column(row, index)));
        if !identical {
            self.renamed.start();
            for &index in &table.key_columns {
                self.renamed.part(column(row, index));
            }
            self.renamed.finish();
            drop(rows);
            if delete_missing {
                self.delete(key);
            }
            return Ok(());
        }
        for (place, (index, planned)) in table.copied_columns().enumerate() {
            let pushed = self.batch.upserts.push(place, planned, column(row, index));
            pushed.map_err(|misfit| misfit_error(table, index, misfit))?;
        }
        self.batch.upserts.end_row();
        Ok(())
    }

    fn delete(&mut self, key: KeyRef<'_>) {
        let deletes = &mut self.batch.deletes;
        for (place, (part, planned)) in key.parts().zip(self.table.key_plans()).enumerate() {
            // A key that the target's type cannot hold was never written there, so there is nothing to delete.
            if deletes.push(place, planned, part).is_err() {
                deletes.undo_row();
                return;
            }
        }
        deletes.end_row();
    }

    fn emit_if_full(&mut self, emit: &mut dyn FnMut(Batch) -> Result<()>) -> Result<()> {
        let rows = self.batch.upserts.count() + self.batch.deletes.count();
        let bytes = self.batch.upserts.byte_size() + self.batch.deletes.byte_size();
        if rows >= self.batch_rows || bytes >= BATCH_BYTES { self.emit(emit) } else { Ok(()) }
    }

    fn emit(&mut self, emit: &mut dyn FnMut(Batch) -> Result<()>) -> Result<()> {
        if self.batch.upserts.count() + self.batch.deletes.count() == 0 {
            return Ok(());
        }
        let mut batch = std::mem::replace(&mut self.batch, empty_batch(self.table));
        self.batch_rows = (self.batch_rows * 2).min(BATCH_ROWS);
        batch.upserts.seal();
        batch.deletes.seal();
        emit(batch)
    }
}

fn empty_batch(table: &TablePlan) -> Batch {
    Batch {
        table_id: table.id,
        deletes: Rows::new(table.key_plans()),
        upserts: Rows::new(table.copied_columns().map(|(_, column)| column)),
    }
}

/// Adds the key of a log entry; `false` if a part of it is NULL, which no lookup by key can find
fn add_key(keys: &mut KeySet, row: &rusqlite::Row<'_>, table: &TablePlan) -> bool {
    let width = table.key.parts.len();
    if (0..width).any(|place| column(row, 1 + place) == Value::Null) {
        return false;
    }
    keys.start();
    (0..width).for_each(|place| keys.part(column(row, 1 + place)));
    keys.finish();
    true
}

/// Whether a row with this key, NULLs and all, is in the table now
fn null_key_exists(connection: &Connection, row: &rusqlite::Row<'_>, table: &TablePlan) -> Result<bool> {
    let failed = |e| classify(e, &format!("look for a NULL key in table `{}`", table.source.name));
    let terms: Vec<String> =
        table.key.parts.iter().enumerate().map(|(n, part)| format!("t.{} IS ?{}", part.sql, n + 1)).collect();
    let table_name = quote_identifier(&table.source.name);
    let sql = format!("SELECT 1 FROM {table_name} AS t WHERE {} LIMIT 1", terms.join(" AND "));
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let key = key_at(row, change_log::TAIL_KEY, table);
    bind_key(&mut statement, 1, KeyRef(&key))?;
    let found = statement.raw_query().next().map_err(failed)?.is_some();
    Ok(found)
}

fn null_key(table: &TablePlan) -> Error {
    Error::refused(format!("table `{}` got a row with NULL in its key, which no key can identify", table.source.name))
        .hint(
            "SQLite allows NULL in this PRIMARY KEY; give the row a key, or run `crossfade cancel` and start again: the \
             table is then followed by rowid",
        )
}
