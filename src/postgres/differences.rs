//! Which rows of a table are not as SQLite has them, put into the change log

use tokio_postgres::Client;

use super::connect::classify;
use super::copy::{copied_list, relation, same_key};
use super::existing::of_source;
use crate::error::{Error, Result};
use crate::model::plan::{Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// One table, while a transaction is open on the client
pub struct Differences<'a> {
    client: &'a Client,
    table: &'a TablePlan,
    target: String,
    /// The relation that SQLite's rows go to
    pub staging: String,
}

impl<'a> Differences<'a> {
    /// Begins the transaction and creates the temporary table
    pub async fn begin(client: &'a Client, plan: &Plan, table: &'a TablePlan) -> Result<Differences<'a>> {
        let name = quote_identifier(&format!("crossfade_compare_{}", table.id));
        let differences =
            Differences { client, table, target: relation(plan, table), staging: format!("pg_temp.{name}") };
        // By query and not LIKE: without NOT NULL, and without the columns that are not copied.
        let sql = format!(
            "begin; create temporary table {name} on commit drop as select {} from {} with no data",
            copied_list(table, ""),
            differences.target
        );
        client.batch_execute(&sql).await.map_err(|e| differences.failed(e))?;
        Ok(differences)
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        classify(error, &format!("compare table `{}`", self.table.target_name))
    }

    /// Logs the keys of rows that differ, commits, and returns how many there are
    pub async fn log(self) -> Result<u64> {
        let failed = |e| self.failed(e);
        self.client.batch_execute(&format!("analyze {}", self.staging)).await.map_err(failed)?;
        let sql = "insert into crossfade.log (table_id, keys) values ($1, 0) returning id";
        let entry: i64 = self.client.query_one(sql, &[&self.table.id]).await.map_err(failed)?.get(0);
        let keys = self.client.execute(&self.insert_sql(), &[&entry]).await.map_err(failed)?;
        let sql = match keys {
            0 => "delete from crossfade.log where id = $1 and keys = $2",
            _ => "update crossfade.log set keys = $2 where id = $1",
        };
        self.client.execute(sql, &[&entry, &(keys as i64)]).await.map_err(failed)?;
        self.client.batch_execute("commit").await.map_err(failed)?;
        Ok(keys)
    }

    /// Rows are the same by their images (`*=`), which tells `1` from `1.0` where `=` does not
    fn insert_sql(&self) -> String {
        let table = self.table;
        let names: Vec<String> = table.key_plans().map(|c| quote_identifier(&c.target_name)).collect();
        let staged: Vec<String> = names.iter().map(|name| format!("r.{name}")).collect();
        let keys: Vec<String> = names.iter().map(|name| format!("coalesce(t.{name}, r.{name})")).collect();
        let stored = match of_source(table) {
            None => self.target.clone(),
            Some(condition) => format!("(select * from {} t where {condition})", self.target),
        };
        format!(
            "insert into crossfade.log_{id} (entry, {names}) select $1, {keys} \
             from {stored} t full join {staging} r on {same_key} \
             where row({staged_row})::record *<> row({stored_row})::record",
            id = table.id,
            names = (1..=names.len()).map(|n| format!("k{n}")).collect::<Vec<_>>().join(", "),
            keys = keys.join(", "),
            staging = self.staging,
            same_key = same_key(table, &staged),
            staged_row = copied_list(table, "r."),
            stored_row = copied_list(table, "t."),
        )
    }
}
