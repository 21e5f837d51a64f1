//! One cycle's read view: the tail of the change log, and the rows it names as they are now
//!
//! The whole tail is read, always (I3): a part of it together with current rows is an image of no commit. What does not
//! fit in memory at once goes out in windows; all windows belong to the same view and to the same target transaction, and
//! a key that occurs in two of them is written twice with the same row (I6).

use std::collections::{HashMap, HashSet};

use rusqlite::{CachedStatement, Connection, Row};

use super::change_log::{self, LogPosition, PositionLost};
use super::connection::{classify, schema_version};
use super::rejected::{has_nullable_key, reject, unaddressable, whole};
use super::rows::{bind_key, column, select_by_key_sql};
use super::utf16::{first_unsound, is_utf16, unsound};
use crate::error::Result;
use crate::failpoint::row_bytes;
use crate::model::change::{Batch, Rows};
use crate::model::chunk::Copied;
use crate::model::encode::{ROW_BYTES_MAX, check_row};
use crate::model::key::{KeyRef, KeySet};
use crate::model::mapping::Misfit;
use crate::model::plan::{Plan, TablePlan};
use crate::model::quarantine::{Whole, key_hash};

/// Bytes of touched keys held at once; about 300,000 integer keys
const WINDOW_BYTES: usize = 8 << 20;

/// Rows of a table's first statement on the target; each further one takes twice as many, so that the target works on
/// the first while the rest is read, and a long tail is not cut into small pieces
const FIRST_BATCH_ROWS: usize = 128;

/// Rows and bytes of one statement on the target; more gains nothing (research: performance.md C)
const BATCH_ROWS: usize = 8_192;
const BATCH_BYTES: usize = 4 << 20;

/// A batch of more bytes has one long row, the last: the others are below [`BATCH_BYTES`]
const LONG_BYTES: usize = 16 << 20;

/// Rows of one statement where the server may refuse some: what is refused is halved until it is found
const CAREFUL_ROWS: usize = 256;

/// What a cycle starts from
#[derive(Clone, Debug)]
pub struct CycleStart {
    /// The target's checkpoint
    pub position: LogPosition,
    /// How much of each table the target holds, by table number
    pub copied: HashMap<i64, Copied>,
    /// Tables, by number, in which every touched key is deleted before the first row is written: needed where rows swap
    /// unique values. No others: what only the target has of a row would be lost for nothing
    pub delete_first: HashSet<i64>,
    /// The server has refused a row: hand every row out whole as well, and few at once
    pub careful: bool,
    /// Tables that have rows in the quarantine, by number; for all others nothing is looked for there
    pub quarantined: HashSet<i64>,
    /// Keys to read whether they were touched or not, with the numbers of their tables: the quarantine is tried again
    pub again: Vec<(i64, Vec<u8>)>,
    /// As `again`, but not alone: they are no reason for a cycle
    pub beside: Vec<(i64, Vec<u8>)>,
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
    let head = change_log::head(connection)?.seq;
    if head == start.position.seq && start.again.is_empty() {
        return Ok(CycleOutcome::Nothing);
    }
    let mut reader = TailReader { connection, plan, start, head, emit };
    if !start.delete_first.is_empty() {
        reader.pass(Pass::Deletes)?;
        let (through, entries) = reader.pass(Pass::Upserts)?;
        return Ok(CycleOutcome::Read { through, entries });
    }
    let (through, entries) = reader.pass(Pass::Both)?;
    Ok(CycleOutcome::Read { through, entries })
}

/// Rows to read again by key, apart from the change log
#[derive(Clone, Copy, Debug)]
pub struct Again<'k> {
    pub keys: &'k KeySet,
    /// As in [`CycleStart`]
    pub careful: bool,
}

