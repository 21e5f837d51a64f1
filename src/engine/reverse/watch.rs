//! What the application's own migrations do to PostgreSQL while it is the primary: seen at the start of a session and by
//! the clock
//!
//! A table that was rebuilt has lost its triggers: they are put back and the table is compared (I2). So is one whose columns
//! were altered: that gives them other values, and no trigger sees it. A column of the plan that is gone
//! or of another type cannot be followed. What is new is reported once: it is not on SQLite, and will not be there after a
//! rollback.

use super::{compare, refused};
use crate::engine::existing;
use crate::engine::job::Job;
use crate::error::{Error, Result};
use crate::model::phase::Phase;
use crate::model::plan::{Mode, Notice};
use crate::postgres::connect::classify;
use crate::postgres::copy::relation;
use crate::postgres::{beside, capture, control, fence, owed, switches};

/// What the operator reads if triggers were gone
const UNCAPTURED: &str = "triggers of crossfade were gone from PostgreSQL, or switched off for a while";

/// What the operator reads if columns may have got other values by DDL, of which no trigger knows
const ALTERED: &str = "columns were altered on PostgreSQL, and may hold other values";

/// Looks at PostgreSQL's schema, mends capture, brings over what was missed and reports what is new. `false` if somebody
/// who is writing keeps it from being mended: the next look tries again, and until then nothing counts as complete
///
/// # Errors
/// Refused, naming what the plan needs and PostgreSQL does not have any more.
fn look(job: &mut Job) -> Result<bool> {
    follow_schema(job)?;
    report_new(job)?;
    let is_open = keep_open(job)?;
    Ok(prove(job)? && is_open)
}

/// The deny triggers stand on while PostgreSQL is the primary, switched off; `ALTER TABLE .. ENABLE TRIGGER ALL`, with which
/// bulk loads end, switches them on again, and the application would be refused for good
fn keep_open(job: &mut Job) -> Result<bool> {
    if job.phase != Phase::Reversed {
        return Ok(true);
    }
    let (runtime, run_id, plan) = (job.runtime.clone(), job.applier.run_id(), job.plan.clone());
    let lifted = runtime.block_on(async {
        let transaction = switches::guarded_for(job.applier.client_mut(), run_id, switches::MOMENT).await?;
        fence::lift(&transaction, &plan).await?;
        transaction.commit().await.map_err(|e| classify(e, "keep the target open"))
    });
    match lifted {
        Ok(()) => Ok(true),
        // Somebody is writing there, in a transaction that began before.
        Err(error) if error.is_transient() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether there is anything new to look at
#[derive(Default)]
pub struct Watch {
    seen: Option<String>,
}

impl Watch {
    /// The last look found everything as it should be, or has mended it
    pub fn is_content(&self) -> bool {
        self.seen.is_some()
    }

    /// Looks if triggers or columns are others than at the last look, or if the tables must be compared: a verify may have
    /// found that, in another process
    pub fn look_if_changed(&mut self, job: &mut Job) -> Result<()> {
        job.repair_reason = job.wait(owed::reason(job.applier.client()))?;
        let now = job.wait(beside::fingerprint(job.applier.client(), &job.plan))?;
        if self.seen.as_ref() != Some(&now) || job.repair_reason.is_some() {
            self.seen = None;
            if look(job)? {
                // As it is with what the look has mended.
                self.seen = Some(job.wait(beside::fingerprint(job.applier.client(), &job.plan))?);
            }
        }
        Ok(())
    }
}

/// What the plan needs and PostgreSQL does not have any more, as the error that says more than the failure of a cycle
pub fn explain(job: &mut Job, error: Error) -> Error {
    if error.is_transient() { error } else { follow_schema(job).err().unwrap_or(error) }
}

fn follow_schema(job: &mut Job) -> Result<()> {
    if job.plan.mode == Mode::Existing {
        let runtime = job.runtime.clone();
        return existing::follow_target(&runtime, job.applier.client_mut(), &mut job.plan);
    }
    let gone = job.wait(beside::gone(job.applier.client(), &job.plan))?;
    if gone.is_empty() {
        return Ok(());
    }
    Err(refused(
        format!("PostgreSQL's schema has changed, and the plan does not fit it any more:\n  {}", gone.join("\n  ")),
        "put it back as it was: the change log on PostgreSQL keeps what is written meanwhile, and `crossfade run` then \
         compares the table, as a column may hold other values than before",
    ))
}

fn report_new(job: &Job) -> Result<()> {
    for (object, what) in job.wait(beside::new(job.applier.client(), &job.plan))? {
        let message = format!("{what} is only on PostgreSQL: SQLite does not get it, nor has it after a rollback");
        if job.wait(control::note_once(
            job.applier.client(),
            &Notice { object: object.clone(), message: message.clone(), remedy: None },
        ))? {
            job.context.reporter.line(&format!("note: {object}: {message}"));
        }
    }
    Ok(())
}

/// I2: what was written while a trigger was missing is found by comparison only, and only once it stands again
fn prove(job: &mut Job) -> Result<bool> {
    let gaps = job.wait(capture::prove(job.applier.client(), &job.plan))?;
    let owed = job.repair_reason.clone();
    let disturbed = job.wait(capture::disturbed(job.applier.client()))?;
    if gaps.is_empty() && disturbed.is_empty() {
        return owed.map_or(Ok(()), |reason| compare_all(job, &reason)).map(|()| true);
    }
    let is_altered = gaps.is_empty() && disturbed.iter().all(|found| found.is_column);
    let why = if is_altered { ALTERED } else { UNCAPTURED };
    if owed.is_none() {
        tell(job, why, gaps.first());
        // Stored before anything is mended: once the triggers stand again, nothing else would tell that changes were missed.
        compare::needed(job, why)?;
    }
    if !install(job)? {
        return Ok(false);
    }
    crate::failpoint::hit("reverse.capture_mended");
    if let Some(reason) = owed {
        return compare_all(job, &reason).map(|()| true);
    }
    let of_name = |name: &str| job.plan.tables.iter().find(|table| table.target_name == name).map(|table| table.id);
    let of_gaps = gaps.iter().map(|gap| of_name(&gap.object));
    let tables: Option<Vec<i64>> = of_gaps.chain(disturbed.iter().map(|found| found.table_id)).collect();
    match tables {
        Some(tables) => compare::some(job, why, &tables)?,
        // What is of no table that we know may be of all of them.
        None => compare::all(job, why)?,
    };
    compare::done(job).map(|()| true)
}

/// Not where that would have to wait for somebody who writes: everybody else would wait behind us
fn install(job: &mut Job) -> Result<bool> {
    let (runtime, run_id, plan) = (job.runtime.clone(), job.applier.run_id(), job.plan.clone());
    let tables: Vec<String> = plan.tables.iter().map(|table| relation(&plan, table)).collect();
    runtime.block_on(async {
        let locked = switches::locked(job.applier.client_mut(), run_id, &tables).await?;
        let Some(transaction) = locked else { return Ok(false) };
        capture::install(&transaction, &plan).await?;
        transaction.commit().await.map_err(|e| classify(e, "install capture on the target again"))?;
        Ok(true)
    })
}

fn tell(job: &Job, why: &str, gap: Option<&Notice>) {
    job.context.reporter.line(&match gap {
        Some(gap) => format!("{}: {}: capture is installed again", gap.object, gap.message),
        None => format!("{why}: the tables are compared"),
    });
}

fn compare_all(job: &mut Job, reason: &str) -> Result<()> {
    compare::all(job, reason)?;
    compare::done(job)
}
