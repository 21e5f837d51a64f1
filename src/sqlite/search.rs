//! Full-text tables that hold their own text: the shadow table behind them, and whether their index has changed
//!
//! The text is read from the shadow table: that takes no tokenizer, which may be the application's own. A contentless
//! table has none, and its index is read instead: see `words`.

use rusqlite::{Connection, OptionalExtension};
use xxhash_rust::xxh3::xxh3_128;

use super::connection::classify;
use super::introspect;
use super::rows::value_of;
use super::words;
use crate::error::Result;
use crate::model::fulltext::{Content, FullText};
use crate::model::key::write_value;
use crate::model::schema::{Table, quote_identifier};
use crate::model::search::{IndexText, SearchPlan, SearchText};

/// Why a table is not followed
type Left = &'static str;

/// The shadow table with the text, or, of a contentless table, that with the rows; the statement that made the full-text
/// table; and where its words come from. Or why it is not followed. Outside of any read view
pub fn shadow(
    connection: &Connection,
    table: &FullText,
) -> Result<std::result::Result<(Table, String, SearchText), Left>> {
    let text = match (&table.content, table.unlike) {
        (_, Some(why)) => return Ok(Err(why)),
        (Content::Own, None) => SearchText::Stored,
        (Content::None, None) => match index_text(table) {
            Ok(text) => SearchText::Index(text),
            Err(why) => return Ok(Err(why)),
        },
        (Content::External(_), None) => return Ok(Err("its text is not its own")),
    };
    let what = if text == SearchText::Stored { "content" } else { "docsize" };
    let found = introspect::shadow_table(connection, &format!("{}_{what}", table.name))?;
    let (Some(mut found), Some(sql)) = (found, statement(connection, &table.name)?) else {
        return Ok(Err("the shadow table that it is read from is not there"));
    };
    let wanted = if text == SearchText::Stored { table.columns.len().max(1) } else { 1 };
    let named = |at: usize, name: &str| match text {
        SearchText::Stored => name.starts_with(&format!("c{at}")),
        SearchText::Index(_) => name == "sz",
    };
    // What comes behind the texts is something else, such as the locales of FTS5.
    let is_known = found.rowid_alias == Some(0)
        && found.columns.len() > wanted
        && found.columns[1..=wanted].iter().enumerate().all(|(at, column)| named(at, &column.name));
    if !is_known {
        return Ok(Err("the shadow table that it is read from is not as SQLite makes it"));
    }
    found.columns.truncate(wanted + 1);
    if text != SearchText::Stored && words::is_readable(connection, &table.name).is_err() {
        return Ok(Err("its index cannot be read here: its tokenizer is the application's own"));
    }
    Ok(Ok((found, sql, text)))
}

/// What the index of a contentless table says, if a `tsvector` can say it too
fn index_text(table: &FullText) -> std::result::Result<IndexText, Left> {
    let columns = || table.columns.iter().filter(|column| column.indexed).map(|column| column.name.clone()).collect();
    match (table.module.as_str(), table.option("detail")) {
        ("fts3" | "fts4", _) => Err("it is contentless, and FTS4 does not show its index row by row"),
        _ if table.option("columnsize") == "0" => {
            Err("it is contentless, and with columnsize=0 it does not keep which rows it has")
        }
        _ if table.columns.iter().any(|column| !column.indexed) => {
            Err("it is contentless, with columns that are not indexed")
        }
        _ if !["", "0"].contains(&table.option("tokendata")) => {
            Err("it is contentless, and its words are bytes (tokendata)")
        }
        (_, "col" | "column") if table.columns.len() > 1 => Err(
            "it is contentless, and with detail=column it keeps no places, without which a tsvector tells no columns apart",
        ),
        (_, "" | "full") => Ok(IndexText { has_places: true, columns: columns() }),
        _ => Ok(IndexText { has_places: false, columns: columns() }),
    }
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
    add(if search.text == SearchText::Stored { "content" } else { "docsize" }, &format!("SELECT max({key}) FROM $"))?;
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

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
