//! Reading rows: by key range for the snapshot, by key for the tail, all of them for verify
//!
//! Values go straight from SQLite's buffers into the wire form; nothing is allocated per row or value.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, Statement, ToSql};

use super::connection::{classify, in_read_view};
use super::rejected::{has_nullable_key, nullable_parts, reject, stamp, unaddressable};
use super::utf16::{first_unsound, key_value, may_be_in_key, soundness, unsound_term};
use crate::error::Result;
use crate::failpoint::row_bytes;
use crate::model::chunk::Range;
use crate::model::encode::{ROW_BYTES_MAX, check_row};
use crate::model::key::{KeyRef, write_value};
use crate::model::mapping::Misfit;
use crate::model::plan::{ColumnPlan, TablePlan};
use crate::model::quarantine::Rejected;
use crate::model::schema::{KeyPart, quote_identifier};
use crate::model::value::Value;

/// Bytes of one COPY message; larger ones gain nothing, smaller ones cost CPU (research: performance.md B3)
const BUFFER_BYTES: usize = 256 * 1024;

/// Longest read view of one slice: what a writer in a rollback-journal mode may have to wait for
const SLICE_TIME: Duration = Duration::from_millis(200);

/// Rows between two looks at the clock
const ROWS_PER_CLOCK: u64 = 256;

/// A `Value` as a statement parameter, bound without a copy
pub struct Parameter<'a>(pub Value<'a>);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(v) => ValueRef::Integer(v),
            Value::Real(v) => ValueRef::Real(v),
            Value::Text(bytes) => ValueRef::Text(bytes),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// The model's view of a value in a row
#[inline]
pub fn value_of(value: ValueRef<'_>) -> Value<'_> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(v) => Value::Integer(v),
        ValueRef::Real(v) => Value::Real(v),
        ValueRef::Text(bytes) => Value::Text(bytes),
        ValueRef::Blob(bytes) => Value::Blob(bytes),
    }
}

/// The value of a column of the current row; the index is one of the statement's own
#[inline]
pub fn column<'r>(row: &'r Row<'_>, index: usize) -> Value<'r> {
    value_of(row.get_ref(index).unwrap_or(ValueRef::Null))
}

/// `SELECT` of all planned columns, copied or not, in target order, without a WHERE clause
pub fn select_all_sql(table: &TablePlan) -> String {
    format!("SELECT {} FROM {} AS t", column_list(table), quote_identifier(&table.source.name))
}

/// [`select_all_sql`] in key order, from the beginning or after the key that is the statement's parameters
pub fn select_after_sql(table: &TablePlan, after: bool) -> String {
    format!("SELECT {}{}", column_list(table), range_clause(table, after, false))
}

/// `SELECT` of the row with a key, by native comparison so that the key's index is used
pub fn select_by_key_sql(table: &TablePlan) -> String {
    let terms: Vec<String> = (table.key.parts.iter().enumerate())
        .map(|(n, part)| format!("{} = ?{}", key_term(table, part), n + 1))
        .collect();
    format!("{} WHERE {}", select_all_sql(table), terms.join(" AND "))
}

/// FROM, WHERE and ORDER BY of a key range in key order; parameters are the bounds that the range has, `after` first.
/// Rows with NULL in their key are in no range: a range that ended on one would never go on
fn range_clause(table: &TablePlan, after: bool, through: bool) -> String {
    let terms: Vec<String> = table.key.parts.iter().map(|part| key_term(table, part)).collect();
    let width = terms.len();
    let tuple = |items: &[String]| if width == 1 { items[0].clone() } else { format!("({})", items.join(", ")) };
    let marks = |first: usize| tuple(&(first..first + width).map(|n| format!("?{n}")).collect::<Vec<_>>());
    let key = tuple(&terms);
    // SQLite does not search an index for a row value with COLLATE in it; for its first term alone it does.
    let hint = |operator: &str, first: usize| match width > 1 && terms.iter().any(|term| term.contains(COLLATE)) {
        true => format!("{} {operator} ?{first} AND ", terms[0]),
        false => String::new(),
    };
    let mut conditions = Vec::new();
    if has_nullable_key(table) {
        conditions.extend(nullable_parts(table).map(|place| format!("{} IS NOT NULL", terms[place])));
    }
    if may_be_in_key(table) {
        let parts = table.key.parts.iter().map(|part| format!("NOT ({})", unsound_term(&qualified(&part.sql))));
        conditions.extend(parts);
    }
    if after {
        conditions.push(format!("{}{key} > {}", hint(">=", 1), marks(1)));
    }
    if through {
        let first = if after { 1 + width } else { 1 };
        conditions.push(format!("{}{key} <= {}", hint("<=", first), marks(first)));
    }
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    format!(" FROM {} AS t{filter} ORDER BY {}", quote_identifier(&table.source.name), terms.join(", "))
}

