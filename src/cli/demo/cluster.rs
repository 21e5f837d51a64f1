//! A throw-away PostgreSQL server: started in a fresh directory, gone without a trace afterwards
//!
//! Used by `crossfade demo`, by the tests and by the benches. The server listens on 127.0.0.1 and on a socket in its
//! directory, lets everyone in as `postgres` without a password, and holds one database, `postgres`.
//!
//! Whatever ends our process, the server and its directory go with it: a guardian, a small shell waiting at the end of
//! a pipe, sees the pipe close and cleans up. The kernel's parent-death signal would not do: it fires when the *thread*
//! that started the server ends (in a test run that is the first test), it cannot be taken back by [`Cluster::keep`],
//! and it leaves the directory behind.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::binaries::{self, ServerUser};
use crate::error::{Error, Result};

/// Longest wait for the server to start or to stop; crash recovery on a loaded machine takes its time
const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// Ports are taken from below every system's ephemeral range. Inside that range a client that keeps trying to reach a
/// stopped server can be given the server's own port, and then connects to itself.
const PORTS: std::ops::Range<u16> = 15_000..30_000;

/// Waits for the pipe to close, then stops whatever server runs in `$1` and removes it; the word `keep` calls it off
const GUARDIAN: &str = r#"
read -r word
[ "$word" = keep ] && exit 0
if read -r pid <"$1/data/postmaster.pid"; then
    kill -QUIT "$pid"
    tries=0
    while kill -0 "$pid" && [ "$tries" -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
fi
cd / && rm -rf "$1"
"#;

/// How a server is told to stop
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Cut the connections, roll back, write a shutdown checkpoint
    Fast,
    /// Leave at once; the next start recovers as after a crash
    Immediate,
}

/// A running (or stopped) throw-away server; dropping it removes everything
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    user: Option<ServerUser>,
    directory: PathBuf,
    port: u16,
    server: Option<Child>,
    guardian: Option<Child>,
}

/// Why one attempt to start did not end in a running server
enum Attempt {
    /// Someone else has the port, or the remains of a killed server are still ending: worth another try
    Again(Error),
    Failed(Error),
}

impl Cluster {
    /// Makes a new server in a new directory and waits until it accepts connections
    ///
    /// `settings` go into its postgresql.conf, and win over the few that are set here.
    pub fn start(settings: Vec<(String, String)>) -> Result<Cluster> {
        let programs = binaries::find()?;
        let user = binaries::server_user()?;
        let directory = fresh_directory(user)?;
        let mut cluster = Cluster { programs, user, directory, port: 0, server: None, guardian: None };
        cluster.guardian = Some(cluster.start_guardian()?);
        cluster.initialise(&settings)?;
        cluster.launch(true)?;
        Ok(cluster)
    }

    /// Connection string for a database of this server
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Directory that holds the data (`data`), the server's log (`log`) and its socket
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Directory of the PostgreSQL programs, for those who need `psql` or `pg_ctl` of the same version
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Process id of the postmaster, or `None` while it is stopped
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Stops the server and waits until it is gone; nothing to do when it is stopped already
    pub fn stop(&mut self, mode: Stop) -> Result<()> {
        let signal = match mode {
            Stop::Fast => libc::SIGINT,
            Stop::Immediate => libc::SIGQUIT,
        };
        self.end(signal)
    }

    /// Kills the postmaster outright (SIGKILL); its children notice and leave soon after
    pub fn kill(&mut self) -> Result<()> {
        self.end(libc::SIGKILL)
    }

    /// Starts a stopped server again: same data, same port
    pub fn start_again(&mut self) -> Result<()> {
        match self.server {
            Some(_) => Ok(()),
            None => self.launch(false),
        }
    }

    /// Leaves the server and its directory where they are when this value is dropped and when our process ends
    pub fn keep(&mut self) {
        let Some(mut guardian) = self.guardian.take() else { return };
        if let Some(mut pipe) = guardian.stdin.take() {
            // A guardian that is gone already cannot clean up either, which is all that is asked for here.
            let _ = pipe.write_all(b"keep\n");
        }
        let _ = guardian.wait();
    }

