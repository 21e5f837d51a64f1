//! Random schemas and statements: the log must name every key that changed (I1, I6)

use rusqlite::{Connection, ErrorCode};

use super::*;

/// Key columns, their constraint, and the table's options
const KEYS: [(&str, &str, &str); 16] = [
    ("id INTEGER PRIMARY KEY,", "", ""),
    ("id INTEGER NOT NULL,", ", PRIMARY KEY(id DESC)", ""),
    ("id TEXT NOT NULL PRIMARY KEY,", "", ""),
    ("id TEXT COLLATE NOCASE NOT NULL PRIMARY KEY,", "", ""),
    ("id NOT NULL PRIMARY KEY,", "", ""),
    ("id INT NOT NULL DEFAULT 7 PRIMARY KEY,", "", ""),
    ("p INT NOT NULL, q TEXT NOT NULL,", ", PRIMARY KEY(q, p)", ""),
    ("p NOT NULL, q TEXT COLLATE RTRIM NOT NULL DEFAULT 'a',", ", PRIMARY KEY(p, q)", ""),
    ("id TEXT NOT NULL PRIMARY KEY,", "", "WITHOUT ROWID"),
    ("id TEXT COLLATE NOCASE NOT NULL PRIMARY KEY,", "", "WITHOUT ROWID"),
    ("id NOT NULL PRIMARY KEY,", "", "WITHOUT ROWID"),
    ("p INT NOT NULL DEFAULT 3, q TEXT COLLATE NOCASE NOT NULL,", ", PRIMARY KEY(p, q)", "WITHOUT ROWID"),
    ("", "", ""),
    ("id TEXT NOT NULL UNIQUE,", "", ""),
    ("id ANY NOT NULL PRIMARY KEY,", "", "STRICT"),
    ("id TEXT COLLATE NOCASE NOT NULL,", ", UNIQUE(id COLLATE BINARY)", ""),
];

/// Unique indexes as table constraints, then as CREATE UNIQUE INDEX
const CONSTRAINTS: [&str; 7] = ["a", "c", "b, a", "d", "b", "e", "g"];
const INDEXES: [&str; 16] = [
    "a COLLATE NOCASE DESC",
    "c COLLATE BINARY",
    "a COLLATE RTRIM, b",
    "a) WHERE (d > 2",
    "c) WHERE (b <> 7 AND a IS NOT NULL",
    "lower(c)",
    "b % 5",
    "c || e",
    "lower(a) COLLATE NOCASE, b",
    "coalesce(a, '') || c",
    "lower(a)) WHERE (c IS NOT NULL",
    "e COLLATE NOCASE",
    "g COLLATE NOCASE, b",
    "upper(g)",
    "b + length(e)",
    "a, d",
];

/// Triggers of the application; the BEFORE UPDATE that deletes its own row is left out, SQLite breaks the file by itself
const TRIGGERS: [&str; 6] = [
    "AFTER INSERT ON t WHEN NEW.b = 3 BEGIN DELETE FROM t WHERE a = 'b'; END",
    "BEFORE INSERT ON t WHEN NEW.b = 4 BEGIN SELECT RAISE(IGNORE); END",
    "AFTER UPDATE ON t WHEN NEW.b = 5 BEGIN UPDATE OR REPLACE t SET a = 'A' WHERE b = 2; END",
    "AFTER DELETE ON t WHEN OLD.b = 1 BEGIN UPDATE OR IGNORE t SET d = 1 WHERE b > 6; END",
    "AFTER INSERT ON t WHEN NEW.b = 2 BEGIN UPDATE OR REPLACE t SET c = 'b' WHERE c = 'A'; END",
    "AFTER UPDATE ON t WHEN NEW.b = 6 BEGIN SELECT RAISE(IGNORE); END",
];

