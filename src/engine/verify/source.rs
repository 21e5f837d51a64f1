//! The source's side of verify: rows in one read view, in short slices, or by key

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Row};

use super::Visit;
use super::aside::Aside;
use crate::engine::stop::Stop;
use crate::error::{Error, Result};
use crate::model::canonical::comparable;
use crate::model::digest::RowDigest;
use crate::model::key::{KeyRef, write_value};
use crate::model::plan::{Mode, TablePlan};
use crate::observe::progress::Stage;
use crate::sqlite::connection::{classify, in_read_view};
use crate::sqlite::rows::{bind_key, column, key_of, select_after_sql, select_all_sql, select_by_key_sql};
use crate::sqlite::utf16::key_value;

/// Longest read view in the rollback-journal modes: what a writer there may have to wait for
const SLICE_TIME: Duration = Duration::from_millis(50);

/// How long a slice waits for its lock
const PATIENCE: Duration = Duration::from_secs(30);

/// Rows between two looks at the clock and at requests to stop
const ROWS_PER_LOOK: u64 = 256;

/// Reads one table
pub struct SourceScan<'a> {
    pub connection: &'a Connection,
    pub table: &'a TablePlan,
    pub mode: Mode,
    pub stop: &'a Stop,
    pub stage: &'a Stage,
}

impl SourceScan<'_> {
    /// Calls `visit` with every row whose key is not aside, in the read view that is open
    pub fn in_view(&self, aside: &Aside<'_>, visit: &mut Visit<'_>) -> Result<()> {
        self.read(&select_all_sql(self.table), None, None, aside, visit).map(|_| ())
    }

    /// As [`SourceScan::in_view`], in key order and in many short views, as long closed as open
    pub fn in_slices(&self, aside: &mut Aside<'_>, visit: &mut Visit<'_>) -> Result<()> {
        aside.start_over();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let started = Instant::now();
            after = self.slice(after.as_deref(), aside, visit)?;
            let Some(last) = &after else { return Ok(()) };
            aside.end_slice(last.clone());
            std::thread::sleep(started.elapsed().min(SLICE_TIME));
        }
    }

    /// One slice, as soon as a writer who takes the lock again and again leaves a gap
    fn slice(&self, after: Option<&[u8]>, aside: &mut Aside<'_>, visit: &mut Visit<'_>) -> Result<Option<Vec<u8>>> {
        let sql = select_after_sql(self.table, after.is_some());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut began = false;
            let slice = in_read_view(self.connection, |source| {
                aside.catch_up(source)?;
                began = true;
                self.read(&sql, after, Some(Instant::now() + SLICE_TIME), aside, visit)
            });
            match slice {
                Err(error) if error.is_transient() && !began && Instant::now() < deadline => self.stop.check()?,
                slice => return slice,
            }
        }
    }

    /// Reads until the table or the time is over; returns the last key if the table goes on
    fn read(
        &self,
        sql: &str,
        after: Option<&[u8]>,
        until: Option<Instant>,
        aside: &Aside<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<Option<Vec<u8>>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|e| self.failed(e))?;
        if let Some(after) = after {
            bind_key(&mut statement, 1, KeyRef(after))?;
        }
        let mut rows = statement.raw_query();
        let (mut digest, mut key) = (Digester::new(), Vec::new());
        let mut count = 0;
        while let Some(row) = rows.next().map_err(|e| self.failed(e))? {
            key.clear();
            let parts = self.table.key_columns.iter();
            parts.for_each(|&index| write_value(&mut key, key_value(row, self.table, index)));
            if !aside.leaves_out(&key) {
                visit(&key, digest.row(self.table, self.mode, row));
            }
            count += 1;
            if count % ROWS_PER_LOOK == 0 {
                self.stop.check()?;
                self.stage.add(ROWS_PER_LOOK, 0);
                if until.is_some_and(|until| Instant::now() >= until) {
                    return Ok(Some(key));
                }
            }
        }
        self.stage.add(count % ROWS_PER_LOOK, 0);
        Ok(None)
    }

    /// The digests of these rows, as far as they are there
    pub fn by_keys(&self, keys: &HashSet<Vec<u8>>) -> Result<HashMap<Vec<u8>, u128>> {
        let mut statement =
            self.connection.prepare_cached(&select_by_key_sql(self.table)).map_err(|e| self.failed(e))?;
        let mut digest = Digester::new();
        let mut found = HashMap::new();
        // In their order: neighbours are on the same page.
        let mut sorted: Vec<&Vec<u8>> = keys.iter().collect();
        sorted.sort_unstable_by(|a, b| KeyRef(a).compare(KeyRef(b)));
        for key in sorted {
            bind_key(&mut statement, 1, KeyRef(key))?;
            let mut rows = statement.raw_query();
            let Some(row) = rows.next().map_err(|e| self.failed(e))? else { continue };
            // Natively equal is not enough: 'abc' is not the row that was logged as 'ABC'.
            if key_of(row, self.table) == *key {
                found.insert(key.clone(), digest.row(self.table, self.mode, row));
            }
        }
        Ok(found)
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        classify(error, &format!("read table `{}`", self.table.source.name))
    }
}

/// Digests rows: what is copied of them, as both sides are compared; the buffer is used again
#[derive(Default)]
pub struct Digester {
    digest: RowDigest,
    scratch: Vec<u8>,
}

impl Digester {
    pub fn new() -> Digester {
        Digester::default()
    }

    /// The digest of a row
    pub fn row(&mut self, table: &TablePlan, mode: Mode, row: &Row<'_>) -> u128 {
        self.digest.reset();
        for (index, planned) in table.compared_columns(mode) {
            self.digest.add(comparable(column(row, index), planned.mapping, &mut self.scratch));
        }
        self.digest.finish()
    }
}
