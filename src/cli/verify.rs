//! `crossfade verify`

use super::{print_json, run};
use crate::engine::job::Context;
use crate::engine::verify::{Verdict, verify};
use crate::error::{Error, ErrorKind, Result};
use crate::model::words::grouped;

/// Compares both sides; exit code 4 if they differ
pub fn run(context: &Context, tables: &[String], json: bool) -> Result<()> {
    run::stop_on_signals(context);
    let verdict = verify(context, tables)?;
    if json {
        print_json(&verdict)?;
    } else {
        print!("{}", text(&verdict));
    }
    if verdict.mismatches > 0 {
        let message = format!("{} rows differ between the two sides", grouped(verdict.mismatches));
        return Err(Error::new(ErrorKind::Mismatch, message).hint(match verdict.is_mended {
            true => {
                "PostgreSQL is the primary: `crossfade run` brings its rows to SQLite (`crossfade status` says when it \
                 has), then verify again"
            }
            false => "the keys are listed above; was something else writing to the target?",
        }));
    }
    if verdict.in_flight > 0 && !verdict.replicator_running {
        let message =
            format!("{} keys are not compared: they changed and were not applied", grouped(verdict.in_flight));
        return Err(Error::new(ErrorKind::Mismatch, message)
            .hint("no replicator is running; `crossfade run` brings them over, then verify again"));
    }
    Ok(())
}

fn text(verdict: &Verdict) -> String {
    let mut text = String::new();
    for table in &verdict.tables {
        let at_least = if table.at_least { "at least " } else { "" };
        let in_flight = match table.in_flight {
            0 => String::new(),
            n => format!(", {} on their way and not compared", grouped(n)),
        };
        let quarantined = match table.quarantined {
            0 => String::new(),
            n => format!(", {} held back", grouped(n)),
        };
        let kept = match table.kept {
            0 => String::new(),
            n => format!(", {} that were there before", grouped(n)),
        };
        text.push_str(&format!(
            "  {:<28} {:>12} rows compared, {at_least}{} mismatches{in_flight}{quarantined}{kept}\n",
            table.name,
            grouped(table.rows_compared),
            grouped(table.mismatches)
        ));
        table.keys.iter().for_each(|key| text.push_str(&format!("    {key}\n")));
    }
    text.push_str(&format!(
        "{} rows compared in {:.1} s, {} mismatches, through seq {}\n",
        grouped(verdict.rows_compared),
        verdict.seconds,
        grouped(verdict.mismatches),
        verdict.through_seq
    ));
    if verdict.quarantined > 0 {
        let rows = grouped(verdict.quarantined);
        text.push_str(&format!(
            "{rows} rows are on one side only, as the other cannot hold them: `crossfade quarantine list`, \
             `table crossfade.unreturned`\n"
        ));
    }
    text
}
