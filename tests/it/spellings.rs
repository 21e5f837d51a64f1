//! One moment in several spellings: PostgreSQL has the moment, SQLite keeps the spelling, and neither is mistaken for the
//! other
//!
//! In a time zone that is not UTC, half an hour off the hour: that of the database must not matter.

use crate::support::compare::{assert_equal, assert_equal_or_held};
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::Pair;
use crate::support::scene::run;
use crate::support::source::{self, Workplace};

const EVENTS: &str = "
    CREATE TABLE event(id INTEGER PRIMARY KEY, plain DATETIME, zoned TIMESTAMPTZ, clock TIME, note TEXT);
    INSERT INTO event VALUES
      (1, '2026-01-02 03:04:05.307', '2026-01-02T03:04:05.307Z', '08:30', 'a'),
      (2, '2026-01-02T03:04:05.307000', '2026-01-01 23:34:05.307000-03:30', '08:30:00', 'b'),
      (3, '2026-01-02 03:04:05', '2026-01-02 03:04:05+00', '08:30:00.000', 'c'),
      (4, NULL, NULL, NULL, 'd')";
const TARGET: &str =
    "CREATE TABLE event(id bigint PRIMARY KEY, plain timestamp, zoned timestamptz, clock time, note text)";

/// The same moments and times in other spellings
const RESPELLED: &str = "
    UPDATE event SET plain = replace(plain, 'T', ' ') || '000' WHERE id = 1;
    UPDATE event SET zoned = '2026-01-02 08:34:05.307+0530', clock = '08:30' WHERE id = 2;
    UPDATE event SET plain = '2026-01-02T03:04:05.0', zoned = '2026-01-02T03:04:05-00:00' WHERE id = 3";

/// Rows that a `timestamp`, a `timestamptz` or a `time` does not hold, or holds as something else
const STRANGERS: [(&str, &str); 8] = [
    ("plain", "2026-01-02 03:04:05.1234567"),
    ("plain", "2026-01-02 24:00:00"),
    ("plain", "2026-01-02 03:04:05Z"),
    ("plain", "2026-01-02"),
    ("zoned", "2026-01-02 03:04:05"),
    ("zoned", "2026-01-02 03:04:60Z"),
    ("zoned", "2026-01-02 03:04:05+16:00"),
    ("clock", "24:00"),
];

#[test]
fn i10_moments_are_compared_and_not_their_spellings() {
    for options in [&["--schema", "create"], &["--schema", "existing"]] {
        let (_work, pair, target) = scene(options);
        let mut replicator = pair.replicate(options);
        pair.wait_consistent(&mut replicator);
        run(&pair, RESPELLED);
        pair.wait_caught_up(&mut replicator);
        pair.verify();
        assert_equal(&pair.source, &pair.target);
        replicator.stop();
        let instants = "SELECT count(DISTINCT plain) || ' ' || count(DISTINCT zoned) || ' ' || \
                        count(DISTINCT clock) || ' ' || max(zoned AT TIME ZONE 'UTC') FROM event";
        assert_eq!(target.value(instants).as_deref(), Some("2 2 1 2026-01-02 03:04:05.307"));
        for (column, id) in [("plain", 1), ("zoned", 2), ("clock", 3)] {
            // Past the fence, if there is one.
            let change = |by| {
                target.execute(&format!(
                    "SET session_replication_role = replica;
                     UPDATE event SET {column} = {column} {by} interval '1 microsecond' WHERE id = {id}"
                ));
            };
            change("+");
            let verdict = pair.verb("verify").arg("--json").run().expect_code(4).json();
            assert_eq!(verdict["mismatches"], 1, "{column}: {verdict}");
            change("-");
            pair.verify();
        }
    }
}

#[test]
fn i10_what_is_no_moment_waits_in_the_quarantine() {
    for options in [&["--schema", "create"], &["--schema", "existing"]] {
        let (_work, pair, _target) = scene(options);
        let mut replicator = pair.replicate(options);
        pair.wait_consistent(&mut replicator);
        let connection = source::open(&pair.source);
        for (column, text) in STRANGERS {
            let insert = format!("INSERT INTO event({column}) VALUES (?1)");
            connection.execute(&insert, [text]).expect("a row");
        }
        run(
            &pair,
            "INSERT INTO event(plain, zoned, clock) VALUES ('0001-01-01T00:00', '9999-12-31T23:59:59Z', '00:00')",
        );
        pair.wait_caught_up(&mut replicator);
        assert_eq!(assert_equal_or_held(&pair.source, &pair.target), STRANGERS.len() as u64);
        run(
            &pair,
            "UPDATE event SET plain = '2026-01-02 03:04', zoned = '2026-01-02T03:04Z', clock = '03:04' WHERE id > 4",
        );
        pair.wait_caught_up(&mut replicator);
        assert_equal(&pair.source, &pair.target);
        pair.verify();
        replicator.stop();
    }
}

/// The columns are of types that take any spelling, in the schema that we make and in one that stands
fn scene(options: &[&str]) -> (Workplace, Pair, Pg) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(EVENTS), fresh_database());
    let target = Pg::connect(&pair.target);
    target.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''America/St_Johns''', current_database()); END $$",
    );
    if options.contains(&"existing") {
        target.execute(TARGET);
    }
    (work, pair, target)
}
