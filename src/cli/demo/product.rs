//! The program under demonstration, run as a user runs it: child processes and their exit codes and JSON

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// How much of the replicator's log a failure shows
const LOG_LINES: usize = 12;

/// One pair of databases, and where to run the program for it
#[derive(Clone, Debug)]
pub struct Product {
    pub program: PathBuf,
    pub source: PathBuf,
    pub target: String,
    /// Working directory; the replicator's log is written here
    pub directory: PathBuf,
}

/// What `status --json` says, as far as the demo cares
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub phase: String,
    pub in_sync: bool,
    pub running: bool,
    pub backlog: u64,
    pub head: u64,
    pub checkpoint: u64,
    pub rows_copied: u64,
    pub rows_total: u64,
    pub last_error: Option<String>,
}

/// What `verify --json` says
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    pub rows_compared: u64,
    pub mismatches: u64,
}

impl Product {
    /// Number of tables in the plan; anything the plan refuses is an error here
    pub fn plan(&self) -> Result<usize> {
        let output = self.output("plan", &["--json"])?;
        if !output.status.success() {
            return Err(failed("plan", &output));
        }
        Ok(parse("plan", &output)?["tables"].as_array().map_or(0, Vec::len))
    }

    /// Starts `crossfade run` in the background; what it says goes to the log file
    pub fn start_replicator(&self) -> Result<Replicator> {
        let log = OpenOptions::new().create(true).append(true).open(self.log());
        let log = log.map_err(|e| Error::internal("cannot open the replicator's log").caused_by(e))?;
        let mut run = self.command("run", &[]);
        // Its own process group: Ctrl-C is for the demo, which then stops the replicator itself.
        run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        end_with_us(&mut run);
        run.spawn().map(Replicator).map_err(|e| Error::internal("cannot start the replicator").caused_by(e))
    }

    /// The status, or `None` while there is nothing to say yet
    pub fn status(&self) -> Result<Option<Status>> {
        let output = self.output("status", &["--json"])?;
        Ok(serde_json::from_slice(&output.stdout).ok().map(|document| Status::from_json(&document)))
    }

    /// Compares both sides; a difference is a result, not an error
    pub fn verify(&self) -> Result<Verified> {
        let output = self.output("verify", &["--json"])?;
        let mismatch = output.status.code() == Some(i32::from(ErrorKind::Mismatch.exit_code()));
        if !output.status.success() && !mismatch {
            return Err(failed("verify", &output));
        }
        let document = parse("verify", &output)?;
        match (count(&document["rows_compared"]), count(&document["mismatches"])) {
            (Some(rows_compared), Some(mismatches)) if mismatch == (mismatches > 0) => {
                Ok(Verified { rows_compared, mismatches })
            }
            _ => Err(failed("verify", &output)),
        }
    }

    /// Runs `cutover` or `rollback`; for how long writes were refused, as it says itself
    pub fn switch(&self, verb: &str, arguments: &[&str]) -> Result<Duration> {
        let output = self.output(verb, arguments)?;
        match refused(&String::from_utf8_lossy(&output.stdout)) {
            Some(time) if output.status.success() => Ok(time),
            _ => Err(failed(verb, &output)),
        }
    }

    pub fn log(&self) -> PathBuf {
        self.directory.join("replicator.log")
    }

    /// The last lines of the replicator's log, for an error to quote
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n             ")
    }

    fn output(&self, verb: &str, arguments: &[&str]) -> Result<Output> {
        let output = self.command(verb, arguments).stdin(Stdio::null()).output();
        output.map_err(|e| Error::internal(format!("cannot run `crossfade {verb}`")).caused_by(e))
    }

    fn command(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(verb).arg("--source").arg(&self.source).arg("--target").arg(&self.target).args(arguments);
        command.current_dir(&self.directory);
        // The user's own settings belong to the user's own databases.
        for (name, _) in std::env::vars_os() {
            let ours = |name: &str| name.starts_with("CROSSFADE_") || name.starts_with("PG") || name == "DATABASE_URL";
            if name.to_str().is_some_and(ours) {
                command.env_remove(name);
            }
        }
        command
    }
}

