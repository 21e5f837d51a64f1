//! Rehearsal: a cutover up to its point of no return, and then the way back, proven with rows of our own
//!
//! A pair of tables is added to the plan, and what a session of ours writes to the one on PostgreSQL must arrive on SQLite
//! by the same capture and the same cycle that a rollback would rely on. The application's tables are fenced on both sides
//! all the while; PostgreSQL never becomes the primary.

use std::time::Duration;

use rusqlite::Connection;
use tokio_postgres::{GenericClient, Transaction};

use crate::engine::job::Job;
use crate::engine::reverse::{self, ReverseReport};
use crate::engine::switch::hook::{self, Stage};
use crate::engine::switch::keeper::Keeper;
use crate::engine::switch::steps::Record;
use crate::error::{Error, Result};
use crate::model::choices::Choices;
use crate::model::extensions::Offer;
use crate::model::phase::Phase;
use crate::model::plan::{Plan, TablePlan};
use crate::model::planner::{Found, Request, make_plan};
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::schema::{Affinity, Column, Generated, Table, quote_identifier};
use crate::postgres::connect::classify;
use crate::postgres::ddl::qualified;
use crate::postgres::{capture, switches};
use crate::sqlite::apply::SourceApplier;
use crate::sqlite::connection::{classify as classify_source, open_reader};

const SOURCE_TABLE: &str = "_crossfade_rehearsal";
const TARGET_TABLE: &str = "_crossfade_canary";
const COLUMNS: [(&str, &str); 3] = [("id", "INTEGER"), ("word", "TEXT"), ("amount", "REAL")];

/// A row, an update, a key change and a delete; and what must come of them
const WRITES: [&str; 4] = [
    "insert into {table} values (1, 'a row', 0.5), (2, 'its key changes', -2), (3, 'it goes', 3)",
    "update {table} set word = 'an update' where id = 1",
    "update {table} set id = 4 where id = 2",
    "delete from {table} where id = 3",
];
const ARRIVES: [(i64, &str, f64); 2] = [(1, "an update", 0.5), (4, "its key changes", -2.0)];

/// More cycles than any number of statements needs
const CYCLES: usize = 100;

/// The plan with the table of a rehearsal
pub fn extended(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.tables.extend(canary(&plan));
    plan
}

fn canary(plan: &Plan) -> Option<TablePlan> {
    let column = |(name, declared): (&str, &str)| Column {
        name: name.into(),
        declared_type: declared.into(),
        affinity: Affinity::of_declared(declared),
        not_null: false,
        default: None,
        generated: Generated::No,
        collation: "BINARY".into(),
    };
    let table = Table {
        name: SOURCE_TABLE.into(),
        sql: source_sql(),
        without_rowid: false,
        strict: false,
        columns: COLUMNS.map(column).to_vec(),
        primary_key: vec![0],
        rowid_alias: Some(0),
        rowid_name: Some("rowid".into()),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
    };
    let columns = COLUMNS.map(|_| ColumnProfile::default()).to_vec();
    let profile = TableProfile { columns, ..TableProfile::default() };
    let text_order = plan.tables.first().map(|table| table.key.text_order).unwrap_or_default();
    let found = Found { tables: vec![(table, profile)], text_order, ..Found::default() };
    let (choices, offer) = (Choices::default(), Offer::default());
    let request = Request { target_schema: &plan.target_schema, choices: &choices, offer: &offer };
    let made = make_plan(found, &request).plan.tables.pop()?;
    let id = plan.tables.iter().map(|table| table.id).max().unwrap_or(0) + 1;
    let key_constraint = format!("{TARGET_TABLE}_pkey");
    Some(TablePlan { id, target_name: TARGET_TABLE.into(), key_constraint, sequence: None, ..made })
}

fn source_sql() -> String {
    let columns = COLUMNS.map(|(name, declared)| match name {
        "id" => format!("{name} {declared} PRIMARY KEY"),
        _ => format!("{name} {declared}"),
    });
    format!("CREATE TABLE {SOURCE_TABLE}({})", columns.join(", "))
}

fn target_table(plan: &Plan) -> String {
    qualified(&plan.target_schema, TARGET_TABLE)
}

/// Installs capture for the way back, the rehearsal's own table with it, and proves it
pub fn way_back(job: &mut Job, record: &mut Record, keeper: &Keeper) -> Result<()> {
    let extended = extended(&job.plan);
    let own = std::mem::replace(&mut job.plan, extended);
    let outcome = try_way_back(job, record, keeper);
    job.plan = own;
    outcome
}

