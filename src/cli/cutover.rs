//! `crossfade cutover`, and what it has in common with `rollback`: ask the replicator, follow its steps, say who is primary

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::args::Switching;
use crate::engine::job::Context;
use crate::engine::phases;
use crate::engine::switch::{Answer, Blocker, Kind, Options, gate, outlook};
use crate::error::{Error, ErrorKind, Result};
use crate::model::phase::Side;
use crate::postgres::control;
use crate::postgres::switches::{self, Outcome, Progress};

/// Between two looks how far it is
const LOOK: Duration = Duration::from_millis(50);
/// Between two attempts to reach a target that is away
const RECONNECT: Duration = Duration::from_millis(500);
/// How often a request is sent that nobody took
const ATTEMPTS: u32 = 4;
/// A replicator that was restarted gets this long to come back and say what became of it
const PATIENCE: Duration = Duration::from_secs(20);

/// Has the replicator make PostgreSQL the primary, or rehearse that, and follows it
pub fn run(context: &Context, switching: Switching, rehearse: bool) -> Result<()> {
    switch(context, if rehearse { Kind::Rehearsal } else { Kind::Cutover }, switching)
}

/// Has the replicator switch the primary, and follows it to its end
pub fn switch(context: &Context, kind: Kind, switching: Switching) -> Result<()> {
    let Switching { dry_run, max_lag, timeout, force } = switching;
    let options = Options { rehearse: kind == Kind::Rehearsal, max_lag, timeout, force };
    gate::check_forced(&options.force)?;
    let runtime = &context.runtime;
    let client = runtime.block_on(context.target.connect("crossfade switch"))?;
    let state = runtime.block_on(control::load(&client))?;
    phases::check(kind.verb(), state.as_ref())?;
    let Some(state) = state else { return Err(Error::internal("a verb fits where no migration is")) };
    if kind != Kind::Rollback {
        for notice in outlook::lost_on_the_way_back(&context.settings.source, &state.plan)? {
            println!("note: {}: {}", notice.object, notice.message);
        }
    }
    if dry_run {
        let blockers = gate::look(context, &client, &state, kind, &options)?;
        println!("this would be done; nothing was");
        for (step, what) in outlook::steps(context, &client, &state, kind)? {
            println!("  {step:<10} {what}");
        }
        return refuse(kind, &blockers);
    }
    if !runtime.block_on(control::is_locked(&client))? {
        return Err(Error::refused("no replicator is running that could do it")
            .hint("start it with `crossfade run`, wait until it follows, then ask again"));
    }
    let interrupts = Interrupts::listen(context);
    // A replicator that was just starting, or was started anew, has dropped what it was asked before.
    for _ in 1..ATTEMPTS {
        match ask(context, kind, &options, &interrupts)? {
            Some(()) => return Ok(()),
            None if interrupts.is_seen() => break,
            None => {}
        }
    }
    Err(Error::refused(format!(
        "{} is still the primary: the replicator that was asked ended before it began",
        kind.from()
    ))
    .hint("see that `crossfade run` stays up, then ask again"))
}

/// Sends the request and follows it to its end; `None` if it was dropped before it began
fn ask(context: &Context, kind: Kind, options: &Options, interrupts: &Interrupts) -> Result<Option<()>> {
    let runtime = &context.runtime;
    let client = runtime.block_on(context.target.connect("crossfade switch"))?;
    let (request, _) = runtime.block_on(control::request(&client, kind.request_verb(), Some(&options.to_json()?)))?;
    Follower { context, kind, request, client: Some(client), told: 0, interrupts, abort_sent: false }.follow()
}

/// Everything in the way in one error
fn refuse(kind: Kind, blockers: &[Blocker]) -> Result<()> {
    if blockers.is_empty() {
        return Ok(());
    }
    let count = blockers.len();
    let things = if count == 1 { "1 thing stands".to_owned() } else { format!("{count} things stand") };
    let mut text = format!("{things} in the way of the {}; nothing was changed", kind.as_str());
    for Blocker { name, message, remedy } in blockers {
        text.push_str(&format!("\n  {name}: {message}\n    remedy: {remedy}"));
    }
    let forced = blockers.iter().filter(|b| gate::OVERRIDABLE.contains(&b.name.as_str()));
    let mut names: Vec<&str> = forced.map(|b| b.name.as_str()).collect();
    names.dedup();
    let error = Error::refused(text);
    Err(match names.is_empty() {
        true => error,
        false => error.hint(format!("what you accept can be passed by with --force: {}", names.join(", "))),
    })
}

