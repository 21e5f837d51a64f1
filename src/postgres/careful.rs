//! Writing rows of which the server may refuse some: in halves, down to the single row
//!
//! A constraint of the target, a domain, an index or a page can refuse a row whose every value fits its type. That must
//! cost one row, never the stream. Nothing here runs until the server has refused something: what failed is rolled back
//! and done again this way, each piece in a savepoint, and the rows that are refused by themselves go to the quarantine
//! in the same transaction (I3, I10). No FREEZE: it needs the table to be made in the same subtransaction.

use futures_util::future::join;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use super::apply::{ApplyError, execute, index_at_fault};
use super::connect::{classify, refusal, refuses_row};
use super::control;
use super::copy::{copied_list, overriding, relation, same_key, unnest};
use super::ddl;
use super::disagreement::{self, Disagreement};
use super::quarantine;
use crate::error::{Error, Result};
use crate::model::change::Rows;
use crate::model::key::KeyRef;
use crate::model::plan::{Plan, TablePlan};
use crate::model::quarantine::{Refusal, Rejected, Whole};

/// What became of some rows
#[derive(Debug, Default)]
pub struct Written {
    /// Rows that the server counted
    pub stored: u64,
    pub refused: Vec<Rejected>,
}

/// Runs a statement that writes rows, on all of them or on as many as the server takes; `whole` are the same rows in the
/// same order. The transaction is open, and the table is in `schema`
pub async fn write(
    client: &Client,
    schema: &str,
    statement: &Statement,
    table: &TablePlan,
    rows: &Rows,
    whole: Vec<Whole>,
) -> std::result::Result<Written, ApplyError> {
    if whole.len() != rows.count() {
        return Err(Error::internal("rows are written carefully without their images").into());
    }
    let mut whole: Vec<Option<Whole>> = whole.into_iter().map(Some).collect();
    let mut written = Written::default();
    let mut waiting: Vec<_> = std::iter::once(0..rows.count()).collect();
    while let Some(range) = waiting.pop() {
        let part = rows.part(range.clone());
        match attempt(client, schema, statement, table, &part).await? {
            Attempt::Stored(count) => written.stored += count,
            Attempt::Refused(refusal) if range.len() == 1 => {
                written.refused.extend(whole[range.start].take().map(|row| row.refused(refusal)));
            }
            // In order: of two rows that exclude each other the first one stays.
            Attempt::Refused(_) => {
                let middle = range.start + range.len() / 2;
                waiting.extend([middle..range.end, range.start..middle]);
            }
        }
    }
    crate::failpoint::hit("careful.rows_written");
    Ok(written)
}

enum Attempt {
    Stored(u64),
    Refused(Refusal),
}

async fn attempt(
    client: &Client,
    schema: &str,
    statement: &Statement,
    table: &TablePlan,
    rows: &Rows,
) -> std::result::Result<Attempt, ApplyError> {
    let operation = format!("write rows of table `{}`", table.source.name);
    let failed = |e| classify(e, &operation);
    // Polled in this order, so the messages go out in this order, in one flight.
    let (begun, stored) =
        join(client.batch_execute("savepoint crossfade_rows"), execute(client, statement, rows)).await;
    begun.map_err(failed)?;
    let error = match stored {
        Ok(count) => {
            client.batch_execute("release savepoint crossfade_rows").await.map_err(failed)?;
            return Ok(Attempt::Stored(count));
        }
        Err(error) => error,
    };
    let Some(server) = error.as_db_error().filter(|server| refuses_row(server.code())) else {
        return Err(failed(error).into());
    };
    // The key is how rows are told apart: two that the target takes for one cannot both be followed.
    if *server.code() == SqlState::UNIQUE_VIOLATION && server.constraint() == Some(&table.key_constraint) {
        return Err(failed(error).into());
    }
    if *server.code() == SqlState::PROGRAM_LIMIT_EXCEEDED
        && let Some(index) = index_at_fault(&error, table, rows)
    {
        return Err(ApplyError::IndexTooSmall { index });
    }
    if let Some(ours) = disagreement::behind(&error, table) {
        return Err(ours);
    }
    let refusal = refusal(server);
    client.batch_execute("rollback to savepoint crossfade_rows").await.map_err(failed)?;
    // Values were proven to fit their columns, so that an expression over them may have failed.
    if rows.count() == 1 && server.code().code().starts_with("22") {
        let at_fault = disagreement::search(client, schema, table, statement, rows).await?;
        if !at_fault.is_empty() {
            let found = Disagreement { table_id: table.id, at_fault, message: refusal.message };
            return Err(ApplyError::Disagreement(found));
        }
    }
    client.batch_execute("release savepoint crossfade_rows").await.map_err(failed)?;
    Ok(Attempt::Refused(refusal))
}

