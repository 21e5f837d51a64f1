//! Live writers in other processes: Python's sqlite3 module brings an older library of its own

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The writer's program: it changes rows of every table until its stdin closes
const WRITER: &str = include_str!("writer.py");

/// A Python process that writes to a database until told to stop
pub struct PythonWriter {
    child: Child,
    stdin: Option<ChildStdin>,
}

/// Whether python3 is there; where CI says so it has to be
pub fn available(test: &str) -> bool {
    let there = Command::new("python3").args(["-c", "import sqlite3"]).status().is_ok_and(|status| status.success());
    assert!(there || !required(), "CI needs python3 for {test}");
    if !there {
        eprintln!("skipped: {test} (no python3 with sqlite3 here)");
    }
    there
}

/// CI may skip nothing
pub fn required() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

impl PythonWriter {
    pub fn start(database: &Path, seed: u64) -> PythonWriter {
        let mut command = Command::new("python3");
        command.args(["-c", WRITER]).arg(database).arg(seed.to_string());
        PythonWriter::spawn(command)
    }

    /// A program that does as [`WRITER`] says of itself
    pub fn spawn(mut command: Command) -> PythonWriter {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let stdin = child.stdin.take();
        PythonWriter { child, stdin }
    }

    /// Lets it do this many more transactions, then ends it; fails the test if it saw an error it should not see
    pub fn finish(mut self, transactions: u32) {
        let mut stdin = self.stdin.take().expect("the writer's stdin");
        stdin.write_all(format!("{transactions}\n").as_bytes()).expect("the writer listens");
        drop(stdin);
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().expect("the writer's stdout");
        std::io::Read::read_to_string(&mut pipe, &mut stdout).expect("the writer's words");
        let status = self.child.wait().expect("the writer ends");
        assert!(status.success(), "the Python writer failed: {status}\n{stdout}");
        let done: u32 = stdout.trim().parse().unwrap_or_else(|e| panic!("{e}: {stdout:?}"));
        assert!(done >= transactions, "the Python writer did {done} transactions of {transactions}");
    }
}

impl Drop for PythonWriter {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
