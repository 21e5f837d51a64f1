//! Rows of the source that a unique index of the target would take for one another
//!
//! Looked for in the same scan that counts the values. What was seen is kept as hashes in a temporary database, which goes
//! to a file where it is big: memory stays bounded (I12), and no read of the source lasts longer for it. A row whose key
//! changes during the scan may be seen twice, and then collides with itself; planning again tells.

use rusqlite::{Connection, Result, Row};

use crate::model::digest::RowDigest;
use crate::model::planner::existing::{Collision, Probe};
use crate::model::value::Value;
use crate::sqlite::rows::value_of;

/// Rows shown as examples
const EXAMPLES: usize = 3;

/// One index of the target, and what its columns held so far
pub(super) struct Watch {
    probe: Probe,
    seen: Connection,
    digest: RowDigest,
    /// A text in lower case
    folded: String,
    found: Collision,
}

impl Watch {
    pub fn new(probe: &Probe) -> Result<Watch> {
        // No name: a database of its own, which is gone when it is closed.
        let seen = Connection::open("")?;
        seen.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;
             CREATE TABLE seen (hash BLOB PRIMARY KEY) WITHOUT ROWID;",
        )?;
        let found = Collision::default();
        Ok(Watch { probe: probe.clone(), seen, digest: RowDigest::new(), folded: String::new(), found })
    }

    pub fn add(&mut self, row: &Row<'_>, name: &dyn Fn() -> String) -> Result<()> {
        self.digest.reset();
        for column in &self.probe.columns {
            match value_of(row.get_ref(column.column)?) {
                Value::Null if !self.probe.nulls_equal => return Ok(()),
                Value::Text(text) if column.folded => {
                    self.folded.clear();
                    self.folded.extend(String::from_utf8_lossy(text).chars().map(lower));
                    self.digest.add(Value::Text(self.folded.as_bytes()));
                }
                Value::Real(real) => self.digest.add(whole(real).map_or(Value::Real(real), Value::Integer)),
                value => self.digest.add(value),
            }
        }
        let hash = self.digest.finish().to_le_bytes();
        let mut insert = self.seen.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1)")?;
        if insert.execute([&hash[..]])? == 0 {
            self.found.rows += 1;
            if self.found.keys.len() < EXAMPLES {
                self.found.keys.push(name());
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Collision {
        self.found
    }
}

/// As the C library has it: what would become several letters stays as it is
fn lower(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    if lower.len() == 1 { lower.next().unwrap_or(letter) } else { letter }
}

/// SQLite and PostgreSQL take 1 and 1.0 for the same
fn whole(real: f64) -> Option<i64> {
    let is_whole = real == real.trunc() && (-(2f64.powi(63))..2f64.powi(63)).contains(&real);
    is_whole.then_some(real as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::planner::existing::ProbeColumn;
    use crate::sqlite::introspect::introspect;
    use crate::sqlite::profile::{Tables, declared, profile_for};

    fn collision(script: &str, columns: &[(usize, bool)], nulls_equal: bool) -> (u64, String) {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(script).unwrap();
        let table = introspect(&conn).unwrap().tables.remove(0);
        let columns = columns.iter().map(|&(column, folded)| ProbeColumn { column, folded }).collect();
        let tables = Tables { table: &table, all: std::slice::from_ref(&table) };
        let probe = Probe { index: "i".into(), columns, nulls_equal };
        let (profile, found) = profile_for(&conn, tables, declared(&table), &[probe], None, &mut |_| {}).unwrap();
        assert!(profile.rows > 0);
        (found[0].rows, found[0].keys.join("; "))
    }

    #[test]
    fn letters_of_every_script_are_folded() {
        let script = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);
                      INSERT INTO t VALUES (1, 'Ärger'), (2, 'ärger'), (3, 'ÄRGER'), (4, 'x'), (5, 'X'), (6, 'y'),
                        (7, NULL), (8, NULL), (9, 'σ'), (10, 'ς'), (11, 'İ'), (12, 'i')";
        assert_eq!(collision(script, &[(1, true)], false), (3, "id=2; id=3; id=5".into()));
        assert_eq!(collision(script, &[(1, false)], false), (0, String::new()));
    }

    #[test]
    fn null_is_equal_to_null_only_where_the_index_says_so() {
        let script = "CREATE TABLE t(a INT COLLATE NOCASE, b TEXT COLLATE NOCASE);
                      INSERT INTO t VALUES (1, NULL), (1, NULL), (1, 'x'), (1, 'X'), (2, NULL)";
        assert_eq!(collision(script, &[(0, false), (1, false)], false), (0, String::new()));
        assert_eq!(collision(script, &[(0, false), (1, false)], true), (1, "rowid=2".into()));
    }

    #[test]
    fn numbers_are_the_same_in_either_class() {
        let script = "CREATE TABLE t(a); INSERT INTO t VALUES (1), (1.0), ('1'), (1.5), (x'31'), (9e18), (-0.0), (0)";
        assert_eq!(collision(script, &[(0, false)], false), (2, "rowid=2; rowid=8".into()));
    }
}
