//! The tests' own connections to the SQLite side

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

/// A directory of its own for every database, because SQLite puts further files beside it
pub struct Workplace(pub TempDir);

impl Workplace {
    pub fn new() -> Workplace {
        Workplace(tempfile::Builder::new().prefix("crossfade-it-").tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A database in WAL mode made by the given script
    pub fn database(&self, script: &str) -> PathBuf {
        let path = self.path("app.db");
        let connection = open(&path);
        set_journal_mode(&connection, "WAL");
        connection.execute_batch(script).unwrap_or_else(|e| panic!("{e} in {script}"));
        path
    }
}

/// Opens as an application would: patient, and with foreign keys as SQLite itself has them by default
pub fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap_or_else(|e| panic!("cannot open {}: {e}", path.display()));
    connection.busy_timeout(Duration::from_secs(30)).expect("a busy timeout");
    // rusqlite's bundled library is compiled with foreign keys on; synchronous=NORMAL only saves time here.
    connection.execute_batch("PRAGMA foreign_keys=OFF; PRAGMA synchronous=NORMAL").expect("pragmas");
    connection
}

pub fn set_journal_mode(connection: &Connection, mode: &str) {
    let now: String = connection
        .query_row(&format!("PRAGMA journal_mode={mode}"), [], |row| row.get(0))
        .unwrap_or_else(|e| panic!("cannot set journal_mode={mode}: {e}"));
    assert_eq!(now, mode.to_ascii_lowercase());
}

/// Highest number in the change log; `None` while capture is not installed
pub fn head(path: &Path) -> Option<i64> {
    open(path).query_row("SELECT max(seq) FROM _crossfade_log", [], |row| row.get(0)).ok()
}

/// Every object of the schema with its text, in a fixed order: what "left as it was" means on this side
pub fn schema_text(path: &Path) -> Vec<(String, String, String)> {
    let connection = open(path);
    let sql = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name";
    let mut statement = connection.prepare(sql).expect("the schema");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("the schema");
    rows.collect::<Result<_, _>>().expect("the schema")
}

/// Takes our triggers and tables out of a copy, by their names
pub fn remove_capture(connection: &Connection) {
    let sql = "SELECT 'DROP ' || type || ' \"' || name || '\"' FROM sqlite_schema \
               WHERE type IN ('view', 'trigger', 'table') AND name LIKE '\\_crossfade\\_%' ESCAPE '\\' ORDER BY type DESC";
    let mut statement = connection.prepare(sql).expect("the schema");
    let drops = statement.query_map([], |row| row.get::<_, String>(0)).expect("the schema");
    let drops: Vec<String> = drops.collect::<Result<_, _>>().expect("the schema");
    connection.execute_batch(&drops.join(";")).expect("to remove what is ours");
}
