//! The keeper of SQLite's fence: whoever is stuck elsewhere, writes are never refused for longer than was agreed
//!
//! While a cutover is on its way the supervisor waits for PostgreSQL, which may not answer at all. So the fence is in the
//! hands of another thread, which needs nothing but SQLite to lift it: when the time is over, when somebody asks for it,
//! or when the replicator is to stop. The supervisor gets the fence back for the point of no return, if it still stands:
//! from then on nobody lifts it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::engine::job::Context;
use crate::engine::stop::{self, Stop};
use crate::engine::wave::lock;
use crate::error::{Error, Result};
use crate::model::words::seconds;
use crate::postgres::switches;
use crate::sqlite::fence::{self, Hold};

/// Between two looks whether somebody asked for an abort
const LOOK: Duration = Duration::from_millis(200);
/// A server that does not answer the question is asked anew
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks at the clock
const TICK: Duration = Duration::from_millis(10);

/// Whether the switch is still wanted: asked for by other processes, by a signal, and by the clock
#[derive(Clone)]
pub struct Wish {
    stop: Stop,
    aborted: Arc<AtomicBool>,
    timeout: Duration,
}

impl Wish {
    /// # Errors
    /// Why it is not wanted any more.
    pub fn check(&self, refusing_since: Option<Instant>) -> Result<()> {
        if self.aborted.load(Ordering::SeqCst) {
            return Err(Error::refused("it was given up, as another process asked"));
        }
        if self.stop.is_requested() {
            return Err(stop::interrupted());
        }
        match refusing_since.is_some_and(|since| since.elapsed() >= self.timeout) {
            true => Err(Error::refused(format!("it was not done within {}", seconds(self.timeout.as_secs_f64())))
                .hint("see which step takes so long, and look to it first; or allow more with --timeout")),
            false => Ok(()),
        }
    }
}

