//! The demo step by step: start, copy, follow, kill, resume, compare, switch there and back, and a summary

mod switching;

use std::path::Path;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::interrupt::Interrupt;
use super::probe::{self, Lag, Target};
use super::product::{Product, Replicator, Status, Verified};
use super::screen::{Screen, millis, rate, seconds, thousands, whole_millis};
use super::shop::{Shop, Size, broken};
use super::writers::Writers;
use crate::error::{Error, ErrorKind, Result};
use switching::{Switch, Switched};

const WRITERS: u32 = 4;
const TRANSACTIONS_PER_SECOND: u32 = 600;
const LAG_SAMPLES: usize = 200;
/// Nothing in the demo takes this long unless it is stuck
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Everything that has to be taken down again, in this order
struct Stage {
    replicator: Option<Replicator>,
    writers: Writers,
    target: Target,
    shop: Shop,
    product: Product,
    screen: Screen,
    interrupt: Interrupt,
    cluster: Cluster,
}

/// What the summary tells
struct Results {
    copied: (u64, Duration),
    resumed: (u64, Duration),
    while_writing: Verified,
    lag: Lag,
    switched: Switched,
    at_the_end: Verified,
    followed: u64,
    balances: (i64, i64),
}

/// Runs the whole demo and prints its summary
pub fn tell(keep: bool) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let mut screen = Screen::new();
    screen.title("crossfade demo: a shop moves from SQLite to PostgreSQL while its customers keep buying");
    let started = Instant::now();
    let mut stage = Stage::set(screen, interrupt)?;
    let outcome = stage.play();
    stage.screen.clear();
    if let Ok(results) = &outcome {
        stage.summarise(results, started.elapsed());
    }
    let interrupted = matches!(&outcome, Err(error) if error.kind() == ErrorKind::Interrupted);
    if keep && !interrupted {
        stage.leave();
    }
    outcome.and_then(|results| results.judge())
}

impl Stage {
    fn set(mut screen: Screen, interrupt: Interrupt) -> Result<Stage> {
        let begun = Instant::now();
        screen.passing("starting a throw-away PostgreSQL");
        let cluster = Cluster::start(Vec::new())?;
        let server = Target::connect(&cluster.url("postgres"))?;
        server.value("CREATE DATABASE shop")?;
        let version = server.value("SHOW server_version")?;
        // Distributions add their package's version in brackets.
        let version = version.split_whitespace().next().unwrap_or_default();
        let took = seconds(begun.elapsed());
        screen.step(format!("PostgreSQL {version} is up on port {}, made for this demo in {took}", cluster.port()));
        interrupt.check()?;

        screen.passing("making a sample shop");
        let source = cluster.directory().join("shop.db");
        let shop = Shop::create(&source, Size::DEMO)?;
        let writers = Writers::start(&shop, &cluster.url("shop"), WRITERS, TRANSACTIONS_PER_SECOND)?;
        screen.step(format!(
            "a shop of {} rows ({:.0} MB) is open: {WRITERS} writers, {TRANSACTIONS_PER_SECOND} transactions a second",
            thousands(shop.rows),
            file_size(&source) as f64 / 1e6,
        ));
        let program = std::env::current_exe().map_err(|e| Error::internal("cannot find ourselves").caused_by(e))?;
        let (url, directory) = (cluster.url("shop"), cluster.directory().to_owned());
        let target = Target::connect(&url)?;
        let product = Product { program, source, target: url, directory };
        Ok(Stage { replicator: None, writers, target, shop, product, screen, interrupt, cluster })
    }

    fn play(&mut self) -> Result<Results> {
        self.plan()?;
        let copied = self.copy()?;
        self.follow()?;
        let resumed = self.kill_and_resume()?;
        let while_writing = self.verify_while_writing()?;
        let lag = self.measure_lag()?;
        let followed = self.wait_until("running", |status| status.running)?.checkpoint;
        let switched = self.switch()?;
        let at_the_end = self.come_to_rest()?;
        let balances = (self.balance_on_sqlite()?, self.target.sum_of_balances()?);
        Ok(Results { copied, resumed, while_writing, lag, switched, at_the_end, followed, balances })
    }

    fn plan(&mut self) -> Result<()> {
        self.screen.passing("planning");
        let tables = self.product.plan()?;
        self.screen.step(format!("planned {tables} tables; nothing refused"));
        self.interrupt.check()
    }