/// Reads these rows of one table as they are in the read view that is open, and hands out what to write and to delete; all
/// of them leave the quarantine, or enter it
pub fn read_keys(
    connection: &Connection,
    plan: &Plan,
    table: &TablePlan,
    again: Again<'_>,
    emit: &mut dyn FnMut(Batch) -> Result<()>,
) -> Result<()> {
    let start = CycleStart {
        position: LogPosition { seq: 0, nonce: 0 },
        copied: HashMap::from([(table.id, Copied::All)]),
        delete_first: HashSet::new(),
        careful: again.careful,
        quarantined: HashSet::from([table.id]),
        again: Vec::new(),
        beside: Vec::new(),
    };
    let head = change_log::head(connection)?.seq;
    TailReader { connection, plan, start: &start, head, emit }.table(table, again.keys, Pass::Both)
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
    /// Of the view
    head: i64,
    emit: &'a mut dyn FnMut(Batch) -> Result<()>,
}

impl TailReader<'_> {
    /// Goes through the tail once, window by window
    fn pass(&mut self, pass: Pass) -> Result<(LogPosition, u64)> {
        let failed = |e| classify(e, "read the change log");
        let width = self.plan.tables.iter().map(|t| t.key.parts.len()).max().unwrap_or(1);
        let utf16 = self.plan.tables.iter().any(is_utf16);
        let mut statement = self.connection.prepare_cached(&change_log::tail_sql(width, utf16)).map_err(failed)?;
        statement.raw_bind_parameter(1, self.start.position.seq).map_err(failed)?;
        let mut touched: HashMap<i64, KeySet> = HashMap::new();
        for (id, key) in self.start.again.iter().chain(&self.start.beside) {
            touched.entry(*id).or_default().push(KeyRef(key));
        }
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
            add_key(keys, row, width, table);
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
        let pass = match (pass, self.start.delete_first.contains(&table.id)) {
            (Pass::Deletes, false) => return Ok(()),
            (Pass::Upserts, false) => Pass::Both,
            (pass, _) => pass,
        };
        let copied = self.start.copied.get(&table.id).unwrap_or(&Copied::Nothing);
        let statement = self
            .connection
            .prepare_cached(&select_by_key_sql(table))
            .map_err(|e| classify(e, &format!("read rows of table `{}`", table.source.name)))?;
        let mut lookup = Lookup::new(table, statement, self.head, self.start);
        let nullable = has_nullable_key(table);
        for key in keys.iter() {
            match pass {
                // The chunk that holds the table's beginning brings all rows with such keys, whatever their other parts.
                _ if nullable && key.has_null() => {
                    if pass != Pass::Deletes && *copied != Copied::Nothing {
                        lookup.read_unaddressable(self.connection, key)?;
                    }
                }
                _ if !copied.covers(key, &table.key) => {}
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
    head: i64,
    /// The table has rows in the quarantine: whatever is written or deleted must leave it
    releases: bool,
    careful: bool,
    batch: Batch,
    batch_rows: usize,
    renamed: KeySet,
}

impl<'a> Lookup<'a> {
    fn new(table: &'a TablePlan, statement: CachedStatement<'a>, head: i64, start: &CycleStart) -> Lookup<'a> {
        let (batch, batch_rows) = (Batch::new(table), FIRST_BATCH_ROWS);
        let (releases, careful) = (start.quarantined.contains(&table.id), start.careful);
        Lookup { table, statement, head, releases, careful, batch, batch_rows, renamed: KeySet::new() }
    }

    /// The row as it is now, or its absence (I6)
    fn read(&mut self, key: KeyRef<'_>, delete_missing: bool) -> Result<()> {
        let table = self.table;
        let failed = |e| classify(e, &format!("read a row of table `{}`", table.source.name));
        bind_key(&mut self.statement, 1, key)?;
        let mut rows = self.statement.raw_query();
        let found = match rows.next().map_err(failed)? {
            None => Found::Nothing,
            Some(row) => {
                let found = gather(row, table, key, self.head, &mut self.batch, &mut self.renamed)?;
                if self.careful && matches!(found, Found::Fits) {
                    self.batch.whole.push(whole(row, table, self.head)?);
                }
                found
            }
        };
        drop(rows);
        match found {
            Found::Fits => self.release(key),
            // Its old image; where the key itself does not fit there is none.
            Found::Rejected => self.delete(key),
            Found::Nothing => {
                self.release(key);
                if delete_missing {
                    self.delete(key);
                }
            }
        }
        Ok(())
    }

    /// Rows with this key, which has a NULL in it: no row of the target can have one, so all go to the quarantine
    #[cold]
    fn read_unaddressable(&mut self, connection: &Connection, key: KeyRef<'_>) -> Result<()> {
        if self.releases {
            self.batch.quarantine.cleared.push(key.0.to_vec());
        }
        for row in unaddressable(connection, self.table, Some(key))? {
            self.batch.quarantine.reject(row);
        }
        Ok(())
    }

    fn release(&mut self, key: KeyRef<'_>) {
        if self.releases {
            self.batch.quarantine.released.push(key_hash(key.0, None));
        }
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
        let Batch { upserts, deletes, quarantine, .. } = &self.batch;
        let rows = upserts.count() + deletes.count() + quarantine.count();
        let whole: usize = self.batch.whole.iter().map(Whole::byte_size).sum();
        let bytes = upserts.byte_size() + deletes.byte_size() + quarantine.byte_size() + whole;
        if rows >= self.batch_rows || bytes >= BATCH_BYTES { self.emit(emit) } else { Ok(()) }
    }

    fn emit(&mut self, emit: &mut dyn FnMut(Batch) -> Result<()>) -> Result<()> {
        if self.batch.upserts.count() + self.batch.deletes.count() == 0 && self.batch.quarantine.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::replace(&mut self.batch, Batch::new(self.table));
        self.batch_rows = (self.batch_rows * 2).min(if self.careful { CAREFUL_ROWS } else { BATCH_ROWS });
        batch.upserts.seal();
        batch.deletes.seal();
        // The last row may be so long that no message takes others beside it.
        if batch.upserts.byte_size() > LONG_BYTES
            && let Some(last) = batch.split_last(self.table)
        {
            emit(batch)?;
            batch = last;
        }
        emit(batch)
    }
}

/// What a lookup by key came to
enum Found {
    /// No row with exactly this key
    Nothing,
    /// The row was added to what is written
    Fits,
    /// The row was added to what goes to the quarantine
    Rejected,
}

/// Adds the row that was found for a key to the batch
fn gather(
    row: &Row<'_>,
    table: &TablePlan,
    key: KeyRef<'_>,
    head: i64,
    batch: &mut Batch,
    renamed: &mut KeySet,
) -> Result<Found> {
    // Found by native comparison, under NOCASE; it has no key of its own.
    if table.key_columns.iter().any(|&index| unsound(row, table, index).is_some()) {
        return Ok(Found::Nothing);
    }
    let identical = key.parts().zip(&table.key_columns).all(|(part, &index)| part.is_identical(&column(row, index)));
    if !identical {
        renamed.start();
        for &index in &table.key_columns {
            renamed.part(column(row, index));
        }
        renamed.finish();
        return Ok(Found::Nothing);
    }
    if let Err((index, misfit)) = push_row(row, table, &mut batch.upserts) {
        batch.upserts.undo_row();
        batch.quarantine.reject(reject(row, table, index, misfit, head)?);
        return Ok(Found::Rejected);
    }
    batch.upserts.end_row();
    Ok(Found::Fits)
}

#[inline]
pub(super) fn push_row(
    row: &Row<'_>,
    table: &TablePlan,
    upserts: &mut Rows,
) -> std::result::Result<(), (usize, Misfit)> {
    if let Some(index) = first_unsound(row, table) {
        return Err((index, Misfit::InvalidUtf16));
    }
    for (place, (index, planned)) in table.copied_columns().enumerate() {
        upserts.push(place, planned, column(row, index)).map_err(|misfit| (index, misfit))?;
    }
    check_row(upserts.row_bytes(), row_bytes(ROW_BYTES_MAX)).map_err(|misfit| (0, misfit))
}

/// Adds the key of a log entry
fn add_key(keys: &mut KeySet, row: &Row<'_>, width: usize, table: &TablePlan) {
    keys.start();
    (0..table.key.parts.len()).for_each(|place| keys.part(change_log::key_part(row, width, place)));
    keys.finish();
}
