//! The numbers that SQLite goes on from: what it remembers for AUTOINCREMENT, deleted rows included, and the largest key

use std::collections::HashMap;

use rusqlite::{Connection, ErrorCode};

use super::introspect::failed;
use crate::error::Result;
use crate::model::plan::TablePlan;
use crate::model::schema::quote_identifier;

const OPERATION: &str = "cannot read the numbers that SQLite goes on from";

/// The largest number in use by table, of the tables whose key is the rowid. Asked of the source itself, since the target
/// may lack a row: one in the quarantine keeps its number
pub fn read(conn: &Connection, tables: &[TablePlan]) -> Result<HashMap<String, i64>> {
    let mut numbers = remembered(conn)?;
    for table in tables.iter().filter(|table| table.key.is_rowid()) {
        if let Some(largest) = largest(conn, table)? {
            let number = numbers.entry(table.source.name.clone()).or_insert(largest);
            *number = (*number).max(largest);
        }
    }
    Ok(numbers)
}

fn largest(conn: &Connection, table: &TablePlan) -> Result<Option<i64>> {
    let sql = format!("SELECT max({}) FROM main.{}", table.key.parts[0].sql, quote_identifier(&table.source.name));
    match conn.query_row(&sql, [], |row| row.get(0)) {
        Ok(largest) => Ok(largest),
        // A table that has changed or gone is for the next cycle to find.
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::Unknown) => Ok(None),
        Err(e) => Err(failed(OPERATION)(e)),
    }
}

fn remembered(conn: &Connection) -> Result<HashMap<String, i64>> {
    let exists = "SELECT exists(SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence')";
    let exists: bool = conn.query_row(exists, [], |row| row.get(0)).map_err(failed(OPERATION))?;
    if !exists {
        return Ok(HashMap::new());
    }
    // An ordinary table, which the application may write to: anything can stand in it.
    let sql = "SELECT name, max(seq) FROM main.sqlite_sequence \
               WHERE typeof(name) = 'text' AND typeof(seq) = 'integer' GROUP BY name";
    let rows = conn.prepare(sql).and_then(|mut statement| {
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    });
    rows.map_err(failed(OPERATION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::planner::choose_key;
    use crate::sqlite::introspect::introspect;

    #[test]
    fn numbers_outlive_their_rows() {
        let conn = Connection::open_in_memory().unwrap();
        assert!(read(&conn, &[]).unwrap().is_empty());
        conn.execute_batch(
            "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE u(id INTEGER PRIMARY KEY AUTOINCREMENT);
             CREATE TABLE v(a TEXT); CREATE TABLE w(id INTEGER PRIMARY KEY); CREATE TABLE gone(id INTEGER PRIMARY KEY);
             INSERT INTO t VALUES (9); DELETE FROM t; INSERT INTO u VALUES (2); INSERT INTO v VALUES ('a'), ('b');
             INSERT INTO sqlite_sequence VALUES ('u', 7), ('u', 'x'), (NULL, 3), (x'00', 4)",
        )
        .unwrap();
        let tables: Vec<TablePlan> = (introspect(&conn).unwrap().tables.into_iter())
            .map(|table| {
                let key = choose_key(&table, 0).unwrap();
                TablePlan::new(table, key)
            })
            .collect();
        conn.execute_batch("DROP TABLE gone; INSERT INTO u VALUES (8)").unwrap();
        let mut found: Vec<_> = read(&conn, &tables).unwrap().into_iter().collect();
        found.sort();
        assert_eq!(found, [("t".to_owned(), 9), ("u".to_owned(), 8), ("v".to_owned(), 2)]);
    }
}