    fn copy(&mut self) -> Result<(u64, Duration)> {
        let (begun, committed) = (Instant::now(), self.writers.committed());
        self.replicator = Some(self.product.start_replicator()?);
        let status = self.wait_until("copied and in sync", |status| status.in_sync)?;
        let (rows, took) = (status.rows_copied, begun.elapsed());
        self.screen.step(format!(
            "copied {} rows in {} ({} rows/s), while {} transactions were written",
            thousands(rows),
            seconds(took),
            rate(rows, took),
            thousands(self.writers.committed() - committed),
        ));
        Ok((rows, took))
    }

    fn follow(&mut self) -> Result<()> {
        let from = self.wait_until("in sync", |status| status.in_sync)?.checkpoint;
        let begun = Instant::now();
        self.screen.passing("following");
        self.interrupt.pause(Duration::from_secs(4))?;
        let to = self.wait_until("in sync", |status| status.in_sync)?.checkpoint;
        let changes = to.saturating_sub(from);
        let took = begun.elapsed();
        self.screen.step(format!("followed {} changes in {}", thousands(changes), seconds(took)));
        Ok(())
    }

    /// The writers do not even notice: they go on while nobody follows them
    fn kill_and_resume(&mut self) -> Result<(u64, Duration)> {
        if let Some(mut replicator) = self.replicator.take() {
            replicator.kill();
        }
        let committed = self.writers.committed();
        self.screen.passing("the replicator is killed; the writers go on");
        self.interrupt.pause(Duration::from_millis(1500))?;
        let missed = self.writers.committed() - committed;
        let begun = Instant::now();
        self.replicator = Some(self.product.start_replicator()?);
        self.catch_up()?;
        let took = begun.elapsed();
        self.screen.step(format!(
            "killed the replicator (SIGKILL), started it again {} transactions later: in sync after {}",
            thousands(missed),
            seconds(took),
        ));
        Ok((missed, took))
    }

    fn verify_while_writing(&mut self) -> Result<Verified> {
        self.screen.passing("comparing every row of both sides");
        let committed = self.writers.committed();
        let verified = self.product.verify()?;
        let meanwhile = thousands(self.writers.committed() - committed);
        self.screen.step(format!("{}, while {meanwhile} transactions were written", told(verified)));
        self.interrupt.check()?;
        Ok(verified)
    }

    fn measure_lag(&mut self) -> Result<Lag> {
        self.screen.passing("measuring how far PostgreSQL is behind");
        let lag = probe::measure_lag(&self.shop, &self.target, LAG_SAMPLES, &self.interrupt)
            .map_err(|error| self.quoting_the_log(error))?;
        self.screen.step(format!(
            "sent {} markers through: half arrived within {}, with the writers at work",
            lag.samples(),
            millis(lag.percentile(50)),
        ));
        Ok(lag)
    }

    fn come_to_rest(&mut self) -> Result<Verified> {
        self.screen.passing("the shop closes");
        self.writers.stop()?;
        let begun = Instant::now();
        self.catch_up()?;
        let took = begun.elapsed();
        let verified = self.product.verify()?;
        self.screen.step(format!("the shop closed; in sync after {}; {}", seconds(took), told(verified)));
        Ok(verified)
    }

    /// Waits until what is in the source by now has arrived. The state that the last replicator left behind may still
    /// say "in sync", so a position is waited for, not a word.
    fn catch_up(&mut self) -> Result<Status> {
        let goal = self.wait_until("running", |status| status.running)?.head;
        self.wait_until("in sync", |status| status.running && status.in_sync && status.checkpoint >= goal)
    }

    fn wait_until(&mut self, what: &str, condition: impl Fn(&Status) -> bool) -> Result<Status> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.interrupt.check()?;
            let ended = self.replicator.as_mut().and_then(Replicator::ended);
            if let Some(exit) = ended {
                return Err(self.quoting_the_log(Error::internal(format!("the replicator ended by itself ({exit})"))));
            }
            let status = self.product.status()?.unwrap_or_default();
            if condition(&status) {
                return Ok(status);
            }
            if Instant::now() > deadline {
                let error = format!("not {what} after {}; {}", seconds(PATIENCE), described(&status));
                return Err(self.quoting_the_log(Error::internal(error)));
            }
            self.screen.passing(described(&status));
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn quoting_the_log(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::Interrupted {
            return error;
        }
        error.hint(format!("the replicator's last words were\n             {}", self.product.log_tail()))
    }

