//! Rows of the source that a unique index of the target would take for one another
//!
//! SQLite sorts the values in a temporary file where they are many, so that memory stays bounded (I12); it does so in one
//! read transaction, and only for an index that nothing on the source stands for.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;

use super::introspect::failed;
use crate::error::Result;
use crate::model::planner::existing::{Collision, Probe};
use crate::model::schema::{Table, quote_identifier};

/// Rows shown as examples
const EXAMPLES: usize = 3;

/// Our own SQL function; SQLite's `lower` knows ASCII only
const FOLD: &str = "crossfade_fold";

/// Counts the rows that have the values of another in the columns of the probe
pub fn count(conn: &Connection, table: &Table, probe: &Probe) -> Result<Collision> {
    add_fold(conn).and_then(|()| find(conn, table, probe)).map_err(failed(format!("cannot read table {}", table.name)))
}

/// Lower case letter by letter, as PostgreSQL's citext has it
fn add_fold(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function(FOLD, 1, flags, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Text(text) => rusqlite::types::Value::Text(fold(&String::from_utf8_lossy(text))),
            other => rusqlite::types::Value::try_from(other).unwrap_or(rusqlite::types::Value::Null),
        })
    })
}

fn fold(text: &str) -> String {
    let lower = |c: char| {
        let mut lower = c.to_lowercase();
        // What becomes several letters is left alone, as the C library leaves it.
        if lower.len() == 1 { lower.next().unwrap_or(c) } else { c }
    };
    text.chars().map(lower).collect()
}

fn find(conn: &Connection, table: &Table, probe: &Probe) -> rusqlite::Result<Collision> {
    let name = |at: usize| format!("t.{}", quote_identifier(&table.columns[at].name));
    let terms: Vec<String> = (probe.columns.iter())
        .map(|column| match column.folded {
            true => format!("{FOLD}({}) COLLATE BINARY", name(column.column)),
            false => format!("{} COLLATE BINARY", name(column.column)),
        })
        .collect();
    let filled: Vec<String> =
        probe.columns.iter().map(|column| format!("{} IS NOT NULL", name(column.column))).collect();
    let only = if probe.nulls_equal { String::new() } else { format!(" WHERE {}", filled.join(" AND ")) };
    let (label, key) = row_key(table);
    let sql = format!(
        "SELECT count(*) - 1, CAST(max({key}) AS TEXT) FROM main.{} AS t{only} GROUP BY {} HAVING count(*) > 1",
        quote_identifier(&table.name),
        terms.join(", ")
    );
    let mut collision = Collision::default();
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        collision.rows += row.get::<_, i64>(0)? as u64;
        if collision.keys.len() < EXAMPLES {
            collision.keys.push(format!("{label}={}", row.get::<_, Option<String>>(1)?.unwrap_or_default()));
        }
    }
    Ok(collision)
}

/// What names a row to a person: one column of its key, or its rowid
fn row_key(table: &Table) -> (&str, String) {
    let column = table.rowid_alias.or(table.primary_key.first().copied());
    match (column, &table.rowid_name) {
        (Some(at), _) => (&table.columns[at].name, format!("t.{}", quote_identifier(&table.columns[at].name))),
        (None, Some(rowid)) => (rowid, format!("t.{rowid}")),
        (None, None) => ("row", "''".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::planner::existing::ProbeColumn;
    use crate::sqlite::introspect::introspect;

    fn collision(script: &str, columns: &[(usize, bool)], nulls_equal: bool) -> (u64, Vec<String>) {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(script).unwrap();
        let table = introspect(&conn).unwrap().tables.remove(0);
        let columns = columns.iter().map(|&(column, folded)| ProbeColumn { column, folded }).collect();
        let found = count(&conn, &table, &Probe { index: "i".into(), columns, nulls_equal }).unwrap();
        (found.rows, found.keys)
    }

    #[test]
    fn letters_of_every_script_are_folded() {
        let script = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);
                      INSERT INTO t VALUES (1, 'Ärger'), (2, 'ärger'), (3, 'ÄRGER'), (4, 'x'), (5, 'X'), (6, 'y'), (7, NULL),
                                           (8, NULL), (9, 'σ'), (10, 'ς')";
        assert_eq!(collision(script, &[(1, true)], false), (3, vec!["id=5".into(), "id=3".into()]));
        assert_eq!(collision(script, &[(1, false)], false), (0, vec![]));
    }

    #[test]
    fn null_is_equal_to_null_only_where_the_index_says_so() {
        let script = "CREATE TABLE t(a INT COLLATE NOCASE, b TEXT COLLATE NOCASE);
                      INSERT INTO t VALUES (1, NULL), (1, NULL), (1, 'x'), (1, 'X'), (2, NULL)";
        assert_eq!(collision(script, &[(0, false), (1, false)], false), (0, vec![]));
        assert_eq!(collision(script, &[(0, false), (1, false)], true), (1, vec!["rowid=2".into()]));
    }
}
