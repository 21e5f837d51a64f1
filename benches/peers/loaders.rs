//! The ways of filling one table on the target, each with its cost

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crossbeam_channel::bounded;
use crossfade::engine::planning::make_plan;
use crossfade::model::choices::Choices;
use crossfade::model::chunk::Range;
use crossfade::model::extensions::Offer;
use crossfade::model::plan::Plan;
use crossfade::model::planner::Request;
use crossfade::observe::progress::Reporter;
use crossfade::postgres::copy::{CopyStream, relation};
use crossfade::sqlite::connection::open_reader;
use crossfade::sqlite::durable;
use crossfade::sqlite::rows::read_slice;

use crate::measure::{self, Connection, Cost, Reading};
use crate::product::{Run, cancel, run_until_in_sync};
use crate::{Bench, Outcome};

/// As the program reads and sends by default
const SLICE_BYTES: usize = 4 << 20;
const BUFFERS: usize = 4;

const DUCKDB: &str = "
import sys, duckdb
from duckdb_extensions import import_extension
import_extension('sqlite_scanner'); import_extension('postgres_scanner')
c = duckdb.connect()
c.execute('LOAD sqlite_scanner'); c.execute('LOAD postgres_scanner')
c.execute(f\"ATTACH '{sys.argv[1]}' AS s (TYPE sqlite, READ_ONLY)\")
c.execute(f\"ATTACH '{sys.argv[2]}' AS p (TYPE postgres)\")
c.execute(f'INSERT INTO p.public.{sys.argv[3]} SELECT * FROM s.{sys.argv[3]}')
";

/// One table in its file, and everything that fills it again and again
pub struct Race<'b> {
    pub bench: &'b Bench,
    pub table: &'static str,
    pub rows: u64,
    source: PathBuf,
    /// Where crossfade creates the table itself, and where it stands for the others
    own: String,
    peers: String,
    reference_file: PathBuf,
    plan: Plan,
    /// On `peers`
    connection: Connection,
}

impl<'b> Race<'b> {
    /// Lets crossfade create the table once, and takes the definition for the peers and the reference file from it
    pub fn prepare(bench: &'b Bench, table: &'static str, rows: u64, source: PathBuf) -> Outcome<Race<'b>> {
        let own = bench.database(&format!("own_{table}"))?;
        let peers = bench.database(&format!("peers_{table}"))?;
        run_until_in_sync(bench, &source, &own, 1)?;
        let reference_file = bench.directory.join(format!("{table}.bin"));
        let copy = format!("\\copy {table} to '{}' (format binary)", reference_file.display());
        finished(psql(bench, &own, &copy))?;
        let schema =
            finished(Command::new(program(bench, "pg_dump")).args(["--schema-only", "--no-owner", "-t", table, &own]))?;
        let mut connection = measure::connect(&peers)?;
        // Newer versions of pg_dump write commands for psql around the statements.
        let statements: Vec<&str> = schema.lines().filter(|line| !line.starts_with('\\')).collect();
        connection.run(&statements.join("\n"))?;
        connection.run("set search_path = public")?;
        cancel(&source, &own)?;
        let (choices, offer) = (Choices::default(), Offer::default());
        let request = Request { target_schema: "public", choices: &choices, offer: &offer };
        let plan = make_plan(&source, &request, None, &Reporter::quiet())?.plan;
        Ok(Race { bench, table, rows, source, own, peers, reference_file, plan, connection })
    }

    /// psql's own `\timing` is the wall: its start is not part of the copy
    pub fn psql(&mut self) -> Outcome<Cost> {
        self.clear()?;
        let copy = format!("\\copy {} from '{}' (format binary)", self.table, self.reference_file.display());
        let mut psql = psql(self.bench, &self.peers, "\\timing on");
        psql.args(["-c", &copy]);
        let (mut cost, said) = self.measured(&mut psql)?;
        let time = said.lines().find_map(|line| line.strip_prefix("Time: ")).ok_or("psql gave no time")?;
        cost.wall = time.split(' ').next().unwrap_or_default().parse::<f64>()? / 1000.0;
        self.check()?;
        Ok(cost)
    }

    /// The reader and the stream of the product, into the table with its key in place, as one transaction
    pub fn library(&mut self) -> Outcome<Cost> {
        self.clear()?;
        let (before, cpu) = (Reading::take(self.bench), measure::usage(libc::RUSAGE_SELF));
        self.run_library()?;
        let cost = before.to(&Reading::take(self.bench), measure::usage(libc::RUSAGE_SELF) - cpu);
        self.check()?;
        Ok(cost)
    }

    fn run_library(&self) -> Outcome<()> {
        let table = &self.plan.tables[0];
        let (sender, receiver) = bounded(BUFFERS);
        let Connection { runtime, client } = &self.connection;
        std::thread::scope(|scope| {
            let reader = scope.spawn(move || -> crossfade::error::Result<()> {
                let source = open_reader(&self.source)?;
                let mut range = Range::default();
                loop {
                    let mut buffers = Vec::new();
                    let slice = read_slice(&source, table, &range, SLICE_BYTES, &mut buffers)?;
                    if buffers.into_iter().any(|buffer| sender.send(buffer).is_err()) {
                        return Ok(());
                    }
                    match slice.last_key {
                        Some(key) => range.after = Some(key),
                        None => return durable::sync(&source, &self.source),
                    }
                }
            });
            let target = relation(&self.plan, table);
            let mut copy = runtime.block_on(CopyStream::begin(client, &target, table, false))?;
            for buffer in receiver {
                runtime.block_on(copy.send(buffer))?;
            }
            reader.join().map_err(|_| "the reader panicked")??;
            runtime.block_on(copy.finish())?;
            Ok(())
        })
    }

    /// The program from nothing to in sync; afterwards everything is removed again
    pub fn product(&mut self, workers: u32) -> Outcome<Run> {
        // The others begin with nothing left to write either.
        self.clear()?;
        let run = run_until_in_sync(self.bench, &self.source, &self.own, workers)?;
        cancel(&self.source, &self.own)?;
        Ok(run)
    }

    /// Into the table as it stands, otherwise with pgloader's defaults
    pub fn pgloader(&mut self) -> Outcome<Cost> {
        self.clear()?;
        let script = self.bench.directory.join("pgloader.load");
        let text = format!(
            "load database from sqlite://{} into {} with data only, no truncate, reset no sequences \
             including only table names like '{}';",
            self.source.display(),
            self.peers,
            self.table
        );
        std::fs::write(&script, text)?;
        let (cost, said) = self.measured(Command::new("pgloader").arg(&script))?;
        self.check().map_err(|e| format!("{e}: {said}"))?;
        Ok(cost)
    }

    pub fn duckdb(&mut self) -> Outcome<Cost> {
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench-venv/bin/python");
        self.clear()?;
        let mut script = Command::new(python);
        script.args(["-c", DUCKDB]).arg(&self.source).args([&self.peers, self.table]);
        let (cost, _) = self.measured(&mut script)?;
        self.check()?;
        Ok(cost)
    }

    /// Empties the peers' table, and takes the checkpoint out of the next measurement
    pub fn clear(&mut self) -> Outcome<()> {
        self.connection.run(&format!("truncate {}", self.table))?;
        self.connection.run("checkpoint")
    }

    /// The right number of rows, whatever the tool itself says
    fn check(&self) -> Outcome<()> {
        let count: i64 = self.connection.value(&format!("select count(*) from {}", self.table), &[])?;
        if count as u64 == self.rows { Ok(()) } else { Err(format!("{count} rows of {} arrived", self.rows).into()) }
    }

    fn measured(&self, command: &mut Command) -> Outcome<(Cost, String)> {
        let (before, cpu) = (Reading::take(self.bench), measure::usage(libc::RUSAGE_CHILDREN));
        let began = Instant::now();
        let said = finished(command)?;
        let wall = began.elapsed().as_secs_f64();
        let client = measure::usage(libc::RUSAGE_CHILDREN) - cpu;
        // The server process of a client that has just left still tidies up.
        std::thread::sleep(std::time::Duration::from_millis(50));
        Ok((Cost { wall, ..before.to(&Reading::take(self.bench), client) }, said))
    }
}

/// A client program of the server's own version; the server's directory may be one of links to the few that it needs
fn program(bench: &Bench, name: &str) -> PathBuf {
    let server = bench.cluster.programs().join("initdb").canonicalize().unwrap_or_default();
    let beside = server.with_file_name(name);
    if beside.is_file() { beside } else { PathBuf::from(name) }
}

fn psql(bench: &Bench, url: &str, statement: &str) -> Command {
    let mut psql = Command::new(program(bench, "psql"));
    psql.args(["-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]);
    psql
}

/// Runs to the end and returns what it said
fn finished(mut command: impl std::borrow::BorrowMut<Command>) -> Outcome<String> {
    let command = command.borrow_mut();
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("cannot run {name}: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("{name} ended with {}: {} {said}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}