fn try_way_back(job: &mut Job, record: &mut Record, keeper: &Keeper) -> Result<()> {
    let (runtime, plan, run_id) = (job.runtime.clone(), job.plan.clone(), job.applier.run_id());
    runtime.block_on(async {
        let transaction = switches::guarded_for(job.applier.client_mut(), run_id, keeper.patience()).await?;
        create_target(&transaction, &plan).await?;
        capture::install(&transaction, &plan).await?;
        transaction.commit().await.map_err(|e| classify(e, "install capture on the target"))
    })?;
    keeper.check()?;
    crate::failpoint::hit("rehearse.captured");
    record.step(job, "canary")?;
    keeper.rehearse(&source_sql())?;
    crate::failpoint::hit("rehearse.released");
    job.wait(write(job, &plan))?;
    crate::failpoint::hit("rehearse.written");
    let mut source = SourceApplier::open(job.as_run())?;
    let mut keys = 0;
    for _ in 0..CYCLES {
        keeper.check()?;
        match reverse::cycle(job, &mut source)? {
            ReverseReport::Applied { keys: applied } => keys += applied,
            ReverseReport::InSync => break,
        }
    }
    drop(source);
    record.detail(format!("{keys} keys came back"));
    crate::failpoint::hit("rehearse.returned");
    compare(&open_reader(job.source())?)?;
    keeper.check()
}

async fn create_target(transaction: &Transaction<'_>, plan: &Plan) -> Result<()> {
    let Some(table) = plan.tables.last() else { return Ok(()) };
    let columns = table.columns.iter().map(|c| format!("{} {}", quote_identifier(&c.target_name), c.type_sql));
    let columns: Vec<String> = columns.collect();
    let sql = format!("create table {} ({}, primary key (id))", target_table(plan), columns.join(", "));
    transaction.batch_execute(&sql).await.map_err(|e| classify(e, "create the table of the rehearsal on the target"))
}

/// Writes as the application would: by a session that is not the replicator's, so that its statements are captured. Its
/// table has no fence
async fn write(job: &Job, plan: &Plan) -> Result<()> {
    let client = job.context.target.connect("crossfade rehearsal").await?;
    for sql in WRITES {
        let sql = sql.replace("{table}", &target_table(plan));
        client.batch_execute(&sql).await.map_err(|e| classify(e, "write to the table of the rehearsal"))?;
    }
    Ok(())
}

fn compare(source: &Connection) -> Result<()> {
    let read = || -> rusqlite::Result<Vec<(i64, String, f64)>> {
        let mut statement = source.prepare(&format!("SELECT id, word, amount FROM {SOURCE_TABLE} ORDER BY id"))?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
    };
    let found = read().map_err(|e| classify_source(e, "read what came back from PostgreSQL"))?;
    if found.iter().map(|(id, word, amount)| (*id, word.as_str(), *amount)).eq(ARRIVES) {
        return Ok(());
    }
    Err(Error::refused(format!("the way back does not work: SQLite got {} of {} rows", found.len(), ARRIVES.len()))
        .hint("this must not happen: please report it, with what `crossfade status` says"))
}

/// Removes the rehearsal's table from the target, with what notes its rows, in the caller's transaction
pub async fn drop_target(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    capture::remove(client, &Plan { tables: canary(plan).into_iter().collect(), ..plan.clone() }).await?;
    let sql = format!("drop table if exists {}", target_table(plan));
    client.batch_execute(&sql).await.map_err(|e| classify(e, "drop the table of the rehearsal"))
}

/// After the fence is lifted: nothing is left on either side, and following goes on
pub fn end(job: &mut Job, record: &mut Record, refused: Option<Duration>) -> Result<()> {
    crate::failpoint::hit("rehearse.lifted");
    record.end(job)?;
    let (runtime, run_id, plan) = (job.runtime.clone(), job.applier.run_id(), job.plan.clone());
    let refused = refused.map(|refused| refused.as_secs_f64());
    runtime.block_on(async {
        let transaction = switches::guarded(job.applier.client_mut(), run_id).await?;
        capture::retire(&transaction, &plan).await?;
        drop_target(&transaction, &plan).await?;
        switches::enter(&transaction, Phase::Rehearsing, Phase::Following).await?;
        switches::conclude(&transaction, record.id, "rehearsed", None).await?;
        switches::close(&transaction, record.id, refused).await?;
        transaction.commit().await.map_err(|e| classify(e, "end the rehearsal"))
    })?;
    crate::failpoint::hit("rehearse.ended");
    job.phase = Phase::Following;
    let seconds = refused.unwrap_or_default();
    job.context
        .reporter
        .line(&format!("rehearsed: SQLite is still the primary; writes were refused for {seconds:.3} s"));
    hook::tell(&job.context, Stage::Aborted, record.kind);
    Ok(())
}
