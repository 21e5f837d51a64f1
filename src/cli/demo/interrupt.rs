//! Ctrl-C and SIGTERM as a flag that the demo looks at between its steps

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Error, ErrorKind, Result};

/// Set once the user asked to stop
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over SIGINT and SIGTERM from here on: nothing may end the process before it has cleaned up
    pub fn listen() -> Result<Interrupt> {
        let interrupt = Interrupt::default();
        let flag = interrupt.0.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(deaf)?;
        let (mut int, mut term) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt()).map_err(deaf)?, signal(SignalKind::terminate()).map_err(deaf)?)
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! { _ = int.recv() => (), _ = term.recv() => () }
            });
            flag.store(true, Ordering::Relaxed);
        });
        Ok(interrupt)
    }

    /// An error once the user asked to stop
    pub fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Interrupted, "the demo was interrupted; everything it made is removed")),
            false => Ok(()),
        }
    }

    /// Lets time pass, unless the user asks to stop
    pub fn pause(&self, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

fn deaf(cause: std::io::Error) -> Error {
    Error::internal("cannot listen for signals").caused_by(cause)
}