/// Ctrl-C: the first asks the replicator to give up, the second leaves
struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    fn listen(context: &Context) -> Interrupts {
        use tokio::signal::unix::{SignalKind, signal};
        let first = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&first);
        context.runtime.spawn(async move {
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if seen.swap(true, Ordering::SeqCst) {
                    eprintln!("left; the replicator goes on, and `crossfade status` says which side is the primary");
                    std::process::exit(130);
                }
                eprintln!("asking the replicator to give it up; once more to leave at once");
            }
        });
        Interrupts(first)
    }

    fn is_seen(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A request on its way
struct Follower<'a> {
    context: &'a Context,
    kind: Kind,
    request: i64,
    /// `None` while the target is away
    client: Option<Client>,
    /// Steps that were printed
    told: i32,
    interrupts: &'a Interrupts,
    abort_sent: bool,
}

impl Follower<'_> {
    fn follow(mut self) -> Result<Option<()>> {
        let mut alone_since = None;
        loop {
            match self.look() {
                Ok(progress) => {
                    self.tell(&progress);
                    if progress.done {
                        return self.end(progress.answer.as_deref());
                    }
                    alone_since =
                        if progress.replicator_running { None } else { alone_since.or_else(|| Some(Instant::now())) };
                    if alone_since.is_some_and(|since| since.elapsed() > PATIENCE) {
                        return Err(Error::refused("the replicator ended in the middle of it")
                            .hint("start `crossfade run`: it completes the switch or takes it back, and says which"));
                    }
                }
                Err(error) if error.is_transient() && !self.interrupts.is_seen() => self.away(&error),
                Err(error) => return Err(error),
            }
            std::thread::sleep(LOOK);
        }
    }

    fn look(&mut self) -> Result<Progress> {
        let runtime = &self.context.runtime;
        if self.client.is_none() {
            self.client = Some(runtime.block_on(self.context.target.connect("crossfade switch"))?);
        }
        let Some(client) = &self.client else { return Err(Error::internal("no connection")) };
        if self.interrupts.is_seen() && !self.abort_sent {
            runtime.block_on(control::request(client, "abort", None))?;
            self.abort_sent = true;
        }
        runtime.block_on(switches::progress(client, self.request))
    }

    fn away(&mut self, error: &Error) {
        if self.client.take().is_some() {
            eprintln!("waiting: {}", error.summary());
        }
        std::thread::sleep(RECONNECT);
    }

    fn tell(&mut self, progress: &Progress) {
        let told = self.told;
        for step in progress.steps.iter().filter(|step| step.number > told) {
            let Some(seconds) = step.seconds else { break };
            println!("{}", format!("  {:<10} {seconds:>8.3} s  {}", step.name, step.detail).trim_end());
            self.told = step.number;
        }
    }

    fn end(&self, answer: Option<&str>) -> Result<Option<()>> {
        let still = |why: &str| Error::refused(format!("{} is still the primary: {why}", self.kind.from()));
        let answer = answer.and_then(|text| serde_json::from_str(text).ok());
        match answer {
            Some(Answer::Switch) => self.outcome().map(Some),
            Some(Answer::Blocked { blockers }) => refuse(self.kind, &blockers).map(Some),
            Some(Answer::WrongPhase { message, hint }) => Err(Error::new(ErrorKind::WrongPhase, message).hint(hint)),
            Some(Answer::GivenUp) => Err(still("it was given up before it began")),
            Some(Answer::Failed { message }) => Err(still(&message)),
            Some(Answer::Dropped) | None => Ok(None),
        }
    }

    fn outcome(&self) -> Result<()> {
        let Some(client) = &self.client else { return Err(Error::internal("no connection")) };
        let runtime = &self.context.runtime;
        let Some(Outcome { outcome, reason, refused_seconds }) =
            runtime.block_on(switches::outcome(client, self.request))?
        else {
            return Err(Error::internal("the switch has no record"));
        };
        let refused = refused_seconds.map(|seconds| format!("; writes were refused for {seconds:.3} s"));
        let refused = refused.unwrap_or_default();
        match outcome.as_str() {
            "switched" => {
                let since = runtime.block_on(switches::primary_since(client))?;
                println!("{} is the primary since {since} UTC{refused}", self.kind.to());
                Ok(())
            }
            "rehearsed" => {
                println!("rehearsed: {} is still the primary{refused}", Side::Sqlite);
                Ok(())
            }
            _ => {
                let reason = reason.unwrap_or_else(|| "it was given up".to_owned());
                Err(Error::refused(format!("{} is still the primary: {reason}{refused}", self.kind.from())))
            }
        }
    }
}
