//! After the copy: secondary indexes, conditions, foreign keys, comments and statistics
//!
//! The target is a consistent image by then, so unique indexes hold. Everything here can be repeated: what exists is
//! skipped. What PostgreSQL will not build is noted and left out; it never stops the data.

use std::sync::Mutex;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::engine::foreign_keys;
use crate::engine::job::Job;
use crate::engine::wave::{self, lock};
use crate::error::Result;
use crate::model::plan::{CheckPlan, ForeignKeyPlan, IndexPlan, Notice, Plan, TablePlan};
use crate::observe::progress::Stage;
use crate::postgres::connect::{classify, refusal};
use crate::postgres::control;
use crate::postgres::copy::relation;
use crate::postgres::ddl;

/// One thing to build
#[derive(Clone, Copy)]
pub enum Piece<'p> {
    Index(&'p TablePlan, &'p IndexPlan),
    ValidateCheck(&'p TablePlan, &'p CheckPlan),
    Validate(&'p TablePlan, &'p ForeignKeyPlan),
    /// Defaults, comments, statistics
    Analyze(&'p TablePlan),
}

impl Piece<'_> {
    /// The plan may have lost an index or a condition since the piece was made
    pub fn is_planned(&self, plan: &Plan) -> bool {
        match self {
            Piece::Index(table, index) => {
                let planned = plan.table(table.id).or(plan.search_table(table.id).map(|search| &search.table));
                planned.is_some_and(|table| table.indexes.iter().any(|i| i.name == index.name))
            }
            Piece::ValidateCheck(table, check) => {
                plan.table(table.id).is_some_and(|table| table.checks.iter().any(|c| c.name == check.name))
            }
            Piece::Validate(..) | Piece::Analyze(_) => true,
        }
    }
}

/// Every index of the plan, the unique ones first
pub fn index_pieces(plan: &Plan) -> Vec<Piece<'_>> {
    let tables = plan.tables.iter().chain(plan.search_tables.iter().map(|search| &search.table));
    let mut pieces: Vec<_> = tables.flat_map(|t| t.indexes.iter().map(move |index| Piece::Index(t, index))).collect();
    // Handed out from the back.
    pieces.sort_by_key(|piece| matches!(piece, Piece::Index(_, index) if index.unique));
    pieces
}

pub fn check_pieces(plan: &Plan) -> Vec<Piece<'_>> {
    plan.tables.iter().flat_map(|t| t.checks.iter().map(move |check| Piece::ValidateCheck(t, check))).collect()
}

pub fn validate_pieces(plan: &Plan) -> Vec<Piece<'_>> {
    plan.tables.iter().flat_map(|t| t.foreign_keys.iter().map(move |key| Piece::Validate(t, key))).collect()
}

pub fn analyze_pieces(plan: &Plan) -> Vec<Piece<'_>> {
    plan.tables.iter().map(Piece::Analyze).collect()
}

/// Builds pieces until none is left or the tail needs its turn
pub fn run_wave(job: &Job, plan: &Plan, pieces: &Mutex<Vec<Piece<'_>>>, stage: &Stage) -> Result<()> {
    let runtime = &job.context.runtime;
    let work = |client: &mut Client, piece: Piece<'_>| {
        runtime.block_on(build(client, plan, piece))?;
        crate::failpoint::hit("snapshot.index_built");
        stage.add(1, 0);
        Ok(())
    };
    wave::run(&job.context, || Ok(lock(pieces).pop()), work, || wave::has_room(job, stage.rate()))
}

async fn build(client: &Client, plan: &Plan, piece: Piece<'_>) -> Result<()> {
    match piece {
        Piece::Index(table, index) => build_index(client, plan, table, index).await,
        Piece::ValidateCheck(table, check) => validate_check(client, plan, table, check).await,
        Piece::Validate(table, key) => foreign_keys::validate(client, plan, table, key).await,
        Piece::Analyze(table) => {
            set_defaults(client, plan, table).await?;
            let failed = |e| classify(e, &format!("analyze table `{}`", table.target_name));
            let comments = ddl::comments(plan, table).join(";\n");
            client.batch_execute(&comments).await.map_err(failed)?;
            client.batch_execute(&format!("analyze {}", relation(plan, table))).await.map_err(failed)
        }
    }
}

async fn build_index(client: &Client, plan: &Plan, table: &TablePlan, index: &IndexPlan) -> Result<()> {
    let qualified = ddl::qualified(&plan.target_schema, &index.name);
    let operation = format!("build index `{}`", index.name);
    let exists = client
        .query_one("select to_regclass($1) is not null", &[&qualified])
        .await
        .map_err(|e| classify(e, &operation))?;
    if exists.get(0) {
        return Ok(());
    }
    match client.batch_execute(&ddl::create_index(plan, table, index)).await {
        Ok(()) => Ok(()),
        Err(e) if is_refusal_of_data(&e) || (!index.is_plain() && is_refusal(&e)) => {
            let message = format!("this index was not built: {}", server_words(&e));
            let remedy = Some("the data is complete without it; build it by hand if you need it".into());
            control::note(client, &Notice { object: index.name.clone(), message, remedy }).await
        }
        Err(e) => Err(classify(e, &operation)),
    }
}

