//! How far the target is behind: on an idle system, behind a writer at full speed; and what following costs at rest
//!
//! A sample begins when COMMIT has returned to the writer. Two ends are known: the time that PostgreSQL gives the
//! applying transaction (`track_commit_timestamp`; taken before its WAL is flushed, so a little early), and the arrival
//! of a notification that a trigger on the target sends for the row (after the flush, so a little late).

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_postgres::{AsyncMessage, NoTls};

use crate::data::{self, Random};
use crate::measure::{self, Connection, percentile};
use crate::product::{Replicator, head};
use crate::table::{Goal, Table};
use crate::{Bench, Outcome};

const SCHEMA: &str = "CREATE TABLE events (id INTEGER PRIMARY KEY, note TEXT NOT NULL)";
const INSERT: &str = "INSERT INTO events (note) VALUES ('a note of some length')";

/// Fires although the replicator silences the application's triggers
const NOTIFY: &str = "
create function seen() returns trigger language plpgsql as
    'begin perform pg_notify(''seen'', new.id::text); return null; end';
create trigger seen after insert on events for each row execute function seen();
alter table events enable always trigger seen";

const COMMITTED_AT: &str = "
select id::int8, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::int8 from events where id > $1::int8";

struct Scene<'b> {
    bench: &'b Bench,
    writer: rusqlite::Connection,
    replicator: Replicator,
    target: Connection,
    url: String,
}

pub fn run(bench: &Bench, table: &mut Table) -> Outcome<()> {
    let (source, connection) = data::create(&bench.directory, "lag.db", SCHEMA)?;
    connection.execute_batch(INSERT)?;
    data::finish(connection)?;
    let url = bench.database("lag")?;
    let replicator = Replicator::start(bench, &source, &url)?;
    let (writer, target) = (data::writer(&source)?, measure::connect(&url)?);
    let mut scene = Scene { bench, writer, replicator, target, url };
    scene.write()?;
    scene.settle()?;
    scene.idle_system(table)?;
    scene.full_speed(table)?;
    scene.at_rest(table)
}

