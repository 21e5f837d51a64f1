//! Texts of UTF-16 databases that are not valid UTF-16
//!
//! Half of a surrogate pair has no UTF-8, in which SQLite hands out texts: at the end of a text it arrives as three bytes
//! that are none, and before another unit it is silently joined with that into one character. So every select of rows
//! has, in such a database, a second column for each column, which holds the bytes of such a text and is NULL otherwise
//! (I10). A key with such a text finds no row either: wherever keys are read, NULL stands for the text, so that the row
//! goes the way of rows with NULL in their key (see `rejected`).

use rusqlite::Row;

use super::rows::{column, qualified};
use crate::model::plan::TablePlan;
use crate::model::schema::TextOrder;
use crate::model::value::Value;

pub fn is_utf16(table: &TablePlan) -> bool {
    table.key.text_order != TextOrder::Utf8
}

/// Columns of every select of rows
pub fn column_count(table: &TablePlan) -> usize {
    table.columns.len() * if is_utf16(table) { 2 } else { 1 }
}

/// The terms of the second columns; none in a UTF-8 database
///
/// `replace` goes through UTF-8 and back, so that it changes exactly the texts that do not survive it.
pub fn soundness(table: &TablePlan) -> Vec<String> {
    if !is_utf16(table) {
        return Vec::new();
    }
    let term = |index: usize| {
        let term = qualified(&table.columns[index].source_sql);
        format!("CASE WHEN {} THEN CAST({term} AS BLOB) END", unsound_term(&term))
    };
    (0..table.columns.len()).map(term).collect()
}

/// The condition that the value is a text, and not valid UTF-16
pub fn unsound_term(term: &str) -> String {
    format!("typeof({term}) = 'text' AND CAST(replace({term}, 'x', 'x') AS BLOB) <> CAST({term} AS BLOB)")
}

/// Whether a key of the table may have such a text in it
pub fn may_be_in_key(table: &TablePlan) -> bool {
    is_utf16(table) && !table.key.is_rowid()
}

/// A part of the row's key, as keys are compared: NULL for a text that is not valid UTF-16
#[inline]
pub fn key_value<'r>(row: &'r Row<'_>, table: &TablePlan, index: usize) -> Value<'r> {
    if unsound(row, table, index).is_some() { Value::Null } else { column(row, index) }
}

/// The bytes of a text that is not valid UTF-16
pub fn unsound<'r>(row: &'r Row<'_>, table: &TablePlan, index: usize) -> Option<&'r [u8]> {
    if !is_utf16(table) {
        return None;
    }
    match column(row, table.columns.len() + index) {
        Value::Blob(bytes) => Some(bytes),
        _ => None,
    }
}

/// The first column of the row whose text is not valid UTF-16
#[inline]
pub fn first_unsound(row: &Row<'_>, table: &TablePlan) -> Option<usize> {
    if is_utf16(table) { (0..table.columns.len()).find(|&index| unsound(row, table, index).is_some()) } else { None }
}
