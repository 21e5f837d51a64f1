//! Rows that the target cannot hold, kept whole: what of a row goes to the quarantine
//!
//! Cold on purpose: nothing here runs, and nothing is allocated, while every value fits.

use rusqlite::{Connection, Row};

use super::change_log;
use super::connection::classify;
use super::rows::{bind_key, column, column_list, key_of, qualified};
use super::utf16::{column_count, key_value, may_be_in_key, unsound, unsound_term};
use crate::codec::{Stored, encode_row};
use crate::error::{Error, Result};
use crate::model::key::KeyRef;
use crate::model::mapping::Misfit;
use crate::model::plan::TablePlan;
use crate::model::quarantine::{Rejected, Whole, Why, column_name};
use crate::model::schema::{KeyKind, quote_identifier};
use crate::model::value::Value;

/// Rows with NULL in their key that are followed in one table, and the bytes of them: they are read again all together
/// whenever one of them is touched
const UNADDRESSABLE_ROWS_MAX: usize = 100_000;
const UNADDRESSABLE_BYTES_MAX: usize = 64 << 20;

/// The current row, whole, because the value of a column does not fit; `seq` is of the view that is open
#[cold]
pub fn reject(row: &Row<'_>, table: &TablePlan, at: usize, misfit: Misfit, seq: i64) -> Result<Rejected> {
    let Whole { key, image, seq } = whole(row, table, seq)?;
    Ok(Rejected { key, place: None, image, why: Why::Misfit(at, misfit), seq })
}

/// The current row, whole; `seq` is of the view that is open
#[cold]
pub fn whole(row: &Row<'_>, table: &TablePlan, seq: i64) -> Result<Whole> {
    let names = table.columns.iter().enumerate().map(|(index, _)| column_name(table, index));
    let values = (0..table.columns.len()).map(|index| match unsound(row, table, index) {
        Some(bytes) => Stored::Utf16(bytes),
        None => Stored::Value(column(row, index)),
    });
    Ok(Whole { key: key_of(row, table), image: encode_row(names, values)?, seq })
}

/// SQLite lets NULL into the PRIMARY KEY of an ordinary table; rows with one are found by no key, and differ from each
/// other even where their keys do not
///
/// In a UTF-16 database a text that is not valid counts as one: see `utf16`.
pub fn has_nullable_key(table: &TablePlan) -> bool {
    let may_be_null = table.key.kind == KeyKind::PrimaryKey && !table.source.without_rowid;
    may_be_in_key(table) || (may_be_null && nullable_parts(table).next().is_some())
}

/// Positions of the key's parts that may be NULL
pub fn nullable_parts(table: &TablePlan) -> impl Iterator<Item = usize> {
    let nullable = |column: Option<usize>| column.is_some_and(|at| !table.source.columns[at].not_null);
    table.key.parts.iter().enumerate().filter(move |(_, part)| nullable(part.column)).map(|(place, _)| place)
}

/// The rows with NULL in their key, in the read view that is open: those with this very key, or all
///
/// # Errors
/// Refused, if there are too many of them to be read again and again.
pub fn unaddressable(connection: &Connection, table: &TablePlan, key: Option<KeyRef<'_>>) -> Result<Vec<Rejected>> {
    let failed = |e| classify(e, &format!("read rows with NULL in the key of table `{}`", table.source.name));
    let seq = change_log::head(connection)?.seq;
    let mut statement = connection.prepare_cached(&unaddressable_sql(table, key.is_some())).map_err(failed)?;
    if let Some(key) = key {
        bind_key(&mut statement, 1, key)?;
    }
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        // Found by native comparison: 1.0 is not the key that was logged as 1, and has an entry of its own.
        if key.is_some_and(|key| key.0 != key_of(row, table)) {
            continue;
        }
        let mut parts = table.key_columns.iter().copied();
        let at = parts.find(|&index| key_value(row, table, index) == Value::Null).unwrap_or(table.key_columns[0]);
        let misfit = if unsound(row, table, at).is_some() { Misfit::InvalidUtf16 } else { Misfit::Null };
        let mut rejected = reject(row, table, at, misfit, seq)?;
        rejected.place = Some(match table.source.rowid_name {
            Some(_) => row.get(column_count(table)).map_err(failed)?,
            None => found.len() as i64,
        });
        bytes += rejected.byte_size();
        found.push(rejected);
        if found.len() > UNADDRESSABLE_ROWS_MAX || bytes > UNADDRESSABLE_BYTES_MAX {
            return Err(too_many(table));
        }
    }
    Ok(found)
}

fn unaddressable_sql(table: &TablePlan, by_key: bool) -> String {
    let terms = table.key.parts.iter().map(|part| qualified(&part.sql));
    let terms = terms.map(|term| match may_be_in_key(table) {
        true => format!("CASE WHEN {} THEN NULL ELSE {term} END", unsound_term(&term)),
        false => term,
    });
    let condition = match by_key {
        true => terms.zip(1..).map(|(term, n)| format!("{term} IS ?{n}")).collect::<Vec<_>>().join(" AND "),
        false => terms.map(|term| format!("{term} IS NULL")).collect::<Vec<_>>().join(" OR "),
    };
    let rowid = table.source.rowid_name.as_deref().map_or("0".to_owned(), qualified);
    format!(
        "SELECT {}, {rowid} FROM {} AS t WHERE {condition}",
        column_list(table),
        quote_identifier(&table.source.name)
    )
}

fn too_many(table: &TablePlan) -> Error {
    let name = &table.source.name;
    Error::refused(format!("table `{name}` got too many rows with NULL in their key, which no key can identify")).hint(
        "SQLite allows NULL in this PRIMARY KEY; give the rows a key, or run `crossfade cancel` and start again: the \
         table is then followed by rowid",
    )
}

/// Sets the place in the change log of rows that were gathered before it was known
pub fn stamp(connection: &Connection, rejected: &mut [Rejected]) -> Result<()> {
    if !rejected.is_empty() {
        let seq = change_log::head(connection)?.seq;
        rejected.iter_mut().for_each(|row| row.seq = seq);
    }
    Ok(())
}
