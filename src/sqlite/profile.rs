//! Reads every value of a table once and counts what is there
//!
//! The application goes on writing meanwhile. A long reader would keep its WAL from being reused, and in the
//! rollback-journal modes it would hold up commits; so a table is read in slices of a fraction of a second with a gap
//! after each, every slice in a read transaction of its own. Rows that change between two slices may be counted as
//! either; the plan's types are checked against every later value in any case (I10).

mod collisions;
mod cursor;
mod sample;
mod terms;

use std::time::{Duration, Instant};

use rusqlite::{Connection, Row, Rows};

use super::introspect::failed;
use super::rows::{Parameter, value_of};
use crate::error::Result;
use crate::model::key::KeyRef;
use crate::model::planner::existing::{Collision, Probe};
use crate::model::profile::count::Counter;
use crate::model::profile::trial::Sought;
use crate::model::profile::{TableProfile, Tally};
use crate::model::schema::{Table, quote_identifier};
use crate::model::value::Value;
use collisions::Watch;
use cursor::{Cursor, Last};
use terms::Terms;

/// How long one read transaction may last, and how long none is open after it
#[derive(Clone, Copy)]
struct Pace {
    slice: Duration,
    gap: Duration,
    /// Rows between two looks at the clock; progress is reported as often
    rows: u64,
}

/// As long open as closed: a writer at full speed needs the gaps to begin its WAL anew (research: capture.md section 9)
const PACE: Pace = Pace { slice: Duration::from_millis(100), gap: Duration::from_millis(100), rows: 256 };

/// A table of a database, and all tables there
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    pub table: &'a Table,
    pub all: &'a [Table],
}

/// Counts over the rows of `table`, one of the tables of this database: all rows, or about as many as `sample` says.
/// Outside of any transaction: it begins and ends its own. `on_rows` is told the number of rows read since it was told
/// last.
pub fn profile(
    conn: &Connection,
    table: &Table,
    all: &[Table],
    sample: Option<u64>,
    on_rows: &mut dyn FnMut(u64),
) -> Result<TableProfile> {
    profile_for(conn, Tables { table, all }, declared(table), &[], sample, on_rows).map(|(profile, _)| profile)
}

/// As [`profile`], where something else is looked for in each column than what its declaration asks for; and for each of
/// `probes` the rows that collide
pub fn profile_for(
    conn: &Connection,
    tables: Tables<'_>,
    sought: Vec<Sought>,
    probes: &[Probe],
    sample: Option<u64>,
    on_rows: &mut dyn FnMut(u64),
) -> Result<(TableProfile, Vec<Collision>)> {
    let operation = || failed(format!("cannot read table {}", tables.table.name));
    let counts = |terms| -> rusqlite::Result<Counts<'_>> {
        let mut counts = Counts::new(tables.table, sought.clone(), terms);
        counts.watches = probes.iter().map(Watch::new).collect::<rusqlite::Result<_>>()?;
        Ok(counts)
    };
    if let Some(wanted) = sample {
        // No table to look for parents in: that would cost as much as reading all rows.
        let counts = counts(Terms::of(conn, tables.table, &[])?).map_err(operation())?;
        if let Some(some) = sample::sample(conn, counts, wanted, on_rows).map_err(operation())? {
            return Ok(some);
        }
    }
    let terms = Terms::of(conn, tables.table, tables.all)?;
    counts(terms).and_then(|counts| profile_at(conn, counts, PACE, on_rows)).map_err(operation())
}

/// Rows that the table has at most, for a progress bar; 0 where only reading them would tell
pub fn rows_at_most(conn: &Connection, table: &Table) -> Result<u64> {
    let look = || -> rusqlite::Result<u64> {
        let rowids = sample::rowids(conn, table)?;
        let bytes: u64 =
            conn.query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| {
                row.get::<_, i64>(0).map(|bytes| bytes as u64)
            })?;
        // Rowids may have gaps of any length; but a row takes some bytes in any case.
        Ok(rowids.map_or(0, |(_, first, last)| sample::span(first, last).min(bytes / 8)))
    };
    look().map_err(failed(format!("cannot read table {}", table.name)))
}

fn profile_at(
    conn: &Connection,
    mut counts: Counts<'_>,
    pace: Pace,
    on_rows: &mut dyn FnMut(u64),
) -> rusqlite::Result<(TableProfile, Vec<Collision>)> {
    let (table, more) = (counts.table, counts.terms.sql());
    let Some(cursor) = Cursor::of(table) else {
        // No key to go on from: one scan.
        let mut statement = conn.prepare(&format!("SELECT {}{more} FROM {}", columns(table), source(table)))?;
        let mut rows = statement.query([])?;
        while counts.read(&mut rows, pace.rows, None, on_rows)?.is_some() {}
        return Ok(counts.finish());
    };
    let mut last: Option<Last> = None;
    loop {
        let mut statement =
            conn.prepare_cached(&cursor.select(&columns(table), &more, &source(table), last.is_some()))?;
        let parts = last.iter().flat_map(|key| KeyRef(key).parts()).map(Parameter);
        let mut rows = statement.query(rusqlite::params_from_iter(parts))?;
        last = read_slice(&mut counts, &mut rows, pace, &cursor, on_rows)?;
        drop(rows); // ends the read transaction
        if last.is_none() {
            return Ok(counts.finish());
        }
        std::thread::sleep(pace.gap);
    }
}

