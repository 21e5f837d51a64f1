//! One row: found by its key, compared, written, and looked at again where SQLite may have made something else of it

use rusqlite::{CachedStatement, Connection, ErrorCode, Row, ffi};

use super::affinity::may_change;
use super::table::{Copied, TableWriter, bind, bind_row};
use crate::error::Result;
use crate::model::canonical::restore;
use crate::model::value::{Class, Value};
use crate::sqlite::rows::{Parameter, column};
use crate::sqlite::utf16::unsound;

/// What became of it
pub enum Written {
    Inserted,
    Updated,
    Deleted,
    Unchanged,
    /// A unique value is another row's: which one, without the value
    Collision(String),
    Refused {
        column: String,
        reason: String,
    },
}

impl TableWriter {
    /// Makes the row with this key the given one
    pub fn write(
        &self,
        connection: &Connection,
        key: &[Value<'_>],
        row: &[Value<'_>],
        deleted_first: bool,
    ) -> Result<Written> {
        let mut select = self.prepare(connection, &self.select)?;
        bind(&mut select, 1, key).map_err(|e| self.failed(e))?;
        let mut found = select.raw_query();
        let Some(old) = found.next().map_err(|e| self.failed(e))? else {
            drop(found);
            return self.insert(connection, key, row, deleted_first);
        };
        let columns = || self.columns.iter().zip(row);
        if columns().all(|(column, new)| self.is_same(old, column, *new)) {
            return Ok(Written::Unchanged);
        }
        // 0.0 and -0.0 are one key to every comparison in SQL.
        let other_key = columns().any(|(column, new)| column.is_key && !self.is_same(old, column, *new));
        let Some(update) = self.update.as_ref().filter(|_| !other_key) else {
            return Ok(Written::Collision("the row's key is stored in another form".into()));
        };
        let mut update = self.prepare(connection, update)?;
        let mut next = 1;
        for (copied, new) in columns().filter(|(column, _)| column.is_set()) {
            let value =
                if copied.is_document() { restore(column(old, copied.index), *new, copied.mapping) } else { *new };
            update.raw_bind_parameter(next, Parameter(value)).map_err(|e| self.failed(e))?;
            next += 1;
        }
        bind(&mut update, next, key).map_err(|e| self.failed(e))?;
        drop(found);
        drop(select);
        self.run(connection, update, key, row, Written::Updated)
    }

    fn insert(
        &self,
        connection: &Connection,
        key: &[Value<'_>],
        row: &[Value<'_>],
        deleted_first: bool,
    ) -> Result<Written> {
        let kept = self.kept.as_ref().filter(|_| deleted_first);
        let mut insert = self.prepare(connection, &self.insert)?;
        bind_row(&mut insert, &self.columns, row).map_err(|e| self.failed(e))?;
        let Some(kept) = kept else { return self.run(connection, insert, key, row, Written::Inserted) };
        let mut of_kept = kept.insert.as_ref().map(|sql| self.prepare(connection, sql)).transpose()?;
        if let Some(of_kept) = &mut of_kept {
            let bound = bind_row(of_kept, &self.columns, row).and_then(|()| bind(of_kept, row.len() + 1, key));
            bound.map_err(|e| self.failed(e))?;
        }
        if let Some(documents) = &kept.documents {
            let mut statements: Vec<&mut CachedStatement<'_>> = of_kept.iter_mut().collect();
            statements.push(&mut insert);
            self.bind_documents(connection, documents, key, row, &mut statements)?;
        }
        if let Some(of_kept) = of_kept {
            let written = self.run(connection, of_kept, key, row, Written::Inserted)?;
            if !matches!(written, Written::Unchanged) {
                return Ok(written);
            }
        }
        self.run(connection, insert, key, row, Written::Inserted)
    }

    /// The spellings that the row had before it was deleted, where they are of the same documents
    fn bind_documents(
        &self,
        connection: &Connection,
        sql: &str,
        key: &[Value<'_>],
        row: &[Value<'_>],
        statements: &mut [&mut CachedStatement<'_>],
    ) -> Result<()> {
        let mut select = self.prepare(connection, sql)?;
        bind(&mut select, 1, key).map_err(|e| self.failed(e))?;
        let mut found = select.raw_query();
        let Some(old) = found.next().map_err(|e| self.failed(e))? else { return Ok(()) };
        let documents = self.columns.iter().enumerate().filter(|(_, column)| column.is_spelled());
        for (place, (at, copied)) in documents.enumerate() {
            let value = restore(column(old, place), row[at], copied.mapping);
            for statement in statements.iter_mut() {
                statement.raw_bind_parameter(at + 1, Parameter(value)).map_err(|e| self.failed(e))?;
            }
        }
        Ok(())
    }

    /// The old value is the new one, by class and bytes; a document by what it says
    fn is_same(&self, old: &Row<'_>, copied: &Copied, new: Value<'_>) -> bool {
        if unsound(old, &self.plan, copied.index).is_some() {
            return false;
        }
        let stored = column(old, copied.index);
        stored.is_identical(&new)
            || (copied.is_document() && restore(stored, new, copied.mapping).is_identical(&stored))
    }

    /// Executes a statement whose parameters are bound; [`Written::Unchanged`] if it wrote no row
    fn run(
        &self,
        connection: &Connection,
        statement: CachedStatement<'_>,
        key: &[Value<'_>],
        row: &[Value<'_>],
        done: Written,
    ) -> Result<Written> {
        let doubtful = |(column, value): (&Copied, &Value<'_>)| {
            column.is_computed || may_change(*value, column.affinity, self.utf16)
        };
        if !self.columns.iter().zip(row).any(doubtful) {
            return self.step(statement, done);
        }
        let savepoint = |sql: &str| {
            let mut statement = self.prepare(connection, sql)?;
            statement.execute([]).map(drop).map_err(|e| self.failed(e))
        };
        savepoint("SAVEPOINT crossfade_row")?;
        let mut written = self.step(statement, done)?;
        if matches!(written, Written::Inserted | Written::Updated)
            && let Some(changed) = self.changed(connection, key, row)?
        {
            written = changed;
            savepoint("ROLLBACK TO crossfade_row")?;
        }
        savepoint("RELEASE crossfade_row")?;
        Ok(written)
    }

    fn step(&self, mut statement: CachedStatement<'_>, done: Written) -> Result<Written> {
        match statement.raw_execute() {
            Ok(0) => Ok(Written::Unchanged),
            Ok(_) => Ok(done),
            Err(error) => self.refusal(error),
        }
    }

    /// What SQLite has stored otherwise than it was given
    fn changed(&self, connection: &Connection, key: &[Value<'_>], row: &[Value<'_>]) -> Result<Option<Written>> {
        let mut select = self.prepare(connection, &self.select)?;
        bind(&mut select, 1, key).map_err(|e| self.failed(e))?;
        let mut found = select.raw_query();
        let stored = found.next().map_err(|e| self.failed(e))?;
        for (copied, given) in self.columns.iter().zip(row) {
            let reason = match stored {
                Some(stored) if self.is_same(stored, copied, *given) => continue,
                Some(_) if copied.is_computed => "SQLite computes another value".to_owned(),
                Some(stored) => why(*given, column(stored, copied.index).class()),
                // The row is under another key: one of its parts has changed.
                None if !copied.is_key || !may_change(*given, copied.affinity, self.utf16) => continue,
                None => "SQLite would store another key".to_owned(),
            };
            return Ok(Some(Written::Refused { column: copied.name.clone(), reason }));
        }
        Ok(None)
    }

    /// A constraint that SQLite does not let go, or a failure of the file
    fn refusal(&self, error: rusqlite::Error) -> Result<Written> {
        let rusqlite::Error::SqliteFailure(code, message) = &error else { return Err(self.failed(error)) };
        let reason = message.clone().unwrap_or_else(|| code.to_string());
        match (code.code, code.extended_code) {
            (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID) => {
                Ok(Written::Collision(reason))
            }
            (ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig | ErrorCode::Unknown, _) => {
                Ok(Written::Refused { column: self.column_in(&reason), reason })
            }
            _ => Err(self.failed(error)),
        }
    }

    /// The column that the message ends with: `NOT NULL constraint failed: t.a`
    fn column_in(&self, message: &str) -> String {
        let names = self.plan.source.columns.iter().map(|column| &column.name);
        let named = names.filter(|name| message.ends_with(&format!("{}.{name}", self.plan.source.name)));
        named.max_by_key(|name| name.len()).cloned().unwrap_or_default()
    }
}

fn why(given: Value<'_>, stored: Class) -> String {
    match given.class() {
        class if class != stored => format!("SQLite would store this {class} value as {stored}"),
        class => format!("SQLite would change this {class} value"),
    }
}
