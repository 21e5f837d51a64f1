//! Random writers that change the class of what they write, with kills: nothing is lost and nothing is in both places

use std::time::Duration;

use rusqlite::Connection;

use super::*;
use crate::support::rng::Rng;

const TABLES: &str = "
    CREATE TABLE plain(id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB);
    CREATE TABLE named(k TEXT PRIMARY KEY COLLATE NOCASE, i INT, r REAL, t TEXT, b BLOB);
    CREATE TABLE wide(i INT, r REAL, t TEXT, b BLOB, n NUMERIC, PRIMARY KEY(i, t));
    CREATE TABLE solid(k, i INT UNIQUE, r REAL, t TEXT, b BLOB, PRIMARY KEY(k)) WITHOUT ROWID;
    CREATE TABLE loose(i INT UNIQUE, r REAL, t TEXT, b BLOB);
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400)
    INSERT INTO plain SELECT x, x, x / 4.0, printf('%060d', x), x'00' FROM n;
    INSERT INTO named SELECT 'k' || id, i, r, t, b FROM plain;
    INSERT INTO wide SELECT i, r, 't' || id, b, i FROM plain;
    INSERT INTO solid SELECT id, i, r, t, b FROM plain;
    INSERT INTO loose SELECT i, r, t, b FROM plain";

/// Key columns first, which may be NULL in two of them
const COLUMNS: &[(&str, &[&str])] = &[
    ("plain", &["i", "r", "t", "b", "id"]),
    ("named", &["k", "i", "r", "t", "b"]),
    ("wide", &["i", "t", "r", "b", "n"]),
    ("solid", &["k", "i", "r", "t", "b"]),
    ("loose", &["i", "r", "t", "b", "rowid"]),
];

const VALUES: &[&str] = &[
    "NULL",
    "0",
    "1",
    "7",
    "300",
    "-1",
    "9223372036854775807",
    "1.0",
    "0.5",
    "-0.0",
    "9e999",
    "'7'",
    "'k7'",
    "'K7'",
    "'text'",
    "''",
    "x'00'",
    "x'6b37'",
    "CAST(x'6100' AS TEXT)",
    "CAST(x'ff' AS TEXT)",
    "1e300",
    "9223372036854775808.0",
];

/// What the target alone refuses
const CONSTRAINTS: &str = "
    ALTER TABLE plain ADD CHECK (t <> '7') NOT VALID, ADD CHECK (1 / (i - 300) < 2) NOT VALID;
    ALTER TABLE named ADD CHECK (length(t) < 70) NOT VALID, ADD CHECK (r IS NOT NULL) NOT VALID;
    ALTER TABLE solid ADD EXCLUDE USING btree (t WITH =) WHERE (t = 'text');
    CREATE UNIQUE INDEX ON loose(r) WHERE r IN (0.5, 1.0, 1e300)";

/// Statements that fail (a key twice, NULL where none may be) change nothing, which is as good
fn write(connection: &Connection, rng: &mut Rng) {
    let (table, columns) = *rng.pick(COLUMNS);
    let column = rng.pick(columns);
    let value = rng.pick(VALUES);
    let condition = match rng.below(3) {
        0 => format!("{} IS {}", rng.pick(columns), rng.pick(VALUES)),
        1 => format!("abs(random()) % 400 = {}", rng.below(400)),
        _ => format!("{column} IS NULL OR typeof({column}) = '{}'", rng.pick(&["text", "blob", "real"])),
    };
    let sql = match rng.below(10) {
        0 | 1 => {
            let values: Vec<&str> = columns.iter().map(|_| *rng.pick(VALUES)).collect();
            format!("INSERT OR REPLACE INTO {table}({}) VALUES({})", columns.join(", "), values.join(", "))
        }
        2 => format!("DELETE FROM {table} WHERE {condition}"),
        3 => format!("UPDATE OR REPLACE {table} SET {column} = {value} WHERE {condition}"),
        // Back to what fits.
        4 => format!("UPDATE OR IGNORE {table} SET i = CAST(i AS INT), r = 0.5, t = 'good' || abs(random()), b = NULL"),
        _ => format!("UPDATE OR IGNORE {table} SET {column} = {value} WHERE {condition}"),
    };
    let _ = connection.execute(&sql, []);
}

