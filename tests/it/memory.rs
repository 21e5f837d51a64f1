//! Memory is bounded by configuration, not by what there is to copy or to catch up with

use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Pair, Running, wait_until};
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

pub fn check_peak(replicator: &mut Running, what: &str) {
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
    wait_until("the repair", || {
        replicator.must_run();
        replicator.stderr().contains("compared;")
    });
    check_peak(&mut replicator, "the repair");
    let count = Pg::connect(&pair.target).value("SELECT count(*) FROM crossfade.quarantine");
    assert_eq!(count.as_deref(), Some("200000"));
    replicator.stop();
}

/// The plan of 300 MB reads them once, within the memory that a small file would take, whatever lies in it
#[test]
fn i12_a_plan_reads_the_file_once_and_in_little_memory() {
    let work = Workplace::new();
    let path = work.database(
        "PRAGMA synchronous = OFF;
         CREATE TABLE note(id INTEGER PRIMARY KEY, at DATETIME, doc JSON, price DECIMAL(10,2), body TEXT);
         CREATE TABLE word(word TEXT, place INT, PRIMARY KEY(word, place)) WITHOUT ROWID;
         CREATE TABLE photo(id INTEGER PRIMARY KEY, image BLOB);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
         INSERT INTO note SELECT i, datetime(1700000000 + i, 'unixepoch'), json_object('id', i), i / 100.0,
             printf('%0200d', i) FROM n;
         INSERT INTO word SELECT printf('%060d', id), id FROM note;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90)
         INSERT INTO photo SELECT i, zeroblob(2000000) FROM n",
    );
    let bytes = std::fs::metadata(&path).expect("the file").len();
    assert!(bytes > 300_000_000, "{bytes}");
    let plan = Plan::of(Pair::new(&path, fresh_database()), &[]);
    assert!(plan.peak_kib < LIMIT_KIB, "{} KiB at the peak, at most {LIMIT_KIB} KiB", plan.peak_kib);
    assert!(plan.read < bytes + bytes / 7, "{} bytes were read of a file of {bytes}", plan.read);
    assert!(plan.text.contains("ready: 3 tables, 800,090 rows"), "{}", plan.text);
    let sampled = Plan::of(Pair::new(&path, fresh_database()), &["--sample", "1000"]);
    assert!(sampled.text.contains("ready: 3 tables, sampled, about "), "{}", sampled.text);
    assert!(sampled.read < plan.read - 90_000_000, "{} bytes were read", sampled.read);
}

/// What a plan says, and what it took to make
struct Plan {
    text: String,
    peak_kib: u64,
    read: u64,
}

impl Plan {
    /// Looks at the program while it runs
    fn of(pair: Pair, options: &[&str]) -> Plan {
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_crossfade"))
            .args(["plan", "--source", pair.source.to_str().expect("a path"), "--target", &pair.target])
            .args(options)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the program");
        let process = std::path::PathBuf::from(format!("/proc/{}", child.id()));
        let number = |file: &str, name: &str| {
            let text = std::fs::read_to_string(process.join(file)).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        let (mut peak_kib, mut read) = (0, 0);
        // A process that has ended and was not waited for still tells what it has read; its memory is gone by then.
        while number("status", "VmHWM:").inspect(|peak| peak_kib = *peak).is_some() {
            std::thread::yield_now();
        }
        wait_until("the program to have read", || {
            let now = number("io", "rchar:").unwrap_or(0);
            std::mem::replace(&mut read, now) == now
        });
        let output = child.wait_with_output().expect("its output");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{text}");
        Plan { text, peak_kib, read }
    }
}