const TEXTS: [&str; 9] = ["'a'", "'A'", "'b'", "'B'", "'a '", "'q'", "'Q'", "NULL", "'Ab'"];
const NUMBERS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "NULL"];
const ANYTHING: [&str; 11] = ["1", "1.0", "'1'", "x'31'", "'a'", "'A'", "0.0", "-0.0", "0", "3", "NULL"];
const CONFLICTS: [&str; 8] =
    ["", "OR REPLACE", "OR REPLACE", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT", "OR ROLLBACK"];

struct Case {
    random: Random,
    columns: Vec<&'static str>,
    key: &'static str,
    has_rowid: bool,
}

impl Case {
    fn new(seed: u64) -> Case {
        Case { random: Random(seed), columns: vec![], key: "", has_rowid: true }
    }

    /// The schema of one random database
    fn schema(&mut self) -> String {
        let (key, constraint, options) = KEYS[self.random.below(KEYS.len())];
        self.key = key;
        self.has_rowid = options != "WITHOUT ROWID";
        self.columns = vec!["a", "b", "c", "d", "e"];
        self.columns.extend(["id", "p", "q"].into_iter().filter(|c| key.contains(&format!("{c} "))));
        let any = if options == "STRICT" { "ANY" } else { "" };
        let default = if self.random.one_in(3) { "ON CONFLICT REPLACE" } else { "" };
        let stored = self.random.pick(&["VIRTUAL", "STORED"]);
        let encoding = self.random.pick(&["UTF-8", "UTF-16le"]);
        let mut sql = format!(
            "PRAGMA encoding = '{encoding}';
             CREATE TABLE t({key} a TEXT, b INT NOT NULL {default} DEFAULT 7, c TEXT COLLATE NOCASE, d {any},
             e TEXT NOT NULL DEFAULT Q, g TEXT GENERATED ALWAYS AS (lower(e) || coalesce(c, '')) {stored}{constraint}"
        );
        let policy = self.random.pick(&["", "ON CONFLICT REPLACE", "ON CONFLICT IGNORE", ""]);
        for _ in 0..self.random.below(3) {
            sql.push_str(&format!(", UNIQUE({}) {policy}", self.random.pick(&CONSTRAINTS)));
        }
        sql.push_str(&format!(") {options};\n"));
        for n in 0..self.random.below(4) {
            sql.push_str(&format!("CREATE UNIQUE INDEX i{n} ON t({});\n", self.random.pick(&INDEXES)));
        }

        sql + &self.triggers()
    }

    fn triggers(&mut self) -> String {
        let count = if self.random.one_in(3) { self.random.below(3) } else { 0 };
        (0..count).map(|n| format!("CREATE TRIGGER app{n} {};\n", self.random.pick(&TRIGGERS))).collect()
    }

    fn value(&mut self, column: &str) -> String {
        let text = self.key.contains("TEXT");
        let values: &[&str] = match column {
            "a" | "c" | "e" | "q" => &TEXTS,
            "b" | "rowid" => &NUMBERS,
            "id" if text => &TEXTS,
            "id" if self.key.contains("INT") => &NUMBERS,
            _ => &ANYTHING,
        };
        self.random.pick(values).to_string()
    }

    fn columns(&mut self) -> Vec<&'static str> {
        let all = self.columns.clone();
        let mut columns: Vec<&str> = all.into_iter().filter(|_| !self.random.one_in(4)).collect();
        if self.has_rowid && self.random.one_in(8) && !columns.contains(&"id") {
            columns.push("rowid");
        }
        if columns.is_empty() { vec!["b"] } else { columns }
    }

    fn condition(&mut self) -> String {
        let column = self.columns[self.random.below(self.columns.len())];
        let operator = self.random.pick(&["=", "<", ">", "<>", "IS"]);
        format!("{column} {operator} {}", self.value(column))
    }

    fn insert(&mut self) -> String {
        let conflict = self.random.pick(&CONFLICTS);
        let columns = self.columns();
        let mut tuples = Vec::new();
        for _ in 0..=self.random.below(2) {
            let values: Vec<String> = columns.iter().map(|c| self.value(c)).collect();
            tuples.push(format!("({})", values.join(",")));
        }
        let upsert = match self.random.below(8) {
            0 => "ON CONFLICT DO NOTHING",
            1 => "ON CONFLICT DO UPDATE SET a = excluded.c, b = b + 1",
            _ => "",
        };
        format!("INSERT {conflict} INTO t({}) VALUES {} {upsert}", columns.join(","), tuples.join(","))
    }

    fn update(&mut self) -> String {
        let conflict = self.random.pick(&CONFLICTS);
        let mut columns = self.columns();
        columns.truncate(1 + self.random.below(2));
        let sets: Vec<String> = columns.iter().map(|c| format!("{c} = {}", self.value(c))).collect();
        format!("UPDATE {conflict} t SET {} WHERE {}", sets.join(","), self.condition())
    }

    fn statement(&mut self) -> String {
        match self.random.below(20) {
            0..=10 => self.insert(),
            11..=16 => self.update(),
            17 => format!("DELETE FROM t WHERE {}", self.condition()),
            18 => "INSERT OR REPLACE INTO t(a, c, b) SELECT c, a, b FROM t".into(),
            _ => format!("UPDATE OR REPLACE t SET b = b + 1, a = c WHERE {}", self.condition()),
        }
    }
}

/// Runs one statement; a constraint may say no, anything else is a mistake of the test
fn run(conn: &Connection, sql: &str) {
    if let Err(error) = conn.execute_batch(sql) {
        let code = error.sqlite_error_code();
        let expected = [Some(ErrorCode::ConstraintViolation), Some(ErrorCode::TypeMismatch)];
        assert!(expected.contains(&code), "{sql}: {error}");
    }
}

fn transaction(conn: &Connection, case: &mut Case) -> String {
    let mut list = vec![case.statement()];
    if case.random.one_in(4) {
        list = vec!["BEGIN".into(), case.statement(), "SAVEPOINT s".into(), case.statement()];
        list.extend(case.random.one_in(2).then(|| "ROLLBACK TO s".into()));
        list.extend([case.statement(), case.random.pick(&["COMMIT", "COMMIT", "ROLLBACK"]).to_string()]);
    }
    for sql in &list {
        // OR ROLLBACK may have ended the transaction already.
        if !(conn.is_autocommit() && ["COMMIT", "ROLLBACK", "ROLLBACK TO s"].contains(&sql.as_str())) {
            run(conn, sql);
        }
    }
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK").unwrap();
    }
    list.join("; ")
}

