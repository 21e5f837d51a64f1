//! `make bench`: crossfade beside psql, pgloader and DuckDB, in one run on a throw-away PostgreSQL
//!
//! Everything that is compared takes turns inside a round, because machines are noisy: judge the ratios, not the
//! absolute numbers. A missed goal is printed, and fails nothing.
//!
//! usage: cargo bench --bench peers -- [--quick] [--only snapshot|apply|lag|capture]... [--rounds N]

mod apply;
mod capture;
mod cycle;
mod data;
mod lag;
mod loaders;
mod measure;
mod product;
mod snapshot;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use crossfade::cli::demo::cluster::Cluster;

use table::Table;

/// A bench is no product: whatever fails is shown as it is
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What every part needs
pub struct Bench {
    pub cluster: Cluster,
    /// Where the SQLite files and the reference files are
    pub directory: PathBuf,
    pub rounds: usize,
    /// A tenth of the rows
    pub quick: bool,
}

impl Bench {
    /// A number of rows or of repetitions at the size that was asked for
    pub fn scaled(&self, full: u64) -> u64 {
        if self.quick { full / 10 } else { full }
    }

    /// Creates an empty database and returns its URL
    pub fn database(&self, name: &str) -> Outcome<String> {
        let mut client = measure::connect(&self.cluster.url("postgres"))?;
        client.run(&format!("drop database if exists {name} with (force)"))?;
        client.run(&format!("create database {name}"))?;
        Ok(self.cluster.url(name))
    }
}

type Part = fn(&Bench, &mut Table) -> Outcome<()>;

const PARTS: [(&str, Part); 4] =
    [("snapshot", snapshot::run), ("apply", apply::run), ("lag", lag::run), ("capture", capture::run)];

/// As in research/performance.md, so that the numbers can be put side by side
const SERVER_SETTINGS: [(&str, &str); 4] = [
    ("shared_buffers", "2GB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "30min"),
    ("track_commit_timestamp", "on"),
];

fn main() -> Outcome<()> {
    let (mut quick, mut rounds, mut only) = (false, None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // cargo adds this one by itself.
            "--bench" => {}
            "--quick" => quick = true,
            "--rounds" => rounds = Some(arguments.next().ok_or("--rounds needs a number")?.parse()?),
            "--only" => only.push(arguments.next().ok_or("--only needs a name")?),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let settings = SERVER_SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let directory = tempfile::Builder::new().prefix("crossfade-bench-").tempdir()?;
    let rounds = rounds.unwrap_or(if quick { 1 } else { 3 });
    let bench = Bench { cluster: Cluster::start(settings)?, directory: directory.path().to_owned(), rounds, quick };
    let mut table = Table::default();
    for (name, part) in PARTS {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            let began = Instant::now();
            eprintln!("== {name}");
            if let Err(error) = part(&bench, &mut table) {
                table.missing(name, &explain(error.as_ref()));
            }
            eprintln!("== {name} took {:.0} s", began.elapsed().as_secs_f64());
        }
    }
    table.print(bench.quick, bench.rounds);
    Ok(())
}

/// An error with its causes, which some libraries leave out
fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
