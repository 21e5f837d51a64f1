//! Waves of the copy stopped at a known point by a lock on the target, so that what happens between them is no accident
//!
//! A worker stores each chunk in `crossfade.chunks`; who locks that table holds the wave. The replicator's heartbeat
//! (`crossfade.state.head_seq`) says that it has seen what was written meanwhile, and then ends the wave.

use std::time::Instant;

use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Pair, Running, wait_until};
use crate::support::scene::arrive;
use crate::support::source::{self, Workplace};

/// Chunks of 8 KiB, and a wave ends at 250 waiting entries
const OPTIONS: [&str; 6] = ["--chunk-bytes", "2048", "--log-limit", "1000", "--workers", "1"];
/// Numbers of chunks that wait, one wave each
const GATES: [u64; 4] = [10, 60, 110, 160];

#[test]
fn i7_keys_of_a_utf16le_source_are_copied_in_their_own_order() {
    changed_between_waves("UTF-16le");
}

/// Differs from the order of UTF-8 only where surrogates come before U+E000, which is where the last gate stands
#[test]
fn i7_keys_of_a_utf16be_source_are_copied_in_their_own_order() {
    changed_between_waves("UTF-16be");
}

/// What the other two are measured by
#[test]
fn i7_keys_of_a_utf8_source_are_copied_in_their_own_order() {
    changed_between_waves("UTF-8");
}

/// Whether a changed key lies before or after the chunks that are done is a question of the source's order
fn changed_between_waves(encoding: &str) {
    let work = Workplace::new();
    let path = work.path("app.db");
    // Before anything else: the first page fixes the encoding.
    let table = format!("PRAGMA encoding='{encoding}'; CREATE TABLE t(k TEXT PRIMARY KEY, n INT, v TEXT)");
    source::open(&path).execute_batch(&table).expect("a table");
    source::set_journal_mode(&source::open(&path), "WAL");
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <";
    let (old, new) = (spread("i"), spread("(i * 977)"));
    run(&path, &format!("{rows} 8000) INSERT INTO t SELECT {old} || i, 0, printf('%0180d', i) FROM n"));
    let pair = Pair::new(path, fresh_database());
    let (mut replicator, gates) = replicate_gated(&pair);
    for (round, gate) in gates.into_iter().enumerate() {
        let script = format!(
            "UPDATE t SET n = {round} WHERE rowid % 40 = {round} + 1; DELETE FROM t WHERE rowid % 80 = {round} * 3 + 8;
             {rows} 50) INSERT INTO t SELECT {new} || '{round} ' || i, {round}, 'new' FROM n"
        );
        gate.pass(&pair, &mut replicator, || script);
    }
    arrive(&pair, replicator);
}

/// SQL of one character between U+0100 and U+1FFFF, spread over all of them, surrogates left out
fn spread(number: &str) -> String {
    format!(
        "CASE {number} % 7 WHEN 0 THEN char(57344 + {number} * 61 % 8189) WHEN 1 THEN char(65536 + {number} * 61 % 65536)
         ELSE char(256 + {number} * 37 % 50000) END"
    )
}

/// DDL moves the schema version; that a table without an index might have been renumbered is no reason to copy the
/// others again
#[test]
fn i2_unrelated_ddl_does_not_begin_the_copy_again() {
    let work = Workplace::new();
    let loose = "CREATE TABLE loose(v); INSERT INTO loose VALUES('a'), ('b'), ('c')";
    let pair = Pair::new(work.database(&format!("{loose}; {BULK}")), fresh_database());
    let (mut replicator, gates) = replicate_gated(&pair);
    let mut first = None;
    for (round, gate) in gates.into_iter().enumerate() {
        gate.pass(&pair, &mut replicator, || {
            // The transaction that stored the first chunk: another one, and it was copied again.
            let now = ask(&pair, "crossfade.chunks WHERE number = 0", "xmin");
            assert_eq!(now, first.clone().or(now.clone()), "the copy began again");
            first = now;
            format!(
                "CREATE TABLE passing(a); DROP TABLE passing; INSERT INTO loose VALUES('round {round}');
                 UPDATE bulk SET body = 'round {round}' WHERE id % 20 = {round}"
            )
        });
    }
    arrive(&pair, replicator);
}

