//! The way back of the search tables: what the application wrote to them on PostgreSQL, found by comparison
//!
//! Nothing captures writes to them, and nothing follows them while PostgreSQL is the primary: a rollback brings them,
//! most of it while the application still writes, and the rest under PostgreSQL's fence, where what it compares stays.
//! A contentless table has no text that could be written back.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;
use tokio_postgres::Client;

use super::compare::{self, Ours, ROWS, Range, rowid, theirs};
use super::pass::changed;
use crate::engine::job::Job;
use crate::engine::reverse::{Decoder, flush};
use crate::error::{Error, Result};
use crate::failpoint::hit;
use crate::model::plan::Plan;
use crate::model::search::{SearchPlan, SearchText};
use crate::model::value::Value;
use crate::model::words::{counted, grouped};
use crate::postgres::{control, quarantine, search};
use crate::sqlite::apply::SourceApplier;
use crate::sqlite::connection::open_reader;
use crate::sqlite::search::is_as_planned;
use crate::sqlite::words::Wanted;

/// Rows of the target that are read by one statement
const SOME: usize = 1_024;

/// Rows of the quarantine that are read at once
const PAGE: usize = 1_000;

/// Brings over what differs. With nobody writing to the target (`is_fenced`), the source is then what the target is
///
/// # Errors
/// Refused, if SQLite cannot hold a row, or, under the fence and without `forced`, if a contentless table differs.
pub fn bring(
    job: &Job,
    source: &mut SourceApplier,
    is_fenced: bool,
    forced: bool,
    check: impl Fn() -> Result<()>,
) -> Result<String> {
    let reader = open_reader(job.source())?;
    let (client, mut brought) = (job.applier.client(), 0);
    for planned in &job.plan.search_tables {
        if !is_as_planned(&reader, planned)? {
            return Err(changed(planned));
        }
        if planned.text != SearchText::Stored {
            continue;
        }
        let held = job.wait(held(client, planned.table.id))?;
        let mut after = None;
        loop {
            check()?;
            let found = job.wait(range(client, &job.plan, &reader, planned, &held, after))?;
            if !found.rowids.is_empty() {
                write(job, source, planned, &held, &found.rowids)?;
                brought += found.rowids.len() as u64;
                let again = job.wait(range(client, &job.plan, &reader, planned, &held, after))?;
                if let Some(rowid) = again.rowids.first().filter(|_| is_fenced) {
                    return Err(refused(planned, *rowid, "SQLite would store another value"));
                }
            }
            match found.through {
                Some(through) => after = Some(through),
                None => break,
            }
        }
    }
    if is_fenced && !forced {
        let unlike = job.wait(unlike(client, &job.plan, job.source()))?;
        if let Some((name, rows)) = unlike.into_iter().next() {
            return Err(Error::refused(format!("{} of the contentless full-text table `{name}` differ", are(rows)))
                .hint("there is no text that could be written back; --force search leaves SQLite's"));
        }
    }
    Ok(counted(brought, "row"))
}

fn are(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{} rows", grouped(rows)) }
}

/// Contentless tables whose rows are not the same on both sides, each with how many
pub async fn unlike(client: &Client, plan: &Plan, source: &Path) -> Result<Vec<(String, u64)>> {
    let mut unlike = Vec::new();
    if plan.search_tables.is_empty() {
        return Ok(unlike);
    }
    let reader = open_reader(source)?;
    for planned in plan.search_tables.iter().filter(|planned| planned.text != SearchText::Stored) {
        let held = held(client, planned.table.id).await?;
        let (mut after, mut rows) = (None, 0);
        loop {
            let found = range(client, plan, &reader, planned, &held, after).await?;
            rows += found.rowids.len() as u64;
            match found.through {
                Some(through) => after = Some(through),
                None => break,
            }
        }
        if rows > 0 {
            unlike.push((planned.name.clone(), rows));
        }
    }
    Ok(unlike)
}

/// What differs in one range, and where that ends
struct Found {
    rowids: Vec<i64>,
    through: Option<i64>,
}

async fn range(
    client: &Client,
    plan: &Plan,
    reader: &Connection,
    planned: &SearchPlan,
    held: &BTreeSet<i64>,
    after: Option<i64>,
) -> Result<Found> {
    let Ours { rows, through, .. } = compare::read(reader, planned, Wanted::Behind(after), ROWS)?;
    let theirs = theirs(client, plan, &planned.table, (after, through), 2 * ROWS).await?;
    let there: BTreeSet<i64> = theirs.iter().map(|row| row.0).filter(|rowid| held.contains(rowid)).collect();
    let range = Range::new(rows, theirs, through, 2 * ROWS);
    let mut rowids = range.differing();
    // A cutover was forced over these: only SQLite has them, unless the application wrote them anew.
    rowids.retain(|rowid| !held.contains(rowid) || there.contains(rowid));
    Ok(Found { rowids, through: range.through })
}

/// Writes these rows as the target has them, or deletes them
fn write(
    job: &Job,
    source: &mut SourceApplier,
    planned: &SearchPlan,
    held: &BTreeSet<i64>,
    rowids: &[i64],
) -> Result<()> {
    let written = write_in_transaction(job, source, planned, held, rowids);
    if written.is_err() {
        // The first failure is the one to tell of.
        let _ = source.rollback();
    }
    written
}

fn write_in_transaction(
    job: &Job,
    source: &mut SourceApplier,
    planned: &SearchPlan,
    held: &BTreeSet<i64>,
    rowids: &[i64],
) -> Result<()> {
    let (client, table) = (job.applier.client(), &planned.table);
    source.begin()?;
    // Behind the lock, as in a cycle.
    job.wait(control::guard(client, job.applier.run_id()))?;
    let cycle = source.cycle()?;
    let mut gone: BTreeSet<i64> = rowids.iter().copied().collect();
    let place = table.copied_columns().position(|(index, _)| table.key_columns.contains(&index));
    let place = place.ok_or_else(|| Error::internal("a search table without its rowid"))?;
    let mut decoder = Decoder::of_row(table);
    for some in rowids.chunks(SOME) {
        job.wait(search::scan_these(client, &job.plan, table, some, |fields| {
            let written = decoder.decode(fields, |row| {
                let Value::Integer(rowid) = row[place] else {
                    return Err(Error::internal("a search table's key is no rowid"));
                };
                gone.remove(&rowid);
                source.write_search(planned, rowid, Some(row))
            });
            written.unwrap_or_else(|fault| {
                let rowid = fields[place].and_then(|field| field.try_into().ok()).map_or(0, i64::from_be_bytes);
                let fault = decoder.describe(&[], fault);
                Err(refused(planned, rowid, &format!("column {}: {}", fault.column, fault.message)))
            })
        }))?;
    }
    for rowid in gone.difference(held) {
        source.write_search(planned, *rowid, None)?;
    }
    hit("search.back_written");
    // I4, the other way round.
    flush(job)?;
    source.commit(cycle)?;
    hit("search.back_committed");
    Ok(())
}

fn refused(planned: &SearchPlan, rowid: i64, why: &str) -> Error {
    Error::refused(format!("SQLite cannot hold row {rowid} of the full-text table `{}`: {why}", planned.name))
        .hint("correct the row on PostgreSQL, then ask again")
}

/// What is in the quarantine of the table
pub(super) async fn held(client: &Client, table_id: i64) -> Result<BTreeSet<i64>> {
    let (mut held, mut after) = (BTreeSet::new(), None);
    loop {
        let page = quarantine::entries(client, Some(table_id), after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(held) };
        after = Some(last.place());
        for entry in &page {
            held.insert(rowid(&entry.key)?);
        }
    }
}
