//! The operator's own command, run at each stage of a switch: how applications learn of it

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::engine::job::Context;
use crate::engine::switch::Kind;
use crate::error::{Error, Result};
use crate::model::phase::Side;
use crate::model::words::seconds;

/// How long the command may take
const LIMIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(10);

/// Where a switch stands
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is refused yet: the command may quiet the application, or say no
    BeforeFence,
    /// The other side is the primary
    Switched,
    /// The side that was the primary still is: the switch was given up, or it was a rehearsal
    Aborted,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Stage::BeforeFence => "before-fence",
            Stage::Switched => "switched",
            Stage::Aborted => "aborted",
        }
    }
}

/// Runs the command, if there is one; it is told the side that is the primary, or will be if the switch succeeds
///
/// # Errors
/// It said no, took too long, or is not wanted any more, as `wanted` says.
pub fn run(context: &Context, stage: Stage, kind: Kind, wanted: impl Fn() -> Result<()>) -> Result<()> {
    let Some(command) = &context.settings.on_switch else { return Ok(()) };
    let mut child = start(context, command, stage, kind)?;
    for output in [child.stdout.take().map(boxed), child.stderr.take().map(boxed)].into_iter().flatten() {
        log(context, output)?;
    }
    let deadline = Instant::now() + LIMIT;
    loop {
        let ended = child.try_wait().map_err(|e| failed("wait for").caused_by(e))?;
        if let Some(status) = ended {
            return judge(status);
        }
        let late = Instant::now() > deadline;
        if let Err(error) = if late { Err(too_late()) } else { wanted() } {
            end(&mut child);
            return Err(error);
        }
        std::thread::sleep(LOOK);
    }
}

/// As [`run`], where the switch has its outcome already: what goes wrong is told and nothing more
pub fn tell(context: &Context, stage: Stage, kind: Kind) {
    if let Err(error) = run(context, stage, kind, || Ok(())) {
        context.reporter.line(&format!("warning: {}", error.summary()));
    }
}

fn start(context: &Context, command: &str, stage: Stage, kind: Kind) -> Result<Child> {
    let primary: Side = if stage == Stage::Aborted { kind.from() } else { kind.to() };
    let source = context.settings.source.canonicalize().unwrap_or_else(|_| context.settings.source.clone());
    Command::new("sh")
        .arg("-c")
        .arg(command)
        .env("CROSSFADE_STAGE", stage.as_str())
        .env("CROSSFADE_PRIMARY", primary.as_str())
        .env("CROSSFADE_SWITCH", kind.as_str())
        .env("CROSSFADE_SOURCE", source)
        .env("CROSSFADE_TARGET", context.target.url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Its own group, so that Ctrl-C at the terminal is ours to act upon, and all of it can be ended.
        .process_group(0)
        .spawn()
        .map_err(|e| failed("start").caused_by(e))
}

fn failed(verb: &str) -> Error {
    Error::refused(format!("cannot {verb} the command of --on-switch"))
}

fn too_late() -> Error {
    Error::refused(format!("the command of --on-switch did not end within {}", seconds(LIMIT.as_secs_f64())))
}

fn judge(status: ExitStatus) -> Result<()> {
    match status.success() {
        true => Ok(()),
        false => Err(Error::refused(format!("the command of --on-switch said no: {status}"))),
    }
}

fn end(child: &mut Child) {
    // SAFETY: a plain system call; the child has not been waited for, so its id is still its own, and its group's.
    unsafe {
        libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL);
    }
    let _ = child.wait();
}

fn boxed(output: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(output)
}

/// Every line goes to the log as it comes. The thread may outlive the command: what that left running has its output too
fn log(context: &Context, output: Box<dyn Read + Send>) -> Result<()> {
    let reporter = context.reporter.clone();
    std::thread::Builder::new()
        .name("hook-output".into())
        .spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(std::io::Result::ok) {
                reporter.line(&format!("on-switch: {}", String::from_utf8_lossy(&line)));
            }
        })
        .map(|_| ())
        .map_err(|e| Error::internal("read what the command of --on-switch says").caused_by(e))
}
