//! Where a condition or expression of ours on the target refuses a row that the source holds
//!
//! In a schema that we made everything beside the rows is ours, and the rows come first: what disagrees with them goes,
//! and the operator is told. A CHECK that SQLite is told to ignore, or that it takes for met where PostgreSQL does not,
//! never costs a row. What the user's own schema refuses is another matter: that row goes to the quarantine.

use tokio_postgres::error::SqlState;

use super::apply::ApplyError;
use super::connect::refusal;
use crate::model::plan::{IndexPlan, TablePlan};

/// What has to go
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// Number of the table
    pub table_id: i64,
    /// The CHECK at fault; `None` where the server does not say which of the table's expressions failed
    pub check: Option<String>,
    /// What the server said
    pub message: String,
}

/// What is to be done about the server's refusal of a row, if something of ours is behind it
pub fn behind(error: &tokio_postgres::Error, table: &TablePlan) -> Option<ApplyError> {
    match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => {
            computed_index(error, table).map(|index| ApplyError::Collision { computed: Some(index) })
        }
        _ => disagreement(error, table).map(ApplyError::Disagreement),
    }
}

/// The disagreement behind the server's refusal of a row, if it is one
pub fn disagreement(error: &tokio_postgres::Error, table: &TablePlan) -> Option<Disagreement> {
    let server = error.as_db_error()?;
    let found = |check| Some(Disagreement { table_id: table.id, check, message: refusal(server).message });
    let named = server.constraint();
    if *server.code() == SqlState::CHECK_VIOLATION {
        let check = table.checks.iter().find(|check| Some(check.name.as_str()) == named)?;
        return found(Some(check.name.clone()));
    }
    // Data exceptions: values were proven to fit their columns, so that an expression over them has failed.
    let computes = !table.checks.is_empty() || table.indexes.iter().any(is_computed);
    if server.code().code().starts_with("22") && computes { found(None) } else { None }
}

/// The index at fault for a value that is taken, if it is over expressions or a part of the rows
pub fn computed_index(error: &tokio_postgres::Error, table: &TablePlan) -> Option<String> {
    let named = error.as_db_error()?.constraint()?;
    let at_fault = table.indexes.iter().find(|index| index.name == named && is_computed(index));
    at_fault.map(|index| index.name.clone())
}

/// Is over expressions or a part of the rows, and translated from an index of the source
pub fn is_computed(index: &IndexPlan) -> bool {
    !index.is_plain() && index.source.is_some()
}
