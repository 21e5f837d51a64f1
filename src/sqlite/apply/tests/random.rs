//! Random schemas, random images: whatever PostgreSQL holds, SQLite holds it afterwards
//!
//! The image comes from another SQLite database of the same schema, so that there is one that fits.

use std::collections::BTreeMap;

use super::*;

const KEYS: [(&str, &str, &str); 12] = [
    ("id INTEGER PRIMARY KEY,", "", ""),
    ("id INTEGER PRIMARY KEY AUTOINCREMENT,", "", ""),
    ("id TEXT NOT NULL PRIMARY KEY,", "", ""),
    ("id TEXT COLLATE NOCASE NOT NULL PRIMARY KEY,", "", ""),
    ("id NOT NULL PRIMARY KEY,", "", ""),
    ("id INT NOT NULL, q TEXT NOT NULL DEFAULT 'q',", ", PRIMARY KEY(q, id)", ""),
    ("id TEXT COLLATE NOCASE NOT NULL PRIMARY KEY,", "", "WITHOUT ROWID"),
    ("id NOT NULL, q TEXT COLLATE RTRIM NOT NULL DEFAULT 'a',", ", PRIMARY KEY(id, q)", "WITHOUT ROWID"),
    ("id INT,", "", ""),
    ("id TEXT NOT NULL UNIQUE,", "", ""),
    ("id ANY NOT NULL PRIMARY KEY,", "", "STRICT"),
    ("id TEXT COLLATE NOCASE NOT NULL,", ", UNIQUE(id COLLATE BINARY)", ""),
];
const UNIQUE: [&str; 8] = ["a", "b", "c", "c COLLATE BINARY", "lower(a)", "b, a", "d) WHERE (b > 3", "coalesce(c, a)"];
const TEXTS: [&str; 9] = ["'a'", "'A'", "'b'", "'B'", "'a '", "'12'", "'é'", "NULL", "'Ab'"];
const NUMBERS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const ANYTHING: [&str; 11] = ["1", "1.0", "'1'", "x'31'", "'a'", "'A'", "0.0", "-0.5", "9e999", "3", "NULL"];

/// Splitmix64: the same databases in every run
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) % n as u64) as usize
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    fn value(&mut self, column: &str, key: &str) -> &'static str {
        match column {
            "id" if key.contains("TEXT") => self.pick(&TEXTS),
            "id" if key.contains("INT") => self.pick(&NUMBERS),
            "a" | "c" | "q" => self.pick(&TEXTS),
            "b" => self.pick(&NUMBERS),
            _ => self.pick(&ANYTHING),
        }
    }
}

struct Case {
    random: Random,
    key: &'static str,
    schema: String,
}

impl Case {
    fn new(seed: u64) -> Case {
        let mut random = Random(seed);
        let (key, constraint, options) = KEYS[random.below(KEYS.len())];
        let typed = |declared: &'static str| if options == "STRICT" { "ANY" } else { declared };
        let encoding = random.pick(&["UTF-8", "UTF-8", "UTF-16le"]);
        let stored = random.pick(&["STORED", "VIRTUAL"]);
        let policy = random.pick(&["", "ON CONFLICT REPLACE", "ON CONFLICT IGNORE"]);
        let mut schema = format!(
            "PRAGMA encoding = '{encoding}';; CREATE TABLE t({key} a TEXT, b INT NOT NULL DEFAULT 7 {}, c TEXT COLLATE NOCASE,
             d {}, n {}, r REAL, own {} DEFAULT 'own', g TEXT AS (a || b) {stored}{constraint}) {options};",
            if random.below(4) == 0 { format!("UNIQUE {policy}") } else { String::new() },
            typed(""),
            typed("NUMERIC"),
            typed(""),
        );
        for n in 0..random.below(4) {
            schema.push_str(&format!("CREATE UNIQUE INDEX i{n} ON t({});", random.pick(&UNIQUE)));
        }
        Case { random, key, schema }
    }

    fn insert(&mut self) -> String {
        let mut columns = vec!["a", "b", "c", "d", "n", "r", "own"];
        columns.extend(["id", "q"].into_iter().filter(|c| self.key.contains(&format!("{c} "))));
        let values: Vec<&str> = columns.iter().map(|column| self.random.value(column, self.key)).collect();
        let clause = self.random.pick(&["OR IGNORE", "OR REPLACE"]);
        format!("INSERT {clause} INTO t({}) VALUES({})", columns.join(","), values.join(","))
    }

    fn change(&mut self) -> String {
        let which = self.random.value("b", "");
        match self.random.below(9) {
            0 => format!("DELETE FROM t WHERE b = {which}"),
            1 => format!("UPDATE OR IGNORE t SET id = id || 'x' WHERE b <> {which}"),
            2 => "UPDATE OR IGNORE t SET id = upper(id)".into(),
            3 => "UPDATE OR REPLACE t SET id = id + 1".into(),
            4 => "UPDATE OR IGNORE t SET b = 9 - b, a = lower(a)".into(),
            5 => format!("UPDATE OR IGNORE t SET d = {}, n = d, r = b WHERE b > {which}", self.random.value("d", "")),
            // Values trade places between rows, by way of one that nobody has.
            6 => "UPDATE OR REPLACE t SET b = b + 100; UPDATE OR REPLACE t SET b = (b - 100 + 1) % 10".into(),
            _ => self.insert(),
        }
    }
}

