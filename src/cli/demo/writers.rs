//! The shop's customers: threads that write all the time, each with connections of its own
//!
//! They write to the side that accepts them: one that is refused by a fence asks again, at one side and then the other,
//! as an application does that was told where its primary is now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi};
use tokio_postgres::error::SqlState;

use super::deeds::{self, Random};
use super::moved;
use super::probe::Target;
use super::shop::{Shop, Size, broken};
use crate::error::{Error, Result};
use crate::model::phase::Side;

/// Between two attempts at a fence
const REFUSED: Duration = Duration::from_millis(2);

/// What all writers together have done so far
#[derive(Debug, Default)]
pub struct Tally {
    on_sqlite: AtomicU64,
    on_postgres: AtomicU64,
    busy: AtomicU64,
    /// Microseconds between two commits of one writer, the longest since somebody asked
    longest_wait: AtomicU64,
}

/// The running writer threads
#[derive(Debug)]
pub struct Writers {
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Writers {
    /// Starts `count` writers that together aim at `per_second` transactions; `target` is where they go from SQLite
    pub fn start(shop: &Shop, target: &str, count: u32, per_second: u32) -> Result<Writers> {
        let mut writers = Writers { tally: Arc::default(), stop: Arc::default(), threads: Vec::new() };
        let pace = Duration::from_secs(1) * count / per_second;
        for number in 0..count {
            let writer = Writer {
                side: Side::Sqlite,
                sqlite: shop.open()?,
                postgres: None,
                target: target.to_owned(),
                size: shop.size,
                random: Random(u64::from(number) + 1),
            };
            let (tally, stop) = (writers.tally.clone(), writers.stop.clone());
            writers.threads.push(std::thread::spawn(move || work(writer, pace, &tally, &stop)));
        }
        Ok(writers)
    }

    /// Transactions committed so far
    pub fn committed(&self) -> u64 {
        self.tally.on_sqlite.load(Ordering::Relaxed) + self.committed_on_postgres()
    }

    pub fn committed_on_postgres(&self) -> u64 {
        self.tally.on_postgres.load(Ordering::Relaxed)
    }

    /// Transactions that were turned away as busy, in spite of the busy timeout, or lost a deadlock
    pub fn busy(&self) -> u64 {
        self.tally.busy.load(Ordering::Relaxed)
    }

    /// The longest that one writer has been without a commit since this was last asked
    pub fn longest_wait(&self) -> Duration {
        Duration::from_micros(self.tally.longest_wait.swap(0, Ordering::Relaxed))
    }

    /// Stops all writers and tells of the first that failed
    pub fn stop(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let mut outcome = Ok(());
        for thread in self.threads.drain(..) {
            let ended = thread.join().unwrap_or_else(|_| Err(Error::internal("a writer of the sample shop panicked")));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        // Whoever wants to know how the writers fared calls stop() first.
        let _ = self.stop();
    }
}

/// What became of one attempt
enum Attempt {
    Committed,
    Busy,
    /// A fence stands
    Refused,
}

struct Writer {
    /// Where the last write was accepted
    side: Side,
    sqlite: Connection,
    /// Opened when it is needed
    postgres: Option<Target>,
    target: String,
    size: Size,
    random: Random,
}

fn work(mut writer: Writer, pace: Duration, tally: &Tally, stop: &AtomicBool) -> Result<()> {
    let (mut due, mut last) = (Instant::now(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        match writer.attempt()? {
            Attempt::Committed => {
                let count = if writer.side == Side::Sqlite { &tally.on_sqlite } else { &tally.on_postgres };
                count.fetch_add(1, Ordering::Relaxed);
                tally.longest_wait.fetch_max(last.elapsed().as_micros() as u64, Ordering::Relaxed);
                last = Instant::now();
            }
            Attempt::Busy => {
                tally.busy.fetch_add(1, Ordering::Relaxed);
            }
            Attempt::Refused => {
                writer.side = if writer.side == Side::Sqlite { Side::Postgres } else { Side::Sqlite };
                std::thread::sleep(REFUSED);
                continue;
            }
        }
        // A writer that fell behind does not make up for it in a burst.
        due = (due + pace).max(Instant::now());
        std::thread::sleep(due - Instant::now().min(due));
    }
    Ok(())
}

impl Writer {
    fn attempt(&mut self) -> Result<Attempt> {
        match self.side {
            Side::Sqlite => self.on_sqlite(),
            Side::Postgres => self.on_postgres(),
        }
    }

    fn on_sqlite(&mut self) -> Result<Attempt> {
        match deal(&mut self.sqlite, &mut self.random, self.size) {
            Ok(()) => Ok(Attempt::Committed),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(Attempt::Busy),
            Err(error) if is_fenced(&error) => Ok(Attempt::Refused),
            Err(error) => Err(broken("write to the sample shop")(error)),
        }
    }

    fn on_postgres(&mut self) -> Result<Attempt> {
        let target = match &mut self.postgres {
            Some(open) => open,
            none => none.insert(Target::connect(&self.target)?),
        };
        match target.execute(&moved::choose(&mut self.random, self.size)) {
            Ok(()) => Ok(Attempt::Committed),
            Err(error) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => Ok(Attempt::Busy),
            Err(error) if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Ok(Attempt::Refused),
            Err(error) => Err(Error::target_side("cannot write to the sample shop on PostgreSQL").caused_by(error)),
        }
    }
}

fn deal(connection: &mut Connection, random: &mut Random, size: Size) -> rusqlite::Result<()> {
    let deed = deeds::choose(random);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    deed(&transaction, random, size)?;
    transaction.commit()
}

/// The shop has no triggers but crossfade's
fn is_fenced(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_CONSTRAINT_TRIGGER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::shop::{SMALL, assert_sound, number};

    #[test]
    fn writers_on_several_connections_neither_fail_nor_break_the_balance() {
        let directory = tempfile::tempdir().unwrap();
        let shop = Shop::create(&directory.path().join("shop.db"), SMALL).unwrap();
        let reader = shop.open().unwrap();
        let mut writers = Writers::start(&shop, "", 4, 2_000).unwrap();
        while writers.committed() < 500 && !writers.threads.iter().any(JoinHandle::is_finished) {
            assert_eq!(number(&reader, "SELECT sum(balance) FROM accounts"), shop.total_balance());
        }
        writers.stop().unwrap();
        assert_eq!(writers.busy(), 0);
        assert_sound(&reader, &shop);
    }
}
