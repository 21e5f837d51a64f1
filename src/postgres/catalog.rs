//! The target's schema as it stands: tables, columns and their types, constraints, triggers, rights
//!
//! Read in one transaction, so that all of it is of one moment. The search path is empty meanwhile: the server then
//! writes every name that is not its own with its schema, and the text of a type means the same to every session.

mod columns;
mod constraints;

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, IsolationLevel, Row, Transaction};

use super::connect::classify;
use crate::error::{Error, Result};
use crate::model::bookkeeping;
use crate::model::schema::quote_identifier;
use crate::model::target::{Catalog, TargetTable};

/// Rows of a table are counted up to this many: the operator is told whether there are few or many
const COUNTED: i64 = 10_000;

const RELATIONS: &str = "
    select c.oid, c.relname::text, c.relkind::text,
           exists(select from pg_catalog.pg_inherits i join pg_catalog.pg_class k on k.oid = i.inhrelid
                  where i.inhparent = c.oid and not k.relispartition),
           pg_catalog.pg_has_role(c.relowner, 'USAGE'),
           c.relkind in ('r', 'p') and pg_catalog.row_security_active(c.oid),
           array(select p from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
                 where not pg_catalog.has_table_privilege(c.oid, p)),
           pg_catalog.pg_get_userbyid(c.relowner)::text
    from pg_catalog.pg_class c
    where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1)
      and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
    order by c.relname";

const RIGHTS: &str = "
    select current_user::text, current_database()::text,
           pg_catalog.has_parameter_privilege('session_replication_role', 'SET'),
           pg_catalog.to_regnamespace('crossfade') is not null
             or pg_catalog.has_database_privilege(current_database(), 'CREATE'),
           pg_catalog.has_database_privilege(current_database(), 'TEMP')";

fn failed(error: tokio_postgres::Error) -> Error {
    classify(error, "read the target's schema")
}

/// Everything that stands in the schema
pub async fn read(client: &mut Client, schema: &str) -> Result<Catalog> {
    let view = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let view = view.start().await.map_err(failed)?;
    view.batch_execute("set local search_path = ''").await.map_err(failed)?;
    let rights = view.query_one(RIGHTS, &[]).await.map_err(failed)?;
    let mut catalog = Catalog {
        schema: schema.to_owned(),
        role: rights.get(0),
        database: rights.get(1),
        can_silence: rights.get(2),
        can_keep_state: rights.get(3),
        can_stage: rights.get(4),
        ..Catalog::default()
    };
    let mut tables = BTreeMap::new();
    for row in view.query(RELATIONS, &[&schema]).await.map_err(failed)? {
        let name: String = row.get(1);
        match row.get::<_, &str>(2) {
            "r" => drop(tables.insert(row.get::<_, u32>(0), table(name, &row, false))),
            "p" => drop(tables.insert(row.get::<_, u32>(0), table(name, &row, true))),
            "v" => drop(catalog.others.insert(name, "a view")),
            "m" => drop(catalog.others.insert(name, "a materialized view")),
            _ => drop(catalog.others.insert(name, "a foreign table")),
        }
    }
    columns::read(&view, &mut tables).await?;
    constraints::read(&view, schema, &mut tables).await?;
    for table in tables.values_mut().filter(|table| !table.missing.contains(&"SELECT")) {
        count(&view, schema, table).await?;
        if let Some(rows) = bookkeeping(&view, schema, table).await? {
            catalog.bookkeeping.insert(table.name.clone(), rows);
        }
    }
    view.commit().await.map_err(failed)?;
    catalog.tables = tables.into_values().collect();
    catalog.tables.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(catalog)
}

fn table(name: String, row: &Row, partitioned: bool) -> TargetTable {
    let lacking: Vec<String> = row.get(6);
    let rights = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"];
    TargetTable {
        name,
        partitioned,
        inherited: row.get(3),
        owned: row.get(4),
        owner: row.get(7),
        row_security: row.get(5),
        missing: rights.into_iter().filter(|right| lacking.iter().any(|lacking| lacking == right)).collect(),
        ..TargetTable::default()
    }
}

fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(schema), quote_identifier(name))
}

async fn count(view: &Transaction<'_>, schema: &str, table: &mut TargetTable) -> Result<()> {
    let sql = format!("select count(*) from (select from {} limit {}) r", qualified(schema, &table.name), COUNTED + 1);
    let counted: i64 = view.query_one(&sql, &[]).await.map_err(failed)?.get(0);
    table.more_rows = counted > COUNTED;
    table.rows = counted.min(COUNTED) as u64;
    Ok(())
}

/// The rows of a table in which a tool keeps its migrations; `None` for any other table
async fn bookkeeping(view: &Transaction<'_>, schema: &str, table: &TargetTable) -> Result<Option<BTreeSet<String>>> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let Some(known) = bookkeeping::find(&table.name, &names) else { return Ok(None) };
    let columns = known.columns.iter().filter_map(|wanted| names.iter().find(|name| name.eq_ignore_ascii_case(wanted)));
    let columns: Vec<String> = columns.map(|name| format!("{}::text", quote_identifier(name))).collect();
    if columns.is_empty() {
        return Ok(Some(BTreeSet::new()));
    }
    let only = known.only.map(|only| format!(" where {only}")).unwrap_or_default();
    let sql = format!("select {} from {}{only}", columns.join(", "), qualified(schema, &table.name));
    let rows = view.query(&sql, &[]).await.map_err(failed)?;
    let texts = rows.iter().map(|row| (0..columns.len()).map(|at| row.get(at)).collect::<Vec<Option<String>>>());
    Ok(Some(texts.map(|values| bookkeeping::row(&values)).collect()))
}
