//! The program as a child process: run it, wait for it, kill it, read what it said

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::pg::Pg;
use super::source;

/// How long anything may take before the test gives up on it; generous, because the machines are shared
pub const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(5);

/// One source and one target
#[derive(Clone, Debug)]
pub struct Pair {
    pub source: PathBuf,
    pub target: String,
}

/// An invocation of the program that has not started yet
pub struct Cli(Command);

/// What a finished process left behind
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A running program; killed when dropped, and its stderr shown if the test is failing
pub struct Running {
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
    status: Option<ExitStatus>,
}

impl Cli {
    pub fn new<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Cli {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
        command.args(args).stdin(Stdio::null());
        // Nothing of the developer's own environment may decide a test.
        for (name, _) in std::env::vars_os() {
            let theirs = ["PG", "CROSSFADE_", "DATABASE_URL"];
            if name.to_str().is_some_and(|name| theirs.iter().any(|prefix| name.starts_with(prefix))) {
                command.env_remove(name);
            }
        }
        Cli(command)
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Cli {
        self.0.arg(arg);
        self
    }

    pub fn args(mut self, args: &[&str]) -> Cli {
        self.0.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Cli {
        self.0.env(name, value);
        self
    }

    pub fn directory(mut self, path: &Path) -> Cli {
        self.0.current_dir(path);
        self
    }

    pub fn start(mut self) -> Running {
        // Files, not pipes: a full pipe would stop a program whose output nobody reads.
        let file = || NamedTempFile::new().expect("a file for the output");
        let (stdout, stderr) = (file(), file());
        let end = |file: &NamedTempFile| Stdio::from(file.reopen().expect("the output file"));
        self.0.stdout(end(&stdout)).stderr(end(&stderr)).process_group(0);
        // A shell has what it runs in the background ignore SIGINT, and so would the program, until it handles that itself.
        // SAFETY: signal() may be called between fork and exec.
        unsafe {
            self.0.pre_exec(|| match libc::signal(libc::SIGINT, libc::SIG_DFL) {
                libc::SIG_ERR => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
        let child = self.0.spawn().expect("the program starts");
        Running { child, stdout, stderr, status: None }
    }

    /// Runs to the end
    pub fn run(self) -> Output {
        self.start().wait()
    }
}

impl Running {
    /// Waits for the program to end by itself
    pub fn wait(mut self) -> Output {
        wait_until("the program to end", || self.exited().is_some());
        self.output()
    }

    /// The exit status, once there is one
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child that can be waited for");
        }
        self.status
    }

    /// Fails the test if the program has ended
    pub fn must_run(&mut self) {
        if let Some(status) = self.exited() {
            panic!("the program ended with {status}, and should be running:\n{}", self.stderr());
        }
    }

    /// Lets the program run for that long, and fails if it ends by itself; how the tests reach a random moment
    pub fn must_run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.must_run();
            thread::sleep(POLL.min(time));
        }
    }

    /// SIGKILL, and wait until it is gone
    pub fn kill(mut self) {
        self.must_run();
        self.child.kill().expect("a child that can be killed");
        self.child.wait().expect("a child that can be waited for");
        self.status = self.child.try_wait().expect("the status of a dead child");
    }

    /// SIGINT, as Ctrl-C sends it
    pub fn interrupt(mut self) -> Output {
        self.must_run();
        self.signal(libc::SIGINT);
        wait_until("the program to end after SIGINT", || self.exited().is_some());
        self.output()
    }

    /// SIGINT to one that follows: it must end with 130 and keep its state
    pub fn stop(self) {
        let output = self.interrupt();
        assert_eq!(output.code(), Some(130), "exit code after SIGINT:\n{}", output.stderr);
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: the child has not been waited for (`must_run` saw it alive), so the id is still its own.
        let sent = unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0, "signal {signal} was not sent");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    fn output(&mut self) -> Output {
        let status = self.status.expect("a finished program");
        Output { status, stdout: read(&self.stdout), stderr: self.stderr() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Errors mean that it is gone already, which is what is wanted.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            let stderr = self.stderr();
            let lines: Vec<&str> = stderr.lines().collect();
            eprintln!("--- end of the program's stderr\n{}\n---", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}

impl Output {
    /// Exit code; `None` if a signal ended it
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test unless the program ended with this code
    pub fn expect_code(self, code: i32) -> Output {
        assert_eq!(self.code(), Some(code), "exit code; signal {:?}\n{self}", self.status.signal());
        self
    }

    /// Fails the test unless a signal ended the program, as a failpoint does
    pub fn expect_killed(self) {
        assert_eq!(self.code(), None, "the program was not killed\n{self}");
    }

    /// Fails the test unless stdout says this
    pub fn expect_stdout(self, said: &str) -> Output {
        assert!(self.stdout.contains(said), "stdout does not say `{said}`\n{self}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("stdout is not one JSON document: {e}\n{self}"))
    }

    /// Fails the test unless stderr has an `error:` line, and names this
    pub fn expect_error(self, named: &str) -> Output {
        let line = self.stderr.lines().find(|line| line.starts_with("error: "));
        let line = line.unwrap_or_else(|| panic!("no `error:` line\n{self}")).to_owned();
        assert!(!line.ends_with('.'), "an error line ends without a period: {line}");
        assert!(self.stderr.contains(named), "the error does not name `{named}`\n{self}");
        assert!(!self.stderr.contains("panicked"), "a panic is no error message\n{self}");
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "--- stdout\n{}\n--- stderr\n{}\n---", self.stdout, self.stderr)
    }
}

impl Pair {
    pub fn new(source: impl Into<PathBuf>, target: impl Into<String>) -> Pair {
        Pair { source: source.into(), target: target.into() }
    }

    /// The given verb on this pair
    pub fn verb(&self, verb: &str) -> Cli {
        Cli::new([verb]).arg("--source").arg(&self.source).arg("--target").arg(&self.target)
    }

    /// `run` in the background
    pub fn replicate(&self, options: &[&str]) -> Running {
        self.verb("run").args(options).start()
    }

    /// `run --until in-sync`, which must succeed
    pub fn migrate(&self) -> Output {
        self.verb("run").args(&["--until", "in-sync"]).run().expect_code(0)
    }

    /// What `status --json` says
    pub fn status(&self) -> Value {
        self.verb("status").arg("--json").run().expect_code(0).json()
    }

    /// The product's own verification must find both sides equal
    pub fn verify(&self) {
        self.verb("verify").run().expect_code(0);
    }

    /// The checkpoint's seq, and whether the target is consistent there; `None` before there is one
    pub fn checkpoint(&self) -> Option<(i64, bool)> {
        checkpoint(&Pg::try_connect(&self.target).ok()?)
    }

    /// Waits until the snapshot is done and a first cycle has made the target consistent
    pub fn wait_consistent(&self, replicator: &mut Running) {
        let target = Pg::connect(&self.target);
        wait_until("the target to become consistent", || {
            replicator.must_run();
            checkpoint(&target).is_some_and(|(_, consistent)| consistent)
        });
    }

    /// Waits until the target holds every entry of the log; only meaningful once nobody writes any more
    pub fn wait_caught_up(&self, replicator: &mut Running) {
        wait_until("the target to reach the head of the log", || {
            replicator.must_run();
            self.checkpoint().is_some_and(|(seq, consistent)| consistent && Some(seq) == source::head(&self.source))
        });
        self.wait_compared(replicator);
    }

    /// Waits until every full-text table is compared with the source as it is now
    pub fn wait_compared(&self, replicator: &mut Running) {
        let target = Pg::connect(&self.target);
        if target.value("SELECT 1 FROM crossfade.search LIMIT 1").is_none() {
            return;
        }
        wait_until("the full-text tables to be compared", || {
            replicator.must_run();
            let status = self.status();
            let tables = status["search_tables"].as_array().expect("the full-text tables");
            tables.iter().all(|table| table["changed"] == false)
        });
    }

    /// Waits until indexes, foreign keys and everything else that comes after the copy is done
    pub fn wait_following(&self, replicator: &mut Running) {
        self.wait_consistent(replicator);
        let target = Pg::connect(&self.target);
        wait_until("the replicator to follow", || {
            replicator.must_run();
            target.value("SELECT phase FROM crossfade.state").as_deref() == Some("following")
        });
    }

    /// Waits until triggers and log stand in the source, which is after the plan was made
    pub fn wait_captured(&self, replicator: &mut Running) {
        wait_until("capture to be installed", || {
            replicator.must_run();
            source::head(&self.source).is_some()
        });
    }
}

/// Reads the checkpoint, in whatever transaction the connection is
pub fn checkpoint(target: &Pg) -> Option<(i64, bool)> {
    if target.try_query("SELECT to_regclass('crossfade.checkpoint')").ok()?.first()?.first()?.is_none() {
        return None;
    }
    let rows = target.try_query("SELECT seq, consistent FROM crossfade.checkpoint").ok()?;
    let mut row = rows.into_iter().next()?.into_iter();
    let seq = row.next()??.parse().expect("checkpoint.seq is a number");
    Some((seq, row.next()?? == "t"))
}

/// Polls until the condition holds; fails the test when it does not within [`PATIENCE`]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}");
        thread::sleep(POLL);
    }
}

fn read(file: &NamedTempFile) -> String {
    let mut bytes = Vec::new();
    File::open(file.path()).and_then(|mut f| f.read_to_end(&mut bytes)).expect("the program's output");
    String::from_utf8_lossy(&bytes).into_owned()
}
