//! Proof that capture is complete (I2): the schema as it stands against the schema as it was installed

use std::collections::HashMap;
use std::fmt;

use rusqlite::{Connection, OptionalExtension};

use super::{CANARY, LOG, PREFIX, STATE, render_triggers, source_error};
use crate::error::Result;
use crate::model::plan::{Plan, TablePlan};
use crate::model::schema::{Index, KeyKind, Term};
use crate::sqlite::introspect::introspect;
use crate::sqlite::tokens::tokenize;

/// A way by which changes can go unseen
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureGap {
    /// The change log is gone or damaged; the application's writes to captured tables fail
    MissingLog,
    /// The table was dropped or renamed
    MissingTable {
        table: String,
    },
    /// The table's definition is not the planned one, or nothing keeps its key unique any more
    TableChanged {
        table: String,
    },
    /// VACUUM gave new rowids to tables that are followed by them
    Renumbered,
    MissingTrigger {
        table: String,
        trigger: String,
    },
    /// The trigger's text is not the installed one; ALTER TABLE rewrites it
    ChangedTrigger {
        table: String,
        trigger: String,
    },
    /// A trigger of the application that can end a statement before ours run, and leave the row changed
    AfterTriggerIgnores {
        table: String,
        trigger: String,
    },
}

impl CaptureGap {
    /// The table concerned; `None` means all of them
    pub fn table(&self) -> Option<&str> {
        match self {
            CaptureGap::MissingLog | CaptureGap::Renumbered => None,
            CaptureGap::MissingTable { table }
            | CaptureGap::TableChanged { table }
            | CaptureGap::MissingTrigger { table, .. }
            | CaptureGap::ChangedTrigger { table, .. }
            | CaptureGap::AfterTriggerIgnores { table, .. } => Some(table),
        }
    }
}

impl fmt::Display for CaptureGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureGap::MissingLog => write!(f, "the change log is missing or damaged"),
            CaptureGap::Renumbered => write!(f, "VACUUM has renumbered rowids"),
            CaptureGap::MissingTable { table } => write!(f, "table {table} is gone"),
            CaptureGap::TableChanged { table } => write!(f, "the definition of table {table} changed"),
            CaptureGap::MissingTrigger { table, trigger } => write!(f, "trigger {trigger} on table {table} is gone"),
            CaptureGap::ChangedTrigger { table, trigger } => write!(f, "trigger {trigger} on table {table} changed"),
            CaptureGap::AfterTriggerIgnores { table, trigger } => {
                write!(f, "trigger {trigger} on table {table} uses RAISE(IGNORE) and fires before capture")
            }
        }
    }
}

/// Compares what stands in `sqlite_schema` with what the plan needs; nothing to report means that capture is complete
///
/// To be called inside the read transaction whose rows are to be trusted.
pub fn prove(conn: &Connection, plan: &Plan) -> Result<Vec<CaptureGap>> {
    let plan = &adapt(conn, plan)?;
    let failed = source_error("cannot read the schema of the source");
    let schema = Schema::read(conn).map_err(&failed)?;
    let mut gaps = Vec::new();
    if !log_is_sound(conn, key_width(plan)).map_err(&failed)? {
        gaps.push(CaptureGap::MissingLog);
    }
    if plan.tables.iter().any(is_renumbered_by_vacuum) && !canary_sits(conn, &schema).map_err(&failed)? {
        gaps.push(CaptureGap::Renumbered);
    }
    let limit = log_limit(conn, &schema).map_err(&failed)?;
    if limit.is_none() && gaps.is_empty() {
        gaps.push(CaptureGap::MissingLog);
    }
    for table in &plan.tables {
        if schema.check_table(table, &mut gaps) {
            schema.check_triggers(table, limit.unwrap_or(1), &mut gaps);
        }
    }
    Ok(gaps)
}

/// The plan with the indexes that the source has at this moment: a unique index needs closers of its own
pub fn adapt(conn: &Connection, plan: &Plan) -> Result<Plan> {
    let mut adapted = plan.clone();
    let now = introspect(conn)?.tables;
    for planned in &mut adapted.tables {
        if let Some(table) = now.iter().find(|t| t.name == planned.source.name) {
            planned.source.indexes.clone_from(&table.indexes);
        }
    }
    Ok(adapted)
}

/// Followed by a rowid that VACUUM is free to change: it keeps those of tables with any index (capture.md section 5)
fn is_renumbered_by_vacuum(table: &TablePlan) -> bool {
    table.key.kind == KeyKind::Rowid && table.source.indexes.is_empty()
}

/// The canary's only row still has the rowid that it was given
fn canary_sits(conn: &Connection, schema: &Schema) -> rusqlite::Result<bool> {
    if !schema.tables.contains_key(CANARY) {
        return Ok(false);
    }
    let rowid: Option<i64> = conn.query_row(&format!("SELECT max(rowid) FROM {CANARY}"), [], |row| row.get(0))?;
    Ok(rowid == Some(2))
}

/// An index still keeps the key's columns unique; rowids and declared keys cannot lose theirs
fn key_is_kept(table: &TablePlan) -> bool {
    let columns: Vec<Term> = table.key.parts.iter().filter_map(|p| p.column).map(Term::Column).collect();
    let keeps =
        |index: &Index| index.unique && index.predicate.is_none() && index.terms.iter().map(|t| &t.what).eq(&columns);
    table.key.kind != KeyKind::UniqueIndex || table.source.indexes.iter().any(keeps)
}

