//! Whether the server computes what the plan has it compute, tried before anything is touched
//!
//! A column that the server will not compute is known when its table is created, and then it is too late to copy it like
//! any other. Tried on a temporary table in a transaction that is rolled back: nothing stays.

use tokio_postgres::Client;

use super::connect::classify;
use super::ddl;
use crate::error::Result;
use crate::model::plan::{Plan, TablePlan};

/// Positions in `plan.tables` of those whose computed columns the server refuses, each with what it says
pub async fn refused(client: &Client, plan: &Plan) -> Result<Vec<(usize, String)>> {
    let mut found = Vec::new();
    let computed = |table: &TablePlan| table.columns.iter().any(|column| column.generated.is_some());
    for (at, table) in plan.tables.iter().enumerate().filter(|(_, table)| computed(table)) {
        if let Some(why) = refusal(client, table).await? {
            found.push((at, why));
        }
    }
    Ok(found)
}

async fn refusal(client: &Client, table: &TablePlan) -> Result<Option<String>> {
    let failed = |e| classify(e, &format!("try the computed columns of table `{}`", table.target_name));
    client.batch_execute("begin").await.map_err(failed)?;
    let tried = client.batch_execute(&ddl::create_trial(table)).await;
    client.batch_execute("rollback").await.map_err(failed)?;
    match tried {
        Ok(()) => Ok(None),
        Err(error) => match error.as_db_error() {
            Some(server) if is_about_expressions(server.code().code()) => Ok(Some(server.message().to_owned())),
            // No right to temporary tables, or a type that is still to be created: then the table itself will tell.
            Some(server) if server.code().code().starts_with("42") => Ok(None),
            _ => Err(failed(error)),
        },
    }
}

/// Not immutable, no such function or operator, another type, no collation, syntax
fn is_about_expressions(code: &str) -> bool {
    ["42P17", "42883", "42725", "42804", "42846", "42P21", "42P22", "42601", "42703"].contains(&code)
}
