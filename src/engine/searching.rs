//! Following the search tables: by comparison, as no trigger can follow them
//!
//! The [fingerprint] of an index says when to look. A pass over the table goes range by range, each in a short view of the
//! source and, where anything differs, a transaction of its own on the target; the tail has its turn between two ranges,
//! so that a large full-text table never keeps the other tables waiting. The fingerprint that was read before the pass is
//! stored with the last range, so that a kill costs a pass and no row. The first pass of a session is made whatever the
//! fingerprint says, and another one from time to time: it does not tell of rows without words.

mod back;
pub mod compare;
mod pass;
mod status;

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::engine::job::Job;
use crate::error::Result;
use crate::postgres::search;
use crate::sqlite::connection::{in_read_view, open_reader};
use crate::sqlite::search::fingerprint;
use crate::sqlite::watch::{Footprint, footprint};
use pass::Pass;

pub use back::{bring, unlike};
pub use status::states;

/// Between two looks at a fingerprint
const LOOK: Duration = Duration::from_secs(1);

/// A table is not compared again before this many times the time has passed that the work on it took; the second where
/// its fingerprint has not moved, and the least that this is
const PAUSE: u32 = 10;
const PAUSE_UNMOVED: u32 = 100;
const PAUSE_UNMOVED_MIN: Duration = Duration::from_secs(60);

/// Rests after a range, as multiples of the time that it took: while the tail has nothing to do, and while it has
const REST: [u32; 2] = [1, 4];

/// Between two turns of the tail while the tables are filled
const TURN: Duration = Duration::from_secs(1);

/// Which tables to compare
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Those whose fingerprint has moved
    Moved,
    All,
}

/// The search tables, and how far each is compared
pub struct Searching {
    watched: Vec<Watched>,
    source: Option<Connection>,
    rest_until: Option<Instant>,
}

struct Watched {
    pass: Option<Pass>,
    /// Of the source when the last whole pass began, as the target has it
    stored: Option<Vec<u8>>,
    /// Rows of the source that the last pass has read
    rows: u64,
    /// A pass of this session has come to its end
    compared: bool,
    due: Instant,
    /// When it is compared even if its fingerprint has not moved
    due_unmoved: Instant,
    /// The source's files before the last looks, and how many looks they have stayed so: two commits in a moment may leave
    /// the same, so that one look is not enough
    seen: (Footprint, u32),
    /// The files when the last whole pass began
    compared_at: Footprint,
}

impl Searching {
    /// Reads what is stored
    pub fn new(job: &Job) -> Result<Searching> {
        let stored = job.wait(search::stored(job.applier.client()))?;
        let now = Instant::now();
        let watched = job.plan.search_tables.iter().map(|planned| Watched {
            pass: None,
            stored: stored.iter().find(|s| s.table_id == planned.table.id).and_then(|s| s.fingerprint.clone()),
            rows: 0,
            compared: false,
            due: now,
            due_unmoved: now,
            seen: (Footprint::default(), 0),
            compared_at: Footprint::default(),
        });
        Ok(Searching { watched: watched.collect(), source: None, rest_until: None })
    }

    /// Fills the tables that were never compared; `turn` lets the tail have its turn
    pub fn fill(&mut self, job: &mut Job, mut turn: impl FnMut(&mut Job) -> Result<()>) -> Result<()> {
        let wanted: Vec<usize> = (0..self.watched.len()).filter(|&at| self.watched[at].stored.is_none()).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let total = wanted.iter().map(|&at| job.plan.search_tables[at].table.row_count).sum();
        let stage = job.context.reporter.stage("search", "rows", total);
        let (mut last_turn, mut before) = (Instant::now(), 0);
        for at in wanted {
            while !self.watched[at].compared {
                job.context.stop.check()?;
                self.go_on(job, at)?;
                let rows = self.watched[at].rows;
                stage.add(rows.saturating_sub(std::mem::replace(&mut before, rows)), 0);
                if last_turn.elapsed() >= TURN {
                    job.take_requests()?;
                    turn(job)?;
                    last_turn = Instant::now();
                }
            }
            before = 0;
        }
        stage.finish();
        self.source = None;
        Ok(())
    }

