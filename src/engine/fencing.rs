//! The fence on the target while SQLite is the primary: from the first copy on, unless `run --no-fence` says otherwise
//!
//! It is not stored whether it is wanted: each `run` brings the tables to what it was asked for, so that without the
//! option the fence stands again.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, GenericClient};

use crate::config::Settings;
use crate::engine::job::{Context, Job};
use crate::engine::pulse::LOOK_INTERVAL;
use crate::error::Result;
use crate::model::phase::Phase;
use crate::model::plan::Plan;
use crate::postgres::connect::classify;
use crate::postgres::control::State;
use crate::postgres::{fence, touched};

/// How long a stray writer on the target is waited for before this session gives up, and the next one tries again
const PATIENCE: Duration = Duration::from_secs(10);

/// The same for one that is found while the tail follows: the source's changes wait behind it
const MEND_PATIENCE: Duration = Duration::from_millis(500);

/// Puts the fence on every table that is there, if it is wanted
pub async fn put_all(client: &impl GenericClient, settings: &Settings, plan: &Plan) -> Result<()> {
    if settings.fence {
        for table in plan.tables.iter().chain(plan.search_tables.iter().map(|search| &search.table)) {
            fence::put(client, plan, table).await?;
        }
    }
    Ok(())
}

/// Brings the tables of a migration under way to what this run was asked for
pub async fn settle(client: &mut Client, context: &Context, state: &State, run_id: i64) -> Result<()> {
    // Before, there are no tables of ours; later, the switch decides who may write.
    if !matches!(state.phase, Phase::Snapshotting | Phase::Indexing | Phase::Following) {
        return Ok(());
    }
    if !context.settings.fence {
        let failed = |e| classify(e, "take the fence off the tables of the target");
        let transaction = client.transaction().await.map_err(failed)?;
        fence::remove(&transaction).await?;
        return transaction.commit().await.map_err(failed);
    }
    fence::mend(client, &state.plan, run_id, PATIENCE).await
}

/// While the tail follows nothing else would tell that somebody has switched the fence off
pub struct Watch {
    last_look: Instant,
}

impl Watch {
    pub fn new() -> Watch {
        Watch { last_look: Instant::now() }
    }

    /// Now and then: puts the fence back where it was opened. What was written meanwhile is for a verify to find, and a
    /// cutover asks for one
    pub fn look(&mut self, job: &mut Job) -> Result<()> {
        if !job.context.settings.fence || job.phase != Phase::Following || self.last_look.elapsed() < LOOK_INTERVAL {
            return Ok(());
        }
        self.last_look = Instant::now();
        if job.wait(fence::stands(job.applier.client(), &job.plan))? {
            return Ok(());
        }
        // Before it stands again: afterwards nothing would tell that it was open.
        job.wait(touched::lose_track(job.applier.client()))?;
        let (runtime, plan, run_id) = (job.runtime.clone(), job.plan.clone(), job.applier.run_id());
        match runtime.block_on(fence::mend(job.applier.client_mut(), &plan, run_id, MEND_PATIENCE)) {
            // Somebody writes there, in a transaction that began before; the next look tries again.
            Err(error) if error.is_transient() => return Ok(()),
            outcome => outcome?,
        }
        job.context.reporter.line(
            "the fence on PostgreSQL was open, by a trigger that was switched off or a new partition: it stands again; \
             `crossfade verify` finds what was written there meanwhile",
        );
        Ok(())
    }
}

impl Default for Watch {
    fn default() -> Watch {
        Watch::new()
    }
}