impl Status {
    fn from_json(document: &Value) -> Status {
        let number = |name: &str| count(&document[name]).unwrap_or(0);
        let tables = document["tables"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        let sum = |name: &str| tables.iter().filter_map(|table| count(&table[name])).sum();
        Status {
            phase: document["phase"].as_str().unwrap_or("unknown").to_owned(),
            in_sync: document["in_sync"] == true,
            running: document["replicator_running"] == true,
            backlog: number("backlog"),
            head: number("head_seq"),
            checkpoint: number("checkpoint_seq"),
            rows_copied: sum("rows_copied"),
            rows_total: sum("rows_total"),
            last_error: document["last_error"]["message"].as_str().map(str::to_owned),
        }
    }
}

/// A running `crossfade run`; killed when dropped
#[derive(Debug)]
pub struct Replicator(Child);

impl Replicator {
    /// SIGKILL: no chance to tidy anything
    pub fn kill(&mut self) {
        // Both fail only when the process has been waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// The exit status, once it ended by itself
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Asks it to stop, as Ctrl-C does
    pub fn interrupt(&mut self) {
        if self.ended().is_none() {
            // SAFETY: the child has not been waited for, so its process id cannot belong to anyone else.
            unsafe { libc::kill(self.0.id() as libc::pid_t, libc::SIGINT) };
        }
    }
}

impl Drop for Replicator {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A demo that is itself killed must not leave a replicator that waits for its server for ever
#[cfg(target_os = "linux")]
fn end_with_us(command: &mut Command) {
    // SAFETY: prctl is a plain system call, allowed between fork and exec. The signal follows the end of the thread
    // that starts the child, and the demo's thread lives until the demo is over.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_us(_: &mut Command) {}

/// A count, whether it is given as a number or as the list of what is counted
fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_array().map(|list| list.len() as u64))
}

/// Of the last line that a switch prints
fn refused(said: &str) -> Option<Duration> {
    let (_, time) = said.trim_end().rsplit_once("; writes were refused for ")?;
    Duration::try_from_secs_f64(time.strip_suffix(" s")?.parse().ok()?).ok()
}

fn parse(verb: &str, output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).map_err(|e| failed(verb, output).caused_by(e))
}

fn failed(verb: &str, output: &Output) -> Error {
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "\n             ");
    let error = Error::internal(format!("`crossfade {verb}` did not do what the demo needs ({})", output.status));
    if said.is_empty() { error } else { error.caused_by(said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_field_by_field_and_missing_ones_are_harmless() {
        let document = serde_json::json!({
            "phase": "following", "in_sync": true, "replicator_running": true, "backlog": 3, "head_seq": 12,
            "checkpoint_seq": 9, "last_error": null,
            "tables": [{"name": "a", "rows_copied": 5, "rows_total": 5}, {"name": "b", "rows_copied": 2}],
        });
        let status = Status::from_json(&document);
        assert_eq!((status.phase.as_str(), status.in_sync, status.running), ("following", true, true));
        assert_eq!((status.backlog, status.head, status.checkpoint), (3, 12, 9));
        assert_eq!((status.rows_copied, status.rows_total, status.last_error), (7, 5, None));

        let nothing = Status::from_json(&serde_json::json!({}));
        assert_eq!(nothing, Status { phase: "unknown".into(), ..Status::default() });
    }

    #[test]
    fn the_time_of_a_switch_is_in_its_last_line() {
        let said = "  open  0.004 s\nPostgreSQL is the primary since noon UTC; writes were refused for 0.125 s\n";
        assert_eq!(refused(said), Some(Duration::from_millis(125)));
        assert_eq!(refused("PostgreSQL is the primary\n"), None);
    }

    #[test]
    fn a_count_is_a_number_or_a_list() {
        assert_eq!(count(&serde_json::json!(4)), Some(4));
        assert_eq!(count(&serde_json::json!([{"key": 1}])), Some(1));
        assert_eq!(count(&serde_json::json!("many")), None);
    }
}
