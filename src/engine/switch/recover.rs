//! What a switch left that was cut off: completed behind its point of no return, taken back before it
//!
//! Runs at the start of every session, after the run's number was raised: from then on no transaction of an earlier run can
//! commit on the target, so that what is read there is the last word. Read any earlier, it could be outdated by the
//! COMMIT of a process that is still on its way.

use crate::engine::drift;
use crate::engine::job::Job;
use crate::engine::switch::hook::{self, Stage};
use crate::engine::switch::{Answer, Kind, cutover, rollback};
use crate::error::{Error, Result};
use crate::model::phase::{Phase, Side};
use crate::postgres::{control, switches};
use crate::sqlite::connection::open_reader;
use crate::sqlite::fence;

/// Finds out where a switch that was cut off stands, and completes it or takes it back
pub fn recover(job: &mut Job) -> Result<()> {
    let state = job.wait(control::load(job.applier.client()))?;
    let Some(state) = state else { return Err(control::superseded()) };
    job.phase = state.phase;
    // A verify may have asked for it behind the last look of a rollback.
    job.repair_reason = state.repair_reason;
    if job.phase < Phase::Following {
        return Ok(());
    }
    let connection = open_reader(job.source())?;
    drift::check_identity(&connection, &job.source_id)?;
    let stands = fence::state(&connection)?;
    drop(connection);
    let begun = job.wait(switches::unfinished(job.applier.client()))?;
    match (job.phase, begun.first()) {
        (Phase::CuttingOver | Phase::Rehearsing, Some(begun)) => cutover::recover(job, begun)?,
        (Phase::RollingBack, Some(begun)) => rollback::recover(job, begun)?,
        (Phase::CuttingOver | Phase::Rehearsing | Phase::RollingBack, None) => {
            return Err(Error::internal(format!("phase `{}` without a switch", job.phase)));
        }
        (Phase::Reversed, _) if stands.primary != Side::Postgres => {
            // The point of no return of a cutover is behind; only SQLite has not heard of it.
            let since = job.wait(switches::primary_since(job.applier.client()))?;
            fence::settle(job.as_run(), &since)?;
            crate::failpoint::hit("cutover.completing");
            job.context.reporter.line(&format!("PostgreSQL is the primary since {since} UTC"));
        }
        (Phase::Following, _) if stands.primary == Side::Postgres => {
            // A rollback opens SQLite before it leaves its phase, so this file is a copy from before it; what it lacks is
            // found at its position (I5).
            let since = job.wait(switches::primary_since(job.applier.client()))?;
            fence::reopen(job.as_run(), &since)?;
            job.context
                .reporter
                .line("the SQLite file is an older copy, made while PostgreSQL was the primary; its fence was lifted");
        }
        (Phase::Following, _) => lift_leftover(job, stands.fenced_by.as_deref())?,
        _ => {}
    }
    for left in begun {
        // It had come to its end, and nobody was left to tell: better twice than never.
        match (left.kind.as_str(), left.outcome.as_deref()) {
            ("cutover", Some("switched")) => hook::tell(&job.context, Stage::Switched, Kind::Cutover),
            ("rollback", Some("switched")) => hook::tell(&job.context, Stage::Switched, Kind::Rollback),
            ("rollback", Some("aborted")) => hook::tell(&job.context, Stage::Aborted, Kind::Rollback),
            _ => {}
        }
        job.wait(switches::close_if_open(job.applier.client(), left.id))?;
    }
    if !job.switches.borrow().is_empty() {
        return Ok(());
    }
    let (switched, dropped) = (Answer::Switch.to_json(), Answer::Dropped.to_json());
    job.wait(switches::answer_old(job.applier.client(), &switched, &dropped))
}

/// A fence that belongs to no switch under way: of a process that was taken back while it slept, or of a restored file
fn lift_leftover(job: &Job, token: Option<&str>) -> Result<()> {
    if let Some(token) = token {
        fence::take_back(job.as_run(), token)?;
        job.context.reporter.line("a fence that an earlier run left on SQLite was lifted");
    }
    Ok(())
}
