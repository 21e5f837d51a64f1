//! Rows of full-text tables that come back from PostgreSQL, written through the virtual table itself
//!
//! No trigger and no log leads to them: whoever calls has found them by comparison.

use rusqlite::ErrorCode;

use super::SourceApplier;
use crate::error::{Error, Result};
use crate::model::schema::quote_identifier;
use crate::model::search::SearchPlan;
use crate::model::value::Value;
use crate::sqlite::connection::classify;
use crate::sqlite::rows::Parameter;

impl SourceApplier {
    /// Makes the row of a full-text table the given one (values of the copied columns, in their order), or deletes it
    ///
    /// # Errors
    /// Refused, if SQLite does not take the row, or cannot write to this table here.
    pub fn write_search(&mut self, search: &SearchPlan, rowid: i64, row: Option<&[Value<'_>]>) -> Result<()> {
        let failed = |error| failed(search, rowid, error);
        let (name, key) = (quote_identifier(&search.name), if search.is_fts5() { "rowid" } else { "docid" });
        let run = |sql: &str, values: &[Value<'_>]| -> rusqlite::Result<usize> {
            let mut statement = self.connection.prepare_cached(sql)?;
            for (at, value) in values.iter().enumerate() {
                statement.raw_bind_parameter(at + 1, Parameter(*value))?;
            }
            statement.raw_execute()
        };
        let Some(row) = row else {
            let sql = format!("DELETE FROM main.{name} WHERE {key} = ?");
            return run(&sql, &[Value::Integer(rowid)]).map(drop).map_err(failed);
        };
        let table = &search.table;
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for ((index, column), value) in table.copied_columns().zip(row) {
            if let Some(at) = column.source_column.filter(|_| !table.key_columns.contains(&index)) {
                names.push(quote_identifier(&table.source.columns[at].name));
                values.push(*value);
            }
        }
        values.push(Value::Integer(rowid));
        // What the plan leaves out of a row that is there stays as it is.
        let set: Vec<String> = names.iter().map(|name| format!("{name} = ?")).collect();
        let update = format!("UPDATE main.{name} SET {} WHERE {key} = ?", set.join(", "));
        if run(&update, &values).map_err(failed)? > 0 {
            return Ok(());
        }
        let places = ", ?".repeat(names.len());
        let insert = format!("INSERT INTO main.{name}({}, {key}) VALUES (?{places})", names.join(", "));
        run(&insert, &values).map(drop).map_err(failed)
    }
}

fn failed(search: &SearchPlan, rowid: i64, error: rusqlite::Error) -> Error {
    let refuses = [ErrorCode::ConstraintViolation, ErrorCode::TypeMismatch, ErrorCode::TooBig, ErrorCode::Unknown];
    match &error {
        rusqlite::Error::SqliteFailure(code, reason) if refuses.contains(&code.code) => {
            let reason = reason.clone().unwrap_or_else(|| code.to_string());
            let what = format!("SQLite does not take row {rowid} of the full-text table `{}`: {reason}", search.name);
            Error::refused(what).hint("correct the row on PostgreSQL, then ask again")
        }
        _ => classify(error, &format!("write to the full-text table `{}`", search.name)),
    }
}
