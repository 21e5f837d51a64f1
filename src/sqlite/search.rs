//! Full-text tables that hold their own text: the shadow table behind them, and whether their index has changed
//!
//! The text is read from the shadow table: that takes no tokenizer, which may be the application's own.

use rusqlite::{Connection, OptionalExtension};
use xxhash_rust::xxh3::xxh3_128;

use super::connection::classify;
use super::introspect;
use super::rows::value_of;
use crate::error::Result;
use crate::model::fulltext::{Content, FullText};
use crate::model::key::write_value;
use crate::model::plan::TablePlan;
use crate::model::schema::{Table, quote_identifier};
use crate::model::search::SearchPlan;

/// The shadow table that holds the text, and the statement that made the full-text table; or why it is not followed
pub fn shadow(connection: &Connection, table: &FullText) -> Result<std::result::Result<(Table, String), &'static str>> {
    if let Some(why) = table.unlike {
        return Ok(Err(why));
    }
    if table.content != Content::Own {
        return Ok(Err("its text is not its own"));
    }
    let found = introspect::shadow_table(connection, &format!("{}_content", table.name))?;
    let (Some(mut found), Some(sql)) = (found, statement(connection, &table.name)?) else {
        return Ok(Err("the shadow table with its text is not there"));
    };
    let wanted = table.columns.len().max(1);
    // What comes behind the texts is something else, such as the locales of FTS5.
    let is_known = found.rowid_alias == Some(0)
        && found.columns.len() > wanted
        && found.columns[1..=wanted].iter().enumerate().all(|(at, column)| column.name.starts_with(&format!("c{at}")));
    if !is_known {
        return Ok(Err("the shadow table with its text is not as SQLite makes it"));
    }
    found.columns.truncate(wanted + 1);
    Ok(Ok((found, sql)))
}

fn statement(connection: &Connection, name: &str) -> Result<Option<String>> {
    connection
        .query_row("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(|e| classify(e, &format!("look for table `{name}`")))
}

/// The full-text table is still the one that was planned
pub fn is_as_planned(connection: &Connection, search: &SearchPlan) -> Result<bool> {
    Ok(statement(connection, &search.name)?.as_deref() == Some(search.sql.as_str()))
}

/// What moves when the index is written to
///
/// FTS5 counts rows and words in one record and writes in another. FTS3 and FTS4 have no counter, but each write adds a
/// segment or replaces some. A row without any word, before and after, may change without a trace, and an index that is
/// made anew (`rebuild`, `optimize`) may be as one before; so this says when to look, and the comparison is made from time
/// to time in any case.
pub fn fingerprint(connection: &Connection, search: &SearchPlan) -> Result<Vec<u8>> {
    let mut gathered = Vec::new();
    let mut add = |what: &str, sql: &str| {
        let table = quote_identifier(&search.shadow(what));
        gather(connection, &sql.replace("$", &table), &mut gathered)
            .map_err(|e| classify(e, &format!("look at the index of `{}`", search.name)))
    };
    let key = &search.table.key.parts[0].sql;
    add("content", &format!("SELECT max({key}) FROM $"))?;
    if search.is_fts5() {
        add("data", "SELECT id, block FROM $ WHERE id IN (1, 10) ORDER BY id")?;
    } else {
        add("segdir", "SELECT * FROM $ ORDER BY level, idx")?;
        // FTS4 has it always, FTS3 at times.
        if statement(connection, &search.shadow("stat"))?.is_some() {
            add("stat", "SELECT id, value FROM $ ORDER BY id")?;
        }
    }
    Ok(xxh3_128(&gathered).to_be_bytes().to_vec())
}

fn gather(connection: &Connection, sql: &str, into: &mut Vec<u8>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for at in 0..width {
            write_value(into, value_of(row.get_ref(at)?));
        }
    }
    Ok(())
}

/// Rows behind a rowid, or all, in the order of rowids, as [`super::rows::select_after_sql`] with at most as many rows as
/// its last parameter says
pub fn select_some_sql(table: &TablePlan, after: bool) -> String {
    format!("{} LIMIT ?{}", super::rows::select_after_sql(table, after), if after { 2 } else { 1 })
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
