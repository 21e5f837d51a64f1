//! Repair by comparison: makes the target an image of the source when the change log cannot
//!
//! Used when entries were trimmed before they were applied, when the source was restored behind our back, or when
//! capture was broken for a while (I5). Every row goes to a temporary table in the COPY format; what differs is deleted
//! and inserted again; and the checkpoint jumps to the read view's head, all in one transaction (I3). It reads the whole
//! source in one view: the WAL grows meanwhile, which is the price of a rare event.

mod careful;

use bytes::Bytes;
use rusqlite::Connection;
use tokio_postgres::Client;

use crate::engine::job::Job;
use crate::engine::loading::Loading;
use crate::engine::yielding;
use crate::error::{Error, Result};
use crate::model::chunk::{Copied, Range};
use crate::model::plan::{Mode, Notice, TablePlan};
use crate::model::schema::quote_identifier;
use crate::observe::metrics;
use crate::postgres::apply::ApplyError;
use crate::postgres::connect::classify;
use crate::postgres::control::{self, Checkpoint};
use crate::postgres::copy::{copied_list, overriding, relation, same_key};
use crate::postgres::disagreement;
use crate::postgres::existing::of_source;
use crate::postgres::quarantine;
use crate::postgres::replace::correct;
use crate::postgres::staging::forget_all_left_out;
use crate::postgres::touched;
use crate::sqlite::change_log;
use crate::sqlite::connection::{in_read_view, open_reader};
use crate::sqlite::durable;
use crate::sqlite::rows::read_slice_in_view;

/// Compares every table with the source and corrects the target; `reason` goes to the operator
pub fn repair(job: &mut Job, reason: &str) -> Result<()> {
    job.context.reporter.line(&format!("{reason}: comparing every table with the source"));
    let source = open_reader(job.source())?;
    let mut careful = false;
    let (rows, checkpoint) = loop {
        let corrected = in_read_view(&source, |source| Ok(correct_all(job, source, reason, careful)))?;
        if corrected.is_err() {
            // The connection may be unusable; then the server has rolled back by itself.
            let _ = job.wait(job.applier.client().batch_execute("rollback"));
        }
        match corrected {
            Ok(corrected) => break corrected,
            // One row is not to stop the others: once more, and that one goes to the quarantine.
            Err(ApplyError::Other(error)) if error.refused_row().is_some() && !careful => {
                metrics::refused();
                careful = true;
            }
            Err(ApplyError::IndexTooSmall { index }) => yielding::give_up_index(job, &index, yielding::TOO_LARGE)?,
            Err(ApplyError::Collision { computed: Some(index) }) => {
                yielding::give_up_index(job, &index, yielding::COARSER)?;
            }
            Err(ApplyError::Disagreement(disagreement)) => yielding::give_way(job, &disagreement)?,
            Err(error) => return Err(error.into()),
        }
    };
    job.checkpoint = checkpoint;
    job.quarantine.forget();
    job.left_out = false;
    job.copied = job.plan.tables.iter().map(|t| (t.id, Copied::All)).collect();
    job.context.reporter.line(&format!("compared; {rows} rows of the target were corrected"));
    Ok(())
}

/// Brings every table to the read view that is open, in one transaction; the rows that differed, and the new checkpoint
fn correct_all(
    job: &Job,
    source: &Connection,
    reason: &str,
    careful: bool,
) -> std::result::Result<(u64, Checkpoint), ApplyError> {
    let (client, run_id) = (job.applier.client(), job.applier.run_id());
    let head = change_log::head(source)?;
    job.wait(begin(client, run_id))?;
    let mut corrected = 0;
    for table in &job.plan.tables {
        let repair = TableRepair::new(job, source, table);
        corrected += if careful { repair.run_carefully()? } else { repair.run()? };
    }
    durable::sync(source, job.source())?;
    let checkpoint = Checkpoint { seq: head.seq, nonce: head.nonce, consistent: true };
    job.wait(finish(client, run_id, checkpoint, reason, corrected))?;
    Ok((corrected, checkpoint))
}

async fn begin(client: &Client, run_id: i64) -> Result<()> {
    client.batch_execute("begin").await.map_err(|e| classify(e, "begin a repair"))?;
    control::guard(client, run_id).await?;
    forget_all_left_out(client).await
}

async fn finish(client: &Client, run_id: i64, checkpoint: Checkpoint, reason: &str, corrected: u64) -> Result<()> {
    control::reset_checkpoint(client, run_id, checkpoint).await?;
    // What was corrected is in no change log: a verify from before says nothing about it.
    touched::lose_track(client).await?;
    let notice = Notice {
        object: "repair".into(),
        message: format!("{reason}; every table was compared and {corrected} rows were corrected"),
        remedy: None,
    };
    control::note(client, &notice).await?;
    control::set_repair_reason(client, None).await?;
    client.batch_execute("commit").await.map_err(|e| classify(e, "commit a repair"))
}

/// One table, while the views of both sides are open
struct TableRepair<'a> {
    job: &'a Job,
    client: &'a Client,
    source: &'a Connection,
    table: &'a TablePlan,
    /// The relation that the source's rows go to
    staging: String,
    target: String,
}

