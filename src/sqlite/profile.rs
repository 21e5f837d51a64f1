//! Reads every value of a table once and counts what is there
//!
//! The application goes on writing meanwhile. A long reader would keep its WAL from being reused, and in the
//! rollback-journal modes it would hold up commits; so a table is read in slices of a fraction of a second with a gap
//! after each, every slice in a read transaction of its own. Rows that change between two slices may be counted as
//! either; the plan's types are checked against every later value in any case (I10).

mod collisions;
mod cursor;

use std::time::{Duration, Instant};

use rusqlite::{Connection, Row, Rows};

use super::introspect::failed;
use super::rows::{Parameter, value_of};
use crate::error::Result;
use crate::model::key::KeyRef;
use crate::model::planner::existing::{Collision, Probe};
use crate::model::profile::TableProfile;
use crate::model::profile::count::Counter;
use crate::model::profile::trial::Sought;
use crate::model::schema::{Table, quote_identifier};
use crate::model::value::Value;
use collisions::Watch;
use cursor::{Cursor, Last};

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

/// Counts over all rows of `table`. Outside of any transaction: it begins and ends its own. `on_rows` is told the number
/// of rows read since it was told last.
pub fn profile(conn: &Connection, table: &Table, on_rows: &mut dyn FnMut(u64)) -> Result<TableProfile> {
    profile_for(conn, table, declared(table), &[], on_rows).map(|(profile, _)| profile)
}

/// As [`profile`], where something else is looked for in each column than what its declaration asks for; and for each of
/// `probes` the rows that collide
pub fn profile_for(
    conn: &Connection,
    table: &Table,
    sought: Vec<Sought>,
    probes: &[Probe],
    on_rows: &mut dyn FnMut(u64),
) -> Result<(TableProfile, Vec<Collision>)> {
    let watched = || -> rusqlite::Result<_> {
        let mut counts = Counts::new(table, sought);
        counts.watches = probes.iter().map(Watch::new).collect::<rusqlite::Result<_>>()?;
        profile_at(conn, counts, PACE, on_rows)
    };
    watched().map_err(failed(format!("cannot read table {}", table.name)))
}

fn profile_at(
    conn: &Connection,
    mut counts: Counts<'_>,
    pace: Pace,
    on_rows: &mut dyn FnMut(u64),
) -> rusqlite::Result<(TableProfile, Vec<Collision>)> {
    let table = counts.table;
    let Some(cursor) = Cursor::of(table) else {
        // No key to go on from: one scan.
        let mut statement = conn.prepare(&format!("SELECT {} FROM {}", columns(table), source(table)))?;
        let mut rows = statement.query([])?;
        while counts.read(&mut rows, pace.rows, None, on_rows)?.is_some() {}
        return Ok(counts.finish());
    };
    let mut last: Option<Last> = None;
    loop {
        let mut statement = conn.prepare_cached(&cursor.select(&columns(table), &source(table), last.is_some()))?;
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
}

impl<'t> Counts<'t> {
    fn new(table: &'t Table, sought: Vec<Sought>) -> Counts<'t> {
        let nullable = table.rowid_alias.is_none();
        let in_key = (0..table.columns.len()).map(|at| nullable && table.primary_key.contains(&at)).collect();
        let counters = sought.into_iter().enumerate().map(|(at, sought)| Counter::seeking(table, at, sought)).collect();
        Counts { table, totals: TableProfile::default(), counters, watches: Vec::new(), in_key }
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
        for (at, counter) in self.counters.iter_mut().enumerate() {
            let value = value_of(row.get_ref(at)?);
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
        let columns = self.counters.into_iter().map(|counter| counter.profile).collect();
        let collisions = self.watches.into_iter().map(Watch::finish).collect();
        (TableProfile { columns, ..self.totals }, collisions)
    }
}

#[cfg(test)]
mod tests;
