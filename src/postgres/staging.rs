//! Chunks on their way into tables that exist: by a temporary table, because COPY stops at the first conflict
//!
//! A chunk never overwrites what is there (I7): a row whose key or other unique value is taken is left out, and noted in
//! `crossfade.left_out` in the same transaction. The tail writes it in its next cycle, as the row is then. Between
//! tables with the same unique indexes both rows of such a conflict are in the change log anyway: the one that is there
//! was read before it gave its value up, and the other one got it later, so both were touched since the checkpoint that
//! the wave started from. But a unique index of the target that the source does not have, a row that was there before
//! the copy, or a collation that takes two texts for one, brings conflicts that no log tells of.

use std::collections::HashMap;

use tokio_postgres::{Client, GenericClient};

use super::connect::{classify, refuses_row};
use super::copy::{copied_list, key_list, overriding, relation, same_key};
use super::existing::kept_keys;
use super::rows::{Fields, fields_of};
use crate::error::{Error, Result};
use crate::model::plan::{Conflict, Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// Columns and their types, less the domains
pub(super) const TYPES: &str = "
    with recursive step(name, type, modifier) as (
        select attname::text, atttypid, atttypmod from pg_attribute
        where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
        union all
        select s.name, t.typbasetype, case when s.modifier >= 0 then s.modifier else t.typtypmod end
        from step s join pg_type t on t.oid = s.type where t.typtype = 'd')
    select s.name, format_type(s.type, s.modifier) from step s join pg_type t on t.oid = s.type where t.typtype <> 'd'";

/// A temporary table of the copied columns of one table
pub struct Staging<'a> {
    plan: &'a Plan,
    table: &'a TablePlan,
    /// Its name with its schema
    pub relation: String,
}

impl<'a> Staging<'a> {
    /// The staging table of this session, empty; in the transaction of a chunk
    pub async fn open(client: &Client, plan: &'a Plan, table: &'a TablePlan) -> Result<Staging<'a>> {
        let name = quote_identifier(&format!("crossfade_chunk_{}", table.id));
        let staging = Staging { plan, table, relation: format!("pg_temp.{name}") };
        let columns = staging.columns(client).await?;
        let create = format!(
            "set local session_replication_role = replica; set local client_min_messages = warning; \
             create temporary table if not exists {name} ({columns}) on commit delete rows"
        );
        client.batch_execute(&create).await.map_err(|e| staging.failed(e))?;
        Ok(staging)
    }

    /// The copied columns without anything that could refuse a row: of a domain, the type under it
    async fn columns(&self, client: &Client) -> Result<String> {
        let columns = self.types(client).await?;
        Ok(columns.iter().map(|(name, sql)| format!("{name} {sql}")).collect::<Vec<_>>().join(", "))
    }

    /// The copied columns, quoted, with their types there
    async fn types(&self, client: &Client) -> Result<Vec<(String, String)>> {
        let rows = client.query(TYPES, &[&relation(self.plan, self.table)]).await.map_err(|e| self.failed(e))?;
        let types: HashMap<&str, &str> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let of_column = |name: &str| types.get(name).map(|sql| (quote_identifier(name), (*sql).to_owned()));
        let columns = self.table.copied_columns().map(|(_, column)| {
            of_column(&column.target_name).ok_or_else(|| gone(&self.table.target_name, &column.target_name))
        });
        columns.collect()
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        classify(error, &format!("copy into table `{}`", self.table.target_name))
    }

    /// Brings the staged rows into the table, as far as nothing is in their way; returns the keys of the others
    pub async fn settle(&self, client: &Client, staged: u64) -> Result<Vec<Fields>> {
        if staged == 0 {
            return Ok(Vec::new());
        }
        let on_conflict = if self.has_deferrable_unique(client).await? { "" } else { " on conflict do nothing" };
        let stored = self.insert(client, &self.insert_sql(on_conflict)).await?;
        if let Some(kept) = kept_keys(self.table) {
            client.execute(&self.release_sql(&kept), &[]).await.map_err(|e| self.failed(e))?;
        }
        if stored == staged { Ok(Vec::new()) } else { self.left_out(client).await }
    }

    /// `ON CONFLICT DO NOTHING` asks every unique index, and fails if it meets one that may be deferred
    async fn has_deferrable_unique(&self, client: &Client) -> Result<bool> {
        let sql = "select exists(select from pg_index where indrelid = to_regclass($1) and not indimmediate)";
        let row = client.query_one(sql, &[&relation(self.plan, self.table)]).await.map_err(|e| self.failed(e))?;
        Ok(row.get(0))
    }

    /// Where the server refuses one row it takes none of them: then the tail, which tries them one by one, writes all
    async fn insert(&self, client: &Client, sql: &str) -> Result<u64> {
        client.batch_execute("savepoint crossfade_chunk").await.map_err(|e| self.failed(e))?;
        match client.execute(sql, &[]).await {
            Ok(stored) => Ok(stored),
            Err(e) if e.code().is_some_and(refuses_row) => {
                let undo = "rollback to savepoint crossfade_chunk";
                client.batch_execute(undo).await.map(|()| 0).map_err(|e| self.failed(e))
            }
            Err(e) => Err(self.failed(e)),
        }
    }

    fn insert_sql(&self, on_conflict: &str) -> String {
        let table = self.table;
        let (columns, target) = (copied_list(table, ""), relation(self.plan, table));
        // No index stands in the way of a second row with the key of one that was there before.
        let missing = match (table.conflict, kept_keys(table)) {
            (Conflict::DeleteInsert, Some(_)) => {
                format!(" where not exists (select from {target} t where {})", self.same_key())
            }
            _ => String::new(),
        };
        format!(
            "insert into {target} ({columns}) {}select {columns} from {} s{missing}{on_conflict}",
            overriding(table),
            self.relation
        )
    }

    /// Rows that the target has and that the source has too are its own from now on
    fn release_sql(&self, kept: &str) -> String {
        format!("delete from {kept} t using {} s where {}", self.relation, self.same_key())
    }

    fn same_key(&self) -> String {
        let terms = self.table.key_plans().map(|c| format!("s.{}", quote_identifier(&c.target_name)));
        same_key(self.table, &terms.collect::<Vec<_>>())
    }

    /// The keys of staged rows of which the target has no identical one; compared by their images, which tell `1` from `1.0`
    async fn left_out(&self, client: &Client) -> Result<Vec<Fields>> {
        // As images only values of one type can be compared.
        let types = self.types(client).await?;
        let stored: Vec<String> = types.iter().map(|(name, sql)| format!("t.{name}::{sql}")).collect();
        let sql = format!(
            "select {} from {} s where not exists (select from {} t where {} and row({})::record *= row({})::record)",
            key_list(self.table),
            self.relation,
            relation(self.plan, self.table),
            self.same_key(),
            stored.join(", "),
            copied_list(self.table, "s.")
        );
        let rows = client.query(&sql, &[]).await.map_err(|e| self.failed(e))?;
        Ok(rows.iter().map(fields_of).collect())
    }
}

