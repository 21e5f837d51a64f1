//! The index of a contentless table, row by row
//!
//! SQLite shows it word by word (`fts5vocab`, kind `instance`), through a table that our connection keeps in its own
//! temporary database. So each window of rows takes a look at the whole index; how many words a row has is known from the
//! shadow table with the rows' sizes, so that a window is as large as memory allows.

use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::connection::{classify, in_read_view, journal_mode};
use super::search::fingerprint;
use crate::error::{Error, Result};
use crate::model::schema::{quote_identifier, quote_literal};
use crate::model::search::words::Words;
use crate::model::search::{IndexText, SearchPlan};

/// Words and rows of a window
const WORDS: u64 = 1_000_000;
const ROWS: usize = 8_192;

/// How long a view may last in the rollback-journal modes, where a writer waits for it
const SLICE: Duration = Duration::from_millis(100);

/// How often a window is begun anew there because the index has changed between two views
const ATTEMPTS: u32 = 10;

/// Some rows in the order of their rowids, each with its words as a `tsvector`
#[derive(Debug)]
pub struct Window {
    pub rows: Vec<(i64, String)>,
    /// The last rowid, if there may be more behind
    pub through: Option<i64>,
}

/// Which rows a window is of
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'r> {
    /// As many as fit, behind this rowid or from the first on
    Behind(Option<i64>),
    /// These, as far as they are there
    These(&'r [i64]),
}

/// Makes the index readable on this connection, outside of any read view; nothing is written but to its temporary database
pub fn prepare(connection: &Connection, name: &str, number: i64) -> rusqlite::Result<()> {
    let create = format!(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.{} USING fts5vocab({}, {}, 'instance')",
        table(number),
        quote_literal("main"),
        quote_literal(name)
    );
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "query_only", false)?;
    let created = connection.execute_batch(&create);
    connection.pragma_update(None, "query_only", true)?;
    created
}

/// Whether the index can be read at all; its tokenizer may be unknown here
pub fn is_readable(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    prepare(connection, name, i64::MAX)?;
    let read = connection.query_row(
        &format!("SELECT count(*) FROM (SELECT 1 FROM temp.{} LIMIT 1)", table(i64::MAX)),
        [],
        |_| Ok(()),
    );
    connection.pragma_update(None, "query_only", false)?;
    let dropped = connection.execute_batch(&format!("DROP TABLE temp.{}", table(i64::MAX)));
    connection.pragma_update(None, "query_only", true)?;
    read.and(dropped)
}

fn table(number: i64) -> String {
    quote_identifier(&format!("_crossfade_words_{}", number.unsigned_abs()))
}

/// Reads a window: in one view where that holds nobody up, else in several between which nothing has changed
///
/// # Errors
/// Transient if the index does not hold still for as long as that takes.
pub fn read(connection: &Connection, search: &SearchPlan, text: &IndexText, wanted: Wanted<'_>) -> Result<Window> {
    let failed = |e| classify(e, &format!("read the index of `{}`", search.name));
    prepare(connection, &search.name, search.table.id).map_err(failed)?;
    if journal_mode(connection)? == "wal" {
        return in_read_view(connection, |view| {
            let mut reading = Reading::begin(view, search, text, wanted)?;
            while !reading.go_on(view, None)? {}
            Ok(reading.finish())
        });
    }
    for _ in 0..ATTEMPTS {
        if let Some(window) = in_slices(connection, search, text, wanted)? {
            return Ok(window);
        }
    }
    let message = format!("the full-text index `{}` is written to all the time", search.name);
    Err(Error::source_side(message)
        .hint("it is read between two writes; `PRAGMA journal_mode=WAL` avoids it")
        .transient())
}

/// `None` if the index has changed on the way
fn in_slices(
    connection: &Connection,
    search: &SearchPlan,
    text: &IndexText,
    wanted: Wanted<'_>,
) -> Result<Option<Window>> {
    let (before, mut reading) =
        in_read_view(connection, |view| Ok((fingerprint(view, search)?, Reading::begin(view, search, text, wanted)?)))?;
    loop {
        let started = Instant::now();
        let done = in_read_view(connection, |view| match fingerprint(view, search)? == before {
            true => reading.go_on(view, Some(started + SLICE)).map(Some),
            false => Ok(None),
        })?;
        match done {
            None => return Ok(None),
            Some(true) => return Ok(Some(reading.finish())),
            Some(false) => std::thread::sleep(started.elapsed().min(SLICE)),
        }
    }
}

/// A window while the index is gone through
struct Reading<'a> {
    search: &'a SearchPlan,
    text: &'a IndexText,
    rowids: Vec<i64>,
    through: Option<i64>,
    words: Words,
    /// The word to go on with
    next: Vec<u8>,
}

