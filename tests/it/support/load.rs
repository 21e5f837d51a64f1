//! Writers that never stop: threads with connections of their own, doing what the generator says

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::process::{Running, wait_until};
use super::rng::Rng;
use super::source;
use crate::generator::schema::Schema;
use crate::generator::{Transaction, bank, is_constraint, statements};

/// Running writers; dropping them stops them
pub struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Result<(), String>>>,
}

impl Load {
    /// No writer yet
    pub fn new() -> Load {
        Load { stop: Arc::default(), done: Arc::default(), writers: Vec::new() }
    }

    /// Adds a writer that only moves money, in columns whose classes never change
    pub fn bank(mut self, path: &Path, seed: u64) -> Load {
        self.add(path, seed, bank::transaction);
        self
    }

    /// Adds writers on all tables
    pub fn add_writers(&mut self, path: &Path, seed: u64, schema: &Arc<Schema>, count: u64) {
        for writer in 0..count {
            let schema = Arc::clone(schema);
            self.add(path, seed ^ ((writer + 1) << 32), move |rng| {
                if rng.chance(25) { bank::transaction(rng) } else { statements::transaction(rng, &schema) }
            });
        }
    }

    /// Adds a writer with transactions of its own kind
    pub fn add(&mut self, path: &Path, seed: u64, next: impl Fn(&mut Rng) -> Transaction + Send + 'static) {
        let (stop, done, path) = (Arc::clone(&self.stop), Arc::clone(&self.done), path.to_owned());
        self.writers.push(thread::spawn(move || write(&path, Rng::new(seed), &next, &stop, &done)));
    }

    /// Waits until this many further transactions are done
    pub fn wait_for(&mut self, transactions: u64, replicator: &mut Running) {
        let goal = self.done() + transactions;
        wait_until("the writers", || {
            replicator.must_run();
            self.check();
            self.done() >= goal
        });
    }

    /// Transactions tried so far, by all writers
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Fails the test if a writer has failed
    pub fn check(&mut self) {
        if let Some(at) = self.writers.iter().position(JoinHandle::is_finished) {
            end(self.writers.swap_remove(at));
        }
    }

    /// Stops the writers and waits for them; fails the test if one of them saw an error it should not see
    pub fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.writers.drain(..).for_each(end);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            // The test is failing for another reason already, or `finish` has been here.
            let _ = writer.join();
        }
    }
}

fn end(writer: JoinHandle<Result<(), String>>) {
    if let Err(message) = writer.join().expect("a writer that does not panic") {
        panic!("{message}");
    }
}

fn write(
    path: &Path,
    mut rng: Rng,
    next: &dyn Fn(&mut Rng) -> Transaction,
    stop: &AtomicBool,
    done: &AtomicU64,
) -> Result<(), String> {
    let connection = source::open(path);
    let flags = format!(
        "PRAGMA foreign_keys={}; PRAGMA recursive_triggers={}",
        ["ON", "OFF"][rng.below(2)],
        ["ON", "OFF", "OFF"][rng.below(3)]
    );
    connection.execute_batch(&flags).map_err(|e| format!("{e} in {flags}"))?;
    while !stop.load(Ordering::Relaxed) {
        execute(&connection, &next(&mut rng))?;
        done.fetch_add(1, Ordering::Relaxed);
        // Two cores are shared with the replicator and the server; without a breath the writers would starve both.
        thread::sleep(Duration::from_micros(rng.below(2000) as u64));
    }
    Ok(())
}

/// Executes one transaction as an application does; an error that it would not see without crossfade is returned
pub fn execute(connection: &Connection, transaction: &Transaction) -> Result<(), String> {
    for sql in &transaction.statements {
        let Err(error) = connection.execute_batch(sql) else { continue };
        if !is_expected(&error, sql, connection) {
            return Err(format!("I11: the application got `{error}` ({error:?}) from: {sql}\nin {transaction:#?}"));
        }
        if transaction.all_or_nothing {
            break;
        }
    }
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").map_err(|e| format!("{e} in ROLLBACK"))?;
    }
    Ok(())
}

/// Constraints; a deferred transaction that finds another writer ahead of it; the end of what OR ROLLBACK ended
fn is_expected(error: &rusqlite::Error, sql: &str, connection: &Connection) -> bool {
    let ended = ["COMMIT", "ROLLBACK", "ROLLBACK TO s", "RELEASE s"].contains(&sql);
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => !sql.starts_with("BEGIN"),
        Some(_) if is_constraint(error) => true,
        Some(ErrorCode::Unknown) if ended => {
            let text = error.to_string();
            text.contains("no transaction is active")
                || text.contains("no such savepoint")
                || !connection.is_autocommit()
        }
        _ => false,
    }
}

/// Without crossfade: whatever fails here is the generator's own doing
#[test]
fn the_writers_keep_the_sum_and_their_classes() {
    let work = source::Workplace::new();
    for (seed, journal_mode) in [(1, "WAL"), (2, "DELETE"), (3, "WAL")] {
        let path = work.path(&format!("{seed}.db"));
        let schema = Arc::new(crate::generator::create(&path, seed, 6, journal_mode));
        let mut load = Load::new().bank(&path, seed);
        load.add_writers(&path, seed, &schema, 3);
        let reader = source::open(&path);
        let sum = || reader.query_row("SELECT sum(balance) FROM accounts", [], |row| row.get::<_, i64>(0));
        wait_until("the writers", || {
            assert_eq!(sum().expect("a sum"), bank::TOTAL);
            load.check();
            load.done() > 400
        });
        load.finish();
        for table in &schema.tables {
            assert_eq!(table.strangers(&reader), Vec::<String>::new(), "seed {seed}: {}", schema.ddl.join(";\n"));
        }
    }
}
