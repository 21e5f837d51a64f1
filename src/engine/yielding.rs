//! What we put on the target beside the rows gives way to them: indexes, conditions
//!
//! Each time the operator is told, and the stored plan loses it, so that nothing looks for it again.

use crate::engine::job::Job;
use crate::error::Result;
use crate::model::plan::{Notice, TablePlan};
use crate::postgres::connect::classify;
use crate::postgres::control;
use crate::postgres::ddl;
use crate::postgres::disagreement::{Disagreement, Ours};

use super::indexing;

/// The data matters more than an index: PostgreSQL's B-trees take a third of a page, SQLite's take anything
pub const TOO_LARGE: &str = "a value is too large for PostgreSQL's B-tree indexes (2704 bytes)";

/// An expression that is coarser than SQLite's own would be unique where the source is not
pub const COARSER: &str = "rows of the source have the same value in it";

/// Drops an index that will not take a row
pub fn give_up_index(job: &mut Job, index: &str, why: &str) -> Result<()> {
    job.context.reporter.line(&format!("index `{index}` is dropped from the target: {why}"));
    job.wait(indexing::drop_index(job.applier.client(), &job.plan, index, why))?;
    for table in &mut job.plan.tables {
        table.indexes.retain(|planned| planned.name != index);
    }
    store(job)
}

/// Drops the conditions and indexes at fault, and no others
pub fn give_way(job: &mut Job, disagreement: &Disagreement) -> Result<()> {
    let Some(table) = job.plan.table(disagreement.table_id).cloned() else { return Ok(()) };
    let why = format!("it refuses a row that SQLite holds ({})", disagreement.message);
    for ours in &disagreement.at_fault {
        match ours {
            Ours::Check(check) => drop_check(job, &table, check, &why)?,
            Ours::Index(index) => give_up_index(job, index, &why)?,
        }
    }
    Ok(())
}

fn drop_check(job: &mut Job, table: &TablePlan, check: &str, why: &str) -> Result<()> {
    job.context.reporter.line(&format!("CHECK `{check}` of `{}` is dropped from the target: {why}", table.target_name));
    let client = job.applier.client();
    let notice = Notice {
        object: table.source.name.clone(),
        message: format!("CHECK `{check}` was dropped from the target: {why}"),
        remedy: None,
    };
    job.wait(async {
        let dropped = client.batch_execute(&ddl::drop_constraint(&job.plan, table, check)).await;
        dropped.map_err(|e| classify(e, &format!("drop CHECK `{check}`")))?;
        control::note(client, &notice).await
    })?;
    if let Some(planned) = job.plan.tables.iter_mut().find(|planned| planned.id == table.id) {
        planned.checks.retain(|planned| planned.name != check);
    }
    store(job)
}

fn store(job: &Job) -> Result<()> {
    match job.schema_version {
        Some(version) => job.wait(control::set_proven(job.applier.client(), version, &job.plan)),
        None => Ok(()),
    }
}
