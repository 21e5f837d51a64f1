//! The command line: one file per verb
//!
//! Data goes to stdout, everything else to stderr. Exit codes are decided in one place, from the kind of the error.

pub mod args;
pub mod cancel;
pub mod cutover;
pub mod demo;
pub mod finish;
pub mod plan;
pub mod plan_file;
pub mod quarantine;
pub mod report;
pub mod rollback;
pub mod run;
pub mod status;
pub mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::engine::finish::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::progress::Reporter;
use args::{Arguments, QuarantineVerb, RunOptions, Verb};

/// Runs the program and returns its exit code
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap's own codes: 0 for help and version, 2 for usage.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.kind() {
                // Asked for, so not an error to the one who asked.
                ErrorKind::Interrupted => eprintln!("{error}"),
                _ => eprint!("{}", error.report()),
            }
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Error::internal("start the runtime").caused_by(e))?;
    let plain = RunOptions::default;
    match arguments.verb {
        Verb::Plan { mut pair, making, out, json, sample } => {
            let file = out.map(|out| plan_file::PlanFile::prepare(&mut pair, out)).transpose()?;
            let options = RunOptions { schema: making.mode(), identifiers: making.identifiers, sample, ..plain() };
            plan::run(&pair.resolve(options, Reporter::new(), &runtime)?, json, file.as_ref())
        }
        Verb::Run { pair, making, until, http, log_limit, workers, chunk_bytes, sample, on_switch, no_fence } => {
            let (schema, identifiers, until_in_sync) = (making.mode(), making.identifiers, until.is_some());
            let options = RunOptions {
                schema,
                identifiers,
                until_in_sync,
                http,
                log_limit,
                workers,
                chunk_bytes,
                sample,
                on_switch,
                no_fence,
            };
            run::run(&pair.resolve(options, Reporter::new(), &runtime)?)
        }
        Verb::Status { pair, json, watch } => {
            status::run(&pair.resolve(plain(), Reporter::quiet(), &runtime)?, json, watch)
        }
        Verb::Verify { pair, tables, json } => {
            verify::run(&pair.resolve(plain(), Reporter::new(), &runtime)?, &tables, json)
        }
        Verb::Quarantine { verb: QuarantineVerb::List { pair, table, json } } => {
            quarantine::list(&pair.resolve(plain(), Reporter::quiet(), &runtime)?, table.as_deref(), json)
        }
        Verb::Quarantine { verb: QuarantineVerb::Retry { pair, table, json } } => {
            quarantine::retry(&pair.resolve(plain(), Reporter::quiet(), &runtime)?, table.as_deref(), json)
        }
        Verb::Report { pair, html, json, no_digests } => {
            report::run(&pair.resolve(plain(), Reporter::new(), &runtime)?, html.as_deref(), json, !no_digests)
        }
        Verb::Cutover { pair, switching, rehearse } => {
            cutover::run(&pair.resolve(plain(), Reporter::new(), &runtime)?, switching, rehearse)
        }
        Verb::Rollback { pair, switching } => {
            rollback::run(&pair.resolve(plain(), Reporter::new(), &runtime)?, switching)
        }
        Verb::Finish { pair, keep_source, leave_behind, yes, report } => {
            let options = Options { keep_source, leave_behind };
            finish::run(&pair.resolve(plain(), Reporter::new(), &runtime)?, options, yes, report.as_deref())
        }
        Verb::Cancel { pair, keep_tables, report } => {
            cancel::run(&pair.resolve(plain(), Reporter::new(), &runtime)?, keep_tables, report.as_deref())
        }
        Verb::Demo { keep } => demo::run(keep),
    }
}

/// Prints a value as the one JSON document of a command
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::internal("write JSON").caused_by(e))?;
    println!("{text}");
    Ok(())
}