/// Returns how many rows the server had refused, at the moments when that was looked at
fn run_seed(seed: u64, constraints: &str) -> u64 {
    let work = Workplace::new();
    let pair = Pair::new(work.database(TABLES), fresh_database());
    let mut rng = Rng::new(seed);
    let chunk_bytes = *rng.pick(&["1024", "4096", "4194304"]);
    let options = ["--chunk-bytes", chunk_bytes, "--log-limit", *rng.pick(&["1000", "100000"])];
    let connection = source::open(&pair.source);
    if rng.chance(25) {
        source::set_journal_mode(&connection, "DELETE");
    }
    let mut script = String::new();
    for value in VALUES {
        script.push_str(&format!(
            "UPDATE OR IGNORE plain SET {} = {value} WHERE id = {};",
            rng.pick(&["i", "r", "t", "b"]),
            1 + rng.below(400)
        ));
    }
    let mut replicator = between_plan_and_capture(&pair, &options, &script);
    pair.wait_consistent(&mut replicator);
    Pg::connect(&pair.target).execute(constraints);
    let (mut most, mut refused) = (0, 0);
    for round in 0..6 {
        for _ in 0..rng.below(300) {
            write(&connection, &mut rng);
        }
        if rng.chance(50) {
            replicator.must_run_for(Duration::from_millis(rng.below(200) as u64));
            replicator.kill();
            replicator = pair.replicate(&options);
        }
        if round % 2 == 1 {
            pair.wait_caught_up(&mut replicator);
            most = most.max(assert_equal_or_held(&pair.source, &pair.target));
            let target = Pg::connect(&pair.target);
            let count = target.value("SELECT count(*) FROM crossfade.quarantine WHERE reason LIKE 'server:%'");
            refused += count.expect("a count").parse::<u64>().expect("a number");
            let verdict = pair.verb("verify").arg("--json").run().expect_code(0).json();
            assert_eq!(verdict["quarantined"].as_u64(), Some(held::count(&target)), "{verdict}");
        }
    }
    assert!(most > 0, "seed {seed}: no row was ever in the quarantine");
    // Whatever is left fits, or goes.
    let good = "UPDATE OR REPLACE plain SET i = 1, r = 0.5, t = 'good', b = NULL;
                DELETE FROM named WHERE k IS NULL OR typeof(k) <> 'text' OR instr(CAST(k AS BLOB), x'00') OR
                k = CAST(x'ff' AS TEXT);
                UPDATE named SET i = 1, r = 0.5, t = 'good', b = NULL;
                DELETE FROM wide; DELETE FROM solid WHERE typeof(k) <> 'integer';
                UPDATE solid SET i = NULL, r = 0.5, t = 'good', b = NULL;
                UPDATE loose SET i = NULL, r = 0.25, t = 'good', b = NULL";
    run(&pair, good);
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
    refused
}

fn run_seeds(constraints: &str) -> u64 {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
    let first = number("CROSSFADE_FUZZ_FIRST").unwrap_or(1);
    let seeds = first..first + number("CROSSFADE_FUZZ_SEEDS").map_or(12, |seeds| seeds.div_ceil(10));
    seeds
        .map(|seed| {
            println!("seed {seed}");
            run_seed(seed, constraints)
        })
        .sum()
}

#[test]
fn i10_quarantine_or_row() {
    assert_eq!(run_seeds(""), 0);
}

#[test]
fn i10_quarantine_or_row_with_constraints_of_the_target() {
    assert!(run_seeds(CONSTRAINTS) > 0, "the server refused nothing");
}
