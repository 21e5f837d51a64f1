//! A writer: a process of its own, so that it can be killed
//!
//! It is this test binary, started again with [`JOB`] in its environment: an application with two connections that were
//! opened before any fence, and that tries the other side when it is refused.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

use super::journal::{self, Acknowledged};
use crate::support::process::{Pair, wait_until};

pub const WRITERS: usize = 4;

/// Each number goes into a chain, from which a missing, repeated or misplaced one can be told: modulo this prime
pub const CHAIN: i64 = 1_000_000_007;

/// Between two transactions of a writer that are accepted; whoever is refused tries on at once. The more there is, the longer
/// takes each comparison of everything, and what counts here is the number of switches
const PACE: Duration = Duration::from_millis(10);

/// Source, target, folder and number of a writer, one a line
const JOB: &str = "HISTORY_WRITER";

/// The processes
pub struct Writers {
    pair: Pair,
    folder: PathBuf,
    children: Vec<Child>,
}

impl Writers {
    pub fn start(pair: &Pair, folder: &Path) -> Writers {
        let mut writers = Writers { pair: pair.clone(), folder: folder.to_owned(), children: Vec::new() };
        writers.children = (0..WRITERS).map(|writer| writers.spawn(writer)).collect();
        writers.wait_for(5);
        writers
    }