/// The terms of all planned columns, and of what `utf16` needs beside them
pub fn column_list(table: &TablePlan) -> String {
    let columns = table.columns.iter().map(|c| qualified(&c.source_sql));
    columns.chain(soundness(table)).collect::<Vec<_>>().join(", ")
}

/// SQLite takes an unqualified `"name"` that is no column any more for a string literal
pub fn qualified(term: &str) -> String {
    format!("t.{term}")
}

/// [`select_all_sql`] of a range in key order; parameters are the bounds that the range has
pub fn select_range_sql(table: &TablePlan, range: &Range) -> String {
    let clause = range_clause(table, range.after.is_some(), range.through.is_some());
    format!("SELECT {}{clause}", column_list(table))
}

/// The key some rows after the start of a range: where a chunk of that many rows ends. The last parameter is the offset
pub fn boundary_sql(table: &TablePlan, after: bool) -> String {
    let keys: Vec<String> = table.key.parts.iter().map(|p| qualified(&p.sql)).collect();
    let offset = if after { table.key.parts.len() + 1 } else { 1 };
    format!("SELECT {}{} LIMIT 1 OFFSET ?{offset}", keys.join(", "), range_clause(table, after, false))
}

const COLLATE: &str = " COLLATE ";

/// The key's term, with the collation of its index where the column has another one: compared by the column's, the key
/// would be found wrongly and slowly
pub fn key_term(table: &TablePlan, part: &KeyPart) -> String {
    let term = qualified(&part.sql);
    match part.column.map(|column| &table.source.columns[column].collation) {
        Some(own) if !own.eq_ignore_ascii_case(&part.collation) && !table.key.is_rowid() => {
            format!("{term}{COLLATE}{}", quote_identifier(&part.collation))
        }
        _ => term,
    }
}

/// Binds the parts of a key from parameter `first` on
pub fn bind_key(statement: &mut Statement<'_>, first: usize, key: KeyRef<'_>) -> Result<()> {
    for (offset, part) in key.parts().enumerate() {
        statement
            .raw_bind_parameter(first + offset, Parameter(part))
            .map_err(|e| classify(e, "bind a key of the source"))?;
    }
    Ok(())
}

/// Where one slice ended
pub struct Slice {
    /// Rows in the buffers
    pub rows: u64,
    /// Rows that the target cannot hold; they are in no buffer
    pub rejected: Vec<Rejected>,
    /// Key of the last row if the range goes on, `None` if the range is finished
    pub last_key: Option<Vec<u8>>,
}

/// Reads rows of a range in a read view of its own, as COPY BINARY tuples, until the range, the byte budget or the time
/// budget ends
///
/// The buffers are handed on only after the view is closed: a slow target must not keep a view open, or the source's WAL
/// grows.
pub fn read_slice(
    connection: &Connection,
    table: &TablePlan,
    range: &Range,
    slice_bytes: usize,
    buffers: &mut Vec<Bytes>,
) -> Result<Slice> {
    in_read_view(connection, |connection| read_slice_in_view(connection, table, range, slice_bytes, buffers))
}