impl<'a> TableRepair<'a> {
    fn new(job: &'a Job, source: &'a Connection, table: &'a TablePlan) -> TableRepair<'a> {
        let staging = format!("pg_temp.{}", quote_identifier(&format!("crossfade_repair_{}", table.id)));
        let target = relation(&job.plan, table);
        TableRepair { job, client: job.applier.client(), source, table, staging, target }
    }

    fn failed(&self) -> impl Fn(tokio_postgres::Error) -> Error {
        let operation = format!("compare table `{}`", self.table.target_name);
        move |e| classify(e, &operation)
    }

    fn begin(&self) -> Result<()> {
        // By query and not LIKE: without NOT NULL, and without the columns that are not copied.
        let create = format!(
            "create temporary table {} on commit drop as select {} from {} with no data",
            &self.staging["pg_temp.".len()..],
            copied_list(self.table, ""),
            self.target
        );
        self.job.wait(self.client.batch_execute(&create)).map_err(self.failed())?;
        // What does not fit enters the quarantine anew, so that what has left the source meanwhile leaves there too.
        self.job.wait(quarantine::clear(self.client, self.table.id))
    }

    fn run(&self) -> std::result::Result<u64, ApplyError> {
        self.begin()?;
        let (job, table, chunk_bytes) = (self.job, self.table, self.job.context.settings.chunk_bytes);
        let mut loading = job.wait(Loading::begin(self.client, self.staging.clone(), table, false))?;
        let mut range = Range::default();
        loop {
            let mut buffers: Vec<Bytes> = Vec::new();
            let slice = read_slice_in_view(self.source, table, &range, chunk_bytes, &mut buffers)?;
            for buffer in buffers {
                job.wait(loading.send(buffer))?;
            }
            if !slice.rejected.is_empty() {
                job.wait(loading.reject(slice.rejected))?;
            }
            match slice.last_key {
                Some(key) => range.after = Some(key),
                None => break,
            }
        }
        job.wait(loading.finish())?;
        let (delete, insert) = difference_sql(&self.target, &self.staging, table);
        let updated = self.update()?;
        let deleted = self.delete(&delete)?;
        let inserted = job.wait(self.client.execute(&insert, &[]));
        let inserted =
            inserted.map_err(|e| disagreement::behind(&e, table).unwrap_or_else(|| self.failed()(e).into()))?;
        Ok(updated + deleted.max(inserted))
    }

    /// Corrects in place what can be: in tables that exist a row may hold what only the target has
    fn update(&self) -> Result<u64> {
        match self.job.plan.mode {
            Mode::Create => Ok(0),
            Mode::Existing => {
                let work = correct(self.client, self.table, &self.target, &self.staging);
                self.job.wait(work).map_err(self.failed())
            }
        }
    }

    fn delete(&self, delete: &str) -> Result<u64> {
        let analyze = format!("analyze {}", self.staging);
        let work = async {
            self.client.batch_execute(&analyze).await?;
            self.client.execute(delete, &[]).await
        };
        self.job.wait(work).map_err(self.failed())
    }
}

/// Deletes every row that is not identical in the staging table, then inserts those that are missing: in this order no
/// unique value is taken twice. Rows are compared by their images (`*=`), which tells `1` from `1.0` where `=` does not
/// (I10) and needs no text, which could be longer than a value may be; and by the copied columns only: what the target
/// computes is not in the staging table. Rows that the source never had stay
fn difference_sql(target: &str, staging: &str, table: &TablePlan) -> (String, String) {
    let terms: Vec<String> = table.key_plans().map(|c| format!("r.{}", quote_identifier(&c.target_name))).collect();
    let same_key = same_key(table, &terms);
    let (staged, stored) = (copied_list(table, "r."), copied_list(table, "t."));
    let only = of_source(table).map(|condition| format!("{condition} and ")).unwrap_or_default();
    let delete = format!(
        "delete from {target} t where {only}not exists (\
         select from {staging} r where {same_key} and row({staged})::record *= row({stored})::record)"
    );
    let insert = format!(
        "insert into {target} ({}) {}select {staged} from {staging} r \
         where not exists (select from {target} t where {same_key})",
        copied_list(table, ""),
        overriding(table)
    );
    (delete, insert)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mapping::Mapping;
    use crate::model::plan::{Identity, example_column, example_table};

    #[test]
    fn only_copied_columns_are_compared_and_inserted() {
        let mut columns = ["id", "sum", "v"].map(|name| example_column(name, Mapping::Bigint));
        columns[0].identity = Some(Identity::ByDefault);
        columns[1].generated = Some("v + 1".into());
        let (delete, insert) = difference_sql("s.t", "pg_temp.r", &example_table(columns.into(), vec![0]));
        assert_eq!(
            delete,
            "delete from s.t t where not exists (select from pg_temp.r r where t.\"id\" = r.\"id\" \
             and row(r.\"id\", r.\"v\")::record *= row(t.\"id\", t.\"v\")::record)"
        );
        assert_eq!(
            insert,
            "insert into s.t (\"id\", \"v\") overriding system value select r.\"id\", r.\"v\" from pg_temp.r r \
             where not exists (select from s.t t where t.\"id\" = r.\"id\")"
        );
    }
}
