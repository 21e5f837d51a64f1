//! No value is lost or changed: the hard ones, in every position, by snapshot and by tail

use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::process::Pair;
use crate::support::source::{self, Workplace};

/// SQL expressions for values that some layer is known to get wrong
const HARD: &[&str] = &[
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "9007199254740993",
    "0.0",
    "1.0",
    "0.1",
    "-2.5",
    "1e300",
    "-0.0",
    "5e-324",
    "1.7976931348623157e308",
    "2.2250738585072014e-308",
    "9223372036854775808.0",
    "123456789012345680.0",
    "9e999",
    "-9e999",
    "''",
    "'a'",
    "'1'",
    "'1.0'",
    "'null'",
    "'\\N'",
    "'\\.'",
    "'{\"$blob\": \"00\"}'",
    "'tab\t\r\n'",
    "'日本'",
    "'🦀'",
    "CAST(x'ff' AS TEXT)",
    "CAST(x'610062' AS TEXT)",
    "CAST(x'eda080' AS TEXT)",
    "CAST(x'00' AS TEXT)",
    "x''",
    "x'00'",
    "x'ff'",
    "x'5c78'",
    "zeroblob(70000)",
    "NULL",
];

#[test]
fn i10_every_value_arrives_as_it_was() {
    let work = Workplace::new();
    let mut script = "CREATE TABLE mixed(id INTEGER PRIMARY KEY, v); CREATE TABLE keyed(k PRIMARY KEY, n);".to_owned();
    for value in HARD {
        script.push_str(&format!("INSERT INTO mixed(v) VALUES({value}); "));
        // Keys are unique by value: 0.0 meets 0. NULL keys are another matter, and so are keys longer than an index takes.
        if *value != "NULL" && !value.starts_with("zeroblob") {
            script.push_str(&format!("INSERT OR IGNORE INTO keyed VALUES({value}, 1); "));
        }
    }
    let pair = Pair::new(work.database(&script), fresh_database());
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    // Each value moves to another row, then every row is deleted and written anew.
    let count = HARD.len();
    for change in [
        format!("UPDATE mixed SET v = (SELECT v FROM mixed AS m WHERE m.id = mixed.id % {count} + 1)"),
        "UPDATE keyed SET n = 2".to_owned(),
        "CREATE TEMP TABLE copy AS SELECT * FROM keyed; DELETE FROM keyed; INSERT INTO keyed SELECT * FROM copy"
            .to_owned(),
        "DELETE FROM keyed WHERE typeof(k) IN ('real', 'blob')".to_owned(),
    ] {
        source::open(&pair.source).execute_batch(&change).unwrap_or_else(|e| panic!("{e} in {change}"));
        pair.wait_caught_up(&mut replicator);
        assert_equal(&pair.source, &pair.target);
    }
    pair.verify();
    replicator.stop();
}

/// Columns of one class get the natural type, and its extremes
#[test]
fn i10_typed_columns_keep_their_extremes() {
    let work = Workplace::new();
    let pair = Pair::new(
        work.database(
            "CREATE TABLE typed(i INTEGER PRIMARY KEY, n INT, r REAL, d DECIMAL(10, 2), t VARCHAR(3), b BLOB, e TEXT);
             INSERT INTO typed VALUES(-9223372036854775808, 9223372036854775807, 9e999, 1.25, 'longer than three', x'00ff', NULL);
             INSERT INTO typed VALUES(0, -1, -0.1, 10, '', x'', NULL);
             INSERT INTO typed VALUES(9223372036854775806, 0, 5e-324, 1e300, 'ß', zeroblob(1), NULL)",
        ),
        fresh_database(),
    );
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    let types = "SELECT string_agg(format_type(atttypid, NULL), ', ' ORDER BY attnum) FROM pg_attribute \
                 WHERE attrelid = 'typed'::regclass AND attnum BETWEEN 1 AND 6";
    let types = crate::support::pg::Pg::connect(&pair.target).value(types);
    assert_eq!(types.as_deref(), Some("bigint, bigint, double precision, numeric, text, bytea"));
}
