//! Two views that can be compared, one of each side
//!
//! While SQLite is the primary, the target's view (checkpoint M) is opened first and then the source's (head N): what was
//! logged in (M, N] is in flight. While PostgreSQL is the primary, its view (cycle c, and the keys in its change log) is
//! opened first, and then SQLite's, which must hold cycle c: SQLite is then what PostgreSQL was when it read that cycle,
//! and what PostgreSQL has changed since is in the log. Otherwise a cycle went by in between, and both are opened again.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::TableCheck;
use super::aside::Aside;
use crate::engine::reverse::write_key;
use crate::error::{Error, ErrorKind, Result};
use crate::postgres::change_log::LogView;
use crate::postgres::connect::classify;
use crate::postgres::control::{self, Checkpoint};
use crate::postgres::{change_log as change_log_of_target, unreturned};
use crate::sqlite::connection::in_read_view;
use crate::sqlite::{change_log, fence};

/// How long it may take until a pair of views can be compared, and until keys in flight have arrived
pub const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Where the target is in a view
#[derive(Clone, Copy, Debug)]
pub struct Through {
    pub checkpoint: Checkpoint,
    /// Of the other direction
    pub cycle: i64,
}

impl TableCheck<'_> {
    pub fn aside(&self, through: Through) -> Aside<'_> {
        Aside::new(self.plan, self.table, through.checkpoint)
    }

    /// Opens both views, the target's first, and runs `body` with what is in flight between them
    pub fn in_views<T>(&self, body: impl FnOnce(Through, Aside<'_>) -> Result<T>) -> Result<T> {
        if self.in_reverse {
            return self.in_reverse_views(body);
        }
        self.in_target_view(|through| {
            in_read_view(self.source, |source| {
                let mut aside = self.aside(through);
                aside.catch_up(source)?;
                body(through, aside)
            })
        })
    }

    /// Opens a view of the target. It must come before any view of the source: the other way round, the target could
    /// hold rows that the source's view does not show yet
    pub fn in_target_view<T>(&self, body: impl FnOnce(Through) -> Result<T>) -> Result<T> {
        let runtime = &self.context.runtime;
        let failed = |e| classify(e, "open a read view of the target");
        runtime
            .block_on(self.client.batch_execute("begin isolation level repeatable read read only"))
            .map_err(failed)?;
        // The first query fixes the view.
        let outcome = self.through().and_then(body);
        let closed = runtime.block_on(self.client.batch_execute("commit")).map_err(failed);
        let value = outcome?;
        closed.map(|()| value)
    }

    /// Where the target is in the view that is open
    fn through(&self) -> Result<Through> {
        let runtime = &self.context.runtime;
        let checkpoint = runtime.block_on(control::checkpoint(self.client))?;
        if !checkpoint.consistent {
            return Err(Error::new(
                ErrorKind::WrongPhase,
                "the copy is not finished, so there is nothing to compare yet",
            )
            .hint("wait until `crossfade status` says that it follows"));
        }
        let sql = "select primary_side, cycle from crossfade.state, crossfade.reverse";
        let row = runtime.block_on(self.client.query_one(sql, &[])).map_err(|e| classify(e, "ask for the primary"))?;
        if (row.get::<_, &str>(0) == "postgres") != self.in_reverse {
            return Err(moved());
        }
        Ok(Through { checkpoint, cycle: row.get(1) })
    }

    fn in_reverse_views<T>(&self, body: impl FnOnce(Through, Aside<'_>) -> Result<T>) -> Result<T> {
        let runtime = &self.context.runtime;
        let deadline = Instant::now() + PATIENCE;
        let mut body = Some(body);
        loop {
            self.context.stop.check()?;
            let before = change_log::reverse_cycle(self.source)?;
            let view = runtime.block_on(LogView::open(self.client, self.plan))?;
            let outcome = in_read_view(self.source, |source| {
                let through = self.through()?;
                // A rollback opens SQLite in one transaction; in a view behind it, the application has written there.
                if !fence::state(source)?.is_fenced {
                    return Err(moved());
                }
                let held = change_log::reverse_cycle(source)?;
                // One ahead, and so already before the target's view: a cycle that was cut off before its entries were
                // deleted, which are thus all in the view.
                if held != view.cycle && (held != view.cycle + 1 || before != held) {
                    return Ok(None);
                }
                let aside = self.reverse_aside(&view, through)?;
                if aside.is_whole && Instant::now() < deadline && runtime.block_on(control::is_locked(self.client))? {
                    return Ok(None);
                }
                body.take().map(|body| body(through, aside)).transpose()
            });
            // Also after an error: the connection is used again.
            let closed = runtime.block_on(view.abandon());
            match outcome? {
                Some(value) => return closed.map(|()| value),
                None if Instant::now() < deadline => std::thread::sleep(PAUSE),
                None => {
                    return Err(Error::refused("SQLite is not where PostgreSQL's view says that it is")
                        .hint("`crossfade run` compares and repairs first; verify after that"));
                }
            }
        }
    }

    /// What is in PostgreSQL's change log, and what SQLite cannot hold
    fn reverse_aside(&self, view: &LogView<'_>, through: Through) -> Result<Aside<'_>> {
        let runtime = &self.context.runtime;
        let mut aside = self.aside(through);
        let touched = view.touched.iter().find(|touched| touched.table_id == self.table.id);
        aside.is_whole = touched.is_some_and(|touched| touched.whole);
        if touched.is_some() && !aside.is_whole {
            let (mut key, mut scratch) = (Vec::new(), Vec::new());
            runtime.block_on(view.rows(self.plan, self.table, |fields, _| {
                key.clear();
                write_key(&mut key, self.table, fields, &mut scratch);
                aside.hold(&key)
            }))?;
        }
        let noted = runtime.block_on(unreturned::keys(self.client, &[self.table.id]))?;
        aside.noted = noted.into_values().next().unwrap_or_default();
        Ok(aside)
    }

    /// Waits until what is in flight has arrived; `false` if no replicator brings it there
    pub fn wait_for_progress(&self) -> Result<bool> {
        let runtime = &self.context.runtime;
        let goal = match self.in_reverse {
            true => runtime.block_on(reached_cycle(self.client))? + 1,
            false => change_log::head(self.source)?.seq,
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.context.stop.check()?;
            let reached = match self.in_reverse {
                true => {
                    let waiting = runtime.block_on(change_log_of_target::backlog(self.client))?;
                    waiting.keys == 0 || runtime.block_on(reached_cycle(self.client))? >= goal
                }
                false => runtime.block_on(control::checkpoint(self.client))?.seq >= goal,
            };
            if reached {
                return Ok(true);
            }
            let running = runtime.block_on(control::is_locked(self.client))?;
            if !running || Instant::now() > deadline {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

async fn reached_cycle(client: &tokio_postgres::Client) -> Result<i64> {
    let row = client.query_one("select cycle from crossfade.reverse", &[]).await;
    row.map(|row| row.get(0)).map_err(|e| classify(e, "read how far SQLite follows"))
}

fn moved() -> Error {
    Error::new(ErrorKind::WrongPhase, "the primary changed while the two sides were compared")
        .hint("run `crossfade verify` again")
}

/// Keys of one table
pub type Keys = HashSet<Vec<u8>>;
