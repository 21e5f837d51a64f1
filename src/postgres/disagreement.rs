//! Where a condition or expression of ours on the target refuses a row that the source holds
//!
//! In a schema that we made everything beside the rows is ours, and the rows come first: what disagrees with them goes,
//! and the operator is told. A CHECK that SQLite is told to ignore, or that it takes for met where PostgreSQL does not,
//! never costs a row. What the user's own schema refuses is another matter: that row goes to the quarantine.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use super::apply::{ApplyError, execute};
use super::connect::{classify, refusal};
use super::ddl::qualified;
use crate::error::Result;
use crate::model::change::Rows;
use crate::model::plan::{IndexPlan, TablePlan};
use crate::model::schema::quote_identifier;

/// What has to go
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// Number of the table
    pub table_id: i64,
    pub at_fault: Vec<Ours>,
    /// What the server said
    pub message: String,
}

/// What we put on the target to say more about rows, by its name there
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ours {
    Check(String),
    Index(String),
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

/// The disagreement behind the server's refusal of a row, if the server names it
pub fn disagreement(error: &tokio_postgres::Error, table: &TablePlan) -> Option<Disagreement> {
    let server = error.as_db_error().filter(|server| *server.code() == SqlState::CHECK_VIOLATION)?;
    let check = table.checks.iter().find(|check| Some(check.name.as_str()) == server.constraint())?;
    let at_fault = vec![Ours::Check(check.name.clone())];
    Some(Disagreement { table_id: table.id, at_fault, message: refusal(server).message })
}

/// The conditions and indexes of ours that fail with a data exception over these rows, which the server has refused with
/// one
///
/// It does not say which expression has failed, so the statement is tried without them, each try taken back. Where it
/// fails without all of them too, none is at fault. A savepoint has to be open, and all of this is inside of it.
pub async fn search(
    client: &Client,
    schema: &str,
    table: &TablePlan,
    statement: &Statement,
    rows: &Rows,
) -> Result<Vec<Ours>> {
    let checks = table.checks.iter().map(|check| Ours::Check(check.name.clone()));
    let indexes = table.indexes.iter().filter(|index| is_computed(index)).map(|index| Ours::Index(index.name.clone()));
    let mut needed: Vec<Ours> = checks.chain(indexes).collect();
    let attempt = Attempt { client, schema, table, statement, rows };
    if needed.is_empty() || !attempt.passes_without(&needed).await? {
        return Ok(Vec::new());
    }
    // One by one: what may stay without a failure is not at fault.
    let mut at = 0;
    while at < needed.len() {
        let kept = needed.remove(at);
        if needed.is_empty() || !attempt.passes_without(&needed).await? {
            needed.insert(at, kept);
            at += 1;
        }
    }
    Ok(needed)
}

struct Attempt<'a> {
    client: &'a Client,
    schema: &'a str,
    table: &'a TablePlan,
    statement: &'a Statement,
    rows: &'a Rows,
}

impl Attempt<'_> {
    /// Whether no data exception comes of the rows while these are not there
    async fn passes_without(&self, ours: &[Ours]) -> Result<bool> {
        let failed = |e| classify(e, &format!("look for what refuses a row of table `{}`", self.table.source.name));
        self.client.batch_execute("savepoint crossfade_search").await.map_err(failed)?;
        let drops: Vec<String> = ours.iter().map(|ours| self.drop_sql(ours)).collect();
        let tried = async {
            self.client.batch_execute(&drops.join("; ")).await?;
            execute(self.client, self.statement, self.rows).await
        };
        let passes = match tried.await {
            Ok(_) => true,
            Err(error) => match error.code() {
                Some(state) => !state.code().starts_with("22"),
                None => return Err(failed(error)),
            },
        };
        let undo = "rollback to savepoint crossfade_search; release savepoint crossfade_search";
        self.client.batch_execute(undo).await.map_err(failed)?;
        Ok(passes)
    }

    fn drop_sql(&self, ours: &Ours) -> String {
        match ours {
            Ours::Check(name) => format!(
                "alter table {} drop constraint if exists {}",
                qualified(self.schema, &self.table.target_name),
                quote_identifier(name)
            ),
            Ours::Index(name) => format!("drop index if exists {} cascade", qualified(self.schema, name)),
        }
    }
}

/// The index at fault for a value that is taken, if it is over expressions or a part of the rows
pub fn computed_index(error: &tokio_postgres::Error, table: &TablePlan) -> Option<String> {
    let named = error.as_db_error()?.constraint()?;
    let at_fault = table.indexes.iter().find(|index| index.name == named && is_computed(index));
    at_fault.map(|index| index.name.clone())
}

/// Is over expressions or a part of the rows, and ours
pub fn is_computed(index: &IndexPlan) -> bool {
    !index.is_plain() && index.is_ours()
}
