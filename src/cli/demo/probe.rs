//! Looks at PostgreSQL from outside, as any client would: how far is it behind, and does the money add up?

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::interrupt::Interrupt;
use super::shop::{Shop, broken};
use crate::error::{Error, Result};

/// A change that takes longer than this to arrive is an error, not a sample
const LOST: Duration = Duration::from_secs(20);

const SUM_OF_BALANCES: &str = "SELECT sum(balance)::bigint FROM accounts";

/// A plain connection to the target
#[derive(Debug)]
pub struct Target {
    runtime: Runtime,
    client: Client,
}

impl Target {
    pub fn connect(url: &str) -> Result<Target> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| blind().caused_by(e))?;
        let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
        let (client, connection) = connected.map_err(|e| blind().caused_by(e))?;
        // Ends with the client; a lost connection shows in the next query.
        runtime.spawn(async move { connection.await.ok() });
        Ok(Target { runtime, client })
    }

    /// First value of the first row, as text
    pub fn value(&self, sql: &str) -> Result<String> {
        let answer = self.runtime.block_on(self.client.simple_query(sql)).map_err(|e| blind().caused_by(e))?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(row.unwrap_or_default().to_owned())
    }

    /// Runs statements in one transaction; a refusal is the caller's to read
    pub fn execute(&self, sql: &str) -> std::result::Result<(), tokio_postgres::Error> {
        self.runtime.block_on(self.client.batch_execute(sql))
    }

    pub fn sum_of_balances(&self) -> Result<i64> {
        let sum = self.value(SUM_OF_BALANCES)?;
        sum.parse().map_err(|e| Error::internal("the sum of all balances is no number").caused_by(e))
    }
}

/// How long changes took to arrive, shortest first; and how often the balances were added up on the way
#[derive(Debug)]
pub struct Lag {
    samples: Vec<Duration>,
    pub sums_checked: u64,
    pub sums_wrong: u64,
}

impl Lag {
    pub fn samples(&self) -> u64 {
        self.samples.len() as u64
    }

    /// The sample that so many percent of all samples do not exceed
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.samples.len() * percent).div_ceil(100).max(1);
        self.samples.get(rank - 1).copied().unwrap_or_default()
    }
}

/// Writes markers to SQLite and waits for each to appear in PostgreSQL
///
/// A sample starts when COMMIT has returned to the writer, and ends when a client of PostgreSQL that asks again and
/// again has the new value in hand. The last question and its answer are part of it, so it is never too short.
pub fn measure_lag(shop: &Shop, target: &Target, samples: usize, interrupt: &Interrupt) -> Result<Lag> {
    let connection = shop.open()?;
    let mut lag = Lag { samples: Vec::with_capacity(samples), sums_checked: 0, sums_wrong: 0 };
    for beat in 1..=samples {
        // Uneven gaps, so that the samples do not fall into step with anyone's polling.
        interrupt.pause(Duration::from_millis(5 + beat as u64 * 7 % 23))?;
        connection
            .execute("UPDATE heartbeat SET beat = ?1 WHERE id = 1", [beat as i64])
            .map_err(broken("write a heartbeat to the sample shop"))?;
        lag.samples.push(wait_for(target, beat, interrupt)?);
        lag.sums_checked += 1;
        lag.sums_wrong += u64::from(target.sum_of_balances()? != shop.total_balance());
    }
    lag.samples.sort_unstable();
    Ok(lag)
}

fn wait_for(target: &Target, beat: usize, interrupt: &Interrupt) -> Result<Duration> {
    let committed = Instant::now();
    let beat = beat.to_string();
    while target.value("SELECT beat FROM heartbeat WHERE id = 1")? != beat {
        interrupt.check()?;
        if committed.elapsed() > LOST {
            return Err(Error::internal(format!("a change did not reach PostgreSQL within {LOST:?}")));
        }
    }
    Ok(committed.elapsed())
}

fn blind() -> Error {
    Error::target_side("cannot look into the demo's PostgreSQL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_seen() {
        let samples = (1..=200).map(Duration::from_millis).collect();
        let lag = Lag { samples, sums_checked: 0, sums_wrong: 0 };
        assert_eq!(lag.percentile(50), Duration::from_millis(100));
        assert_eq!(lag.percentile(99), Duration::from_millis(198));
        let none = Lag { samples: Vec::new(), sums_checked: 0, sums_wrong: 0 };
        assert_eq!(none.percentile(99), Duration::ZERO);
    }
}
