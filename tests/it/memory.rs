//! Memory is bounded by configuration, not by what there is to copy or to catch up with

use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Pair, Running};
use crate::support::source::{self, Workplace};

/// Who buffers the table or the backlog passes it: two million rows are more than this, and so are their keys and rows
const LIMIT_KIB: u64 = 100 * 1024;

#[test]
fn i12_two_million_rows_and_changes_stay_under_a_hundred_megabytes() {
    let work = Workplace::new();
    let pair = Pair::new(
        work.database(
            "PRAGMA synchronous = OFF;
             CREATE TABLE big(id INTEGER PRIMARY KEY, body TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)
             INSERT INTO big SELECT i, printf('%060d', i) FROM n",
        ),
        fresh_database(),
    );
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    check_peak(&mut replicator, "the copy");
    replicator.stop();
    let all = "UPDATE big SET body = body || id % 7; DELETE FROM big WHERE id % 10 = 0";
    source::open(&pair.source).execute_batch(all).expect("a backlog");
    let mut replicator = pair.replicate(&[]);
    pair.wait_caught_up(&mut replicator);
    check_peak(&mut replicator, "the backlog");
    replicator.stop();
    pair.verify();
    // Computed by the two databases themselves: a comparison row by row would take longer than all the rest.
    let sums = "SELECT count(*), sum(id), sum(length(body)), sum(id * CAST(substr(body, -1) AS INTEGER)) FROM big";
    let postgres = sums.replace("substr(body, -1)", "right(body, 1)");
    let ours: Vec<String> = source::open(&pair.source)
        .query_row(sums, [], |row| (0..4).map(|at| row.get::<_, i64>(at).map(|n| n.to_string())).collect())
        .expect("the sums of the source");
    let theirs = Pg::connect(&pair.target).query(&postgres);
    assert_eq!(theirs[0].iter().map(|field| field.clone().unwrap_or_default()).collect::<Vec<_>>(), ours);
}

fn check_peak(replicator: &mut Running, what: &str) {
    replicator.must_run();
    let status = std::fs::read_to_string(format!("/proc/{}/status", replicator.pid()));
    // Only Linux tells; elsewhere the copy itself is still tested.
    let Ok(status) = status else { return };
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the peak of resident memory");
    let peak: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    assert!(peak < LIMIT_KIB, "{what} took {peak} KiB at its peak, at most {LIMIT_KIB} KiB");
}

/// The copy and the backlog of a table whose every row misfits
#[test]
fn i12_two_hundred_thousand_misfits_stay_under_a_hundred_megabytes() {
    let work = Workplace::new();
    let pair = Pair::new(work.database("CREATE TABLE big(id INTEGER PRIMARY KEY, n INT, body TEXT)"), fresh_database());
    source::open(&pair.source).execute_batch("INSERT INTO big VALUES(1, 1, 'x')").expect("a row that fits");
    pair.migrate();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
                INSERT OR REPLACE INTO big SELECT i, 'text', printf('%0500d', i) FROM n";
    source::open(&pair.source).execute_batch(fill).expect("a backlog");
    let mut replicator = pair.replicate(&[]);
    pair.wait_caught_up(&mut replicator);
    check_peak(&mut replicator, "the backlog of misfits");
    let held = "SELECT count(*), sum(seq) > 0, sum(bytes) > 100000000 FROM crossfade.quarantine";
    let held = Pg::connect(&pair.target).query(held);
    assert_eq!(held[0], ["200000", "t", "t"].map(|field| Some(field.to_owned())));
    replicator.stop();
    // A repair reads the whole table, as the copy does.
    Pg::connect(&pair.target).execute("UPDATE crossfade.state SET repair_reason = 'a test'");
    let mut replicator = pair.replicate(&[]);
    crate::support::process::wait_until("the repair", || {
        replicator.must_run();
        replicator.stderr().contains("compared;")
    });
    check_peak(&mut replicator, "the repair");
    let count = Pg::connect(&pair.target).value("SELECT count(*) FROM crossfade.quarantine");
    assert_eq!(count.as_deref(), Some("200000"));
    replicator.stop();
}