    /// Compares a range, if one is due and the source has had its rest; `idle`: the tail has nothing to do
    pub fn step(&mut self, job: &mut Job, idle: bool) -> Result<()> {
        if self.watched.is_empty() || self.rest_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        let Some(at) = self.next(job)? else {
            self.source = None;
            return Ok(());
        };
        let started = Instant::now();
        self.go_on(job, at)?;
        self.rest_until = Some(Instant::now() + started.elapsed() * REST[usize::from(!idle)]);
        Ok(())
    }

    /// How long the tail may wait for a change
    pub fn patience(&self, most: Duration) -> Duration {
        let rest = self.rest_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        if self.watched.iter().any(|watched| watched.pass.is_some()) { rest.min(most) } else { most }
    }

    /// Whether the target is what the source is now, as far as the fingerprints tell; if not, goes on comparing
    pub fn has_settled(&mut self, job: &mut Job) -> Result<bool> {
        for at in 0..self.watched.len() {
            let is_settled = self.watched[at].compared && !self.has_moved(job, at)?;
            if !is_settled {
                self.watched[at].due = Instant::now();
                self.step(job, true)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The table to go on with
    fn next(&mut self, job: &Job) -> Result<Option<usize>> {
        if let Some(at) = self.watched.iter().position(|watched| watched.pass.is_some()) {
            return Ok(Some(at));
        }
        for at in 0..self.watched.len() {
            let (now, watched) = (Instant::now(), &mut self.watched[at]);
            if now < watched.due {
                continue;
            }
            watched.due = now + LOOK;
            let files = footprint(job.source());
            let is_quiet = watched.seen.0 == files;
            watched.seen = (files, if is_quiet { watched.seen.1 + 1 } else { 0 });
            let is_new = !watched.compared;
            let is_doubtful = now >= watched.due_unmoved && watched.seen.0 != watched.compared_at;
            if is_new || is_doubtful || (watched.seen.1 < 3 && self.has_moved(job, at)?) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn has_moved(&mut self, job: &Job, at: usize) -> Result<bool> {
        let source = open(&mut self.source, job)?;
        let now = in_read_view(source, |view| fingerprint(view, &job.plan.search_tables[at]))?;
        Ok(self.watched[at].stored.as_ref() != Some(&now))
    }

    /// One range of a pass, which is begun if none is under way
    fn go_on(&mut self, job: &mut Job, at: usize) -> Result<()> {
        let planned = job.plan.search_tables[at].clone();
        let source = open(&mut self.source, job)?;
        let watched = &mut self.watched[at];
        let files = footprint(job.source());
        let pass = match &mut watched.pass {
            Some(pass) => pass,
            none => {
                watched.compared_at = files;
                none.insert(Pass::begin(job, &planned, source)?)
            }
        };
        let is_done = pass.go_on(job, &planned, source)?;
        watched.rows = pass.rows;
        if !is_done {
            return Ok(());
        }
        // What filled the table says nothing of how long it takes to compare it.
        let took = if pass.has_filled { Duration::ZERO } else { pass.worked() };
        watched.stored = Some(std::mem::take(&mut pass.fingerprint));
        watched.pass = None;
        watched.compared = true;
        let now = Instant::now();
        watched.due = now + (took * PAUSE).max(LOOK);
        watched.due_unmoved = now + (took * PAUSE_UNMOVED).max(PAUSE_UNMOVED_MIN);
        Ok(())
    }
}

fn open<'s>(source: &'s mut Option<Connection>, job: &Job) -> Result<&'s Connection> {
    match source {
        Some(open) => Ok(open),
        none => Ok(none.insert(open_reader(job.source())?)),
    }
}

/// Compares the search tables now, one pass over each, and applies what differs; nothing else needs to run. With nobody
/// writing to the source, and [`Look::All`], the target is then what the source is
pub fn settle(job: &mut Job, look: Look, check: impl Fn() -> Result<()>) -> Result<()> {
    let mut searching = Searching::new(job)?;
    for at in 0..searching.watched.len() {
        if look == Look::All || searching.has_moved(job, at)? {
            while !searching.watched[at].compared {
                check()?;
                searching.go_on(job, at)?;
            }
        }
    }
    Ok(())
}