/// Gaps that are there before capture is: tables that are not as planned
pub(super) fn table_gaps(conn: &Connection, plan: &Plan) -> Result<Vec<CaptureGap>> {
    let schema = Schema::read(conn).map_err(source_error("cannot read the schema of the source"))?;
    let mut gaps = Vec::new();
    for table in &plan.tables {
        schema.check_table(table, &mut gaps);
    }
    Ok(gaps)
}

/// Parts of the widest key, at least 1
pub(super) fn key_width(plan: &Plan) -> usize {
    plan.tables.iter().map(|t| t.key.parts.len()).max().unwrap_or(1).max(1)
}

/// Columns of the change log; none if it is gone
pub(super) fn log_columns(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([LOG], |row| row.get(0))?.collect()
}

/// The log has room for the widest key, and its sentinel or a newer entry
fn log_is_sound(conn: &Connection, width: usize) -> rusqlite::Result<bool> {
    let columns = log_columns(conn)?;
    let keys = (1..=width).map(|n| format!("k{n}"));
    let mut needed = ["seq", "t", "r"].map(String::from).into_iter().chain(keys);
    if !needed.all(|column| columns.contains(&column)) {
        return Ok(false);
    }
    conn.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {LOG})"), [], |row| row.get(0))
}

fn log_limit(conn: &Connection, schema: &Schema) -> rusqlite::Result<Option<u64>> {
    if !schema.tables.contains_key(STATE) {
        return Ok(None);
    }
    let sql = format!("SELECT v FROM {STATE} WHERE k = 'log_limit' AND typeof(v) = 'integer' AND v >= 0");
    let limit: Option<i64> = conn.query_row(&sql, [], |row| row.get(0)).optional()?;
    Ok(limit.map(i64::unsigned_abs))
}

/// `sqlite_schema` in memory; text is lossy, for names and statements that are not UTF-8 are nobody's plan
struct Schema {
    tables: HashMap<String, String>,
    triggers: HashMap<String, StoredTrigger>,
}

struct StoredTrigger {
    table: String,
    sql: String,
    /// Place in `sqlite_schema`: the order of creation. The newest trigger fires first
    place: i64,
}

impl Schema {
    fn read(conn: &Connection) -> rusqlite::Result<Schema> {
        let mut schema = Schema { tables: HashMap::new(), triggers: HashMap::new() };
        let mut statement = conn.prepare(
            "SELECT type, name, tbl_name, sql, rowid FROM main.sqlite_schema WHERE type IN ('table', 'trigger')",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = |column: usize| -> rusqlite::Result<String> {
                let bytes = row.get_ref(column)?.as_bytes_or_null().unwrap_or(None).unwrap_or_default();
                Ok(String::from_utf8_lossy(bytes).into_owned())
            };
            let (name, sql) = (text(1)?, text(3)?);
            if text(0)? == "table" {
                schema.tables.insert(name, sql);
            } else {
                schema.triggers.insert(name, StoredTrigger { table: text(2)?, sql, place: row.get(4)? });
            }
        }
        Ok(schema)
    }

    /// Whether the table is there at all
    fn check_table(&self, plan: &TablePlan, gaps: &mut Vec<CaptureGap>) -> bool {
        let table = plan.source.name.clone();
        match self.tables.get(&table) {
            None => gaps.push(CaptureGap::MissingTable { table }),
            Some(sql) if *sql != plan.source.sql || !key_is_kept(plan) => gaps.push(CaptureGap::TableChanged { table }),
            Some(_) => {}
        }
        self.tables.contains_key(&plan.source.name)
    }

    fn check_triggers(&self, plan: &TablePlan, log_limit: u64, gaps: &mut Vec<CaptureGap>) {
        let table = || plan.source.name.clone();
        let mut first = i64::MAX;
        for expected in render_triggers(plan.id, &plan.source, &plan.key, log_limit) {
            let trigger = expected.name;
            match self.triggers.get(&trigger) {
                None => gaps.push(CaptureGap::MissingTrigger { table: table(), trigger }),
                Some(stored) => {
                    first = first.min(stored.place);
                    if stored.sql != expected.sql {
                        gaps.push(CaptureGap::ChangedTrigger { table: table(), trigger });
                    }
                }
            }
        }
        let mut ignoring: Vec<&String> =
            self.triggers.iter().filter(|t| ignores_later(t, plan, first)).map(|t| t.0).collect();
        ignoring.sort();
        gaps.extend(
            ignoring.into_iter().map(|t| CaptureGap::AfterTriggerIgnores { table: table(), trigger: t.clone() }),
        );
    }
}

/// An AFTER trigger of the application with RAISE(IGNORE), created after ours: it ends the statement before ours fire
fn ignores_later((name, stored): &(&String, &StoredTrigger), plan: &TablePlan, ours: i64) -> bool {
    if name.starts_with(PREFIX) || stored.place < ours || !stored.table.eq_ignore_ascii_case(&plan.source.name) {
        return false;
    }
    // CREATE TRIGGER <name> AFTER ...
    let tokens = tokenize(&stored.sql);
    let is_raise = |at: usize| tokens[at].is_word("RAISE") && tokens.get(at + 2).is_some_and(|t| t.is_word("IGNORE"));
    tokens.get(3).is_some_and(|t| t.is_word("AFTER")) && (0..tokens.len()).any(is_raise)
}
