//! The program itself, run as a user runs it

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::measure::{self, Cost, Reading};
use crate::{Bench, Outcome};

const PROGRAM: &str = env!("CARGO_BIN_EXE_crossfade");

/// What one `run --until in-sync` cost
pub struct Run {
    /// From "capture installed" to the last row, key and cycle
    pub copy: Cost,
    pub whole: Cost,
    /// Client CPU before the copy: the profile and the installation of capture
    pub plan_cpu: f64,
}

pub fn command(verb: &str, source: &Path, url: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg(verb).arg("--source").arg(source).arg("--target").arg(url);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|n| n.starts_with("PG") || n.starts_with("CROSSFADE_") || n == "DATABASE_URL") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Copies everything, reading the clocks at the lines that the program prints between its stages
pub fn run_until_in_sync(bench: &Bench, source: &Path, url: &str, workers: u32) -> Outcome<Run> {
    let mut run = command("run", source, url);
    run.args(["--until", "in-sync", "--workers", &workers.to_string()]);
    let began = Reading::take(bench);
    let before = measure::usage(libc::RUSAGE_CHILDREN);
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let pid = child.id();
    let (mut installed, mut copied) = (None, None);
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().ok_or("no stderr")?).lines() {
        let line = line?;
        if line.starts_with("capture installed") {
            installed = Some((Reading::take(bench), measure::process_cpu(pid)));
        } else if line.starts_with("copy: ") && line.contains(" s (") {
            copied = Some((Reading::take(bench), measure::process_cpu(pid)));
        }
        said.push_str(&line);
        said.push('\n');
    }
    let status = child.wait()?;
    let whole = began.to(&Reading::take(bench), measure::usage(libc::RUSAGE_CHILDREN) - before);
    match (installed, copied) {
        (Some((from, cpu_before)), Some((to, cpu_after))) if status.success() => {
            Ok(Run { copy: from.to(&to, cpu_after - cpu_before), whole, plan_cpu: cpu_before })
        }
        _ => Err(format!("crossfade run ended with {status}: {said}").into()),
    }
}

/// Removes every trace from both sides
pub fn cancel(source: &Path, url: &str) -> Outcome<()> {
    let output = command("cancel", source, url).output()?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned().into()) }
}

/// A replicator that follows until it is dropped
pub struct Replicator(Child);

impl Replicator {
    /// Copies, then starts to follow, and returns when the first change has come through
    pub fn start(bench: &Bench, source: &Path, url: &str) -> Outcome<Replicator> {
        run_until_in_sync(bench, source, url, 2)?;
        let child = command("run", source, url).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // Long enough for a start; whatever comes first is then answered as in steady state.
        std::thread::sleep(Duration::from_millis(1500));
        Ok(Replicator(child))
    }

    pub fn cpu(&self) -> f64 {
        measure::process_cpu(self.0.id())
    }
}

impl Drop for Replicator {
    fn drop(&mut self) {
        // SAFETY: the child has not been waited for, so its process id cannot belong to anyone else.
        unsafe { libc::kill(self.0.id() as libc::pid_t, libc::SIGINT) };
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The newest entry of the source's change log
pub fn head(source: &Connection) -> Outcome<i64> {
    Ok(source.prepare_cached("SELECT max(seq) FROM _crossfade_log")?.query_row([], |row| row.get(0))?)
}
