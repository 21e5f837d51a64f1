//! One pass over a search table: range by range, what differs is applied

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::back::held;
use super::compare::{self, Ours, ROWS, key, keys, rowid, theirs};
use crate::engine::job::Job;
use crate::engine::loading::Loading;
use crate::error::{Error, Result};
use crate::model::change::Batch;
use crate::model::chunk::Range;
use crate::model::plan::TablePlan;
use crate::model::quarantine::{Changes, Rejected, key_hash};
use crate::model::search::{SearchPlan, SearchText};
use crate::model::value::Value;
use crate::postgres::apply::ApplyError;
use crate::postgres::copy::relation;
use crate::postgres::{quarantine, search};
use crate::sqlite::connection::in_read_view;
use crate::sqlite::cycle::{Again, read_keys};
use crate::sqlite::durable;
use crate::sqlite::rows::read_slice;
use crate::sqlite::search::{fingerprint, is_as_planned};
use crate::sqlite::words::Wanted;

/// A range that takes longer is followed by one of half as many rows; down to so many, as each costs something by itself
const LONG: Duration = Duration::from_millis(400);
const ROWS_MIN: usize = 1_024;

/// Rows of a contentless table that are written in one statement
const WORDS_ROWS: usize = 256;

pub struct Pass {
    /// Time spent on the ranges so far, without the rests between them
    spent: Duration,
    resumed: Instant,
    /// Its ranges went through COPY
    pub has_filled: bool,
    /// Of the source before the first range was read
    pub fingerprint: Vec<u8>,
    /// Rows of the source that were read
    pub rows: u64,
    /// Both sides are compared up to this rowid
    after: Option<i64>,
    /// The target has no row behind that
    filling: bool,
    /// Rows of the next range
    limit: usize,
    /// Rowids in the quarantine: they are read again whatever the target holds
    held: BTreeSet<i64>,
}

impl Pass {
    pub fn begin(job: &Job, planned: &SearchPlan, source: &Connection) -> Result<Pass> {
        let resumed = Instant::now();
        let fingerprint = in_read_view(source, |view| match is_as_planned(view, planned)? {
            true => fingerprint(view, planned),
            false => Err(changed(planned)),
        })?;
        let (client, table) = (job.applier.client(), &planned.table);
        let stored = job.wait(search::stored(client))?;
        if stored.iter().any(|stored| stored.table_id == table.id && stored.state == "pending") {
            job.wait(search::create(client, &job.plan, planned, job.applier.run_id(), job.context.settings.fence))?;
        }
        // The words of an index come as text, which COPY does not take.
        let filling =
            planned.text == SearchText::Stored && !job.wait(search::has_rows_behind(client, &job.plan, table, None))?;
        let (spent, held) = (resumed.elapsed(), job.wait(held(client, table.id))?);
        Ok(Pass {
            spent,
            resumed,
            has_filled: filling,
            fingerprint,
            rows: 0,
            after: None,
            filling,
            limit: ROWS / 4,
            held,
        })
    }

    /// Time that it has taken, without the rests
    pub fn worked(&self) -> Duration {
        self.spent
    }

    /// The next range; `true` if it was the last
    pub fn go_on(&mut self, job: &mut Job, planned: &SearchPlan, source: &Connection) -> Result<bool> {
        self.resumed = Instant::now();
        let is_last = match self.filling {
            true => self.fill(job, planned, source)?,
            false => self.compare(job, planned, source)?,
        };
        let took = self.resumed.elapsed();
        self.spent += took;
        // What many differing rows cost is known only afterwards; the tail waits for it.
        self.limit = match took {
            _ if took > LONG => (self.limit / 2).max(ROWS_MIN),
            _ if took < LONG / 4 => (self.limit * 2).min(ROWS),
            _ => self.limit,
        };
        Ok(is_last)
    }

    fn compare(&mut self, job: &mut Job, planned: &SearchPlan, source: &Connection) -> Result<bool> {
        let table = &planned.table;
        let Ours { rows: ours, through, words } =
            compare::read(source, planned, Wanted::Behind(self.after), self.limit)?;
        let theirs = theirs(job.applier.client(), &job.plan, table, (self.after, through), 2 * ROWS);
        let range = compare::Range::new(ours, job.wait(theirs)?, through, 2 * ROWS);
        let (through, read) = (range.through, range.ours.len() as u64);
        let mut rowids = range.differing();
        rowids.extend(self.held_through(through));
        if !rowids.is_empty() || through.is_none() {
            let differing = Differing { rowids: &rowids, words: words.as_ref() };
            self.write(job, planned, source, &differing, through.is_none().then_some(self.rows + read))?;
        }
        self.end_range(through, read)
    }

    /// Reads these rows as they are now, and writes or deletes them; with the last of them the pass is stored
    fn write(
        &self,
        job: &mut Job,
        planned: &SearchPlan,
        source: &Connection,
        differing: &Differing<'_>,
        all: Option<u64>,
    ) -> Result<()> {
        for careful in [false, true] {
            match attempt(job, planned, source, differing, careful) {
                Ok(()) => return self.commit(job, planned, source, all),
                Err(ApplyError::Other(error)) if error.refused_row().is_none() || careful => return Err(error),
                // The server does not take one of the rows: once more, and that one goes to the quarantine.
                Err(_) => job.runtime.block_on(job.applier.rollback())?,
            }
        }
        Err(Error::internal("the server refuses rows that it has taken one by one"))
    }