impl Scene<'_> {
    /// One transaction of one row; its number, and when COMMIT had returned
    fn write(&self) -> Outcome<(i64, i64)> {
        self.writer.prepare_cached(INSERT)?.execute([])?;
        Ok((self.writer.last_insert_rowid(), now()))
    }

    fn settle(&self) -> Outcome<()> {
        self.target.wait_for_checkpoint(head(&self.writer)?, Duration::from_millis(2))
    }

    /// Lags in milliseconds by the target's commit times
    fn lags(&self, sent: &[(i64, i64)]) -> Outcome<Vec<f64>> {
        let first = sent[0].0 - 1;
        let Connection { runtime, client } = &self.target;
        let rows = runtime.block_on(client.query(COMMITTED_AT, &[&first]))?;
        let arrived: HashMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        differences(sent, &arrived)
    }

    /// One row at a time, with uneven gaps of 4 ms on average
    fn idle_system(&mut self, table: &mut Table) -> Outcome<()> {
        let samples = self.bench.scaled(800) as usize * self.bench.rounds;
        self.target.run(NOTIFY)?;
        let stop = AtomicBool::new(false);
        let url = &self.url;
        let (sent, heard, cpu) = std::thread::scope(|scope| -> Outcome<_> {
            let listener = scope.spawn(|| listen(url, &stop).map_err(|e| e.to_string()));
            std::thread::sleep(Duration::from_millis(300));
            let (began, cpu) = (Instant::now(), self.replicator.cpu());
            let mut random = Random(3);
            let mut sent = Vec::with_capacity(samples);
            for _ in 0..samples {
                std::thread::sleep(Duration::from_micros(random.next() % 8_000));
                sent.push(self.write()?);
            }
            let cpu = (self.replicator.cpu() - cpu) / began.elapsed().as_secs_f64();
            self.settle()?;
            std::thread::sleep(Duration::from_millis(200));
            stop.store(true, Ordering::Relaxed);
            Ok((sent, listener.join().map_err(|_| "the listener panicked")??, cpu))
        })?;
        self.target.run("drop function seen() cascade")?;
        let (mut late, mut early) = (differences(&sent, &heard)?, self.lags(&sent)?);
        let note = format!("{} commits, 4 ms apart on average; commit to notification received", sent.len());
        table.add("lag, idle system: p50", percentile(&mut late, 50), " ms", Goal::AtMost(1.0), None, &note);
        let note = format!("replicator: {:.1} % of a core", cpu * 100.0);
        table.add("lag, idle system: p99", percentile(&mut late, 99), " ms", Goal::AtMost(5.0), None, &note);
        let note = format!("p99 {:.2} ms; by the target's commit time, before the flush", percentile(&mut early, 99));
        table.add("lag, idle system: p50, lower bound", percentile(&mut early, 50), " ms", Goal::None, None, &note);
        Ok(())
    }

    /// As fast as one writer can for some seconds; it is followed if the end is not further behind than the middle
    fn full_speed(&self, table: &mut Table) -> Outcome<()> {
        let duration = Duration::from_secs(if self.bench.quick { 2 } else { 6 });
        let (began, mut sent) = (Instant::now(), Vec::new());
        let newest = AtomicI64::new(0);
        let done = AtomicBool::new(false);
        let url = &self.url;
        let most = std::thread::scope(|scope| -> Outcome<i64> {
            let watcher = scope.spawn(|| watch_backlog(url, &newest, &done).map_err(|e| e.to_string()));
            while began.elapsed() < duration {
                sent.push(self.write()?);
                newest.store(sent.len() as i64, Ordering::Relaxed);
            }
            done.store(true, Ordering::Relaxed);
            Ok(watcher.join().map_err(|_| "the watcher panicked")??)
        })?;
        let rate = sent.len() as f64 / began.elapsed().as_secs_f64();
        self.settle()?;
        let drained = began.elapsed() - duration;
        let mut lags = self.lags(&sent)?;
        let quarter = lags.len() / 4;
        let (mut second, mut last) = (lags[quarter..2 * quarter].to_vec(), lags[3 * quarter..].to_vec());
        let (second, last) = (percentile(&mut second, 50), percentile(&mut last, 50));
        let followed = last < 2.0 * second.max(5.0);
        let (p50, p99) = (percentile(&mut lags, 50), percentile(&mut lags, 99));
        let note = format!(
            "{}; lag p50 {p50:.1} ms, p99 {p99:.1} ms (2nd quarter {second:.1}, last {last:.1}); most behind {most} \
             rows; drained in {:.2} s",
            if followed { "followed" } else { "NOT FOLLOWED" },
            drained.as_secs_f64()
        );
        let figure = if followed { rate } else { 0.0 };
        table.add("single-row writer followed", figure, " tx/s", Goal::AtLeast(20_000.0), None, &note);
        Ok(())
    }

    fn at_rest(&self, table: &mut Table) -> Outcome<()> {
        std::thread::sleep(Duration::from_secs(5));
        let (began, cpu) = (Instant::now(), self.replicator.cpu());
        std::thread::sleep(Duration::from_secs(if self.bench.quick { 5 } else { 15 }));
        let share = 100.0 * (self.replicator.cpu() - cpu) / began.elapsed().as_secs_f64();
        table.add("replicator at rest", share, " %", Goal::AtMost(0.5), None, "CPU, in % of a core");
        Ok(())
    }
}

/// Microseconds since 1970, by the clock that PostgreSQL uses too
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64
}

fn differences(sent: &[(i64, i64)], arrived: &HashMap<i64, i64>) -> Outcome<Vec<f64>> {
    sent.iter()
        .map(|(id, at)| Ok((arrived.get(id).ok_or("a row did not arrive")? - at) as f64 / 1000.0))
        .collect::<Outcome<Vec<f64>>>()
}

/// Rows behind the writer at most, looked at about twenty times a second
fn watch_backlog(url: &str, newest: &AtomicI64, done: &AtomicBool) -> Outcome<i64> {
    let target = measure::connect(url)?;
    let start: i64 = target.value("select seq from crossfade.checkpoint", &[])?;
    let mut most = 0;
    while !done.load(Ordering::Relaxed) {
        let written = newest.load(Ordering::Relaxed);
        let applied: i64 = target.value("select seq from crossfade.checkpoint", &[])?;
        most = most.max(written - (applied - start));
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(most)
}

/// Collects when each row's notification arrived
fn listen(url: &str, stop: &AtomicBool) -> Outcome<HashMap<i64, i64>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
        let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message {
                    let _ = sender.send((notification.payload().parse::<i64>(), now()));
                }
            }
        });
        client.batch_execute("listen seen").await?;
        let mut arrived = HashMap::new();
        while !stop.load(Ordering::Relaxed) {
            let wait = tokio::time::timeout(Duration::from_millis(100), heard.recv()).await;
            if let Ok(Some((Ok(id), at))) = wait {
                arrived.insert(id, at);
            }
        }
        Ok(arrived)
    })
}
