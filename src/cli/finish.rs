//! `crossfade finish`

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use crate::engine::finish::{self, Options};
use crate::engine::job::Context;
use crate::engine::report;
use crate::error::{Error, Result};
use crate::model::words::counted;

/// Says what goes, asks, and ends the migration with PostgreSQL in charge
pub fn run(context: &Context, options: Options, yes: bool, last_report: Option<&Path>) -> Result<()> {
    for line in finish::outlook(context, options)? {
        eprintln!("- {line}");
    }
    if !yes && !is_confirmed()? {
        return Err(Error::usage("nothing was done: it was not confirmed")
            .hint("say `--yes`, or answer `finish` where it asks on a terminal"));
    }
    write_last(context, last_report)?;
    let finished = finish::finish(context, options)?;
    match &finished.archive {
        Some(path) => println!("source: kept as `{}`, read-only", path.display()),
        None if options.keep_source => println!("source: as it was before the migration"),
        None => println!("source: nothing was left to do"),
    }
    if finished.left_behind > 0 {
        println!("source: lacks {} that PostgreSQL has", counted(finished.left_behind as u64, "change"));
    }
    println!("target: the primary; nothing of crossfade is left on it");
    Ok(())
}

/// The record, before what it is read from goes
pub fn write_last(context: &Context, path: Option<&Path>) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    report::write(&report::gather(context, true)?, path)?;
    context.reporter.line(&format!("the report is in `{}`", path.display()));
    Ok(())
}

fn is_confirmed() -> Result<bool> {
    let (input, mut screen) = (std::io::stdin(), std::io::stderr());
    if !input.is_terminal() || !screen.is_terminal() {
        return Ok(false);
    }
    let mut ask = || -> std::io::Result<String> {
        write!(screen, "type `finish` to go on: ")?;
        screen.flush()?;
        let mut answer = String::new();
        input.lock().read_line(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|e| Error::internal("cannot ask on the terminal").caused_by(e))?;
    Ok(answer.trim() == "finish")
}
