//! A request to stop, seen by every thread

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// Set once, by a signal or a control request; cheap to ask and to clone
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn new() -> Stop {
        Stop::default()
    }

    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Fails if a stop was requested
    pub fn check(&self) -> Result<()> {
        if self.is_requested() { Err(interrupted()) } else { Ok(()) }
    }
}

/// The state is kept: a later `run` goes on from it
pub fn interrupted() -> Error {
    Error::new(
        ErrorKind::Interrupted,
        "stopped; everything committed so far is kept, and `crossfade run` goes on from it",
    )
}
