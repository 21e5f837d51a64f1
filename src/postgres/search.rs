//! Search tables on the target: made like any other, filled and followed by comparison
//!
//! The fingerprint of the source's index is stored in the transaction that brings the last differing row, so that it says
//! of the whole table what the checkpoint says of the others.

use tokio_postgres::{Client, GenericClient};

use super::connect::classify;
use super::control;
use super::copy::{read_list, relation};
use super::ddl;
use super::fence;
use super::rows::scan_relation;
use crate::error::Result;
use crate::model::plan::{Mode, Plan, TablePlan};
use crate::model::schema::quote_identifier;
use crate::model::search::SearchPlan;

/// What is stored of a search table
#[derive(Clone, Debug)]
pub struct Stored {
    pub table_id: i64,
    /// Rows when it was compared last
    pub rows: i64,
    /// `pending`: not created yet; `copying`: never compared as a whole; `copied`
    pub state: String,
    pub fingerprint: Option<Vec<u8>>,
    pub compared_at: Option<String>,
}

/// Adds the search tables to those that are followed; in the transaction that stores the plan
pub async fn initialise(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    let failed = |e| classify(e, "store the plan in the target");
    for search in &plan.search_tables {
        let (table, rows) = (&search.table, search.table.row_count as i64);
        let sql = "insert into crossfade.tables (id, name, target_name, state, rows_total) values ($1, $2, $3, 'pending', $4)";
        client.execute(sql, &[&table.id, &search.name, &table.target_name, &rows]).await.map_err(failed)?;
        let sql = "insert into crossfade.search (table_id) values ($1)";
        client.execute(sql, &[&table.id]).await.map_err(failed)?;
    }
    Ok(())
}

/// All of them, in the order of the plan
pub async fn stored(client: &impl GenericClient) -> Result<Vec<Stored>> {
    let sql = "select t.id, t.rows_copied, t.state, s.fingerprint, s.compared_at::text \
               from crossfade.search s join crossfade.tables t on t.id = s.table_id order by t.id desc";
    let rows = client.query(sql, &[]).await.map_err(|e| classify(e, "read the state of the search tables"))?;
    let of = |row: &tokio_postgres::Row| Stored {
        table_id: row.get(0),
        rows: row.get(1),
        state: row.get(2),
        fingerprint: row.get(3),
        compared_at: row.get(4),
    };
    Ok(rows.iter().map(of).collect())
}

/// Begins the table, and makes it with its key, and its fence if one is wanted, if that is for us to do
pub async fn create(client: &Client, plan: &Plan, search: &SearchPlan, run_id: i64, fenced: bool) -> Result<()> {
    let (table, failed) = (&search.table, |e| classify(e, &format!("create table `{}`", search.table.target_name)));
    client.batch_execute("begin").await.map_err(failed)?;
    control::guard(client, run_id).await?;
    if plan.mode == Mode::Create {
        client.batch_execute(&ddl::create_table(plan, table)).await.map_err(failed)?;
        client.batch_execute(&ddl::add_key(plan, table)).await.map_err(failed)?;
        if fenced {
            fence::put(client, plan, table).await?;
        }
    }
    control::add_progress(client, table.id, "copying", 0, 0).await?;
    client.batch_execute("commit").await.map_err(failed)
}

/// Stores that the table was compared as a whole; in the transaction of the last rows
pub async fn store(client: &Client, table_id: i64, fingerprint: &[u8], rows: u64, seconds: f64) -> Result<()> {
    let sql = "with compared as (update crossfade.search \
               set fingerprint = $2, compared_at = clock_timestamp(), seconds = $3 where table_id = $1) \
               update crossfade.tables set state = 'copied', rows_copied = $4 where id = $1";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&table_id, &fingerprint, &seconds, &(rows as i64)];
    client.execute(sql, &parameters).await.map(|_| ()).map_err(|e| classify(e, "store the state of a search table"))
}

/// Whether the target has any row behind this rowid
pub async fn has_rows_behind(client: &Client, plan: &Plan, table: &TablePlan, after: Option<i64>) -> Result<bool> {
    let sql = format!("select exists(select from {} t{})", relation(plan, table), between(table, after, None));
    let row = client.query_one(&sql, &[]).await;
    row.map(|row| row.get(0)).map_err(|e| classify(e, &format!("read table `{}` of the target", table.target_name)))
}

/// Calls `visit` with the copied fields of the first rows behind `after`, as far as `through`
pub async fn scan_some(
    client: &Client,
    plan: &Plan,
    table: &TablePlan,
    (after, through): (Option<i64>, Option<i64>),
    limit: usize,
    visit: impl FnMut(&[Option<&[u8]>]) -> Result<()>,
) -> Result<()> {
    let rows = format!(
        "(select {} from {} t{} order by t.{} limit {limit})",
        read_list(table, "t."),
        relation(plan, table),
        between(table, after, through),
        key(table)
    );
    scan_relation(client, table, &rows, table.copied_columns().count(), visit).await
}

/// Calls `visit` with the copied fields of the rows with these rowids that are there
pub async fn scan_these(
    client: &Client,
    plan: &Plan,
    table: &TablePlan,
    rowids: &[i64],
    visit: impl FnMut(&[Option<&[u8]>]) -> Result<()>,
) -> Result<()> {
    let these: Vec<String> = rowids.iter().map(|rowid| format!("'{rowid}'")).collect();
    let (list, relation) = (read_list(table, "t."), relation(plan, table));
    let rows = format!("(select {list} from {relation} t where t.{} in ({}))", key(table), these.join(", "));
    scan_relation(client, table, &rows, table.copied_columns().count(), visit).await
}

/// COPY takes no parameters; these are numbers
fn between(table: &TablePlan, after: Option<i64>, through: Option<i64>) -> String {
    let term = |operator: &str, bound: Option<i64>| bound.map(|bound| format!("t.{} {operator} '{bound}'", key(table)));
    let terms: Vec<String> = [term(">", after), term("<=", through)].into_iter().flatten().collect();
    if terms.is_empty() { String::new() } else { format!(" where {}", terms.join(" and ")) }
}

fn key(table: &TablePlan) -> String {
    table.key_plans().map(|column| quote_identifier(&column.target_name)).collect()
}
