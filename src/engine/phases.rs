//! Verbs and phases: what does not fit is refused with the verb that does, in one place for all of them

use crate::error::{Error, ErrorKind, Result};
use crate::model::phase::{Phase, Unfit, Verb};
use crate::postgres::control::State;

/// # Errors
/// [`ErrorKind::WrongPhase`] if the verb does not fit the phase that the target holds; `None` if it holds none.
pub fn check(verb: Verb, state: Option<&State>) -> Result<()> {
    verb.check(state.map(|state| state.phase)).map_err(wrong_phase)
}

/// As [`check`], for a migration whose phase is at hand
pub fn check_phase(verb: Verb, phase: Phase) -> Result<()> {
    verb.check(Some(phase)).map_err(wrong_phase)
}

/// What the model says does not fit, as an error of the program
pub fn wrong_phase(unfit: Unfit) -> Error {
    Error::new(ErrorKind::WrongPhase, unfit.message).hint(unfit.hint)
}