/// Divergences in one random database
fn database_case(seed: u64, with_closers: bool) -> usize {
    let mut case = Case::new(seed);
    let schema = case.schema();
    let mut conn = database(&schema);
    conn.pragma_update(None, "recursive_triggers", case.random.one_in(3)).unwrap();
    let plan = plan_of(&conn);
    let installed = install(&mut conn, &plan, LIMIT, ID).unwrap();
    if !with_closers {
        conn.execute_batch("DROP TRIGGER IF EXISTS _crossfade_1bi; DROP TRIGGER IF EXISTS _crossfade_1bu").unwrap();
    }
    let mut target = Target::new(&conn, &plan, installed.seq);
    let mut diverged = 0;
    for _ in 0..60 {
        let list = transaction(&conn, &mut case);
        let now = target.follow(&conn, &plan);
        if now > 0 && with_closers {
            println!("seed {seed}: {list}\n{schema}");
        }
        diverged += now;
    }
    diverged
}

#[test]
fn i6_every_changed_key_is_in_the_log() {
    let diverged: usize = (0..400).map(|seed| database_case(seed, true)).sum();
    assert_eq!(diverged, 0);
}

#[test]
fn without_closers_replace_loses_rows() {
    let diverged: usize = (0..100).map(|seed| database_case(seed, false)).sum();
    println!("{diverged} divergences without closers");
    assert!(diverged > 50, "only {diverged}: the test above could not see a missing closer");
}
