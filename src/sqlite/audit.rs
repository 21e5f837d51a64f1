//! Running the statements by which a person checks a table

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::connection::classify;
use crate::error::Result;

/// The one line that the statement gives, as the `sqlite3` shell prints it
pub fn line(connection: &Connection, sql: &str) -> Result<String> {
    let read = || -> rusqlite::Result<String> {
        connection.query_row(sql, [], |row| {
            let count = row.as_ref().column_count();
            let values: rusqlite::Result<Vec<String>> = (0..count).map(|at| Ok(text(row.get_ref(at)?))).collect();
            Ok(values?.join("|"))
        })
    };
    read().map_err(|e| classify(e, "read a table of the source for the report"))
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
