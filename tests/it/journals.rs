//! Sources in a rollback-journal mode, where a reader holds up every commit

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::generator::Transaction;
use crate::support::fresh_database;
use crate::support::load::Load;
use crate::support::pg::Pg;
use crate::support::process::Pair;
use crate::support::rng::Rng;
use crate::support::source::{self, Workplace};

const ROWS: usize = 60_000;

const ITEMS: &str = "
    PRAGMA journal_mode = DELETE;
    CREATE TABLE item(code TEXT COLLATE NOCASE PRIMARY KEY, price INTEGER, note TEXT) WITHOUT ROWID;
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59999)
    INSERT INTO item SELECT printf('Code %06d', i), i, printf('%080d', i) FROM n";

/// Between two attempts of the writer
const PAUSE: Duration = Duration::from_millis(2);

/// A second and more to read, in the debug build
const MANY: &str = "
    PRAGMA journal_mode = DELETE;
    CREATE TABLE item(id INTEGER PRIMARY KEY, price INTEGER);
    CREATE TABLE mark(id INTEGER PRIMARY KEY, n INTEGER);
    INSERT INTO mark VALUES(1, 0);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
    INSERT INTO item SELECT i, i FROM n";

#[test]
fn verify_in_slices_is_right_while_keys_move() {
    for mode in ["DELETE", "TRUNCATE", "PERSIST"] {
        let (_work, pair) = following(ITEMS);
        source::set_journal_mode(&source::open(&pair.source), mode);
        let mut replicator = pair.replicate(&[]);
        let mut load = Load::new();
        load.add(&pair.source, 11, change);
        load.wait_for(20, &mut replicator);
        for _ in 0..2 {
            let verdict = pair.verb("verify").arg("--json").run().expect_code(0).json();
            assert_eq!(verdict["mismatches"], 0, "{mode}: {verdict}");
            assert!(verdict["rows_compared"].as_u64() > Some(ROWS as u64 / 2), "{mode}: {verdict}");
        }
        // A row beyond the keys that the writers use.
        Pg::stray(&pair.target).execute("UPDATE item SET price = -1 WHERE code = 'Code 059990'");
        let verdict = pair.verb("verify").arg("--json").run().expect_code(4).json();
        assert_eq!(verdict["mismatches"], 1, "{mode}: {verdict}");
        assert!(
            verdict["tables"][0]["keys"][0].as_str().is_some_and(|key| key.contains("059990")),
            "{mode}: {verdict}"
        );
        load.finish();
        replicator.stop();
    }
}

/// Moves keys across the table, in both directions, and to other spellings of themselves
fn change(rng: &mut Rng) -> Transaction {
    let mut statements = vec!["BEGIN IMMEDIATE".to_owned()];
    for _ in 0..1 + rng.below(4) {
        let (one, other) = (rng.below(ROWS - 100), rng.below(ROWS - 100));
        statements.push(match rng.below(5) {
            0 => format!("DELETE FROM item WHERE code = 'code {one:06}'"),
            1 => format!("INSERT OR REPLACE INTO item VALUES('CODE {one:06}', {other}, NULL)"),
            2 => format!("UPDATE OR IGNORE item SET code = 'Code {one:06}' WHERE code = 'code {other:06}'"),
            3 => format!("UPDATE item SET code = upper(code) WHERE code = 'code {one:06}'"),
            _ => format!(
                "UPDATE item SET price = price + 1 WHERE code BETWEEN 'code {one:06}' AND 'code {:06}'",
                one + 20
            ),
        });
    }
    statements.push("COMMIT".to_owned());
    Transaction { statements, all_or_nothing: false }
}

#[test]
fn i11_verify_does_not_hold_a_writer_up_for_the_whole_table() {
    let (_work, pair) = following(MANY);
    let writer = source::open(&pair.source);
    writer.busy_timeout(Duration::ZERO).expect("no busy timeout");
    let (done, is_done) = mpsc::channel::<()>();
    let (refusals, output) = std::thread::scope(|scope| {
        let refusals = scope.spawn(move || {
            let (mut refusals, mut last) = (Vec::new(), Instant::now());
            // A writer who is never away lets no reader in. The end of the channel is the end of verify, whatever came of it.
            while is_done.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                if writer_commits(&writer) {
                    last = Instant::now();
                    refusals.push(Duration::ZERO);
                } else if let Some(refusal) = refusals.last_mut() {
                    *refusal = last.elapsed();
                }
            }
            refusals
        });
        let output = pair.verb("verify").run();
        drop(done);
        (refusals.join().expect("the writer"), output)
    });
    // The writer's row is in flight, and no replicator runs.
    output.expect_code(4);
    let (longest, whole) = (refusals.iter().max().expect("a commit"), refusals.iter().sum::<Duration>());
    // One long view would be nearly all of the time in which the writer was refused.
    assert!(*longest * 3 < whole, "refused for {whole:?} in all, and {longest:?} at once");
}

fn writer_commits(writer: &rusqlite::Connection) -> bool {
    match writer.execute_batch("UPDATE mark SET n = n + 1") {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy), "{error}");
            let _ = writer.execute_batch("ROLLBACK");
            false
        }
    }
}

fn following(schema: &str) -> (Workplace, Pair) {
    let work = Workplace::new();
    let source = work.database(schema);
    let pair = Pair::new(source, fresh_database());
    pair.migrate();
    (work, pair)
}
