//! What the source's migration tools wrote down

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::introspect::failed;
use crate::error::Result;
use crate::model::bookkeeping::{self, Known};
use crate::model::schema::{Table, quote_identifier};

/// The rows of a table in which a tool keeps its migrations; `None` for any other table
pub fn read(conn: &Connection, table: &Table) -> Result<Option<BTreeSet<String>>> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let Some(known) = bookkeeping::find(&table.name, &names) else { return Ok(None) };
    let rows = rows(conn, table, known).map_err(failed(format!("cannot read table {}", table.name)))?;
    Ok(Some(rows))
}

fn rows(conn: &Connection, table: &Table, known: &Known) -> rusqlite::Result<BTreeSet<String>> {
    if known.columns.is_empty() {
        return Ok(BTreeSet::new());
    }
    let columns: Vec<String> =
        known.columns.iter().map(|name| format!("CAST(t.{} AS TEXT)", quote_identifier(name))).collect();
    let only = known.only.map(|only| format!(" WHERE {only}")).unwrap_or_default();
    let sql = format!("SELECT {} FROM main.{} AS t{only}", columns.join(", "), quote_identifier(&table.name));
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        let values = (0..columns.len()).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Option<String>>>>()?;
        Ok(bookkeeping::row(&values))
    })?;
    rows.collect()
}
