//! Rows without a parent: SQLite does not enforce foreign keys unless it is asked to
//!
//! The foreign keys of the target are silent while we write, so nothing refuses such a row. It is there, as on the
//! source, under a constraint that says it cannot be; so people are told.

use tokio_postgres::{Client, Row};

use super::connect::classify;
use super::copy::relation;
use super::ddl::qualified;
use crate::error::Result;
use crate::model::plan::{ForeignKeyPlan, Notice, Plan, TablePlan};
use crate::model::schema::quote_identifier;

const FOREIGN_KEYS: &str = "
    select k.conname::text, n.nspname::text, c.relname::text,
           array(select a.attname::text from unnest(k.conkey) with ordinality u(number, place)
                 join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number order by u.place),
           array(select a.attname::text from unnest(k.confkey) with ordinality u(number, place)
                 join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number order by u.place)
    from pg_constraint k join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
    where k.contype = 'f' and k.conparentid = 0 and k.conrelid = to_regclass($1)
    order by k.conname";

/// Counts, for each foreign key of the copied tables, the rows that have no parent; none where all have one
pub async fn count(client: &Client, plan: &Plan) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    for table in &plan.tables {
        let failed = |e| classify(e, &format!("look for rows of table `{}` without a parent", table.target_name));
        for row in client.query(FOREIGN_KEYS, &[&relation(plan, table)]).await.map_err(failed)? {
            let key = ForeignKey::of(&row);
            let orphans: i64 = client.query_one(&key.orphans_sql(plan, table), &[]).await.map_err(failed)?.get(0);
            if orphans > 0 {
                notices.push(key.notice(table, orphans));
            }
        }
    }
    Ok(notices)
}

/// How many rows have no parent by a foreign key of the plan, which need not stand
pub async fn by_plan(client: &Client, plan: &Plan, table: &TablePlan, key: &ForeignKeyPlan) -> Result<i64> {
    let key = ForeignKey {
        name: key.name.clone(),
        parent_schema: plan.target_schema.clone(),
        parent: key.parent_name.clone(),
        columns: key.columns.iter().map(|&index| table.columns[index].target_name.clone()).collect(),
        parent_columns: key.parent_columns.clone(),
    };
    let row = client.query_one(&key.orphans_sql(plan, table), &[]).await;
    row.map(|row| row.get(0)).map_err(|e| classify(e, &format!("count rows without a parent by `{}`", key.name)))
}

struct ForeignKey {
    name: String,
    parent_schema: String,
    parent: String,
    columns: Vec<String>,
    parent_columns: Vec<String>,
}

impl ForeignKey {
    fn of(row: &Row) -> ForeignKey {
        ForeignKey {
            name: row.get(0),
            parent_schema: row.get(1),
            parent: row.get(2),
            columns: row.get(3),
            parent_columns: row.get(4),
        }
    }

    fn notice(&self, table: &TablePlan, orphans: i64) -> Notice {
        let rows = if orphans == 1 { "1 row has".to_owned() } else { format!("{orphans} rows have") };
        Notice {
            object: table.source.name.clone(),
            message: format!("foreign key `{}`: {rows} no parent in `{}`", self.name, self.parent),
            remedy: Some("correct the rows on the source: PostgreSQL would not have taken them".into()),
        }
    }

    fn orphans_sql(&self, plan: &Plan, table: &TablePlan) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| format!("c.{}", quote_identifier(name))).collect();
        let present: Vec<String> = columns.iter().map(|column| format!("{column} is not null")).collect();
        let parents = self.parent_columns.iter().map(|name| quote_identifier(name));
        let same: Vec<String> =
            columns.iter().zip(parents).map(|(child, parent)| format!("p.{parent} = {child}")).collect();
        format!(
            "select count(*) from {} c where {} and not exists (select from {} p where {})",
            relation(plan, table),
            present.join(" and "),
            qualified(&self.parent_schema, &self.parent),
            same.join(" and ")
        )
    }
}