/// As [`read_slice`], in the read view that is open
pub fn read_slice_in_view(
    connection: &Connection,
    table: &TablePlan,
    range: &Range,
    slice_bytes: usize,
    buffers: &mut Vec<Bytes>,
) -> Result<Slice> {
    let failed = |e| classify(e, &format!("read table `{}`", table.source.name));
    let mut statement = connection.prepare_cached(&select_range_sql(table, range)).map_err(failed)?;
    let mut next = 1;
    for bound in [&range.after, &range.through].into_iter().flatten() {
        bind_key(&mut statement, next, KeyRef(bound))?;
        next += table.key.parts.len();
    }
    let mut encoder = SliceEncoder::new(table, slice_bytes);
    if range.after.is_none() && has_nullable_key(table) {
        encoder.rejected = unaddressable(connection, table, None)?;
    }
    let mut last_key = None;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        encoder.push(row, buffers)?;
        if encoder.is_full() {
            last_key = Some(key_of(row, table));
            break;
        }
    }
    let (rows, mut rejected) = encoder.finish(buffers);
    stamp(connection, &mut rejected)?;
    Ok(Slice { rows, rejected, last_key })
}

/// The key whose parts are consecutive columns from `first` on, as in boundaries
pub fn key_at(row: &Row<'_>, first: usize, table: &TablePlan) -> Vec<u8> {
    let mut key = Vec::new();
    (first..first + table.key.parts.len()).for_each(|index| write_value(&mut key, column(row, index)));
    key
}

/// The key of the current row in the serialised form
pub fn key_of(row: &Row<'_>, table: &TablePlan) -> Vec<u8> {
    let mut key = Vec::new();
    for &index in &table.key_columns {
        write_value(&mut key, key_value(row, table, index));
    }
    key
}

/// Encodes rows of one slice into COPY messages
struct SliceEncoder<'t> {
    table: &'t TablePlan,
    copied: Vec<(usize, &'t ColumnPlan)>,
    current: Vec<u8>,
    rows: u64,
    rejected: Vec<Rejected>,
    bytes: usize,
    budget: usize,
    started: Instant,
}

impl<'t> SliceEncoder<'t> {
    fn new(table: &'t TablePlan, budget: usize) -> SliceEncoder<'t> {
        let current = Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 8);
        let copied = table.copied_columns().collect();
        let rejected = Vec::new();
        SliceEncoder { table, copied, current, rows: 0, rejected, bytes: 0, budget, started: Instant::now() }
    }

    #[inline]
    fn push(&mut self, row: &Row<'_>, buffers: &mut Vec<Bytes>) -> Result<()> {
        if let Some(index) = first_unsound(row, self.table) {
            return self.reject(row, index, Misfit::InvalidUtf16);
        }
        let start = self.current.len();
        self.current.extend_from_slice(&(self.copied.len() as i16).to_be_bytes());
        for &(index, planned) in &self.copied {
            if let Err(misfit) = planned.encode(&mut self.current, column(row, index)) {
                self.current.truncate(start);
                return self.reject(row, index, misfit);
            }
        }
        if let Err(misfit) = check_row(self.current.len() - start, row_bytes(ROW_BYTES_MAX)) {
            self.current.truncate(start);
            return self.reject(row, 0, misfit);
        }
        self.rows += 1;
        if self.current.len() >= BUFFER_BYTES {
            self.flush(buffers);
        }
        Ok(())
    }

    #[cold]
    fn reject(&mut self, row: &Row<'_>, index: usize, misfit: Misfit) -> Result<()> {
        let rejected = reject(row, self.table, index, misfit, 0)?;
        self.bytes += rejected.byte_size();
        self.rejected.push(rejected);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes + self.current.len() >= self.budget
            || (self.seen().is_multiple_of(ROWS_PER_CLOCK) && self.started.elapsed() >= SLICE_TIME)
    }

    /// Rows that were read, whether they fit or not
    fn seen(&self) -> u64 {
        self.rows + self.rejected.len() as u64
    }

    fn flush(&mut self, buffers: &mut Vec<Bytes>) {
        let full = std::mem::replace(&mut self.current, Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 8));
        self.bytes += full.len();
        buffers.push(Bytes::from(full));
    }

    fn finish(mut self, buffers: &mut Vec<Bytes>) -> (u64, Vec<Rejected>) {
        if !self.current.is_empty() {
            self.flush(buffers);
        }
        (self.rows, self.rejected)
    }
}
