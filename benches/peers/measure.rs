//! Wall and CPU seconds: of a child, of this process, and of the server with all its processes

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{Client, NoTls};

use crate::{Bench, Outcome};

/// Time that one thing took
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub wall: f64,
    /// CPU seconds of the program under test
    pub client: f64,
    /// CPU seconds of the postmaster and everything it started
    pub server: f64,
    /// CPU seconds of everybody else on the machine
    pub other: f64,
}

/// State of all clocks at one moment
#[derive(Clone, Copy)]
pub struct Reading {
    at: Instant,
    server: f64,
    machine: f64,
}

impl Reading {
    pub fn take(bench: &Bench) -> Reading {
        let server = bench.cluster.pid().map_or(0.0, server_cpu);
        Reading { at: Instant::now(), server, machine: machine_cpu() }
    }

    /// From this reading to a later one, during which the client used so many CPU seconds
    pub fn to(&self, later: &Reading, client: f64) -> Cost {
        let server = later.server - self.server;
        let other = (later.machine - self.machine - server - client).max(0.0);
        Cost { wall: (later.at - self.at).as_secs_f64(), client, server, other }
    }
}

/// Median of each figure by itself
pub fn median_cost(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| median(costs.iter().map(figure).collect());
    Cost { wall: of(|c| c.wall), client: of(|c| c.client), server: of(|c| c.server), other: of(|c| c.other) }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// The value that so many percent of all values do not exceed
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// CPU seconds of a running process with all its threads, ended ones included; to the nanosecond
pub fn process_cpu(pid: u32) -> f64 {
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls only write to the places given; a process that is gone gives an error.
    let failed = unsafe {
        libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) != 0 || libc::clock_gettime(clock, &mut time) != 0
    };
    if failed { 0.0 } else { time.tv_sec as f64 + time.tv_nsec as f64 / 1e9 }
}

/// CPU seconds of this process, or of its children that have been waited for
pub fn usage(who: libc::c_int) -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call fills the structure in, and all zeroes is a valid value for it.
    let usage = unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// The postmaster, its children as they are, and what it has reaped
fn server_cpu(postmaster: u32) -> f64 {
    let reaped = stat_fields(postmaster).map_or(0.0, |f| ticks(&f[13]) + ticks(&f[14]));
    let mut total = reaped + process_cpu(postmaster);
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Fields count from the state, which follows the name: 1 is the parent, 11 and 12 are the CPU times.
        if let Some(fields) = stat_fields(pid).filter(|f| f[1] == postmaster.to_string()) {
            let live = process_cpu(pid);
            total += if live > 0.0 { live } else { ticks(&fields[11]) + ticks(&fields[12]) };
        }
    }
    total
}

fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

fn ticks(field: &str) -> f64 {
    // SAFETY: asks for a constant of the system.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    field.trim().parse::<f64>().unwrap_or(0.0) / per_second
}

/// CPU seconds of the whole machine that were not idle
fn machine_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<&str> = text.lines().next().unwrap_or("").split_whitespace().skip(1).collect();
    // user, nice, system, irq, softirq, steal; not idle and iowait
    [0, 1, 2, 5, 6, 7].iter().filter_map(|&at| fields.get(at)).map(|field| ticks(field)).sum()
}

/// A plain connection to the server, for everything that is not measured and for the references
pub struct Connection {
    pub runtime: Runtime,
    pub client: Client,
}

pub fn connect(url: &str) -> Outcome<Connection> {
    connect_on(Builder::new_current_thread().enable_all().build()?, url)
}

/// With the library's tasks on threads of their own, as in the product
pub fn connect_as_product(url: &str) -> Outcome<Connection> {
    connect_on(Builder::new_multi_thread().worker_threads(2).enable_all().build()?, url)
}

fn connect_on(runtime: Runtime, url: &str) -> Outcome<Connection> {
    let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls))?;
    runtime.spawn(async move { connection.await.ok() });
    Ok(Connection { runtime, client })
}

impl Connection {
    pub fn run(&mut self, sql: &str) -> Outcome<()> {
        Ok(self.runtime.block_on(self.client.batch_execute(sql))?)
    }

    pub fn value<T: FromSqlOwned>(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Outcome<T> {
        Ok(self.runtime.block_on(self.client.query_one(sql, parameters))?.try_get(0)?)
    }

    /// Asks until the checkpoint has reached `seq`
    pub fn wait_for_checkpoint(&self, seq: i64, pause: Duration) -> Outcome<()> {
        let deadline = Instant::now() + Duration::from_secs(300);
        let statement = self.runtime.block_on(self.client.prepare("select seq from crossfade.checkpoint"))?;
        while self.runtime.block_on(self.client.query_one(&statement, &[]))?.get::<_, i64>(0) < seq {
            if Instant::now() > deadline {
                return Err("the checkpoint did not reach the head within five minutes".into());
            }
            std::thread::sleep(pause);
        }
        Ok(())
    }
}