    /// A range for which the target has no rows: all of it goes through COPY
    fn fill(&mut self, job: &mut Job, planned: &SearchPlan, source: &Connection) -> Result<bool> {
        let (table, chunk_bytes) = (&planned.table, job.context.settings.chunk_bytes);
        let range = Range { after: self.after.map(key), ..Range::default() };
        let mut buffers = Vec::new();
        let slice = read_slice(source, table, &range, chunk_bytes, &mut buffers)?;
        let through = slice.last_key.as_deref().map(rowid).transpose()?;
        let read = slice.rows + slice.rejected.len() as u64;
        let fits = |rowid: &i64| slice.rejected.iter().all(|row| row.key != key(*rowid));
        let mut changes = Changes::default();
        changes.released.extend(self.held_through(through).filter(fits).map(|rowid| key_hash(&key(rowid), None)));
        if !slice.rejected.is_empty() || !changes.is_empty() {
            job.quarantine.forget();
        }
        job.runtime.clone().block_on(job.applier.begin())?;
        match self.load(job, planned, buffers, slice.rejected, &changes) {
            Err(error) if error.refused_row().is_some() => {
                // One of the rows; the comparison finds it.
                job.runtime.clone().block_on(job.applier.rollback())?;
                self.filling = false;
                return Ok(false);
            }
            loaded => loaded?,
        }
        let rows = self.rows + read;
        self.commit(job, planned, source, through.is_none().then_some(rows))?;
        self.end_range(through, read)
    }

    fn load(
        &self,
        job: &Job,
        planned: &SearchPlan,
        buffers: Vec<bytes::Bytes>,
        rejected: Vec<Rejected>,
        changes: &Changes,
    ) -> Result<()> {
        let (client, table) = (job.applier.client(), &planned.table);
        job.wait(async {
            let mut loading = Loading::begin(client, relation(&job.plan, table), table, false).await?;
            for buffer in buffers {
                loading.send(buffer).await?;
            }
            loading.reject(rejected).await?;
            loading.finish().await?;
            quarantine::change(client, table, changes).await
        })
    }

    /// Commits the range as this run's, and with the last one that the table is compared
    fn commit(&self, job: &mut Job, planned: &SearchPlan, source: &Connection, all: Option<u64>) -> Result<()> {
        if let Some(rows) = all {
            let (id, seconds) = (planned.table.id, (self.spent + self.resumed.elapsed()).as_secs_f64());
            job.wait(search::store(job.applier.client(), id, &self.fingerprint, rows, seconds))?;
        }
        crate::failpoint::hit("search.rows_written");
        // I4: the target must not be ahead of what the source has made durable.
        durable::sync(source, job.source())?;
        let (runtime, checkpoint) = (job.runtime.clone(), job.checkpoint);
        runtime.block_on(job.applier.commit(checkpoint))?;
        crate::failpoint::hit("search.committed");
        Ok(())
    }

    fn held_through(&self, through: Option<i64>) -> impl Iterator<Item = i64> {
        let after = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        self.held.range((after, through.map_or(Bound::Unbounded, Bound::Included))).copied()
    }

    fn end_range(&mut self, through: Option<i64>, rows: u64) -> Result<bool> {
        self.rows += rows;
        self.after = through;
        Ok(through.is_none())
    }
}

/// Rows that are not the same on both sides
struct Differing<'a> {
    rowids: &'a [i64],
    /// Of a contentless table, the words of all rows that are there
    words: Option<&'a HashMap<i64, String>>,
}

/// Writes and deletes what differs, in the transaction that this begins
fn attempt(
    job: &mut Job,
    planned: &SearchPlan,
    source: &Connection,
    differing: &Differing<'_>,
    careful: bool,
) -> std::result::Result<(), ApplyError> {
    let (runtime, plan, table) = (job.runtime.clone(), job.plan.clone(), &planned.table);
    runtime.block_on(job.applier.begin())?;
    let mut refused = None;
    let mut emit = |mut batch: Batch| {
        if refused.is_some() {
            return Ok(());
        }
        if !batch.quarantine.rejected.is_empty() {
            job.quarantine.forget();
        }
        let applied = match careful {
            true => runtime.block_on(job.applier.apply_carefully(table, &mut batch, false)),
            false => runtime.block_on(job.applier.apply(table, &batch)),
        };
        refused = applied.err();
        Ok(())
    };
    match differing.words {
        Some(words) => write_words(table, differing.rowids, words, &mut emit)?,
        None => {
            let keys = keys(differing.rowids);
            let again = Again { keys: &keys, careful };
            in_read_view(source, |view| read_keys(view, &plan, table, again, &mut emit))?;
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Hands out these rows of a contentless table with their words; those without are gone
fn write_words(
    table: &TablePlan,
    rowids: &[i64],
    words: &HashMap<i64, String>,
    emit: &mut dyn FnMut(Batch) -> Result<()>,
) -> Result<()> {
    for some in rowids.chunks(WORDS_ROWS) {
        let mut batch = Batch::new(table);
        for rowid in some {
            let key = Value::Integer(*rowid);
            let pushed = match words.get(rowid) {
                None => batch.deletes.push(0, &table.columns[table.key_columns[0]], key),
                Some(words) => table.copied_columns().enumerate().try_for_each(|(place, (_, column))| {
                    let value = if column.is_words() { Value::Text(words.as_bytes()) } else { key };
                    batch.upserts.push(place, column, value)
                }),
            };
            pushed.map_err(|misfit| Error::internal(format!("words do not fit: {misfit}")))?;
            if words.contains_key(rowid) { batch.upserts.end_row() } else { batch.deletes.end_row() }
        }
        batch.upserts.seal();
        batch.deletes.seal();
        emit(batch)?;
    }
    Ok(())
}

pub(super) fn changed(planned: &SearchPlan) -> Error {
    let message = format!("the full-text table `{}` is not the one that was planned any more", planned.name);
    Error::refused(message)
        .hint("nothing is lost on the source; start over with the new schema: `crossfade cancel`, then `crossfade run`")
}
