//! Every commit on the target is of one moment of the source: rows and checkpoint agree, whenever one looks
//!
//! Each transaction of the source writes into both of its tables the number that its last log entry will have. So the
//! two tables and the checkpoint hold the same number at every moment, or something was committed apart.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{PATIENCE, Pair};
use crate::support::source::{self, Workplace};

const TABLES: &str =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, n INT); CREATE TABLE b(k TEXT PRIMARY KEY, n INT) WITHOUT ROWID;
                      INSERT INTO a VALUES(1, 0); INSERT INTO b VALUES('x', 0)";
/// Two updates, two entries: the second will be the newest plus two
const TICK: &str = "BEGIN IMMEDIATE;
                    UPDATE a SET n = (SELECT max(seq) + 2 FROM _crossfade_log);
                    UPDATE b SET n = (SELECT n FROM a); COMMIT";
const LOOK: &str = "SELECT seq, a.n, b.n FROM crossfade.checkpoint, public.a, public.b";
/// Different moments that must be seen; a gap of a tenth of a millisecond in each is found early
const MOMENTS: usize = 800;

#[test]
fn i3_every_commit_is_of_one_moment() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(TABLES), fresh_database());
    pair.migrate();
    source::open(&pair.source).execute_batch(TICK).expect("a first tick");
    let mut replicator = pair.replicate(&[]);
    pair.wait_caught_up(&mut replicator);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let ticker = scope.spawn(|| {
            let connection = source::open(&pair.source);
            while !stop.load(Ordering::Relaxed) {
                connection.execute_batch(TICK).expect("a tick");
            }
        });
        let outcome = watch(&Pg::connect(&pair.target));
        stop.store(true, Ordering::Relaxed);
        ticker.join().expect("the ticker");
        outcome.unwrap_or_else(|message| panic!("{message}"));
    });
    replicator.stop();
}

/// Looks as fast as it can, each time in one statement and so in one read view
fn watch(target: &Pg) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    let (mut last, mut seen) = (None, 0);
    while seen < MOMENTS {
        let rows = target.try_query(LOOK)?;
        let [Some(seq), Some(a), Some(b)] = rows.first().map_or(&[][..], Vec::as_slice) else {
            return Err(format!("no row, or NULLs: {rows:?}"));
        };
        if seq != a || seq != b {
            return Err(format!("I3: the checkpoint is {seq}, and the rows are of {a} and {b}"));
        }
        seen += usize::from(last.as_ref() != Some(seq));
        last = Some(seq.clone());
        if Instant::now() > deadline {
            return Err(format!("only {seen} of {MOMENTS} moments came by"));
        }
    }
    Ok(())
}
