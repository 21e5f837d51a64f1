//! A wave: pieces of work on several connections, all committed before the tail runs again
//!
//! The rule that keeps deleted rows dead (DESIGN.md section 3.2): no cycle of the tail runs between the read of a chunk
//! and its commit (I7). A wave is joined as a whole, so the rule holds by construction. Workers stop taking pieces when
//! the change log has grown enough for the tail to have its turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::job::{Context, Job};
use crate::error::{Error, Result};
use crate::observe::metrics;
use crate::postgres::connect::classify;
use crate::postgres::control::Heartbeat;
use crate::postgres::fence;
use crate::sqlite::change_log;
use crate::sqlite::connection::open_reader;
use tokio_postgres::Client;

/// Between two looks of the supervisor at a wave: heartbeat, requests, backlog
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// The tail gets its turn when this much of the change log is waiting
const BACKLOG_MAX: i64 = 500_000;

/// Memory of one index build on the server; the build of a large index is the slowest part of the copy. A server
/// that gives more by itself is left alone
const SESSION_SETTINGS: &str = "select set_config('maintenance_work_mem', '256MB', false) \
                                where pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes('256MB')";

/// Shared by the workers of one wave
pub struct Wave {
    paused: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl Wave {
    fn new() -> Wave {
        Wave { paused: AtomicBool::new(false), failure: Mutex::new(None) }
    }

    fn goes_on(&self) -> bool {
        !self.paused.load(Ordering::SeqCst)
    }

    fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
    }

    fn fail(&self, error: Error) {
        let mut failure = lock(&self.failure);
        // The first failure is the cause; the others are usually its echo.
        failure.get_or_insert(error);
        self.pause();
    }
}

/// A poisoned mutex means a worker panicked; the panic itself is reported, the data behind it is still whole
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs workers until `next` has no more pieces, or `watch` asks for a pause; returns after every worker has ended
///
/// `watch` is called about twice a second on the calling thread and returns `false` to pause the wave.
pub fn run<P: Send>(
    context: &Context,
    next: impl Fn() -> Result<Option<P>> + Sync,
    work: impl Fn(&mut Client, P) -> Result<()> + Sync,
    mut watch: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let wave = Wave::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..context.settings.workers.max(1))
            .map(|_| {
                scope.spawn(|| {
                    if let Err(error) = worker(context, &wave, &next, &work) {
                        wave.fail(error);
                    }
                })
            })
            .collect();
        let mut asked = std::time::Instant::now();
        while !workers.iter().all(|w| w.is_finished()) {
            std::thread::sleep(Duration::from_millis(2));
            if asked.elapsed() < WATCH_INTERVAL {
                continue;
            }
            asked = std::time::Instant::now();
            match watch() {
                Ok(true) => {}
                Ok(false) => wave.pause(),
                Err(error) => wave.fail(error),
            }
        }
    });
    match lock(&wave.failure).take() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// The supervisor's part of every wave: a sign of life, requests, and whether the change log still has room
pub fn has_room(job: &Job, rate: f64) -> Result<bool> {
    let source = open_reader(job.source())?;
    let head = change_log::head(&source)?;
    job.heartbeat(&Heartbeat { head_seq: Some(head.seq), in_sync: false, rate })?;
    job.take_requests()?;
    job.context.stop.check()?;
    let backlog = head.seq - job.checkpoint.seq;
    metrics::backlog(backlog);
    // With changes missed already, the tail has nothing to go on from; the tables are compared at the end.
    Ok(job.repair_reason.is_some() || backlog < BACKLOG_MAX.min(job.log_limit as i64 / 4))
}

fn worker<P: Send>(
    context: &Context,
    wave: &Wave,
    next: &(impl Fn() -> Result<Option<P>> + Sync),
    work: &(impl Fn(&mut Client, P) -> Result<()> + Sync),
) -> Result<()> {
    let mut client = None;
    while wave.goes_on() {
        context.stop.check()?;
        let Some(piece) = next()? else { return Ok(()) };
        let client = match &mut client {
            Some(client) => client,
            vacant => vacant.insert(connect(context)?),
        };
        work(client, piece)?;
    }
    Ok(())
}

fn connect(context: &Context) -> Result<Client> {
    context.runtime.block_on(async {
        let client = context.target.connect("crossfade copy").await?;
        fence::pass_as_stored(&client).await?;
        client.batch_execute(SESSION_SETTINGS).await.map_err(|e| classify(e, "prepare a copying session"))?;
        Ok(client)
    })
}