/// What the declarations of all columns ask for
pub fn declared(table: &Table) -> Vec<Sought> {
    (0..table.columns.len()).map(|at| Sought::declared(table, at)).collect()
}

/// Qualified, because SQLite takes an unqualified "name" that no column has any more for a string
fn columns(table: &Table) -> String {
    table.columns.iter().map(|c| format!("t.{}", quote_identifier(&c.name))).collect::<Vec<_>>().join(", ")
}

fn source(table: &Table) -> String {
    format!("main.{} AS t", quote_identifier(&table.name))
}

/// Reads until the slice's time is over: the key of the last row, or `None` at the end of the table
fn read_slice(
    counts: &mut Counts<'_>,
    rows: &mut Rows<'_>,
    pace: Pace,
    cursor: &Cursor,
    on_rows: &mut dyn FnMut(u64),
) -> rusqlite::Result<Option<Last>> {
    let started = Instant::now();
    loop {
        let last = counts.read(rows, pace.rows, Some(cursor), on_rows)?;
        if last.is_none() || started.elapsed() >= pace.slice {
            return Ok(last);
        }
    }
}

/// The counts so far
struct Counts<'t> {
    table: &'t Table,
    totals: TableProfile,
    counters: Vec<Counter>,
    watches: Vec<Watch>,
    /// For each column: is it in a declared PRIMARY KEY that can hold NULL
    in_key: Vec<bool>,
    terms: Terms,
    /// For each of the terms
    told: Vec<Tally>,
}

impl<'t> Counts<'t> {
    fn new(table: &'t Table, sought: Vec<Sought>, terms: Terms) -> Counts<'t> {
        let nullable = table.rowid_alias.is_none();
        let in_key = (0..table.columns.len()).map(|at| nullable && table.primary_key.contains(&at)).collect();
        let counters = sought.into_iter().enumerate().map(|(at, sought)| Counter::seeking(table, at, sought)).collect();
        let told = vec![Tally::default(); terms.texts.len() + terms.keys.len()];
        let (totals, watches) = (TableProfile::default(), Vec::new());
        Counts { table, totals, counters, watches, in_key, terms, told }
    }

    /// Counts up to `limit` rows: the key of the last one (none without a cursor), `None` at the end
    fn read(
        &mut self,
        rows: &mut Rows<'_>,
        limit: u64,
        cursor: Option<&Cursor>,
        on_rows: &mut dyn FnMut(u64),
    ) -> rusqlite::Result<Option<Last>> {
        for seen in 0..limit {
            let Some(row) = rows.next()? else {
                on_rows(seen);
                return Ok(None);
            };
            self.add(row)?;
            if seen + 1 == limit {
                on_rows(limit);
                return cursor.map_or(Ok(Last::new()), |cursor| cursor.last(row)).map(Some);
            }
        }
        Ok(Some(Last::new()))
    }

    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let mut null_key = false;
        let name = || cursor::row_name(self.table, row);
        // The rowid, where there is one, stands before the terms.
        let first = row.as_ref().column_count() - self.told.len();
        for (at, tally) in self.told.iter_mut().enumerate() {
            if Terms::holds(row, first, at)? {
                tally.add(&name);
            }
        }
        for (at, counter) in self.counters.iter_mut().enumerate() {
            let value = value_of(row.get_ref(at)?);
            // Whatever the column's type will be, the row goes to the quarantine.
            if at < self.terms.texts.len() && Terms::holds(row, first, at)? {
                continue;
            }
            null_key |= self.in_key[at] && value == Value::Null;
            self.totals.bytes += counter.add(value, &name);
        }
        for watch in &mut self.watches {
            watch.add(row, &name)?;
        }
        self.totals.rows += 1;
        self.totals.null_keys += null_key as u64;
        Ok(())
    }

    fn finish(self) -> (TableProfile, Vec<Collision>) {
        let mut columns: Vec<_> = self.counters.into_iter().map(|counter| counter.profile).collect();
        let mut told = self.told.into_iter();
        for (at, tally) in self.terms.texts.iter().zip(&mut told) {
            columns[*at].unsound = tally;
        }
        let mut orphans = vec![None; self.table.foreign_keys.len()];
        for (at, tally) in self.terms.keys.iter().zip(told) {
            orphans[*at] = Some(tally);
        }
        let collisions = self.watches.into_iter().map(Watch::finish).collect();
        (TableProfile { columns, orphans, ..self.totals }, collisions)
    }
}

#[cfg(test)]
mod tests;
