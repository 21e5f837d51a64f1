//! Numbers that the target gives by itself, once the application writes there

use crate::support::compare::assert_equal_or_held;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::Pair;
use crate::support::source::{self, Workplace};

fn inserted(target: &Pg, table: &str) -> i64 {
    let id = target.value(&format!("INSERT INTO \"{table}\" (a) VALUES ('new') RETURNING id"));
    id.expect("a number").parse().expect("a number")
}

/// No number that SQLite ever gave is given again, whenever it was given: before the copy, while we followed, or to a row
/// that is gone
#[test]
fn fresh_numbers_are_larger_than_every_one_ever_used() {
    let work = Workplace::new();
    let pair = Pair::new(
        work.database(
            "CREATE TABLE plain(id INTEGER PRIMARY KEY, a TEXT);
             CREATE TABLE rising(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);
             CREATE TABLE empty(id INTEGER PRIMARY KEY, a TEXT);
             CREATE TABLE below(id INTEGER PRIMARY KEY, a TEXT);
             CREATE TABLE full(id INTEGER PRIMARY KEY, a TEXT);
             CREATE TABLE \"it's \"\"odd\"\"\"(id INTEGER PRIMARY KEY, a TEXT);
             CREATE TABLE keyless(a TEXT);
             CREATE TABLE held(id INTEGER PRIMARY KEY, a TEXT, n INT);
             INSERT INTO held VALUES (1, 'x', 1);
             INSERT INTO plain VALUES (5, 'x'); INSERT INTO below VALUES (-9, 'x'); INSERT INTO keyless VALUES ('x');
             INSERT INTO rising VALUES (70, 'x'); DELETE FROM rising;
             INSERT INTO \"it's \"\"odd\"\"\" VALUES (4, 'x');
             INSERT INTO full VALUES (9223372036854775806, 'x');",
        ),
        fresh_database(),
    );
    pair.migrate();
    source::open(&pair.source)
        .execute_batch(
            "INSERT INTO plain VALUES (1000, 'y'); INSERT INTO full(a) VALUES ('y');
             INSERT INTO rising(a) VALUES ('y'), ('z'); DELETE FROM rising; INSERT INTO keyless VALUES ('y');
             INSERT INTO held VALUES (2, 'y', 'no number');",
        )
        .unwrap();
    // The rows arrive in the second run, after the sequences were set for the first time.
    pair.migrate();
    // The row that does not fit waits in the quarantine, and keeps its number.
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 1);
    let target = Pg::stray(&pair.target);
    let tables = [("plain", 1001), ("rising", 73), ("empty", 1), ("below", 1), ("held", 3), ("it's \"odd\"", 5)];
    for (table, expected) in tables {
        assert_eq!(inserted(&target, &table.replace('"', "\"\"")), expected, "{table}");
    }
    assert_eq!(target.value("INSERT INTO keyless VALUES ('new') RETURNING _crossfade_rowid").as_deref(), Some("3"));
    let refused = target.try_query("INSERT INTO \"full\" (a) VALUES ('new')");
    assert!(refused.is_err(), "there is no larger number than the largest");
    let notices = target.value("SELECT string_agg(message, '|') FROM crossfade.notices").expect("a notice");
    assert!(notices.contains("the last number that this sequence can give"), "{notices}");
    // A number that the target gave is never taken back, although no row of the source has it.
    pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(0);
    assert_eq!(inserted(&target, "plain"), 1002);
}
