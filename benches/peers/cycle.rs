//! A cycle taken apart: the product's own functions, driven as a library, each stage by its own clock
//!
//! The apply step alone (batches in hand, one transaction of `unnest` upserts and the checkpoint) is what performance.md
//! section C measured and took its goals from. `apply.rs` measures the program as a whole, in which stages overlap.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crossfade::model::chunk::Copied;
use crossfade::model::plan::Plan;
use crossfade::postgres::apply::Applier;
use crossfade::postgres::connect::Target;
use crossfade::postgres::control::{self, Checkpoint};
use crossfade::sqlite::change_log::LogPosition;
use crossfade::sqlite::connection::{in_read_view, open_reader};
use crossfade::sqlite::cycle::{CycleOutcome, CycleStart, read_cycle};
use crossfade::sqlite::durable;
use rusqlite::Connection;
use tokio::runtime::{Builder, Runtime};

use crate::Outcome;

/// Seconds that the stages of cycles took, added up
#[derive(Clone, Copy, Debug, Default)]
pub struct Stages {
    pub read: f64,
    pub sync: f64,
    pub apply: f64,
    pub commit: f64,
}

/// What the replicator holds while it follows
pub struct Cycle {
    runtime: Runtime,
    path: PathBuf,
    source: Connection,
    plan: Plan,
    applier: Applier,
    checkpoint: Checkpoint,
}

impl Cycle {
    /// Takes a migration over that is in sync and that nothing follows
    pub fn take_over(source: &Path, url: &str) -> Outcome<Cycle> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (plan, applier, checkpoint) = runtime.block_on(async {
            let client = Target::parse(url)?.connect("crossfade bench").await?;
            let state = control::load(&client).await?.ok_or("the target holds no migration")?;
            let run_id = control::take_over(&client).await?;
            let checkpoint = control::checkpoint(&client).await?;
            client.batch_execute("set session_replication_role = replica").await?;
            let applier = Applier::new(client, &state.plan, run_id).await?;
            Ok::<_, Box<dyn std::error::Error>>((state.plan, applier, checkpoint))
        })?;
        Ok(Cycle { runtime, path: source.to_owned(), source: open_reader(source)?, plan, applier, checkpoint })
    }

    /// Everything that is in the log now, from reading it to its COMMIT on the target
    pub fn run(&mut self, stages: &mut Stages) -> Outcome<()> {
        let start = CycleStart {
            position: LogPosition { seq: self.checkpoint.seq, nonce: self.checkpoint.nonce },
            copied: self.plan.tables.iter().map(|t| (t.id, Copied::All)).collect::<HashMap<_, _>>(),
            delete_first: Default::default(),
            careful: false,
            quarantined: Default::default(),
            again: Vec::new(),
            beside: Vec::new(),
        };
        let mut batches = Vec::new();
        let began = Instant::now();
        let outcome = in_read_view(&self.source, |source| {
            read_cycle(source, &self.plan, &start, &mut |batch| {
                batches.push(batch);
                Ok(())
            })
        })?;
        stages.read += began.elapsed().as_secs_f64();
        let CycleOutcome::Read { through, .. } = outcome else { return Err("nothing to apply".into()) };
        let began = Instant::now();
        durable::sync(&self.source, &self.path)?;
        stages.sync += began.elapsed().as_secs_f64();
        let began = Instant::now();
        for batch in &batches {
            let table = self.plan.table(batch.table_id).ok_or("a batch of no table")?;
            self.runtime.block_on(self.applier.apply(table, batch)).map_err(|e| format!("{e:?}"))?;
        }
        stages.apply += began.elapsed().as_secs_f64();
        let began = Instant::now();
        self.checkpoint = Checkpoint { seq: through.seq, nonce: through.nonce, consistent: true };
        self.runtime.block_on(self.applier.commit(self.checkpoint))?;
        stages.commit += began.elapsed().as_secs_f64();
        Ok(())
    }
}
