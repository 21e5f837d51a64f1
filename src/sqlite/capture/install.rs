//! Installing, repairing and removing capture, each in one write transaction
//!
//! These are the only writes that crossfade ever makes to a source that is in charge: a write of ours in steady state
//! would give the application SQLITE_BUSY_SNAPSHOT.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::prove::{adapt, key_width, log_columns, table_gaps};
use super::render::{fill, log_columns as key_columns};
use super::{
    CANARY, CaptureGap, FORMAT, Installed, LOG, PRIMARY, REHEARSAL, STATE, TABLES, Trigger, prove, render_triggers,
    source_error,
};
use crate::error::{Error, Result};
use crate::model::plan::{Plan, TablePlan};
use crate::model::schema::quote_identifier;

const LOG_SQL: &str = include_str!("../../../triggers/sqlite/log.sql");
const SENTINEL_SQL: &str = include_str!("../../../triggers/sqlite/sentinel.sql");
const REGISTRY_SQL: &str = include_str!("../../../triggers/sqlite/registry.sql");
const CANARY_SQL: &str = include_str!("../../../triggers/sqlite/canary.sql");
const PRIMARY_SQL: &str = include_str!("../../../triggers/sqlite/primary.sql");

const REINSTALL: &str = "cannot reinstall capture on the source";

/// GLOB patterns, because `_` is a wildcard to LIKE
const ALL_TRIGGERS: &str = "_crossfade_*";
/// The number after the prefix tells them from the fence, which stays when capture is repaired
const CAPTURE_TRIGGERS: &str = "_crossfade_[0-9]*";

/// Installs capture of every table in the plan, and proves it complete before it commits (I2)
///
/// Where the very same capture stands already, from a run that died before it noted so elsewhere, nothing is written:
/// it goes on from the present head. It then also keeps the log limit that it has. A capture under another identity
/// belongs to another target, and is refused.
pub fn install(conn: &mut Connection, plan: &Plan, log_limit: u64, source_id: &str) -> Result<Installed> {
    let failed = source_error("cannot install capture on the source");
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
    // Under the write lock: an index that came since the plan was made needs closers too, and none can come any more.
    let plan = &adapt(&tx, plan)?;
    if has_objects(&tx).map_err(&failed)? {
        require_same(&tx, plan, source_id)?;
    } else {
        require(table_gaps(&tx, plan)?)?;
        create_log(&tx, plan).and_then(|()| create_registry(&tx, source_id)).map_err(&failed)?;
        create_triggers(&tx, plan, log_limit).map_err(&failed)?;
        require(prove(&tx, plan)?)?;
    }
    let installed = position(&tx, plan).map_err(&failed)?;
    tx.commit().map_err(&failed)?;
    Ok(installed)
}

/// Drops the capture triggers and creates those of the plan, last and in order; keeps the log and the source's identity
///
/// What happened while triggers were missing is not in the log: the caller compares and repairs the rows afterwards.
pub fn reinstall(conn: &mut Connection, plan: &Plan, log_limit: u64, source_id: &str) -> Result<Installed> {
    let failed = source_error(REINSTALL);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
    let installed = reinstall_in(&tx, plan, log_limit, source_id)?;
    tx.commit().map_err(&failed)?;
    Ok(installed)
}

/// As [`reinstall`], in the write transaction that is open
pub fn reinstall_in(tx: &Connection, plan: &Plan, log_limit: u64, source_id: &str) -> Result<Installed> {
    let failed = source_error(REINSTALL);
    let plan = &adapt(tx, plan)?;
    require(table_gaps(tx, plan)?)?;
    drop_triggers(tx, CAPTURE_TRIGGERS).map_err(&failed)?;
    repair_log(tx, plan).map_err(&failed)?;
    if !has_table(tx, STATE).map_err(&failed)? || !has_table(tx, TABLES).map_err(&failed)? {
        drop_tables(tx, &[STATE, TABLES]).and_then(|()| create_registry(tx, source_id)).map_err(&failed)?;
    }
    tx.execute_batch(&fill(CANARY_SQL, &[])).and_then(|()| create_primary(tx)).map_err(&failed)?;
    create_triggers(tx, plan, log_limit).map_err(&failed)?;
    require(prove(tx, plan)?)?;
    position(tx, plan).map_err(&failed)
}

