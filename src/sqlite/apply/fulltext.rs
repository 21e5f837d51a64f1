//! Which full-text and other virtual tables a written row leaves behind the times: no trigger of the application keeps them
//! up meanwhile

use rusqlite::{Connection, Row};

use crate::error::Result;
use crate::model::fulltext::Content;
use crate::model::plan::{Notice, TablePlan};
use crate::sqlite::capture::PREFIX;
use crate::sqlite::connection::classify;
use crate::sqlite::introspect::{VirtualTable, introspect};
use crate::sqlite::tokens::tokenize;

/// A virtual table and what it is kept by
#[derive(Debug)]
pub struct Dependent {
    pub name: String,
    /// The table whose rows it indexes; `None` if that is a view, and so may be any
    table: Option<String>,
}

impl Dependent {
    pub fn is_of(&self, table: &str) -> bool {
        self.table.as_ref().is_none_or(|of| of.eq_ignore_ascii_case(table))
    }
}

/// By their external content, or else by the application's triggers that name them
pub fn dependents(connection: &Connection) -> Result<Vec<Dependent>> {
    let schema = introspect(connection)?;
    let triggers = match schema.fulltext.is_empty() && schema.virtual_tables.is_empty() {
        true => return Ok(Vec::new()),
        false => triggers(connection)?,
    };
    let mut found = Vec::new();
    for fulltext in &schema.fulltext {
        let dependent = |table| Dependent { name: fulltext.name.clone(), table };
        if let Content::External(content) = &fulltext.content {
            let is_table = schema.tables.iter().any(|table| table.name.eq_ignore_ascii_case(content));
            found.push(dependent(is_table.then(|| content.clone())));
            continue;
        }
        found.extend(naming(&triggers, &fulltext.name).map(|trigger| dependent(Some(trigger.table.clone()))));
    }
    for other in &schema.virtual_tables {
        let dependent = |trigger: &Trigger| Dependent { name: other.name.clone(), table: Some(trigger.table.clone()) };
        found.extend(naming(&triggers, &other.name).map(dependent));
    }
    Ok(found)
}

/// Virtual tables, but for those of full-text search, that triggers of these tables keep up: nothing does for rows that come
/// back from PostgreSQL, and nobody but the application knows how they are filled
pub fn left_behind(connection: &Connection, tables: &[TablePlan]) -> Result<Vec<Notice>> {
    let virtual_tables = introspect(connection)?.virtual_tables;
    let triggers = if virtual_tables.is_empty() { Vec::new() } else { triggers(connection)? };
    let is_planned =
        |trigger: &&Trigger| tables.iter().any(|table| table.source.name.eq_ignore_ascii_case(&trigger.table));
    let notice = |found: VirtualTable| {
        let trigger = naming(&triggers, &found.name).find(is_planned)?;
        let message = format!(
            "virtual table of module {}, kept up by trigger {} on {}: after a rollback it lacks what was written on PostgreSQL",
            found.module, trigger.name, trigger.table
        );
        let remedy = Some("fill it again then, from the tables that the application's triggers fill it from".into());
        Some(Notice { object: found.name, message, remedy })
    };
    Ok(virtual_tables.into_iter().filter_map(notice).collect())
}

/// A trigger of the application's
struct Trigger {
    name: String,
    table: String,
    sql: String,
}

fn naming<'t>(triggers: &'t [Trigger], name: &str) -> impl Iterator<Item = &'t Trigger> {
    let names = move |trigger: &&Trigger| tokenize(&trigger.sql).iter().any(|t| t.name().eq_ignore_ascii_case(name));
    triggers.iter().filter(names)
}

fn triggers(connection: &Connection) -> Result<Vec<Trigger>> {
    let sql = format!(
        "SELECT name, tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND substr(name, 1, {}) <> '{PREFIX}'",
        PREFIX.len()
    );
    let read = || -> rusqlite::Result<Vec<Trigger>> {
        let mut statement = connection.prepare(&sql)?;
        let trigger = |row: &Row<'_>| Ok(Trigger { name: row.get(0)?, table: row.get(1)?, sql: row.get(2)? });
        statement.query_map([], trigger)?.collect()
    };
    read().map_err(|e| classify(e, "read the triggers of the source"))
}