/// Chunks that were in flight at the kill are gaps between finished ones; a wave may end before it has filled them
#[test]
fn i7_gaps_of_a_killed_snapshot_may_outlast_a_wave() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(BULK), fresh_database());
    let options = ["--chunk-bytes", "2048", "--log-limit", "1000", "--workers"];
    let writer = source::open(&pair.source);
    writer.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let mut doomed = pair.replicate(&[&options[..], &["8"]].concat());
    wait_phase(&pair, &mut doomed, "capturing");
    // Whoever stores one of these numbers waits for the end of this transaction; the other workers go on.
    let Gate { holder, .. } = Gate::close(&pair, &[0, 2, 4]);
    writer.execute_batch("COMMIT").expect("the write lock is free");
    wait_until("chunks between the gaps", || {
        doomed.must_run();
        chunks(&pair) >= 4
    });
    doomed.kill();
    run(&pair.source, "UPDATE bulk SET body = 'backlog' WHERE id % 16 = 0");
    let head = source::head(&pair.source);
    // Now nobody can store a chunk, until the backlog has ended the wave.
    holder.execute("ROLLBACK; BEGIN; LOCK TABLE crossfade.chunks IN SHARE MODE");
    let mut replicator = pair.replicate(&[&options[..], &["1"]].concat());
    wait_seen(&pair, &mut replicator, head);
    holder.execute("ROLLBACK");
    arrive(&pair, replicator);
}

/// The plan was made without this index; capture without its closers would miss what REPLACE removes
#[test]
fn i2_a_unique_index_made_between_plan_and_install_is_captured() {
    let work = Workplace::new();
    let pair = Pair::new(
        work.database("CREATE TABLE t(id INTEGER PRIMARY KEY, u INT); INSERT INTO t VALUES(1, 10), (2, 20), (3, 30)"),
        fresh_database(),
    );
    let writer = source::open(&pair.source);
    writer.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let mut replicator = pair.replicate(&[]);
    wait_phase(&pair, &mut replicator, "capturing");
    writer.execute_batch("CREATE UNIQUE INDEX uu ON t(u); COMMIT").expect("an index");
    pair.wait_consistent(&mut replicator);
    writer.execute_batch("INSERT OR REPLACE INTO t VALUES(9, 10)").expect("a row");
    arrive(&pair, replicator);
}

/// Both have made their plans before either installs capture: the second must not take the first one's for its own
#[test]
fn one_source_follows_only_one_of_two_targets_started_together() {
    let work = Workplace::new();
    let path = work.database(BULK);
    let writer = source::open(&path);
    writer.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let pairs = [0, 1].map(|_| Pair::new(&path, fresh_database()));
    let mut both = pairs.each_ref().map(|pair| pair.replicate(&[]));
    for (pair, replicator) in pairs.iter().zip(&mut both) {
        wait_phase(pair, replicator, "capturing");
    }
    writer.execute_batch("COMMIT").expect("the write lock is free");
    wait_until("one to be refused", || {
        assert!(
            !pairs.iter().all(|pair| phase(pair).as_deref() == Some("following")),
            "one source follows two targets"
        );
        both.iter_mut().any(|replicator| replicator.exited().is_some())
    });
    let loser = usize::from(both[1].exited().is_some());
    let [first, second] = both;
    let (mut winner, refused) = if loser == 0 { (second, first) } else { (first, second) };
    refused.wait().expect_code(3).expect_error("source");
    assert_ne!(phase(&pairs[loser]).as_deref(), Some("following"));
    pairs[1 - loser].wait_consistent(&mut winner);
    run(&path, "UPDATE bulk SET body = 'after' WHERE id < 100");
    arrive(&pairs[1 - loser], winner);
}

