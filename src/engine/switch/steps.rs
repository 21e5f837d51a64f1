//! The record of a switch under way: its steps with their times, for people who watch and for the report

use std::time::Instant;

use crate::engine::job::Job;
use crate::engine::switch::{Asked, Kind};
use crate::error::Result;
use crate::model::phase::Phase;
use crate::postgres::switches::{self, Intent};

/// A switch that has begun
pub struct Record {
    pub id: i64,
    pub token: String,
    pub kind: Kind,
    number: i32,
    open: Option<Open>,
}

struct Open {
    name: &'static str,
    began: Instant,
    detail: String,
}

impl Record {
    /// Begins a switch: phase and record, durable before anything is touched. From here on a restart knows what to take back
    pub fn begin(job: &mut Job, asked: &Asked, phase: Phase) -> Result<Record> {
        let (runtime, run_id, from) = (job.runtime.clone(), job.applier.run_id(), job.phase);
        let intent = Intent { kind: asked.kind.as_str(), request: asked.request, forced: &asked.options.force };
        let begun = runtime.block_on(switches::begin(job.applier.client_mut(), run_id, (from, phase), intent))?;
        job.phase = phase;
        Ok(Record { id: begun.id, token: begun.token, kind: asked.kind, number: 0, open: None })
    }

    /// Ends the step under way and begins the next
    pub fn step(&mut self, job: &Job, name: &'static str) -> Result<()> {
        let next = self.number + 1;
        self.record(job, Some((next, name)))?;
        self.number = next;
        self.open = Some(Open { name, began: Instant::now(), detail: String::new() });
        Ok(())
    }

    /// What the step under way came to
    pub fn detail(&mut self, detail: impl Into<String>) {
        if let Some(open) = &mut self.open {
            open.detail = detail.into();
        }
    }

    /// Ends the step under way
    pub fn end(&mut self, job: &Job) -> Result<()> {
        self.record(job, None)?;
        self.open = None;
        Ok(())
    }

    /// The step under way, where a failure is to be told
    pub fn step_name(&self) -> &'static str {
        self.open.as_ref().map_or("begin", |open| open.name)
    }

    fn record(&self, job: &Job, next: Option<(i32, &str)>) -> Result<()> {
        let ended = self.open.as_ref().map(|open| (self.number, open.began.elapsed().as_secs_f64(), &*open.detail));
        if let (Some(open), Some((_, seconds, _))) = (&self.open, ended) {
            let detail = if open.detail.is_empty() { String::new() } else { format!(" ({})", open.detail) };
            job.context.reporter.line(&format!("{}: {} {seconds:.3} s{detail}", self.kind.as_str(), open.name));
        }
        job.wait(switches::step(job.applier.client(), self.id, ended, next))
    }
}