    fn spawn(&self, writer: usize) -> Child {
        let job = format!("{}\n{}\n{}\n{writer}", self.pair.source.display(), self.pair.target, self.folder.display());
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["--exact", "history::writer::a_writer_writes_until_it_is_told_to_stop", "--nocapture"]);
        command.env(JOB, job).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("a writer starts")
    }

    /// Fails the test if a writer has ended: it does only when it was lied to
    pub fn check(&mut self) {
        for (writer, child) in self.children.iter_mut().enumerate() {
            let ended = child.try_wait().expect("a child that can be waited for");
            assert!(ended.is_none(), "writer {writer} ended with {ended:?}; see its words above");
        }
    }

    /// Waits until so many more transactions of each writer are acknowledged
    pub fn wait_for(&mut self, more: usize) {
        let acknowledged = |folder: &Path, writer| journal::read(&journal::path(folder, writer)).len();
        let goals: Vec<usize> = (0..WRITERS).map(|writer| acknowledged(&self.folder, writer) + more).collect();
        wait_until("every writer to write on", || {
            self.check();
            (0..WRITERS).all(|writer| acknowledged(&self.folder, writer) >= goals[writer])
        });
    }

    pub fn kill_and_restart(&mut self, writer: usize) {
        self.children[writer].kill().expect("a child that can be killed");
        self.children[writer].wait().expect("a child that can be waited for");
        self.children[writer] = self.spawn(writer);
    }

    /// Tells them to stop, and waits until they have
    pub fn finish(&mut self) {
        File::create(self.folder.join("stop")).expect("the sign to stop");
        for child in &mut self.children {
            assert!(child.wait().expect("a child that can be waited for").success(), "a writer failed");
        }
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        for child in &mut self.children {
            // Gone already, after `finish`.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What came of an attempt
enum Attempt {
    Acknowledged(i64),
    /// By the fence, with its message
    Refused,
    /// Whether it was committed is not known, or it was not
    Failed,
}

struct Writer {
    id: i64,
    folder: PathBuf,
    target: String,
    sqlite: Connection,
    runtime: Runtime,
    postgres: Option<Client>,
    journal: File,
    last: i64,
}

/// The writers' way in. Run as a test, without a job, it shows that the moments of two processes can be compared: the
/// clock rises, and has nothing to do with when this process began
#[test]
fn a_writer_writes_until_it_is_told_to_stop() {
    match std::env::var(JOB) {
        Ok(job) => Writer::new(&job).write(),
        Err(_) => {
            let (first, second) = (now(), now());
            assert!(first <= second && first > 1_000_000_000, "not the machine's monotonic clock");
        }
    }
}

fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    assert_eq!(failed, 0, "there is a monotonic clock");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl Writer {
    fn new(job: &str) -> Writer {
        let parts: Vec<&str> = job.lines().collect();
        let [source, target, folder, id] = parts[..] else { panic!("not a writer's job: {job:?}") };
        let sqlite = Connection::open(source).expect("the source opens");
        sqlite.busy_timeout(Duration::from_secs(10)).expect("a busy timeout");
        sqlite.execute_batch("PRAGMA synchronous=NORMAL").expect("a pragma");
        let path = journal::path(Path::new(folder), id.parse().expect("a number"));
        let last = journal::read(&path).last().map_or(0, |one| one.number);
        let journal = OpenOptions::new().append(true).create(true).open(path).expect("the journal opens");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (id, folder) = (id.parse().expect("a number"), folder.into());
        Writer { id, folder, target: target.to_owned(), sqlite, runtime, postgres: None, journal, last }
    }

    fn write(&mut self) {
        let mut side = "sqlite";
        while !self.folder.join("stop").exists() {
            let began = now();
            let attempt = if side == "sqlite" { self.on_sqlite() } else { self.on_postgres() };
            let ended = now();
            match attempt {
                Attempt::Acknowledged(number) => {
                    let one = Acknowledged { number, side: side.to_owned(), began, ended };
                    self.journal.write_all(one.line().as_bytes()).expect("a line in the journal");
                    assert!(
                        number > self.last,
                        "{side} accepted {number} of writer {}, and {} had been acknowledged before",
                        self.id,
                        self.last
                    );
                    self.last = number;
                    std::thread::sleep(PACE);
                }
                Attempt::Refused | Attempt::Failed => side = if side == "sqlite" { "postgres" } else { "sqlite" },
            }
        }
    }

    fn on_sqlite(&mut self) -> Attempt {
        let attempt = self.sqlite_transaction();
        if attempt.is_err() {
            // There may be none any more.
            let _ = self.sqlite.execute_batch("ROLLBACK");
        }
        match attempt {
            Ok(number) => Attempt::Acknowledged(number),
            Err(error) if error.to_string().contains("crossfade: ") => Attempt::Refused,
            Err(error) => {
                // The write lock is held while a switch is under way; everything else is a failure that no application expects.
                let busy = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
                assert!(busy, "SQLite refuses with {error}");
                Attempt::Failed
            }
        }
    }

    fn sqlite_transaction(&self) -> rusqlite::Result<i64> {
        self.sqlite.execute_batch("BEGIN IMMEDIATE")?;
        let run = |sql: &str, number: i64| self.sqlite.prepare_cached(sql)?.execute([self.id, number]);
        let mut last = self.sqlite.prepare_cached("SELECT last FROM heads WHERE writer = ?1")?;
        let number = last.query_row([self.id], |row| row.get::<_, i64>(0))? + 1;
        run("INSERT INTO entries(writer, number, side) VALUES(?1, ?2, 'sqlite')", number)?;
        run(&format!("UPDATE heads SET last = ?2, chain = (chain * 31 + ?2) % {CHAIN} WHERE writer = ?1"), number)?;
        self.sqlite.execute_batch("COMMIT")?;
        Ok(number)
    }

    fn on_postgres(&mut self) -> Attempt {
        if self.postgres.as_ref().is_none_or(Client::is_closed) {
            self.postgres = self.connect();
        }
        let Some(client) = &mut self.postgres else { return Attempt::Failed };
        match self.runtime.block_on(postgres_transaction(client, self.id)) {
            Ok(number) => Attempt::Acknowledged(number),
            Err(error) => match error.as_db_error().map(|error| error.message()) {
                Some(message) if message.contains("crossfade: ") => Attempt::Refused,
                _ => Attempt::Failed,
            },
        }
    }

    fn connect(&self) -> Option<Client> {
        self.runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.target, NoTls).await.ok()?;
            tokio::spawn(async move { drop(connection.await) });
            Some(client)
        })
    }
}

async fn postgres_transaction(client: &mut Client, id: i64) -> Result<i64, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    let row = transaction.query_one("SELECT last FROM heads WHERE writer = $1 FOR UPDATE", &[&id]).await?;
    let number = row.get::<_, i64>(0) + 1;
    let insert = "INSERT INTO entries(writer, number, side) VALUES($1, $2, 'postgres')";
    transaction.execute(insert, &[&id, &number]).await?;
    let append = format!("UPDATE heads SET last = $2, chain = (chain * 31 + $2) % {CHAIN} WHERE writer = $1");
    transaction.execute(&append, &[&id, &number]).await?;
    transaction.commit().await?;
    Ok(number)
}