/// The keys of rows, as parameters
pub fn keys(table: &TablePlan, rows: &[Rejected]) -> Rows {
    let mut keys = Rows::new(table.key_plans());
    for row in rows {
        let mut parts = KeyRef(&row.key).parts().zip(table.key_plans()).enumerate();
        // A key that the target's type cannot hold is not there.
        if parts.all(|(place, (part, column))| keys.push(place, column, part).is_ok()) {
            keys.end_row();
        } else {
            keys.undo_row();
        }
    }
    keys.seal();
    keys
}

/// Which rows an INSERT writes
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Insert {
    All,
    /// Those whose key is not there: the others must not even be looked at by a constraint
    Missing,
}

/// Prepares to insert rows into the relation, which has the table's copied columns
pub async fn prepare(client: &Client, relation: &str, table: &TablePlan, which: Insert) -> Result<Statement> {
    let operation = format!("prepare to write rows of table `{}`", table.source.name);
    client.prepare(&insert_sql(relation, table, which)).await.map_err(|e| classify(e, &operation))
}

fn insert_sql(relation: &str, table: &TablePlan, which: Insert) -> String {
    let rows = unnest(table.copied_columns().map(|(_, column)| column), "u");
    let place = |key: &usize| table.copied_columns().position(|(index, _)| index == *key);
    let terms: Vec<String> = table.key_columns.iter().filter_map(place).map(|at| rows.terms[at].clone()).collect();
    let filter = match which {
        Insert::All => String::new(),
        Insert::Missing => format!(" where not exists (select from {relation} t where {})", same_key(table, &terms)),
    };
    format!(
        "insert into {relation} ({}) {}select {} from {}{filter}",
        copied_list(table, ""),
        overriding(table),
        rows.terms.join(", "),
        rows.relation
    )
}

/// Empties a table that is copied in several transactions, and gives it its key before the first row: one of the rows
/// that are there cannot be in the index of the key, and by chunks it is found and quarantined
pub async fn start_over(client: &Client, plan: &Plan, table: &TablePlan, run_id: i64) -> Result<()> {
    let operation = format!("copy table `{}` again, with its key", table.target_name);
    let failed = |e| classify(e, &operation);
    client.batch_execute("begin").await.map_err(failed)?;
    control::guard(client, run_id).await?;
    client.execute("delete from crossfade.chunks where table_id = $1", &[&table.id]).await.map_err(failed)?;
    let sql = "update crossfade.tables set rows_copied = 0, bytes_copied = 0 where id = $1";
    client.execute(sql, &[&table.id]).await.map_err(failed)?;
    quarantine::clear(client, table.id).await?;
    let remove = format!("truncate {}", relation(plan, table));
    client.batch_execute(&remove).await.map_err(failed)?;
    client.batch_execute(&ddl::add_key(plan, table)).await.map_err(failed)?;
    client.batch_execute("commit").await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mapping::Mapping;
    use crate::model::plan::{Identity, example_column, example_table};

    #[test]
    fn only_rows_that_are_missing_are_inserted_where_asked() {
        let mut columns = ["v", "sum", "id"].map(|name| example_column(name, Mapping::Bigint));
        columns[1].generated = Some("v + 1".into());
        columns[2].identity = Some(Identity::ByDefault);
        let table = example_table(columns.into(), vec![2]);
        let all = "insert into r (\"v\", \"id\") overriding system value select u.a1, u.a2 \
                   from unnest($1::bigint[], $2::bigint[]) u(a1, a2)";
        assert_eq!(insert_sql("r", &table, Insert::All), all);
        let missing = format!("{all} where not exists (select from r t where t.\"id\" = u.a2)");
        assert_eq!(insert_sql("r", &table, Insert::Missing), missing);
    }
}
