//! After the copy: secondary indexes, foreign keys, statistics
//!
//! The target is a consistent image by then, so unique indexes hold. Everything here can be repeated: what exists is
//! skipped. What PostgreSQL will not build is noted and left out; it never stops the data.

use std::sync::Mutex;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::engine::job::Job;
use crate::engine::wave::{self, lock};
use crate::error::Result;
use crate::model::plan::{ForeignKeyPlan, IndexPlan, Notice, Plan, TablePlan};
use crate::model::schema::quote_identifier;
use crate::observe::progress::Stage;
use crate::postgres::connect::classify;
use crate::postgres::control;
use crate::postgres::copy::relation;
use crate::postgres::ddl;

/// One thing to build
#[derive(Clone, Copy)]
pub enum Piece<'p> {
    Index(&'p TablePlan, &'p IndexPlan),
    Validate(&'p TablePlan, &'p ForeignKeyPlan),
    Analyze(&'p TablePlan),
}

impl Piece<'_> {
    /// The plan may have lost an index since the piece was made
    pub fn is_planned(&self, plan: &Plan) -> bool {
        match self {
            Piece::Index(table, index) => {
                plan.table(table.id).is_some_and(|table| table.indexes.iter().any(|i| i.name == index.name))
            }
            Piece::Validate(..) | Piece::Analyze(_) => true,
        }
    }
}

/// Every index of the plan, the unique ones first
pub fn index_pieces(plan: &Plan) -> Vec<Piece<'_>> {
    let mut pieces: Vec<_> =
        plan.tables.iter().flat_map(|t| t.indexes.iter().map(move |index| Piece::Index(t, index))).collect();
    // Handed out from the back.
    pieces.sort_by_key(|piece| matches!(piece, Piece::Index(_, index) if index.unique));
    pieces
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
        Piece::Validate(table, key) => validate(client, plan, table, key).await,
        Piece::Analyze(table) => client
            .batch_execute(&format!("analyze {}", relation(plan, table)))
            .await
            .map_err(|e| classify(e, &format!("analyze table `{}`", table.target_name))),
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
        Err(e) if is_refusal_of_data(&e) => {
            let message = format!("this index was not built: {}", e.as_db_error().map_or("", |d| d.message()));
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

/// Adds the foreign keys that are not there yet, NOT VALID: quick, and one connection cannot deadlock with itself
pub async fn add_foreign_keys(client: &Client, plan: &Plan) -> Result<()> {
    for table in &plan.tables {
        for key in &table.foreign_keys {
            let operation = format!("add foreign key `{}`", key.name);
            if !has_constraint(client, plan, table, &key.name).await? {
                client
                    .batch_execute(&ddl::add_foreign_key(plan, table, key))
                    .await
                    .map_err(|e| classify(e, &operation))?;
            }
        }
    }
    Ok(())
}

async fn has_constraint(client: &Client, plan: &Plan, table: &TablePlan, name: &str) -> Result<bool> {
    client
        .query_one(
            "select exists(select from pg_constraint where conname = $1 and conrelid = to_regclass($2))",
            &[&name, &relation(plan, table)],
        )
        .await
        .map(|row| row.get(0))
        .map_err(|e| classify(e, "look for a foreign key"))
}

/// Validates a foreign key; dangling rows are reported and the key stays NOT VALID, as the source has them too
async fn validate(client: &Client, plan: &Plan, table: &TablePlan, key: &ForeignKeyPlan) -> Result<()> {
    match client.batch_execute(&ddl::validate_foreign_key(plan, table, key)).await {
        Ok(()) => Ok(()),
        Err(e) if e.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) => {
            let orphans: i64 = client
                .query_one(&orphans_sql(plan, table, key), &[])
                .await
                .map_err(|e| classify(e, "count rows without a parent"))?
                .get(0);
            let message = format!("foreign key `{}`: {orphans} rows have no parent in `{}`", key.name, key.parent_name);
            let remedy =
                Some("the key is kept as NOT VALID; correct the rows on the source to have it validated".into());
            control::note(client, &Notice { object: table.source.name.clone(), message, remedy }).await
        }
        Err(e) => Err(classify(e, &format!("validate foreign key `{}`", key.name))),
    }
}

fn orphans_sql(plan: &Plan, table: &TablePlan, key: &ForeignKeyPlan) -> String {
    let columns: Vec<String> =
        key.columns.iter().map(|&index| quote_identifier(&table.columns[index].target_name)).collect();
    let present: Vec<String> = columns.iter().map(|c| format!("c.{c} is not null")).collect();
    let same: Vec<String> = (columns.iter().zip(&key.parent_columns))
        .map(|(child, parent)| format!("p.{} = c.{child}", quote_identifier(parent)))
        .collect();
    format!(
        "select count(*) from {} c where {} and not exists (select from {} p where {})",
        relation(plan, table),
        present.join(" and "),
        ddl::qualified(&plan.target_schema, &key.parent_name),
        same.join(" and ")
    )
}
