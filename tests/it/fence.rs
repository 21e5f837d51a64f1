//! The fence on SQLite under writers of other processes, whose library is another one (I8)

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crossfade::sqlite::fence;
use serde_json::Value;

use crate::support::process::{Pair, wait_until};
use crate::support::source::{self, Workplace};
use crate::support::{fresh_database, python};

const WRITER: &str = include_str!("support/refused_writer.py");
const READER: &str = "
import os, sqlite3, sys
parent = os.getppid()
db = sqlite3.connect(sys.argv[1], timeout=60)
print('ready', flush=True)
reads = 0
while os.getppid() == parent:
    db.execute('SELECT count(*), max(n) FROM entry').fetchone()
    reads += 1
    if reads % 10 == 0 and db.execute('SELECT side FROM _crossfade_primary').fetchone()[0] == 'postgres':
        break
print(reads)";

const ENTRIES: &str = "CREATE TABLE entry(writer TEXT NOT NULL, n INTEGER NOT NULL, changes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(writer, n)); CREATE TABLE other(id INTEGER PRIMARY KEY, v TEXT UNIQUE)";
const STYLES: [&str; 6] = ["", "OR IGNORE", "OR REPLACE", "many", "deferred", "upsert"];

fn python(script: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new("python3");
    command.args(["-c", script]).args(arguments).stdout(Stdio::piped());
    command.spawn().expect("Python starts")
}

fn output(child: Child) -> String {
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "Python failed: {}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

fn count(database: &Path, sql: &str) -> i64 {
    source::open(database).query_row(sql, [], |row| row.get(0)).unwrap_or_else(|e| panic!("{e} in {sql}"))
}

/// A source with capture
fn captured(work: &Workplace, journal: &str) -> Pair {
    let pair = Pair::new(work.database(ENTRIES), fresh_database());
    source::set_journal_mode(&source::open(&pair.source), journal);
    pair.migrate();
    pair
}

/// Every writer is refused with the message, whatever its style; what was acknowledged is in the file and in the log before
/// the fence point, and nothing else is
#[test]
fn i8_writers_of_every_style_are_refused_at_one_point() {
    if !python::available("the fence under writers") {
        return;
    }
    for journal in ["WAL", "DELETE"] {
        let work = Workplace::new();
        let pair = captured(&work, journal);
        let file = pair.source.to_str().expect("a path");
        let writers = STYLES.map(|style| python(WRITER, &[file, style, &format!("w{style}")]));
        let reader = python(READER, &[file]);
        let writing = "SELECT count(*) FROM (SELECT writer FROM entry GROUP BY writer HAVING max(n) >= 5)";
        wait_until("all of them to write", || count(&pair.source, writing) == STYLES.len() as i64);

        let (hold, point) = fence::close(&pair.source, "one", Duration::from_secs(30)).expect("a fence");
        let at_fence = count(&pair.source, "SELECT count(*) FROM entry");
        hold.settle("2026-11-21 20:15:00").expect("the end of the switch");

        let mut acknowledged = 0;
        for (writer, style) in writers.into_iter().zip(STYLES) {
            let said: Value = serde_json::from_str(&output(writer)).expect("JSON");
            let error = said["error"].as_str().expect("an error");
            assert!(
                error.contains("this database has moved to PostgreSQL (switch began 2"),
                "{journal} {style}: {error}"
            );
            let done = said["done"].as_i64().expect("a number");
            let own = format!("SELECT count(*) FROM entry WHERE writer = 'w{style}' AND n <= {done}");
            assert_eq!(count(&pair.source, &own), done, "{journal} {style}: an acknowledged entry is missing");
            acknowledged += done;
        }
        assert!(output(reader).contains("ready"), "readers go on");
        assert_eq!(count(&pair.source, "SELECT count(*) FROM entry"), acknowledged, "{journal}");
        assert_eq!(at_fence, acknowledged, "{journal}: written behind the fence point");
        assert_eq!(count(&pair.source, "SELECT max(seq) FROM _crossfade_log"), point.position.seq, "{journal}");
    }
}

/// The schema's version moves twice; that is no reason to install anything again, or to compare anything
#[test]
fn i2_a_fence_that_came_and_went_is_no_drift() {
    let work = Workplace::new();
    let pair = captured(&work, "WAL");
    let before = source::schema_text(&pair.source);
    for token in ["one", "two"] {
        drop(fence::close(&pair.source, token, Duration::from_secs(30)).expect("a fence"));
        fence::take_back(&pair.source, token).expect("no fence");
    }
    source::open(&pair.source).execute_batch("INSERT INTO other VALUES(1, 'a')").expect("the application writes");
    let output = pair.migrate();
    assert!(!output.stderr.contains("again") && !output.stderr.contains("compar"), "{}", output.stderr);
    assert_eq!(source::schema_text(&pair.source), before);
    pair.verify();
    // The view is ours, and not mentioned among the views that stay behind.
    let plan = pair.verb("plan").run();
    assert!(!plan.stdout.contains("_crossfade_primary"), "{}", plan.stdout);
    pair.verb("cancel").run().expect_code(0);
    assert!(source::schema_text(&pair.source).iter().all(|(_, name, _)| !name.starts_with("_crossfade")));
}
