//! Repair by comparison in this direction: what differs is put into PostgreSQL's change log, and the next cycles bring it
//!
//! SQLite's rows go to a temporary table of the target in the COPY format, and the keys of rows that are not the same
//! there are logged as if somebody had just written them (I6). Rows that are the same are not touched: their spelling
//! stays as it is (I10). Nothing is held in memory but a few buffers (I12).

use bytes::Bytes;
use rusqlite::Connection;

use crate::engine::job::Job;
use crate::error::Result;
use crate::model::chunk::Range;
use crate::model::plan::TablePlan;
use crate::postgres::copy::CopyStream;
use crate::postgres::differences::Differences;
use crate::postgres::{control, owed, touched};
use crate::sqlite::connection::{in_read_view, open_reader};
use crate::sqlite::rows::read_slice_in_view;

/// Notes durably that the tables must be compared
pub fn needed(job: &mut Job, reason: &str) -> Result<()> {
    job.wait(control::set_repair_reason(job.applier.client(), Some(reason)))?;
    job.repair_reason = Some(reason.to_owned());
    Ok(())
}

/// What differed is in the log: durable, and as good as brought. A reason that came meanwhile stays
pub fn done(job: &mut Job) -> Result<()> {
    if let Some(reason) = job.repair_reason.take() {
        job.wait(owed::settle(job.applier.client(), &reason))?;
    }
    Ok(())
}

/// Compares every table; returns how many keys differed
pub fn all(job: &mut Job, reason: &str) -> Result<u64> {
    let tables: Vec<i64> = job.plan.tables.iter().map(|table| table.id).collect();
    some(job, reason, &tables)
}

/// Compares these tables
pub fn some(job: &mut Job, reason: &str, tables: &[i64]) -> Result<u64> {
    needed(job, reason)?;
    job.context.reporter.line(&format!("{reason}: comparing SQLite with PostgreSQL"));
    let source = open_reader(job.source())?;
    let mut keys = 0;
    for table in job.plan.tables.iter().filter(|table| tables.contains(&table.id)) {
        let compared = in_read_view(&source, |source| compare(job, source, table));
        if compared.is_err() {
            // The connection may be unusable; then the server has rolled back by itself.
            let _ = job.wait(job.applier.client().batch_execute("rollback"));
        }
        keys += compared?;
        crate::failpoint::hit("reverse.table_compared");
    }
    job.context.reporter.line(&format!("compared; {keys} rows differ and are brought over"));
    Ok(keys)
}

/// One table, in one transaction of the target
fn compare(job: &Job, source: &Connection, table: &TablePlan) -> Result<u64> {
    let client = job.applier.client();
    let differences = job.wait(Differences::begin(client, &job.plan, table))?;
    job.wait(control::guard(client, job.applier.run_id()))?;
    let mut copy = job.wait(CopyStream::begin(client, &differences.staging, table, false))?;
    let mut range = Range::default();
    loop {
        job.context.stop.check()?;
        let mut buffers: Vec<Bytes> = Vec::new();
        // Rows that PostgreSQL cannot hold are in the quarantine, and stay what they are.
        let slice = read_slice_in_view(source, table, &range, job.context.settings.chunk_bytes, &mut buffers)?;
        for buffer in buffers {
            job.wait(copy.send(buffer))?;
        }
        match slice.last_key {
            Some(key) => range.after = Some(key),
            None => break,
        }
    }
    job.wait(copy.finish())?;
    // They are noted for the next verify when a cycle brings them; but what was missed may have been verified before.
    job.wait(touched::lose_track(client))?;
    job.wait(differences.log())
}
