//! `crossfade run`

use crate::engine::job::Context;
use crate::engine::supervisor;
use crate::error::Result;
use crate::observe::metrics;

/// Copies and follows until stopped
pub fn run(context: &Context) -> Result<()> {
    if let Some(address) = context.settings.http {
        let _runtime = context.runtime.enter();
        metrics::serve(address)?;
    }
    stop_on_signals(context);
    supervisor::run(context)
}

/// SIGINT and SIGTERM ask for a stop between two transactions; a second one ends the process at once, which is safe too
pub fn stop_on_signals(context: &Context) {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = context.stop.clone();
    // Here and not in the task, which a busy machine may begin late: until then a signal is not asked for, but fatal.
    let _runtime = context.runtime.enter();
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    context.runtime.spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_requested() {
                std::process::exit(130);
            }
            stop.request();
            eprintln!("stopping after the current transaction; once more to stop at once");
        }
    });
}
