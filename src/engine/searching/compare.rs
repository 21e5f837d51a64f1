//! A range of a search table on both sides: rowids and digests, in order

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio_postgres::Client;

use crate::engine::verify::source::Digester;
use crate::engine::verify::target::Decoder;
use crate::error::{Error, Result};
use crate::model::digest::RowDigest;
use crate::model::key::{KeyRef, KeySet, write_value};
use crate::model::plan::{Mode, Plan, TablePlan};
use crate::model::search::{SearchPlan, SearchText};
use crate::model::value::Value;
use crate::postgres::search::scan_some;
use crate::sqlite::connection::{classify, in_read_view};
use crate::sqlite::rows::{column, select_after_sql, select_by_key_sql};
use crate::sqlite::words::{self, Wanted};

/// Rows of a range at most
pub const ROWS: usize = 8_192;

/// Bytes of a range of the source, and how long its view may last: what a writer in a rollback-journal mode has to wait for
const BYTES: usize = 4 << 20;
const TIME: Duration = Duration::from_millis(100);

/// Of a search table the columns that are copied are compared: what it computes is its own
const COLUMNS: Mode = Mode::Existing;

/// A row: its rowid and the digest of its values
pub type Row = (i64, u128);

/// A range of rowids on both sides, in order
pub struct Range {
    pub ours: Vec<Row>,
    theirs: Vec<Row>,
    /// Where it ends; `None` where the table does
    pub through: Option<i64>,
}

impl Range {
    /// What was read of both sides, as far as it is the same range
    pub fn new(mut ours: Vec<Row>, theirs: Vec<Row>, mut through: Option<i64>, limit: usize) -> Range {
        if let (true, Some(last)) = (theirs.len() >= limit, theirs.last()) {
            // The target has more rows here than are read at once: the rest of the source's is for the next range.
            through = Some(last.0);
            ours.truncate(ours.partition_point(|row| row.0 <= last.0));
        }
        Range { ours, theirs, through }
    }

    /// Rowids that are on one side only, or whose rows differ
    pub fn differing(&self) -> Vec<i64> {
        differing(&self.ours, &self.theirs)
    }
}

/// What was read of the source
pub struct Ours {
    pub rows: Vec<Row>,
    /// Where they end; `None` where the table does
    pub through: Option<i64>,
    /// Of a contentless table, the words of each row
    pub words: Option<HashMap<i64, String>>,
}

/// At most so many rows of the source, in a view, or views, of their own; of an index as many as are read together
pub fn read(source: &Connection, planned: &SearchPlan, wanted: Wanted<'_>, limit: usize) -> Result<Ours> {
    let table = &planned.table;
    match (&planned.text, wanted) {
        (SearchText::Stored, Wanted::Behind(after)) => {
            let (rows, through) = in_read_view(source, |view| stored(view, table, after, limit))?;
            Ok(Ours { rows, through, words: None })
        }
        (SearchText::Stored, Wanted::These(rowids)) => {
            let rows = in_read_view(source, |view| by_key(view, table, rowids))?;
            Ok(Ours { rows, through: None, words: None })
        }
        (SearchText::Index(text), wanted) => {
            let window = words::read(source, planned, text, wanted)?;
            let mut digest = RowDigest::new();
            let rows = window.rows.iter().map(|(rowid, words)| {
                digest.reset();
                for (_, column) in table.copied_columns() {
                    let words = Value::Text(words.as_bytes());
                    digest.add(if column.is_words() { words } else { Value::Integer(*rowid) });
                }
                (*rowid, digest.finish())
            });
            Ok(Ours { rows: rows.collect(), through: window.through, words: Some(window.rows.into_iter().collect()) })
        }
    }
}

/// These rows, as far as they are there
fn by_key(view: &Connection, table: &TablePlan, rowids: &[i64]) -> Result<Vec<Row>> {
    let failed = |e| classify(e, &format!("read table `{}`", table.source.name));
    let mut statement = view.prepare_cached(&select_by_key_sql(table)).map_err(failed)?;
    let (mut digester, mut found) = (Digester::new(), Vec::new());
    for rowid in rowids {
        let mut rows = statement.query([rowid]).map_err(failed)?;
        if let Some(row) = rows.next().map_err(failed)? {
            found.push((*rowid, digester.row(table, COLUMNS, row)));
        }
    }
    Ok(found)
}