    fn balance_on_sqlite(&self) -> Result<i64> {
        let sum = self.shop.open()?.query_row("SELECT sum(balance) FROM accounts", (), |row| row.get(0));
        sum.map_err(broken("add up the balances of the sample shop"))
    }

    fn summarise(&self, results: &Results, took: Duration) {
        let lag = &results.lag;
        let (rows, copying) = results.copied;
        let (missed, resuming) = results.resumed;
        let (sqlite, postgres) = results.balances;
        let written = self.writers.committed();
        println!();
        println!("  copied     {} rows in {} ({} rows/s)", thousands(rows), seconds(copying), rate(rows, copying));
        println!("  followed   {} logged changes", thousands(results.followed));
        println!(
            "  lag        p50 {}, p99 {}: from COMMIT in SQLite until a polling client of PostgreSQL",
            millis(lag.percentile(50)),
            millis(lag.percentile(99)),
        );
        println!("             had the value ({} samples, under load, on this machine)", lag.samples());
        println!(
            "  kill -9    {} transactions later started again, in sync after {}",
            thousands(missed),
            seconds(resuming)
        );
        let Switched { rehearsal, cutover, rollback, on_postgres, while_moved } = &results.switched;
        println!("  rehearsal  {}", described_switch(rehearsal));
        println!("  cutover    {}", described_switch(cutover));
        println!("  moved      {} transactions on PostgreSQL, followed by SQLite", thousands(*on_postgres));
        println!("  rollback   {}", described_switch(rollback));
        println!("  verify     {} on SQLite; {} on PostgreSQL;", told(results.while_writing), told(*while_moved));
        println!("             at the end {}", told(results.at_the_end));
        println!("  money      {sqlite} in SQLite, {postgres} in PostgreSQL; added up {} times on", lag.sums_checked);
        println!("             PostgreSQL while it followed, wrong {} times", lag.sums_wrong);
        println!("  writers    {} transactions, {} turned away as busy", thousands(written), self.writers.busy());
        println!("  all in all {}", seconds(took));
        println!();
    }

    /// Puts the tools down and tells the user where everything is
    fn leave(&mut self) {
        if let Some(mut replicator) = self.replicator.take() {
            replicator.interrupt();
            let deadline = Instant::now() + Duration::from_secs(10);
            while replicator.ended().is_none() && Instant::now() < deadline {
                std::thread::sleep(BETWEEN_LOOKS);
            }
        }
        self.cluster.keep();
        let Product { program, source, target, directory } = &self.product;
        let (program, source, directory) = (program.display(), source.display(), directory.display());
        let pair = format!("--source {source} --target {target}");
        println!("Both databases are kept. To look into them:");
        println!("  {}/psql {target}", self.cluster.programs().display());
        println!("  sqlite3 {source}");
        println!("  {program} status {pair}");
        println!("  {program} run {pair}");
        println!("The replicator's log is {}.", self.product.log().display());
        println!("To stop the server and remove everything:");
        println!("  kill -INT $(head -n 1 {directory}/data/postmaster.pid) && rm -rf {directory}");
    }
}

impl Results {
    /// The demo fails when anything is not as it should be
    fn judge(&self) -> Result<()> {
        let verified = [self.while_writing, self.switched.while_moved, self.at_the_end];
        let mismatches: u64 = verified.iter().map(|verified| verified.mismatches).sum();
        let (sqlite, postgres) = self.balances;
        if mismatches > 0 || self.lag.sums_wrong > 0 || sqlite != postgres {
            return Err(Error::new(ErrorKind::Mismatch, "the two sides of the demo differ; see the summary above"));
        }
        Ok(())
    }
}

fn told(verified: Verified) -> String {
    format!("{} rows compared, {} mismatches", thousands(verified.rows_compared), thousands(verified.mismatches))
}

fn described_switch(switch: &Switch) -> String {
    format!(
        "writes refused for {}; no writer waited longer than {}",
        whole_millis(switch.refused),
        whole_millis(switch.waited)
    )
}

fn described(status: &Status) -> String {
    let copied = format!("{} of {} rows", thousands(status.rows_copied), thousands(status.rows_total));
    let phase = if status.phase.is_empty() { "starting" } else { &status.phase };
    let error = status.last_error.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
    format!("{phase}: {copied}, backlog {}{error}", thousands(status.backlog))
}

fn file_size(path: &Path) -> u64 {
    path.metadata().map_or(0, |meta| meta.len())
}
