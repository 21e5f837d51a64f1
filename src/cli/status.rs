//! `crossfade status`

use std::io::IsTerminal;
use std::time::Duration;

use super::{print_json, run};
use crate::engine::job::Context;
use crate::engine::status::gather;
use crate::error::Result;

const REFRESH: Duration = Duration::from_secs(1);

/// Prints where the migration stands; with `watch` again and again, in place
pub fn run(context: &Context, json: bool, watch: bool) -> Result<()> {
    if !watch {
        let (status, error) = gather(context);
        if json {
            print_json(&status)?;
        } else if error.is_none() {
            println!("{}", status.text(has_colour()));
        }
        return error.map_or(Ok(()), Err);
    }
    run::stop_on_signals(context);
    while !context.stop.is_requested() {
        let (status, _) = gather(context);
        // Home, then clear to the end of the screen: no flicker, and no trace of longer lines.
        println!("\x1b[H\x1b[2J{}", status.text(has_colour()));
        let until = std::time::Instant::now() + REFRESH;
        while std::time::Instant::now() < until && !context.stop.is_requested() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// Only a terminal shows colours, and <https://no-color.org> switches them off there too
fn has_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