/// Removes everything of ours; false if there was nothing
pub fn uninstall(conn: &mut Connection) -> Result<bool> {
    let failed = source_error("cannot remove capture from the source");
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
    let found = has_objects(&tx).map_err(&failed)?;
    // Triggers first: without the log every write of the application would fail.
    let drop_view = || tx.execute_batch(&format!("DROP VIEW IF EXISTS main.{PRIMARY}"));
    drop_triggers(&tx, ALL_TRIGGERS)
        .and_then(|()| drop_view())
        .and_then(|()| drop_tables(&tx, &[LOG, STATE, TABLES, CANARY, REHEARSAL]))
        .map_err(&failed)?;
    tx.commit().map_err(&failed)?;
    Ok(found)
}

/// The identity that capture gave to this source; `None` where it is not installed
pub fn source_id(conn: &Connection) -> Result<Option<String>> {
    let failed = source_error("cannot read the identity of the source");
    let sql = format!("SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '{STATE}')");
    if !conn.query_row(&sql, [], |row| row.get::<_, bool>(0)).map_err(&failed)? {
        return Ok(None);
    }
    conn.query_row(&format!("SELECT v FROM {STATE} WHERE k = 'source_id'"), [], |row| row.get(0))
        .optional()
        .map_err(&failed)
}

fn has_objects(tx: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema
                              WHERE name IN (?1, ?2, ?3) OR type = 'trigger' AND name GLOB ?4)";
    tx.query_row(sql, params![LOG, STATE, TABLES, ALL_TRIGGERS], |row| row.get(0))
}

fn has_table(tx: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1)";
    tx.query_row(sql, [name], |row| row.get(0))
}

fn create_log(tx: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    tx.execute_batch(&fill(LOG_SQL, &[("k", key_columns(key_width(plan)))]))?;
    tx.execute_batch(&fill(SENTINEL_SQL, &[]))
}

fn create_registry(tx: &Connection, source_id: &str) -> rusqlite::Result<()> {
    let values = [("format", FORMAT.to_string()), ("source_id", source_id.replace('\'', "''"))];
    tx.execute_batch(&fill(REGISTRY_SQL, &values))?;
    tx.execute_batch(&fill(CANARY_SQL, &[]))?;
    create_primary(tx)
}

/// The view that applications ask, also where an earlier format did not have it
fn create_primary(tx: &Connection) -> rusqlite::Result<()> {
    tx.execute(&format!("INSERT OR REPLACE INTO {STATE}(k, v) VALUES('format', ?1)"), [FORMAT])?;
    tx.execute_batch(&fill(PRIMARY_SQL, &[]))
}

/// Creates the log if it is gone or not ours any more; otherwise makes room for the widest key, and for the sentinel
fn repair_log(tx: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    let columns = log_columns(tx)?;
    if !["seq", "t", "r"].iter().all(|needed| columns.iter().any(|c| c == needed)) {
        drop_tables(tx, &[LOG])?;
        return create_log(tx, plan);
    }
    for column in key_columns(key_width(plan)).split(',').filter(|k| columns.iter().all(|c| c != k)) {
        tx.execute_batch(&format!("ALTER TABLE {LOG} ADD COLUMN {column}"))?;
    }
    tx.execute_batch(&fill(SENTINEL_SQL, &[]))
}

fn create_triggers(tx: &Connection, plan: &Plan, log_limit: u64) -> rusqlite::Result<()> {
    let set_limit = format!("INSERT OR REPLACE INTO {STATE}(k, v) VALUES('log_limit', ?1)");
    let limit = i64::try_from(log_limit).unwrap_or(i64::MAX);
    tx.execute(&set_limit, [limit])?;
    tx.execute(&format!("DELETE FROM {TABLES}"), [])?;
    for table in &plan.tables {
        let triggers = render_triggers(table.id, &table.source, &table.key, limit.unsigned_abs());
        for trigger in &triggers {
            tx.execute_batch(&trigger.sql)?;
        }
        register(tx, table, &triggers)?;
    }
    Ok(())
}