    fn end(&mut self, signal: i32) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        // SAFETY: the child has not been waited for, so its process id cannot belong to anyone else.
        unsafe { libc::kill(server.id() as libc::pid_t, signal) };
        let gone = poll_until(|| matches!(server.try_wait(), Ok(Some(_)) | Err(_)));
        if !gone {
            let _ = server.kill();
            let _ = server.wait();
            return Err(Error::target_side(format!("the throw-away server did not stop in {DEADLINE:?}")));
        }
        Ok(())
    }

    fn initialise(&self, settings: &[(String, String)]) -> Result<()> {
        let mut initdb = self.command("initdb");
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-N", "-D"]);
        let output = initdb.arg(self.data()).output().map_err(|e| cannot("run initdb").caused_by(e))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(cannot("initialise the throw-away server").caused_by(said));
        }
        let mut text = String::from("\n# set by crossfade\nlisten_addresses = '127.0.0.1'\n");
        text.push_str(&setting("unix_socket_directories", &self.directory.display().to_string()));
        for (name, value) in settings {
            text.push_str(&setting(name, value));
        }
        let path = self.data().join("postgresql.conf");
        let mut file = OpenOptions::new().append(true).open(path).map_err(|e| cannot("configure it").caused_by(e))?;
        file.write_all(text.as_bytes()).map_err(|e| cannot("configure it").caused_by(e))
    }

    /// Starts the postmaster, on a new port where that is allowed, trying again while the reason may pass
    fn launch(&mut self, choose_port: bool) -> Result<()> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if choose_port {
                self.port = free_port()?;
            }
            match self.try_launch(deadline) {
                Ok(server) => {
                    self.server = Some(server);
                    return Ok(());
                }
                Err(Attempt::Again(_)) if Instant::now() < deadline => std::thread::sleep(POLL),
                Err(Attempt::Again(error) | Attempt::Failed(error)) => return Err(error),
            }
        }
    }

    fn try_launch(&self, deadline: Instant) -> std::result::Result<Child, Attempt> {
        let log = self.open_log().map_err(Attempt::Failed)?;
        let length_before = log.metadata().map_or(0, |meta| meta.len());
        let error_log = log.try_clone().map_err(|e| Attempt::Failed(cannot("open its log").caused_by(e)))?;
        let mut server = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg(format!("--port={}", self.port))
            .stdout(log)
            .stderr(error_log)
            .spawn()
            .map_err(|e| Attempt::Failed(cannot("run postgres").caused_by(e)))?;
        while !self.is_ready(server.id()) {
            if !matches!(server.try_wait(), Ok(None)) {
                return Err(self.explain(length_before));
            }
            if Instant::now() > deadline {
                let _ = server.kill();
                let _ = server.wait();
                return Err(Attempt::Failed(cannot("start the throw-away server in time")));
            }
            std::thread::sleep(POLL);
        }
        Ok(server)
    }

    /// The postmaster itself writes `ready` into its pid file, and `pg_ctl` looks there too. Connecting to the port
    /// instead could reach another server that took it first.
    fn is_ready(&self, pid: u32) -> bool {
        let Ok(text) = std::fs::read_to_string(self.data().join("postmaster.pid")) else { return false };
        let mut lines = text.lines();
        lines.next() == Some(pid.to_string().as_str()) && lines.nth(6).map(str::trim) == Some("ready")
    }

    fn explain(&self, from: u64) -> Attempt {
        let log = std::fs::read(self.directory.join("log")).unwrap_or_default();
        let said = String::from_utf8_lossy(log.get(from as usize..).unwrap_or_default()).trim().to_owned();
        let passing = ["Address already in use", "pre-existing shared memory block", "lock file \"postmaster.pid\""];
        let again = passing.iter().any(|text| said.contains(text));
        let error = cannot("start the throw-away server").caused_by(said);
        if again { Attempt::Again(error) } else { Attempt::Failed(error) }
    }

    fn open_log(&self) -> Result<File> {
        let path = self.directory.join("log");
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.map_err(|e| cannot("open its log").caused_by(e))?;
        if let Some(user) = self.user {
            chown(&path, Some(user.uid), Some(user.gid)).map_err(|e| cannot("own its log").caused_by(e))?;
        }
        Ok(log)
    }

    fn start_guardian(&self) -> Result<Child> {
        let mut shell = Command::new("/bin/sh");
        self.prepare(&mut shell);
        shell.args(["-c", GUARDIAN, "crossfade-guardian"]).arg(&self.directory);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.spawn().map_err(|e| cannot("start the guardian of the throw-away server").caused_by(e))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        self.prepare(&mut command);
        command.stdin(Stdio::null());
        command
    }

    /// User, directory and environment of everything that is started here
    fn prepare(&self, command: &mut Command) {
        // A process group of its own: Ctrl-C is for us, and we decide what it means for the server.
        command.current_dir(&self.directory).process_group(0);
        if let Some(user) = self.user {
            // std drops the supplementary groups as well when root changes the user.
            command.uid(user.uid).gid(user.gid);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG") || name.starts_with("LC_")) {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").env("HOME", &self.directory);
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(mut guardian) = self.guardian.take() else { return };
        let _ = self.stop(Stop::Immediate);
        drop(guardian.stdin.take());
        let _ = guardian.wait();
        // The guardian has done this, unless someone killed it.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn cannot(what: &str) -> Error {
    Error::target_side(format!("cannot {what}"))
}

fn setting(name: &str, value: &str) -> String {
    format!("{name} = '{}'\n", value.replace('\'', "''"))
}

fn poll_until(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

/// A new directory that only the server's user may enter
fn fresh_directory(user: Option<ServerUser>) -> Result<PathBuf> {
    let parent = temporary_parent(user);
    for attempt in 0..1000 {
        let directory = parent.join(format!("crossfade-pg-{}-{attempt}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => {
                if let Some(user) = user {
                    chown(&directory, Some(user.uid), Some(user.gid))
                        .map_err(|e| cannot(&format!("give away {}", directory.display())).caused_by(e))?;
                }
                return Ok(directory);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(cannot(&format!("make {}", directory.display())).caused_by(error)),
        }
    }
    Err(cannot(&format!("find a free name in {}", parent.display())))
}

/// The temporary directory, or /tmp where root's own TMPDIR is closed to the server's user
fn temporary_parent(user: Option<ServerUser>) -> PathBuf {
    let usual = std::env::temp_dir();
    let open = |path: &Path| path.metadata().is_ok_and(|meta| meta.mode() & 0o001 != 0);
    if user.is_none() || usual.ancestors().all(open) { usual } else { PathBuf::from("/tmp") }
}

/// A port that nobody listens on at this moment; the walk starts anywhere, so that parallel starts rarely meet
fn free_port() -> Result<u16> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = now.subsec_nanos() ^ std::process::id();
    let count = u32::from(PORTS.end - PORTS.start);
    (0..count)
        .map(|step| PORTS.start + ((start.wrapping_add(step)) % count) as u16)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| cannot("find a free port on 127.0.0.1"))
}

#[cfg(test)]
mod tests;
