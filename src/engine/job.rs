//! The job in hand: what is stored in the target, and the connection that may change it

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::{Handle, Runtime};
use tokio_postgres::Client;

use crate::config::Settings;
use crate::engine::quarantine::{Known, Retry};
use crate::engine::stop::Stop;
use crate::engine::switch::{self, Asked};
use crate::error::{Error, Result};
use crate::model::chunk::Copied;
use crate::model::phase::Phase;
use crate::model::plan::Plan;
use crate::observe::progress::Reporter;
use crate::postgres::apply::Applier;
use crate::postgres::connect::Target;
use crate::postgres::control::{self, Checkpoint, Heartbeat, State};
use crate::sqlite::fence;

/// What every thread of a run shares
#[derive(Clone)]
pub struct Context {
    pub settings: Settings,
    pub target: Target,
    pub runtime: Handle,
    pub stop: Stop,
    pub reporter: Reporter,
}

/// The migration while one session lasts; a new session reads it from the target again
pub struct Job {
    pub context: Context,
    pub plan: Plan,
    pub phase: Phase,
    pub source_id: String,
    pub log_limit: u64,
    /// Schema version at which capture was last proven complete
    pub schema_version: Option<i64>,
    pub checkpoint: Checkpoint,
    /// Why the tables must be compared before anything else
    pub repair_reason: Option<String>,
    /// How much of each table the target holds, by table number
    pub copied: HashMap<i64, Copied>,
    /// Chunks have left rows to the tail, which the target therefore lacks
    pub left_out: bool,
    /// What is in the quarantine
    pub quarantine: Known,
    /// A second connection, for commits that only flush the target's log; opened when PostgreSQL is the primary
    pub flusher: Option<Client>,
    /// How many keys are noted for the next verify; `None` before the first look
    pub noted_keys: Option<u64>,
    /// Requests to try the quarantine again, the first one first
    pub retries: RefCell<Vec<Retry>>,
    /// Requests to switch the primary, the first one first
    pub switches: RefCell<Vec<Asked>>,
    /// Drives the applying connection on the supervisor's own thread: a cycle is a few short messages, and handing each to
    /// another thread and back costs more than the work
    pub runtime: Arc<Runtime>,
    pub applier: Applier,
}

impl Job {
    pub fn new(context: Context, runtime: Arc<Runtime>, state: State, checkpoint: Checkpoint, applier: Applier) -> Job {
        Job {
            context,
            runtime,
            plan: state.plan,
            phase: state.phase,
            source_id: state.source_id,
            log_limit: state.log_limit,
            schema_version: state.schema_version,
            checkpoint,
            repair_reason: state.repair_reason,
            copied: HashMap::new(),
            left_out: false,
            quarantine: Known::default(),
            flusher: None,
            noted_keys: None,
            retries: RefCell::default(),
            switches: RefCell::default(),
            applier,
        }
    }

    pub fn source(&self) -> &PathBuf {
        &self.context.settings.source
    }

    /// The source, to be written to by this run
    pub fn as_run(&self) -> fence::Source<'_> {
        fence::Source { path: self.source(), run_id: self.applier.run_id() }
    }

    /// Waits for work on the target
    pub fn wait<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Stores the next phase, which must be one that the phase in hand leads to
    pub fn enter(&mut self, phase: Phase) -> Result<()> {
        if !self.phase.leads_to(phase) {
            return Err(Error::internal(format!("phase `{}` does not lead to `{phase}`", self.phase)));
        }
        self.runtime.block_on(control::set_phase(self.applier.client(), phase))?;
        self.phase = phase;
        Ok(())
    }

    pub fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<()> {
        self.wait(control::store_heartbeat(self.applier.client(), heartbeat))
    }

    /// Looks for requests of other processes
    pub fn take_requests(&self) -> Result<()> {
        let mut requests = self.wait(control::take_requests(self.applier.client()))?;
        requests.sort_by_key(|request| request.id);
        if requests.iter().any(|request| request.verb == "stop") {
            self.context.reporter.line("another crossfade command asked this replicator to stop");
            self.context.stop.request();
        }
        for request in requests {
            if request.verb == "retry" {
                self.retries.borrow_mut().push(Retry::new(request, &self.plan));
            } else {
                switch::take_in(self, &request)?;
            }
        }
        Ok(())
    }

    /// The target is an image of what the tail has read
    pub fn is_image(&self) -> bool {
        self.all_copied() && !self.left_out
    }

    /// Every chunk of every table is done
    pub fn all_copied(&self) -> bool {
        self.plan.tables.iter().all(|t| self.copied.get(&t.id) == Some(&Copied::All))
    }
}
