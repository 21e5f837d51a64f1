//! Tables that the application's own migrations have made: what is different about copying into them
//!
//! Nothing is created but what `postgres::existing` adds and takes away again. Rows come by chunks alone, each through a
//! temporary table (`postgres::staging`); what finds no room there is written by the tail.

use tokio::runtime::Runtime;
use tokio_postgres::Client;

use crate::engine::job::Job;
use crate::error::{Error, Result};
use crate::model::decode::decode_field;
use crate::model::key::write_value;
use crate::model::phase::Phase;
use crate::model::plan::{Mode, Plan, Policy, TablePlan, follow};
use crate::postgres::rows::Fields;
use crate::postgres::staging::{LeftOut, Staging, forget_left_out, leave_out, left_out};
use crate::postgres::{catalog, control, existing, orphans, quarantine};

/// Rows that one cycle of the tail takes over from the chunks: their keys are held in memory
const LEFT_OUT_ROWS: usize = 10_000;

/// Takes over what has been altered on the target since the plan was made, as far as the plan can follow it
///
/// # Errors
/// Refused, with everything that it cannot follow.
pub fn follow_target(runtime: &Runtime, client: &mut Client, plan: &mut Plan) -> Result<()> {
    if plan.mode == Mode::Create {
        return Ok(());
    }
    let catalog = runtime.block_on(catalog::read(client, &plan.target_schema))?;
    let gone = follow(plan, &catalog);
    if gone.is_empty() {
        return Ok(());
    }
    let mut text = "the target's schema has changed, and the plan does not fit it any more".to_owned();
    for notice in &gone {
        text.push_str(&format!("\n  {}: {}", notice.object, notice.message));
    }
    let remedy = gone[0].remedy.clone().unwrap_or_default();
    Err(Error::refused(text).hint(remedy))
}

/// The same once more for a new request to try the quarantine again, which often follows an ALTER; whether the plan has
/// changed, so that whoever reads by it has to begin anew
pub fn look_at_limits(job: &mut Job) -> Result<bool> {
    let new = job.retries.get_mut().iter_mut().filter_map(|retry| retry.is_new().then_some(())).count();
    if new == 0 || job.plan.mode == Mode::Create {
        return Ok(false);
    }
    let (mut plan, runtime) = (job.plan.clone(), job.runtime.clone());
    follow_target(&runtime, job.applier.client_mut(), &mut plan)?;
    let has_moved = plan != job.plan;
    if has_moved {
        job.applier.forget_statements();
        job.plan = plan;
    }
    Ok(has_moved)
}

/// Looks once more before anything is touched: the plan may have been made before the application began to write there
pub fn check(job: &Job) -> Result<()> {
    match job.plan.mode {
        Mode::Create => Ok(()),
        Mode::Existing => job.wait(existing::refuse_rows(job.applier.client(), &job.plan)),
    }
}

/// Brings what was staged into the table; in the transaction of the chunk
pub async fn settle(client: &Client, staging: &Staging<'_>, table: &TablePlan, staged: u64) -> Result<()> {
    let mut keys =
        staging.settle(client, staged).await?.iter().map(|fields| key(table, fields)).collect::<Result<Vec<_>>>()?;
    crate::failpoint::hit("existing.chunk_inserted");
    if table.policy == Policy::Merge {
        // A row that does not fit takes the place of one with its key all the same.
        keys.extend(quarantine::just_held(client, table.id).await?);
    }
    if keys.is_empty() { Ok(()) } else { leave_out(client, table, &keys).await }
}

/// A key as the change log has it, from the fields of its columns
fn key(table: &TablePlan, fields: &Fields) -> Result<Vec<u8>> {
    let (mut key, mut scratch) = (Vec::new(), Vec::new());
    for (column, field) in table.key_plans().zip(fields) {
        let value = decode_field(field.as_deref(), column.mapping, &mut scratch)
            .map_err(|_| Error::internal(format!("a staged key of table `{}` is not readable", table.source.name)))?;
        write_value(&mut key, value);
    }
    Ok(key)
}

/// Whether chunks have left rows to the tail
pub fn look(job: &mut Job) -> Result<()> {
    job.left_out = job.plan.mode == Mode::Existing
        && job.phase == Phase::Snapshotting
        && !job.wait(left_out(job.applier.client(), 1))?.is_empty();
    Ok(())
}

/// The rows that the next cycle takes over
pub fn take(job: &Job) -> Result<Vec<LeftOut>> {
    if job.left_out { job.wait(left_out(job.applier.client(), LEFT_OUT_ROWS)) } else { Ok(Vec::new()) }
}

/// These rows were written, in a cycle that is committed; written twice they are the same (I6)
pub fn taken(job: &mut Job, rows: &[LeftOut]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    crate::failpoint::hit("existing.left_out_written");
    job.wait(forget_left_out(job.applier.client(), rows))?;
    look(job)
}

/// After the copy, in place of indexes and foreign keys, which stand already: rows without a parent are counted
pub fn finish_copy(job: &Job) -> Result<()> {
    let client = job.applier.client();
    for notice in &job.wait(orphans::count(client, &job.plan))? {
        job.context.reporter.line(&format!("note: {}: {}", notice.object, notice.message));
        job.wait(control::note(client, notice))?;
    }
    Ok(())
}