fn register(tx: &Connection, table: &TablePlan, triggers: &[Trigger]) -> rusqlite::Result<()> {
    let sql = format!("INSERT INTO {TABLES}(t, name, keycols, ddl, trigs) VALUES(?1, ?2, ?3, ?4, ?5)");
    tx.execute(&sql, params![table.id, table.source.name, key_sql(table), table.source.sql, triggers_sql(triggers)])?;
    Ok(())
}

fn key_sql(table: &TablePlan) -> String {
    table.key.parts.iter().map(|part| part.sql.as_str()).collect::<Vec<_>>().join(",")
}

fn triggers_sql(triggers: &[Trigger]) -> String {
    triggers.iter().map(|t| format!("{};\n", t.sql)).collect()
}

/// The head of the log: from here on every change is in it
fn position(tx: &Connection, plan: &Plan) -> rusqlite::Result<Installed> {
    let head = format!("SELECT seq, r FROM {LOG} ORDER BY seq DESC LIMIT 1");
    let (seq, nonce) = tx.query_row(&head, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let schema_version = tx.query_row("PRAGMA main.schema_version", [], |row| row.get(0))?;
    Ok(Installed { plan: plan.clone(), seq, nonce, schema_version })
}

/// Nothing is changed where the schema is not the planned one
fn require(gaps: Vec<CaptureGap>) -> Result<()> {
    if gaps.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("the source is not as planned: {}", list(&gaps)))
        .hint("run `crossfade cancel`, then `crossfade run` with the schema as it is now"))
}

fn list(gaps: &[CaptureGap]) -> String {
    gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The capture that stands is complete, and the one of this very plan
fn require_same(tx: &Connection, plan: &Plan, source_id: &str) -> Result<()> {
    if super::source_id(tx)?.is_some_and(|found| found != source_id) {
        return Err(not_ours("the source is captured for another target".into()));
    }
    if !is_registered(tx, plan)? {
        return Err(not_ours("the source already has a capture, of another plan or in part".into()));
    }
    let gaps = prove(tx, plan)?;
    if !gaps.is_empty() {
        return Err(not_ours(format!("the capture on the source is damaged: {}", list(&gaps))));
    }
    Ok(())
}

fn not_ours(message: String) -> Error {
    Error::refused(message)
        .hint("if no other crossfade replicates this file, `crossfade cancel` removes what is there; then start again")
}

/// The registry holds the plan's tables, no more and no less, under the same numbers and keys
fn is_registered(tx: &Connection, plan: &Plan) -> Result<bool> {
    let failed = source_error("cannot read what capture is installed");
    for table in [LOG, STATE, TABLES] {
        if !has_table(tx, table).map_err(&failed)? {
            return Ok(false);
        }
    }
    let format = format!("SELECT v FROM {STATE} WHERE k = 'format'");
    let format: Option<i64> = tx.query_row(&format, [], |row| row.get(0)).optional().map_err(&failed)?;
    Ok(format == Some(FORMAT) && registered(tx).map_err(&failed)? == expected(plan))
}

type Registered = (i64, String, String, String);

fn registered(tx: &Connection) -> rusqlite::Result<Vec<Registered>> {
    let mut statement = tx.prepare(&format!("SELECT t, name, keycols, ddl FROM {TABLES} ORDER BY t"))?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?.collect()
}

fn expected(plan: &Plan) -> Vec<Registered> {
    let row = |t: &TablePlan| (t.id, t.source.name.clone(), key_sql(t), t.source.sql.clone());
    let mut rows: Vec<Registered> = plan.tables.iter().map(row).collect();
    rows.sort();
    rows
}

fn drop_triggers(tx: &Connection, pattern: &str) -> rusqlite::Result<()> {
    let mut statement = tx.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND name GLOB ?1")?;
    let names: Vec<String> = statement.query_map([pattern], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for name in names {
        tx.execute_batch(&format!("DROP TRIGGER main.{}", quote_identifier(&name)))?;
    }
    Ok(())
}

fn drop_tables(tx: &Connection, names: &[&str]) -> rusqlite::Result<()> {
    names.iter().try_for_each(|name| tx.execute_batch(&format!("DROP TABLE IF EXISTS main.{name}")))
}