impl<'a> Reading<'a> {
    fn begin(
        view: &Connection,
        search: &'a SearchPlan,
        text: &'a IndexText,
        wanted: Wanted<'_>,
    ) -> Result<Reading<'a>> {
        let failed = |e| classify(e, &format!("read the rows of `{}`", search.name));
        let (rowids, through) = match wanted {
            Wanted::Behind(after) => some_rows(view, search, after),
            Wanted::These(rowids) => these(view, search, rowids).map(|rowids| (rowids, None)),
        }
        .map_err(failed)?;
        Ok(Reading { search, text, rowids, through, words: Words::new(), next: Vec::new() })
    }

    /// Goes on until the index or the time is over; `true` if it is the index
    fn go_on(&mut self, view: &Connection, until: Option<Instant>) -> Result<bool> {
        let (Some(first), Some(last)) = (self.rowids.first(), self.rowids.last()) else { return Ok(true) };
        let failed = |e| classify(e, &format!("read the index of `{}`", self.search.name));
        let sql = format!(
            "SELECT term, doc, col, offset FROM temp.{} WHERE term >= ?1 AND doc BETWEEN ?2 AND ?3",
            table(self.search.table.id)
        );
        let mut statement = view.prepare_cached(&sql).map_err(failed)?;
        let word = rusqlite::types::Value::Text(String::from_utf8_lossy(&self.next).into_owned());
        let mut rows = statement.query(params![word, first, last]).map_err(failed)?;
        let (mut last_word, mut count) = (Vec::new(), 0u32);
        while let Some(row) = rows.next().map_err(failed)? {
            let (word, rowid) = (row.get_ref(0).map_err(failed)?, row.get::<_, i64>(1).map_err(failed)?);
            let word = word.as_bytes().unwrap_or_default();
            if word != last_word {
                last_word.clear();
                last_word.extend_from_slice(word);
                count += 1;
                // A word is of one view as a whole, and one that is not valid UTF-8 cannot be gone on with.
                let is_late =
                    count > 1 && count.is_multiple_of(16) && until.is_some_and(|until| Instant::now() >= until);
                if is_late && std::str::from_utf8(word).is_ok() {
                    self.next = last_word;
                    return Ok(false);
                }
            }
            // Rows of which only the index knows were deleted with another text than they had.
            let Ok(at) = self.rowids.binary_search(&rowid) else { continue };
            let place = match (row.get_ref(2).map_err(failed)?, row.get_ref(3).map_err(failed)?) {
                (ValueRef::Text(column), ValueRef::Integer(offset)) => {
                    let column = self.text.columns.iter().position(|name| name.as_bytes() == column);
                    column.map(|column| (column, offset.clamp(0, i64::from(u32::MAX / 4)) as u32))
                }
                _ => None,
            };
            self.words.add(word, at, place);
        }
        Ok(true)
    }

    fn finish(self) -> Window {
        let texts = self.words.rows(self.rowids.len(), self.text.has_places);
        Window { rows: self.rowids.into_iter().zip(texts).collect(), through: self.through }
    }
}

/// Rowids behind one, as many as a window takes, and where they end
fn some_rows(view: &Connection, search: &SearchPlan, after: Option<i64>) -> rusqlite::Result<(Vec<i64>, Option<i64>)> {
    let behind = if after.is_some() { "WHERE id > ?1" } else { "WHERE ?1 IS NULL" };
    let sizes = quote_identifier(&search.shadow("docsize"));
    let mut statement = view.prepare_cached(&format!("SELECT id, sz FROM {sizes} {behind} ORDER BY id"))?;
    let mut rows = statement.query([after])?;
    let (mut rowids, mut words) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        rowids.push(row.get(0)?);
        words += sum_of_varints(row.get_ref(1)?.as_bytes().unwrap_or_default());
        if words >= WORDS || rowids.len() >= ROWS {
            let last = rowids.last().copied();
            return Ok((rowids, last));
        }
    }
    Ok((rowids, None))
}

fn these(view: &Connection, search: &SearchPlan, rowids: &[i64]) -> rusqlite::Result<Vec<i64>> {
    let sizes = quote_identifier(&search.shadow("docsize"));
    let mut statement = view.prepare_cached(&format!("SELECT 1 FROM {sizes} WHERE id = ?1"))?;
    let mut found = Vec::new();
    for rowid in rowids {
        if statement.exists([rowid])? {
            found.push(*rowid);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// SQLite's variable-length integers: 7 bits in a byte, the highest of which says that another one follows; few are of
/// the ninth byte, which has 8
fn sum_of_varints(bytes: &[u8]) -> u64 {
    let (mut sum, mut value) = (0u64, 0u64);
    for byte in bytes {
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            sum = sum.saturating_add(std::mem::take(&mut value));
        }
    }
    sum
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
