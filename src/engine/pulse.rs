//! The replicator's sign of life: live facts for `status`, requests of other processes, and the clock of the proofs

use std::time::{Duration, Instant};

use crate::engine::job::Job;
use crate::error::Result;
use crate::model::phase::Side;
use crate::observe::metrics;
use crate::postgres::control::Heartbeat;

/// Between two looks at requests, and between heartbeats while something happens
pub const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Between heartbeats while nothing happens
const IDLE_HEARTBEAT: Duration = Duration::from_secs(5);

/// Triggers that are removed behind our back give no sign, so they are looked for by the clock
const PROOF_INTERVAL: Duration = Duration::from_secs(60);

/// Kept by whoever follows, in either direction
pub struct Pulse {
    pub was_in_sync: bool,
    last_beat: Option<Instant>,
    last_look: Instant,
    last_proof: Instant,
    entries: u64,
}

impl Pulse {
    pub fn new() -> Pulse {
        let now = Instant::now();
        Pulse { was_in_sync: false, last_beat: None, last_look: now, last_proof: now, entries: 0 }
    }

    /// A cycle with this many entries is committed
    pub fn applied(&mut self, job: &Job, entries: u64) -> Result<()> {
        self.entries += entries;
        // The next cycle waits for a change: a full read now would only find what that wait finds at once.
        let caught_up = self.was_in_sync || entries < 1_000;
        self.was_in_sync = caught_up;
        if self.last_beat.is_none_or(|at| at.elapsed() >= LOOK_INTERVAL) {
            self.beat(job, caught_up)?;
        }
        self.look(job)
    }

    /// There was nothing to apply
    pub fn in_sync(&mut self, job: &Job) -> Result<()> {
        metrics::backlog(0);
        let due = if self.was_in_sync && self.entries == 0 { IDLE_HEARTBEAT } else { LOOK_INTERVAL };
        self.was_in_sync = true;
        if self.last_beat.is_none_or(|at| at.elapsed() >= due) {
            self.beat(job, true)?;
        }
        self.look(job)
    }

    pub fn beat(&mut self, job: &Job, in_sync: bool) -> Result<()> {
        let seconds = self.last_beat.map_or(1.0, |at| at.elapsed().as_secs_f64().max(0.001));
        let rate = std::mem::take(&mut self.entries) as f64 / seconds;
        job.heartbeat(&Heartbeat { head_seq: in_sync.then_some(job.checkpoint.seq), in_sync, rate })?;
        metrics::primary(job.phase.primary() == Side::Postgres);
        self.last_beat = Some(Instant::now());
        Ok(())
    }

    fn look(&mut self, job: &Job) -> Result<()> {
        if self.last_look.elapsed() >= LOOK_INTERVAL {
            self.last_look = Instant::now();
            job.take_requests()?;
        }
        Ok(())
    }

    /// Whether it is time to prove capture again; says so once
    pub fn proof_is_due(&mut self) -> bool {
        let due = self.last_proof.elapsed() >= PROOF_INTERVAL;
        if due {
            self.last_proof = Instant::now();
        }
        due
    }
}

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse::new()
    }
}
