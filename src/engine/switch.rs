//! Switching the primary: small durable steps, each of which `run` can complete or take back
//!
//! The side that would be opened decides: its own durable transaction is the point of no return. Before it, whatever fails
//! is taken back, and the fence is lifted where it stands; behind it, whatever fails is completed by the next session.
//!
//! ```text
//!   cutover    begin | hook, catch up | fence SQLite, drain, verify, sequences, capture | open PostgreSQL | settle SQLite
//!   rollback   begin | hook, catch up | fence PostgreSQL, drain, verify | open SQLite | settle PostgreSQL
//! ```
//! Writes are refused between the second bar and the fourth. The replicator does all of it; other processes ask it to by
//! `crossfade.control`, follow `crossfade.switch_steps`, and read the outcome in `crossfade.switches`.

mod approach;
pub mod cutover;
pub mod gate;
pub mod hook;
mod keeper;
pub mod outlook;
mod recover;
mod rehearsal;
mod rollback;
mod steps;

use serde::{Deserialize, Serialize};

use crate::engine::job::Job;
use crate::engine::phases;
use crate::error::{Error, Result};
use crate::model::phase::{Side, Verb};
use crate::observe::metrics;
use crate::postgres::control::Request;
use crate::postgres::switches;
pub use gate::Blocker;
pub use recover::recover;

/// What was asked for, as the argument of a request
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Options {
    pub rehearse: bool,
    /// Seconds
    pub max_lag: f64,
    /// Seconds for which writes may be refused
    pub timeout: f64,
    /// Names of blockers that do not count
    pub force: Vec<String>,
}

/// What may be done to the primary
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Cutover,
    Rehearsal,
    Rollback,
}

/// A request that waits for its turn
#[derive(Clone, Debug)]
pub struct Asked {
    pub request: i64,
    pub kind: Kind,
    pub options: Options,
}

/// What a request came to, as JSON in `crossfade.control`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    WrongPhase {
        message: String,
        hint: String,
    },
    Blocked {
        blockers: Vec<Blocker>,
    },
    /// It became a switch: see `crossfade.switches`
    Switch,
    /// Given up before it began
    GivenUp,
    /// The replicator that was asked is gone
    Dropped,
    /// The gate could not look
    Failed {
        message: String,
    },
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Cutover => "cutover",
            Kind::Rehearsal => "rehearsal",
            Kind::Rollback => "rollback",
        }
    }

    /// Of the request to the replicator
    pub fn request_verb(self) -> &'static str {
        match self {
            Kind::Cutover => "cutover",
            Kind::Rehearsal => "rehearse",
            Kind::Rollback => "rollback",
        }
    }

    fn of_request(verb: &str) -> Option<Kind> {
        [Kind::Cutover, Kind::Rehearsal, Kind::Rollback].into_iter().find(|kind| kind.request_verb() == verb)
    }

    pub fn verb(self) -> Verb {
        match self {
            Kind::Cutover => Verb::Cutover,
            Kind::Rehearsal => Verb::Rehearse,
            Kind::Rollback => Verb::Rollback,
        }
    }

    /// The side that accepts writes when it begins
    pub fn from(self) -> Side {
        if self == Kind::Rollback { Side::Postgres } else { Side::Sqlite }
    }

    /// The side that accepts writes if it succeeds
    pub fn to(self) -> Side {
        if self == Kind::Cutover { Side::Postgres } else { Side::Sqlite }
    }
}

impl Options {
    /// As the argument of a request
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::internal("write the options as JSON").caused_by(e))
    }
}

impl Answer {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Takes in what other processes ask for about switches; does nothing if the request is about something else
pub fn take_in(job: &Job, request: &Request) -> Result<()> {
    if request.verb == "abort" {
        // None is under way, or its own watch would have taken the request: so it is meant for one that waits.
        for asked in job.switches.borrow_mut().drain(..) {
            reply(job, asked.request, &Answer::GivenUp)?;
        }
        return reply(job, request.id, &Answer::GivenUp);
    }
    let Some(kind) = Kind::of_request(&request.verb) else { return Ok(()) };
    let unfit = kind.verb().check(Some(job.phase)).err();
    match (unfit, serde_json::from_str(request.argument.as_deref().unwrap_or_default())) {
        (Some(unfit), _) => {
            reply(job, request.id, &Answer::WrongPhase { message: unfit.message, hint: unfit.hint })?;
        }
        (None, Ok(options)) => job.switches.borrow_mut().push(Asked { request: request.id, kind, options }),
        (None, Err(_)) => {
            let message = "the request is of another version of crossfade".to_owned();
            reply(job, request.id, &Answer::Failed { message })?;
        }
    }
    Ok(())
}

/// Does what was asked for, if anything was; the phase says afterwards which direction to follow. `false` if nothing was
/// asked for
///
/// # Errors
/// What ends the session: the switch has been taken back, or the next session finds out where it stands.
pub fn serve(job: &mut Job) -> Result<bool> {
    if job.switches.borrow().is_empty() {
        return Ok(false);
    }
    let asked = job.switches.borrow_mut().remove(0);
    let before = job.phase;
    let answer = match attempt(job, &asked) {
        Ok(answer) => answer,
        Err(error) => {
            // What was begun is answered by the session that ends it; and so is this, if nobody hears it now.
            if job.phase == before {
                let _ = reply(job, asked.request, &Answer::Failed { message: error.summary() });
            }
            return Err(error);
        }
    };
    reply(job, asked.request, &answer)?;
    if let Some(ended) = job.wait(switches::outcome(job.applier.client(), asked.request))? {
        metrics::switched(asked.kind.as_str(), ended.outcome, ended.refused_seconds);
    }
    Ok(true)
}

fn attempt(job: &mut Job, asked: &Asked) -> Result<Answer> {
    if let Err(error) = phases::check_phase(asked.kind.verb(), job.phase) {
        let hint = error.hint_text().unwrap_or_default().to_owned();
        return Ok(Answer::WrongPhase { message: error.to_string(), hint });
    }
    let done = match asked.kind {
        Kind::Cutover | Kind::Rehearsal => cutover::run(job, asked),
        Kind::Rollback => rollback::run(job, asked),
    };
    match done? {
        Some(blockers) => Ok(Answer::Blocked { blockers }),
        None => Ok(Answer::Switch),
    }
}

fn reply(job: &Job, request: i64, answer: &Answer) -> Result<()> {
    job.wait(switches::answer(job.applier.client(), request, &answer.to_json()))
}