/// A seek into the key's index for each chunk and slice, whatever the key is made of
#[test]
fn composite_keys_are_copied_about_as_fast_as_integers() {
    let time = |table: &str, insert: &str| {
        let work = Workplace::new();
        let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)";
        let pair = Pair::new(work.database(&format!("{table}; {rows} {insert}")), fresh_database());
        let started = Instant::now();
        pair.verb("run").args(&["--until", "in-sync", "--chunk-bytes", "4096"]).run().expect_code(0);
        let taken = started.elapsed();
        assert!(chunks(&pair) > 20, "the table went in {} chunks", chunks(&pair));
        taken
    };
    let simple = time(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, doc TEXT, part TEXT, body TEXT)",
        "INSERT INTO t SELECT i, 'doc', printf('part %06d', i), printf('%060d', i) FROM n",
    );
    let composite = time(
        "CREATE TABLE t(doc TEXT, part TEXT, body TEXT, PRIMARY KEY(doc, part)) WITHOUT ROWID",
        "INSERT INTO t SELECT 'doc', printf('part %06d', i), printf('%060d', i) FROM n",
    );
    assert!(composite < simple * 3, "the copy took {composite:?}, and {simple:?} with an integer key");
}

/// 8,000 rows, enough for a copy in chunks with [`OPTIONS`]
const BULK: &str = "
    CREATE TABLE bulk(id INTEGER PRIMARY KEY, body TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)
    INSERT INTO bulk SELECT i, printf('%0180d', i) FROM n";

/// A chunk that cannot be stored, because this connection is about to store one of the same number
struct Gate {
    holder: Pg,
    number: u64,
}

/// Starts the replicator with a gate at each of [`GATES`]
fn replicate_gated(pair: &Pair) -> (Running, Vec<Gate>) {
    let writer = source::open(&pair.source);
    writer.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let mut replicator = pair.replicate(&OPTIONS);
    wait_phase(pair, &mut replicator, "capturing");
    let gates = GATES.map(|number| Gate::close(pair, &[number]));
    writer.execute_batch("COMMIT").expect("the write lock is free");
    (replicator, gates.into())
}

impl Gate {
    fn close(pair: &Pair, numbers: &[u64]) -> Gate {
        let holder = Pg::connect(&pair.target);
        holder.execute(&format!(
            "BEGIN; INSERT INTO crossfade.chunks SELECT id, n, '', 0 FROM crossfade.tables, unnest(array{numbers:?}) n"
        ));
        Gate { holder, number: numbers[0] }
    }

    /// Waits until the only worker stands here, changes the source by a script, and lets the wave end because of that
    fn pass(self, pair: &Pair, replicator: &mut Running, script: impl FnOnce() -> String) {
        wait_until("the chunks before the gate", || {
            replicator.must_run();
            chunks(pair) >= self.number
        });
        run(&pair.source, &script());
        let head = source::head(&pair.source);
        wait_seen(pair, replicator, head);
        self.holder.execute("ROLLBACK");
        wait_until("the cycle after the wave", || {
            replicator.must_run();
            pair.checkpoint().map(|(seq, _)| seq) >= head
        });
    }
}

/// Waits until the replicator has looked at the log up to that entry
fn wait_seen(pair: &Pair, replicator: &mut Running, head: Option<i64>) {
    let target = Pg::connect(&pair.target);
    wait_until("the heartbeat", || {
        replicator.must_run();
        target.value("SELECT head_seq FROM crossfade.state").map(|seq| seq.parse().expect("a number")) >= head
    });
}

fn wait_phase(pair: &Pair, replicator: &mut Running, wanted: &str) {
    wait_until(wanted, || {
        replicator.must_run();
        phase(pair).as_deref() == Some(wanted)
    });
}

fn phase(pair: &Pair) -> Option<String> {
    ask(pair, "crossfade.state", "phase")
}

fn chunks(pair: &Pair) -> u64 {
    ask(pair, "crossfade.chunks", "count(*)").map_or(0, |count| count.parse().expect("a number"))
}

/// `None` while that table is not there
fn ask(pair: &Pair, from: &str, what: &str) -> Option<String> {
    let target = Pg::connect(&pair.target);
    let table = from.split(' ').next().expect("a name");
    target.value(&format!("SELECT to_regclass('{table}')"))?;
    target.value(&format!("SELECT {what} FROM {from}"))
}

fn run(path: &std::path::Path, script: &str) {
    source::open(path).execute_batch(script).unwrap_or_else(|e| panic!("{e} in {script}"));
}
