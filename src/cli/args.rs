//! What can be typed, and how it becomes settings
//!
//! Precedence: command line, environment, `crossfade.toml`, default.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{ConfigFile, DEFAULT_CHUNK_BYTES, DEFAULT_LOG_LIMIT, DEFAULT_WORKERS, MIN_LOG_LIMIT, Settings};
use crate::engine::job::Context;
use crate::engine::stop::Stop;
use crate::error::{Error, Result};
use crate::model::choices::Identifiers;
use crate::model::plan::Mode;
use crate::observe::progress::Reporter;
use crate::postgres::connect::Target;

/// Moves a live SQLite database to PostgreSQL while the application keeps writing
#[derive(Parser, Debug)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 internal, 2 usage, 3 refused, 4 mismatch, 5 source unavailable, \
                          6 target unavailable, 7 wrong phase, 130 interrupted";

#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show what will be created on the target, with every warning and refusal; touches nothing
    Plan {
        #[command(flatten)]
        pair: Pair,
        #[command(flatten)]
        making: Making,
        /// Write the plan to this file too, to be edited and given back with --config; one that is there keeps its edits
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print one JSON document instead
        #[arg(long)]
        json: bool,
        /// Read about this many rows of each table instead of all, spread evenly; for very large files
        #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
        sample: Option<u64>,
    },
    /// Copy everything, then follow every change until stopped; started again, go on from there
    Run {
        #[command(flatten)]
        pair: Pair,
        #[command(flatten)]
        making: Making,
        /// Stop with exit code 0 when this is reached
        #[arg(long, value_name = "STATE", value_parser = ["in-sync"])]
        until: Option<String>,
        /// Serve Prometheus metrics at http://ADDRESS/metrics
        #[arg(long, value_name = "ADDRESS")]
        http: Option<SocketAddr>,
        /// Entries that the change log keeps on the source [default: 5000000]
        #[arg(long, value_name = "N")]
        log_limit: Option<u64>,
        /// Parallel connections of the copy [default: 2]
        #[arg(long, value_name = "N")]
        workers: Option<usize>,
        /// Bytes that one read of the copy takes from the source [default: 4194304]
        #[arg(long, value_name = "BYTES")]
        chunk_bytes: Option<usize>,
        /// Plan by about this many rows of each table instead of all, spread evenly; for very large files
        #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
        sample: Option<u64>,
        /// Run this shell command at each stage of a switch of the primary (CROSSFADE_STAGE is before-fence, switched or
        /// aborted; CROSSFADE_PRIMARY the side that is or will be primary); a failure before the fence calls it off
        #[arg(long, value_name = "COMMAND")]
        on_switch: Option<String>,
        /// Let applications write to the copied tables on the target although SQLite is the primary; what they write
        /// there is overwritten or found by verify, and lost
        #[arg(long)]
        no_fence: bool,
    },
    /// Show where the migration stands
    Status {
        #[command(flatten)]
        pair: Pair,
        #[arg(long)]
        json: bool,
        /// Refresh in place until interrupted
        #[arg(long, conflicts_with = "json")]
        watch: bool,
    },
    /// Compare every row and column of both sides, also while both are written
    Verify {
        #[command(flatten)]
        pair: Pair,
        /// Only this table; may be given several times
        #[arg(long = "table", value_name = "NAME")]
        tables: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// Show the rows that PostgreSQL cannot hold, or try them again
    Quarantine {
        #[command(subcommand)]
        verb: QuarantineVerb,
    },
    /// Print the record of the migration so far: plan, phases, digests, verify runs, every switch
    Report {
        #[command(flatten)]
        pair: Pair,
        /// Write a page for people to this file instead; it needs nothing else to be read
        #[arg(long, value_name = "FILE", conflicts_with = "json")]
        html: Option<PathBuf>,
        #[arg(long)]
        json: bool,
        /// Leave out the digests of the tables, which read every row of both sides once
        #[arg(long)]
        no_digests: bool,
    },
    /// Make PostgreSQL the primary, with SQLite following it from then on
    Cutover {
        #[command(flatten)]
        pair: Pair,
        #[command(flatten)]
        switching: Switching,
        /// Do everything but open PostgreSQL, prove the way back with a row of our own, and return
        #[arg(long, conflicts_with = "dry_run")]
        rehearse: bool,
    },
    /// Make SQLite the primary again, with every write that PostgreSQL took meanwhile
    Rollback {
        #[command(flatten)]
        pair: Pair,
        #[command(flatten)]
        switching: Switching,
    },
    /// Remove every trace of crossfade from both sides, and the copied tables
    Cancel {
        #[command(flatten)]
        pair: Pair,
        /// Leave the copied tables on the target as they are
        #[arg(long)]
        keep_tables: bool,
        /// Write the record of the migration to this file first: a page, or JSON if its name ends so
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// End the migration with PostgreSQL in charge: remove every trace of crossfade from both sides
    Finish {
        #[command(flatten)]
        pair: Pair,
        /// Leave the SQLite file where it is and as it was; it becomes a dated read-only archive otherwise
        #[arg(long)]
        keep_source: bool,
        /// Do not insist that SQLite has everything that PostgreSQL has
        #[arg(long)]
        leave_behind: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Write the record of the migration to this file first: a page, or JSON if its name ends so
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Watch the whole job on a throw-away PostgreSQL with a busy sample database
    Demo {
        /// Leave both databases up and print how to look into them
        #[arg(long)]
        keep: bool,
    },
}

/// How the primary is switched
#[derive(Args, Debug, Default)]
pub struct Switching {
    /// Say what stands in the way and what would be done; touches nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How far the side that takes over may be behind
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub max_lag: f64,
    /// For how long writes may be refused at most; then it is called off
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub timeout: f64,
    /// Pass by this blocker; may be given several times
    #[arg(long, value_name = "NAME")]
    pub force: Vec<String>,
}

#[derive(Subcommand, Debug)]
pub enum QuarantineVerb {
    /// Show each row: its key, the value that does not fit, and since when; with --json the whole row too
    List {
        #[command(flatten)]
        pair: Pair,
        /// Only this table
        #[arg(long, value_name = "NAME")]
        table: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Have the running replicator read the rows again, and wait until it has
    Retry {
        #[command(flatten)]
        pair: Pair,
        /// Only this table
        #[arg(long, value_name = "NAME")]
        table: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

/// The two databases
#[derive(Args, Debug, Default)]
pub struct Pair {
    /// The SQLite file
    #[arg(long, value_name = "FILE", env = "CROSSFADE_SOURCE")]
    pub source: Option<PathBuf>,
    /// The PostgreSQL database, as a URL or key=value pairs; better without a password, which PGPASSWORD or a password
    /// file can hold [also: DATABASE_URL]
    #[arg(long, value_name = "URL", env = "CROSSFADE_TARGET", hide_env_values = true)]
    pub target: Option<String>,
    /// Settings and plan file; without it `crossfade.toml` in the current directory is not read
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What a new plan is made with
#[derive(Args, Debug, Default)]
pub struct Making {
    /// Who makes the tables: `create` has the plan do it, `existing` fits the data to those that the application's own
    /// migrations have made [default: create]
    #[arg(long, value_name = "MODE", value_parser = ["create", "existing"])]
    pub schema: Option<String>,
    /// Names on a target that the plan creates: as they are, or in lower case [default: keep]
    #[arg(long, value_name = "keep|lower", value_parser = identifiers)]
    pub identifiers: Option<Identifiers>,
}

impl Making {
    pub fn mode(&self) -> Option<Mode> {
        self.schema.as_deref().map(|mode| if mode == "existing" { Mode::Existing } else { Mode::Create })
    }
}

/// Options of `run` that may come from the configuration too
#[derive(Debug, Default)]
pub struct RunOptions {
    /// Who makes the target's schema
    pub schema: Option<Mode>,
    pub until_in_sync: bool,
    pub http: Option<SocketAddr>,
    pub log_limit: Option<u64>,
    pub workers: Option<usize>,
    pub chunk_bytes: Option<usize>,
    pub sample: Option<u64>,
    pub identifiers: Option<Identifiers>,
    pub on_switch: Option<String>,
    pub no_fence: bool,
}

/// `500ms`, `5s`, `1.5s`, `2m`, as seconds
fn duration(text: &str) -> std::result::Result<f64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("a number with its unit: ms, s or m, as in `500ms` or `30s`".to_owned()),
    };
    let number: f64 = digits.parse().map_err(|_| format!("`{digits}` is not a number"))?;
    let seconds = number * unit;
    // A day is longer than anybody waits, and everything below fits a duration.
    (0.0..=86_400.0).contains(&seconds).then_some(seconds).ok_or_else(|| "it is between 0s and 1440m".to_owned())
}

fn identifiers(word: &str) -> std::result::Result<Identifiers, String> {
    match word {
        "keep" => Ok(Identifiers::Keep),
        "lower" => Ok(Identifiers::Lower),
        _ => Err("it is `keep` or `lower`".to_owned()),
    }
}

impl Pair {
    /// Resolves everything that a verb needs
    pub fn resolve(
        self,
        options: RunOptions,
        reporter: Reporter,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<Context> {
        let file = self.config.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
        let ConfigFile { content: file, .. } = file;
        let mut choices = file.choices();
        choices.schema = options.schema.or(choices.schema);
        let source = self.source.or(file.source).ok_or_else(|| {
            Error::usage("no source given").hint("give the SQLite file with --source, or set CROSSFADE_SOURCE")
        })?;
        let target = self.target.or_else(|| std::env::var("DATABASE_URL").ok()).or(file.target).ok_or_else(|| {
            Error::usage("no target given")
                .hint("give the PostgreSQL database with --target, or set CROSSFADE_TARGET or DATABASE_URL")
        })?;
        let log_limit = options.log_limit.or(file.log_limit).unwrap_or(DEFAULT_LOG_LIMIT);
        if log_limit < MIN_LOG_LIMIT {
            return Err(Error::usage(format!("--log-limit must be at least {MIN_LOG_LIMIT}")));
        }
        if let Some(identifiers) = options.identifiers {
            choices.defaults.identifiers = identifiers;
        }
        let settings = Settings {
            source,
            log_limit,
            workers: within("--workers", options.workers.or(file.workers).unwrap_or(DEFAULT_WORKERS), 1, 16)?,
            chunk_bytes: within(
                "--chunk-bytes",
                options.chunk_bytes.or(file.chunk_bytes).unwrap_or(DEFAULT_CHUNK_BYTES),
                1,
                64 << 20,
            )?,
            until_in_sync: options.until_in_sync,
            choices_stated: self.config.is_some(),
            choices,
            sample: options.sample,
            http: options.http,
            on_switch: options.on_switch,
            fence: !options.no_fence,
        };
        let target = Target::parse(&target)?;
        Ok(Context { settings, target, runtime: runtime.handle().clone(), stop: Stop::new(), reporter })
    }
}

fn within(name: &str, value: usize, least: usize, most: usize) -> Result<usize> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Error::usage(format!("{name} must be between {least} and {most}")))
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_have_units() {
        let cases = [("500ms", 0.5), ("5s", 5.0), ("1.5s", 1.5), ("2m", 120.0), ("0s", 0.0)];
        for (text, seconds) in cases {
            assert_eq!(duration(text), Ok(seconds), "{text}");
        }
        for text in ["5", "", "s", "-1s", "5h", "1e9s", "infs", "nans", "5 s", "9999m"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