/// Takes an index off the target, and says so
pub async fn drop_index(client: &Client, plan: &Plan, name: &str, why: &str) -> Result<()> {
    // CASCADE takes foreign keys of ours that rest on the index; nothing of the user's can depend on one.
    let sql = format!("drop index if exists {} cascade", ddl::qualified(&plan.target_schema, name));
    client.batch_execute(&sql).await.map_err(|e| classify(e, &format!("drop index `{name}`")))?;
    let message = format!("this index was dropped from the target: {why}");
    control::note(client, &Notice { object: name.to_owned(), message, remedy: None }).await
}

/// The server will not hold these values in such an index, now or later
fn is_refusal_of_data(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [&SqlState::PROGRAM_LIMIT_EXCEEDED, &SqlState::UNIQUE_VIOLATION, &SqlState::UNDEFINED_OBJECT].contains(&code)
    })
}

/// Each on its own; setting one again changes nothing
async fn set_defaults(client: &Client, plan: &Plan, table: &TablePlan) -> Result<()> {
    for (column, statement) in ddl::set_defaults(plan, table) {
        match client.batch_execute(&statement).await {
            Ok(()) => {}
            Err(e) if is_refusal(&e) => {
                let message = format!("the DEFAULT of `{column}` was not set: {}", server_words(&e));
                let remedy = Some("set it by hand before the application writes to the target".into());
                control::note(client, &Notice { object: table.source.name.clone(), message, remedy }).await?;
            }
            Err(e) => return Err(classify(e, &format!("set the DEFAULT of `{}.{column}`", table.target_name))),
        }
    }
    Ok(())
}

/// The server itself will not have it, and would not at another time either: its syntax, a type, a value
pub fn is_refusal(error: &tokio_postgres::Error) -> bool {
    // Insufficient privileges are in class 42 too, but ours does not depend on others' objects.
    let classes = ["0A", "21", "22", "23", "2B", "42", "54"];
    error.code().is_some_and(|code| classes.iter().any(|class| code.code().starts_with(class)))
}

/// Adds the conditions that are not there yet, NOT VALID; one that the server does not take is left out
pub async fn add_checks(client: &Client, plan: &Plan) -> Result<()> {
    for table in &plan.tables {
        for check in &table.checks {
            if has_constraint(client, plan, table, &check.name).await? {
                continue;
            }
            match client.batch_execute(&ddl::add_check(plan, table, check)).await {
                Ok(()) => {}
                Err(e) if is_refusal(&e) => {
                    let message = format!("CHECK `{}` was not created: {}", check.name, server_words(&e));
                    let remedy = Some("the data is complete without it; add it by hand if you need it".into());
                    control::note(client, &Notice { object: table.source.name.clone(), message, remedy }).await?;
                }
                Err(e) => return Err(classify(e, &format!("add CHECK `{}`", check.name))),
            }
        }
    }
    Ok(())
}

/// Validates a condition; where rows do not meet it, it goes (R5): the rows come first, and SQLite holds them
async fn validate_check(client: &Client, plan: &Plan, table: &TablePlan, check: &CheckPlan) -> Result<()> {
    let operation = format!("validate CHECK `{}`", check.name);
    if !has_constraint(client, plan, table, &check.name).await? {
        return Ok(());
    }
    match client.batch_execute(&ddl::validate(plan, table, &check.name)).await {
        Ok(()) => Ok(()),
        Err(e) if is_refusal(&e) => {
            let drop = ddl::drop_constraint(plan, table, &check.name);
            client.batch_execute(&drop).await.map_err(|e| classify(e, &operation))?;
            let message = format!(
                "CHECK `{}` was dropped from the target: rows do not meet it ({})",
                check.name,
                server_words(&e)
            );
            let remedy = Some("correct the rows, and add it by hand if you need it".into());
            control::note(client, &Notice { object: table.source.name.clone(), message, remedy }).await
        }
        Err(e) => Err(classify(e, &operation)),
    }
}

/// Without the values that the server may quote
pub fn server_words(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map(|server| refusal(server).message).unwrap_or_default()
}

async fn has_constraint(client: &Client, plan: &Plan, table: &TablePlan, name: &str) -> Result<bool> {
    client
        .query_one(
            "select exists(select from pg_constraint where conname = $1 and conrelid = to_regclass($2))",
            &[&name, &relation(plan, table)],
        )
        .await
        .map(|row| row.get(0))
        .map_err(|e| classify(e, "look for a constraint"))
}