/// Looks for requests to give up, on a connection of its own
pub struct Watch {
    pub wish: Wish,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    pub fn start(context: &Context, timeout: Duration) -> Watch {
        let wish = Wish { stop: context.stop.clone(), aborted: Arc::default(), timeout };
        let (target, aborted) = (context.target.clone(), Arc::clone(&wish.aborted));
        let task = context.runtime.spawn(async move {
            loop {
                let asking = async {
                    let client = target.connect("crossfade switch").await?;
                    loop {
                        if tokio::time::timeout(ASK_TIMEOUT, switches::take_abort(&client))
                            .await
                            .unwrap_or(Ok(false))?
                        {
                            aborted.store(true, Ordering::SeqCst);
                        }
                        tokio::time::sleep(LOOK).await;
                    }
                };
                // A target that is away has no requests; the supervisor finds that out by itself.
                let _: Result<()> = asking.await;
                tokio::time::sleep(LOOK).await;
            }
        });
        Watch { wish, task }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is kept
enum Kept {
    Nothing,
    /// Deny triggers, and the write lock
    Hold(Hold),
    /// Deny triggers, after an attempt to lift them that went wrong
    Triggers,
    /// Lifted before its time, for this reason
    Lifted(Error),
}

struct State {
    kept: Kept,
    /// When writes began to be refused, and for how long they were
    since: Option<Instant>,
    refused: Option<Duration>,
    ended: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    source: PathBuf,
    run_id: i64,
    token: String,
}

pub struct Keeper {
    shared: Arc<Shared>,
    wish: Wish,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub fn start(context: &Context, run_id: i64, token: &str, wish: Wish) -> Result<Keeper> {
        let state = State { kept: Kept::Nothing, since: None, refused: None, ended: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            source: context.settings.source.clone(),
            run_id,
            token: token.to_owned(),
        });
        let (theirs, their_wish) = (Arc::clone(&shared), wish.clone());
        let thread = std::thread::Builder::new()
            .name("fence-keeper".into())
            .spawn(move || theirs.keep(&their_wish))
            .map_err(|e| Error::internal("start the keeper of the fence").caused_by(e))?;
        Ok(Keeper { shared, wish, thread: Some(thread) })
    }

    /// Hands the fence over; writes have been refused since that moment
    pub fn keep(&self, hold: Hold, since: Instant) {
        let mut state = lock(&self.shared.state);
        state.kept = Kept::Hold(hold);
        state.since = Some(since);
        self.shared.changed.notify_all();
    }

    /// # Errors
    /// Why the fence was lifted, or should be.
    pub fn check(&self) -> Result<()> {
        let mut state = lock(&self.shared.state);
        if let Kept::Lifted(_) = state.kept {
            return Err(state.reason());
        }
        self.wish.check(state.since)
    }

    /// Creates the table of a rehearsal and lets go of the write lock; the triggers stay, and the keeper keeps them
    pub fn rehearse(&self, table: &str) -> Result<()> {
        self.check()?;
        let mut state = lock(&self.shared.state);
        match &state.kept {
            Kept::Hold(hold) => hold.create_rehearsal_table(table).and_then(|()| hold.pause()),
            _ => Err(state.reason()),
        }
    }

    /// Gives the fence back for the point of no return: from here on only the supervisor decides about it
    ///
    /// # Errors
    /// It was lifted, or is to be: then the side it protects must not be left.
    pub fn take(&self) -> Result<(Hold, Instant)> {
        self.check()?;
        let mut state = lock(&self.shared.state);
        match (std::mem::replace(&mut state.kept, Kept::Nothing), state.since) {
            (Kept::Hold(hold), Some(since)) => Ok((hold, since)),
            (kept, _) => {
                state.kept = kept;
                Err(state.reason())
            }
        }
    }

    /// How long may still be waited for the target: a little longer than the fence stands, so that it is the keeper who
    /// says that the time is over
    pub fn patience(&self) -> Duration {
        let since = lock(&self.shared.state).since;
        self.wish.timeout.saturating_sub(since.map_or(Duration::ZERO, |since| since.elapsed())) + Duration::from_secs(1)
    }

    /// Lifts the fence, if it stands, and says for how long writes were refused
    pub fn lift(&self) -> Result<Option<Duration>> {
        let mut state = lock(&self.shared.state);
        self.shared.lift(&mut state)?;
        Ok(state.refused)
    }
}

impl State {
    /// The reason goes to whoever asks first; later ones hear that there was one
    fn reason(&mut self) -> Error {
        match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Lifted(error) => error,
            other => {
                self.kept = other;
                Error::refused("the fence does not stand any more")
            }
        }
    }
}

impl Shared {
    fn keep(&self, wish: &Wish) {
        let mut state = lock(&self.state);
        while !state.ended {
            if matches!(state.kept, Kept::Hold(_) | Kept::Triggers)
                && let Err(reason) = wish.check(state.since)
            {
                // An error leaves the fence standing for now; the next look tries again.
                if self.lift(&mut state).is_ok() {
                    state.kept = Kept::Lifted(reason);
                }
            }
            let waited = self.changed.wait_timeout(state, TICK);
            state = waited.map(|(state, _)| state).unwrap_or_else(|poisoned| poisoned.into_inner().0);
        }
    }

    fn lift(&self, state: &mut State) -> Result<()> {
        match std::mem::replace(&mut state.kept, Kept::Nothing) {
            Kept::Hold(hold) => {
                // Whatever became of it, the lock is gone with the hold; the triggers may stand.
                state.kept = Kept::Triggers;
                hold.lift()?;
            }
            Kept::Triggers => {
                state.kept = Kept::Triggers;
                fence::take_back(fence::Source { path: &self.source, run_id: self.run_id }, &self.token)?;
            }
            other => {
                state.kept = other;
                return Ok(());
            }
        }
        state.kept = Kept::Nothing;
        state.refused = state.since.map(|since| since.elapsed());
        crate::failpoint::hit("cutover.lifted");
        Ok(())
    }
}

impl Drop for Keeper {
    /// Does not lift: where the fence is to be lifted, somebody has said so, and where it is not, it must stay
    fn drop(&mut self) {
        lock(&self.shared.state).ended = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