fn gone(table: &str, column: &str) -> Error {
    Error::refused(format!("column `{column}` of table `{table}` is not on the target any more"))
        .hint("put it back; or start over: `crossfade cancel`, then `crossfade run`")
}

/// A row that a chunk left out
pub struct LeftOut {
    id: i64,
    pub table_id: i64,
    /// In the serialised form of `key::write_value`
    pub key: Vec<u8>,
}

/// Notes keys for the tail; in the transaction of their chunk
pub async fn leave_out(client: &impl GenericClient, table: &TablePlan, keys: &[Vec<u8>]) -> Result<()> {
    let sql = "insert into crossfade.left_out (table_id, key) select $1, * from unnest($2::bytea[])";
    let failed = |e| classify(e, &format!("note rows of table `{}` that are left out", table.source.name));
    client.execute(sql, &[&table.id, &keys]).await.map(|_| ()).map_err(failed)
}

/// The next rows that the tail has to write
pub async fn left_out(client: &impl GenericClient, limit: usize) -> Result<Vec<LeftOut>> {
    let sql = "select id, table_id, key from crossfade.left_out order by id limit $1";
    let failed = |e| classify(e, "read which rows were left out");
    let rows = client.query(sql, &[&(limit as i64)]).await.map_err(failed)?;
    Ok(rows.iter().map(|row| LeftOut { id: row.get(0), table_id: row.get(1), key: row.get(2) }).collect())
}

/// These rows are written
pub async fn forget_left_out(client: &impl GenericClient, rows: &[LeftOut]) -> Result<()> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let sql = "delete from crossfade.left_out where id = any($1)";
    client.execute(sql, &[&ids]).await.map(|_| ()).map_err(|e| classify(e, "note that rows are written"))
}

/// Every row is about to be compared
pub async fn forget_all_left_out(client: &impl GenericClient) -> Result<()> {
    let sql = "delete from crossfade.left_out";
    client.execute(sql, &[]).await.map(|_| ()).map_err(|e| classify(e, "note that rows are written"))
}