/// Rows behind `after`, and where they end; `None` where the table does
fn stored(view: &Connection, table: &TablePlan, after: Option<i64>, limit: usize) -> Result<(Vec<Row>, Option<i64>)> {
    let failed = |e| classify(e, &format!("read table `{}`", table.source.name));
    let mut statement = view.prepare_cached(&select_after_sql(table, after.is_some())).map_err(failed)?;
    if let Some(after) = after {
        statement.raw_bind_parameter(1, after).map_err(failed)?;
    }
    let (mut digester, mut found, mut bytes) = (Digester::new(), Vec::new(), 0);
    let started = Instant::now();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        let rowid = row.get(table.key_columns[0]).map_err(failed)?;
        found.push((rowid, digester.row(table, COLUMNS, row)));
        bytes += (0..table.columns.len()).map(|at| size(column(row, at))).sum::<usize>();
        let is_late = found.len() % 256 == 0 && started.elapsed() >= TIME;
        if found.len() >= limit || bytes >= BYTES || is_late {
            return Ok((found, Some(rowid)));
        }
    }
    Ok((found, None))
}

fn size(value: Value<'_>) -> usize {
    match value {
        Value::Text(bytes) | Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 8,
    }
}

/// The first rows of the target in the range
pub async fn theirs(
    client: &Client,
    plan: &Plan,
    table: &TablePlan,
    range: (Option<i64>, Option<i64>),
    limit: usize,
) -> Result<Vec<Row>> {
    let (mut decoder, mut found) = (Decoder::new(COLUMNS, table), Vec::new());
    scan_some(client, plan, table, range, limit, |fields| {
        let digest = decoder.decode(fields.iter().copied());
        found.push((rowid(&decoder.key)?, digest));
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The rowid that is the key
pub fn rowid(key: &[u8]) -> Result<i64> {
    match KeyRef(key).parts().next() {
        Some(Value::Integer(rowid)) => Ok(rowid),
        _ => Err(Error::internal("a search table's key is no rowid")),
    }
}

/// The keys of these rows
pub fn keys(rowids: &[i64]) -> KeySet {
    let mut keys = KeySet::new();
    for rowid in rowids {
        keys.start();
        keys.part(Value::Integer(*rowid));
        keys.finish();
    }
    keys.sort_dedup();
    keys
}

/// The rowid as a key
pub fn key(rowid: i64) -> Vec<u8> {
    let mut key = Vec::new();
    write_value(&mut key, Value::Integer(rowid));
    key
}

fn differing(ours: &[Row], theirs: &[Row]) -> Vec<i64> {
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    let mut found = Vec::new();
    loop {
        match (ours.peek(), theirs.peek()) {
            (None, None) => return found,
            (Some(a), Some(b)) if a.0 == b.0 => {
                if a.1 != b.1 {
                    found.push(a.0);
                }
                ours.next();
                theirs.next();
            }
            (Some(a), b) if b.is_none_or(|b| a.0 < b.0) => {
                found.push(a.0);
                ours.next();
            }
            (_, Some(b)) => {
                found.push(b.0);
                theirs.next();
            }
            (Some(_), None) => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_differ_that_one_side_lacks_or_holds_otherwise() {
        let rows = |text: &str| -> Vec<Row> {
            let parse = |row: &str| (row[..1].parse().unwrap(), u128::from(row.as_bytes()[1]));
            text.split_whitespace().map(parse).collect()
        };
        for (ours, theirs, expected) in [
            ("", "", &[][..]),
            ("1a 2b", "1a 2b", &[]),
            ("1a 2b", "", &[1, 2]),
            ("", "1a 2b", &[1, 2]),
            ("1a 2b 4d", "2b 3c 4x", &[1, 3, 4]),
            ("5e", "1a 5e 6f", &[1, 6]),
        ] {
            assert_eq!(differing(&rows(ours), &rows(theirs)), expected, "{ours} / {theirs}");
        }
    }
}
