//! The deny triggers: every ordinary table of the file, whether it is copied or not

use std::collections::HashMap;

use rusqlite::Connection;

use super::record;
use crate::error::Result;
use crate::model::schema::{quote_identifier, quote_literal};
use crate::sqlite::capture::fill;
use crate::sqlite::connection::classify;
use crate::sqlite::introspect::ordinary_tables;

const FENCE_SQL: &str = include_str!("../../../triggers/sqlite/fence.sql");

/// Not `_crossfade_<number>`, as the triggers of capture: those are dropped and created again under the fence
const PREFIX: &str = "_crossfade_fence_";

/// Statement, and the end of the trigger's name
const VERBS: [(&str, &str); 3] = [("INSERT", "insert"), ("UPDATE", "update"), ("DELETE", "delete")];

/// Any deny trigger stands
pub fn stands(connection: &Connection) -> Result<bool> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND name GLOB '_crossfade_fence_*')";
    connection.query_row(sql, [], |row| row.get(0)).map_err(|e| classify(e, "look for the fence on the source"))
}

/// Tables that have not all three of them
pub fn open_tables(connection: &Connection) -> Result<Vec<String>> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for trigger in triggers(connection)? {
        *counts.entry(trigger.table.to_ascii_lowercase()).or_default() += 1;
    }
    let mut tables = ordinary_tables(connection)?;
    tables.retain(|table| counts.get(&table.to_ascii_lowercase()) != Some(&VERBS.len()));
    Ok(tables)
}

/// Puts them on every table that lacks them; the number of those tables
pub fn raise(connection: &Connection) -> Result<usize> {
    let began: Option<String> = record::get(connection, record::BEGAN)?;
    let message = quote_literal(&message(&began.unwrap_or_default()));
    let open = open_tables(connection)?;
    let mut standing = triggers(connection)?;
    let mut number = standing.iter().filter_map(Trigger::number).max().unwrap_or(0);
    standing.retain(|trigger| open.iter().any(|table| table.eq_ignore_ascii_case(&trigger.table)));
    drop_all(connection, &standing)?;
    for table in &open {
        number += 1;
        for (verb, end) in VERBS {
            let values = [
                ("name", format!("{PREFIX}{number}_{end}")),
                ("verb", verb.to_owned()),
                ("table", quote_identifier(table)),
                ("message", message.clone()),
            ];
            let create = connection.execute_batch(&fill(FENCE_SQL, &values));
            create.map_err(|e| classify(e, &format!("fence table `{table}`")))?;
        }
    }
    Ok(open.len())
}

/// Takes all of them away
pub fn lift(connection: &Connection) -> Result<()> {
    drop_all(connection, &triggers(connection)?)
}

/// What a writer is told
fn message(began: &str) -> String {
    format!(
        "crossfade: writes are refused: this database has moved to PostgreSQL (switch began {began} UTC); \
         ask _crossfade_primary"
    )
}

struct Trigger {
    name: String,
    table: String,
}

impl Trigger {
    fn number(&self) -> Option<u64> {
        self.name.strip_prefix(PREFIX)?.split('_').next()?.parse().ok()
    }
}

fn triggers(connection: &Connection) -> Result<Vec<Trigger>> {
    let sql = "SELECT name, tbl_name FROM main.sqlite_schema WHERE type = 'trigger' AND name GLOB '_crossfade_fence_*'";
    let read = || -> rusqlite::Result<Vec<Trigger>> {
        let mut statement = connection.prepare(sql)?;
        statement.query_map([], |row| Ok(Trigger { name: row.get(0)?, table: row.get(1)? }))?.collect()
    };
    read().map_err(|e| classify(e, "look for the fence on the source"))
}

fn drop_all(connection: &Connection, triggers: &[Trigger]) -> Result<()> {
    let drop = |t: &Trigger| connection.execute_batch(&format!("DROP TRIGGER main.{}", quote_identifier(&t.name)));
    triggers.iter().try_for_each(drop).map_err(|e| classify(e, "lift the fence on the source"))
}
