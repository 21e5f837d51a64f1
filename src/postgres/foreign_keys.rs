//! Foreign keys of the plan as they stand on the target
//!
//! They stand from the copy on where the role may keep them silent while we write. Where it may not, they would act on
//! replicated rows a second time: then they stand only while PostgreSQL is the primary.

use std::collections::HashMap;

use tokio_postgres::{Client, GenericClient, Transaction};

use super::connect::classify;
use super::copy::relation;
use super::{ddl, orphans};
use crate::error::Result;
use crate::model::plan::{ForeignKeyPlan, Mode, Plan, TablePlan};

/// A foreign key of the plan, with its table
pub type Planned<'p> = (&'p TablePlan, &'p ForeignKeyPlan);

/// What the gate wants to know
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unproven {
    /// They stand, and are not validated: table and name
    pub unvalidated: Vec<String>,
    /// They do not stand, and would not hold: table, name and why
    pub unfit: Vec<String>,
}

/// All of the plan; none where the application's own migrations have made the schema
pub fn planned(plan: &Plan) -> impl Iterator<Item = Planned<'_>> {
    let tables = plan.tables.iter().filter(|_| plan.mode == Mode::Create);
    tables.flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)))
}

/// Every foreign key that stands on the plan's tables, by relation and name, and whether it is validated
pub async fn standing(client: &impl GenericClient, plan: &Plan) -> Result<HashMap<(String, String), bool>> {
    let relations: Vec<String> = plan.tables.iter().map(|table| relation(plan, table)).collect();
    let sql = "select t.name, k.conname::text, k.convalidated from unnest($1::text[]) t(name) \
               join pg_constraint k on k.conrelid = to_regclass(t.name) where k.contype = 'f' order by 1, 2";
    let rows =
        client.query(sql, &[&relations]).await.map_err(|e| classify(e, "look at the foreign keys of the target"))?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect())
}

/// Those of the plan that do not stand
pub async fn missing<'p>(client: &impl GenericClient, plan: &'p Plan) -> Result<Vec<Planned<'p>>> {
    let standing = standing(client, plan).await?;
    Ok(planned(plan).filter(|(table, key)| !standing.contains_key(&name(plan, table, key))).collect())
}

/// Those of the plan that stand and are, or are not, validated
pub async fn present<'p>(
    client: &impl GenericClient,
    plan: &'p Plan,
    wanted: impl Fn(bool) -> bool,
) -> Result<Vec<Planned<'p>>> {
    let standing = standing(client, plan).await?;
    let is_wanted = |(table, key): &Planned<'_>| standing.get(&name(plan, table, key)).is_some_and(|now| wanted(*now));
    Ok(planned(plan).filter(is_wanted).collect())
}

fn name(plan: &Plan, table: &TablePlan, key: &ForeignKeyPlan) -> (String, String) {
    (relation(plan, table), key.name.clone())
}

/// Adds it NOT VALID, inside of a transaction that goes on whatever comes of it: new rows are checked, old ones are not
/// read. The server's words where it refuses
pub async fn try_add(
    transaction: &Transaction<'_>,
    plan: &Plan,
    key: Planned<'_>,
) -> Result<Option<tokio_postgres::Error>> {
    let operation = format!("add foreign key `{}`", key.1.name);
    let add = ddl::add_foreign_key(plan, key.0, key.1);
    let sql = format!("savepoint crossfade_key; {add}; release savepoint crossfade_key");
    let Err(refusal) = transaction.batch_execute(&sql).await else { return Ok(None) };
    if refusal.as_db_error().is_none() {
        return Err(classify(refusal, &operation));
    }
    let back = "rollback to savepoint crossfade_key; release savepoint crossfade_key";
    transaction.batch_execute(back).await.map_err(|e| classify(e, &operation))?;
    Ok(Some(refusal))
}

/// Drops it, in the caller's transaction
pub async fn drop(transaction: &Transaction<'_>, plan: &Plan, (table, key): Planned<'_>) -> Result<()> {
    let sql = ddl::drop_constraint(plan, table, &key.name);
    transaction.batch_execute(&sql).await.map_err(|e| classify(e, &format!("drop foreign key `{}`", key.name)))
}

/// Those that PostgreSQL does not vouch for, or would not once it is the primary
pub async fn unproven(client: &Client, plan: &Plan) -> Result<Unproven> {
    let standing = standing(client, plan).await?;
    let mut found = Unproven::default();
    for table in &plan.tables {
        let relation = relation(plan, table);
        let own = standing.iter().filter(|((of, _), validated)| *of == relation && !**validated);
        let mut names: Vec<&String> = own.map(|((_, name), _)| name).collect();
        names.sort();
        found.unvalidated.extend(names.iter().map(|name| format!("{}.{name}", table.target_name)));
    }
    for (table, key) in planned(plan).filter(|(table, key)| !standing.contains_key(&name(plan, table, key))) {
        let why = match orphans::by_plan(client, plan, table, key).await? {
            _ if !has_parent_key(client, plan, key).await? => {
                format!("`{}` has no unique index over what it refers to", key.parent_name)
            }
            0 => continue,
            1 => format!("1 row has no parent in `{}`", key.parent_name),
            rows => format!("{rows} rows have no parent in `{}`", key.parent_name),
        };
        found.unfit.push(format!("{}.{} ({why})", table.target_name, key.name));
    }
    Ok(found)
}

/// Whether the parent has the unique index without which the server takes no foreign key
async fn has_parent_key(client: &Client, plan: &Plan, key: &ForeignKeyPlan) -> Result<bool> {
    let sql = "select exists(select from pg_index i where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid \
               and i.indimmediate and i.indpred is null and i.indexprs is null and (\
                   select array_agg(a.attname::text order by a.attname::text) \
                   from generate_series(0, i.indnkeyatts - 1) k \
                   join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k]) \
               = (select array_agg(c order by c) from unnest($2::text[]) c))";
    let parent = ddl::qualified(&plan.target_schema, &key.parent_name);
    let row = client.query_one(sql, &[&parent, &key.parent_columns]).await;
    row.map(|row| row.get(0)).map_err(|e| classify(e, "look at the keys that foreign keys refer to"))
}