/// A statement that the schema refuses changes nothing, which is as good an image as any
fn run(connection: &Connection, sql: &str) {
    if let Err(error) = connection.execute_batch(sql) {
        let code = error.sqlite_error_code().unwrap();
        let expected = [rusqlite::ErrorCode::ConstraintViolation, rusqlite::ErrorCode::TypeMismatch];
        assert!(expected.contains(&code), "{sql}: {error}");
    }
}

/// The column that the plan does not have, by key
fn own(connection: &Connection, table: &TablePlan) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut only = table.clone();
    only.columns.truncate(1);
    only.columns[0].source_sql = "\"own\"".into();
    image(connection, &only)
}

fn check(seed: u64) -> (usize, usize) {
    let mut case = Case::new(seed);
    let start: Vec<String> = (0..25).map(|_| case.insert()).collect();
    let (encoding, schema) = case.schema.split_once(";;").unwrap();
    let twin = Connection::open_in_memory().unwrap();
    twin.execute_batch(encoding).unwrap();
    twin.execute_batch(schema).unwrap();
    start.iter().for_each(|sql| run(&twin, sql));
    let mut file = File::wal(&case.schema);
    start.iter().for_each(|sql| run(&file.app(), sql));
    let mut applier = follow(&file);
    leave_out(&mut file, "\"own\"");
    let table = file.table("t");
    let (mut written, mut refused) = (0, 0);
    for _ in 0..4 {
        (0..1 + case.random.below(4)).for_each(|_| run(&twin, &case.change()));
        let application = file.app();
        let (before, wanted) = (image(&application, table), image(&twin, table));
        let kept = own(&application, table);
        let mut changes: Vec<Change> = before.keys().map(|key| (key.clone(), wanted.get(key).cloned())).collect();
        let is_new = |(key, _): &(&Vec<u8>, &Vec<u8>)| !before.contains_key(*key);
        changes.extend(wanted.iter().filter(is_new).map(|(key, row)| (key.clone(), Some(row.clone()))));
        let turn = case.random.below(changes.len() + 1);
        changes.rotate_left(turn);
        let applied = cycle(&mut applier, table, &changes);
        refused += applied.iter().filter(|a| matches!(a, Applied::Refused { .. })).count();
        written += applied.iter().filter(|a| **a != Applied::Unchanged).count();
        assert_eq!(image(&application, table), wanted, "seed {seed}: {applied:?}\n{}", case.schema);
        let default = packed(&[Value::Text(b"own")]);
        for (key, value) in own(&application, table) {
            // A key that is only spelled otherwise now is still the same to SQLite.
            let of_other = || kept.iter().any(|(other, v)| *v == value && !wanted.contains_key(other));
            let right = kept.get(&key).map_or_else(|| value == default || of_other(), |kept| *kept == value);
            assert!(right, "seed {seed}: own of {key:?} is {value:?}");
        }
    }
    (written, refused)
}

#[test]
fn i10_any_image_is_written_by_class_and_bytes() {
    let (mut written, mut refused) = (0, 0);
    for seed in 0..50 {
        let (w, r) = check(seed);
        (written, refused) = (written + w, refused + r);
    }
    assert_eq!(refused, 0);
    assert!(written > 800, "only {written} rows were written");
}
