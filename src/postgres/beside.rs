//! What stands on the target beside the plan, and what of the plan does not stand there any more

use std::collections::BTreeSet;

use tokio_postgres::Client;

use super::connect::classify;
use super::copy::relation;
use crate::error::{Error, Result};
use crate::model::plan::Plan;

fn failed(error: tokio_postgres::Error) -> Error {
    classify(error, "look at the target's schema")
}

/// Changes whenever a trigger of ours or a column of any table does, also if it looks the same afterwards; cheap enough to
/// ask every second
pub async fn fingerprint(client: &Client, plan: &Plan) -> Result<String> {
    let sql = r"select md5(concat(
                (select string_agg(concat_ws(' ', tgrelid, tgname, tgenabled, xmin), ',' order by oid)
                 from pg_catalog.pg_trigger where tgname like '\_crossfade\_%'),
                (select string_agg(concat_ws(' ', attrelid, attnum, attname, a.xmin), ',' order by attrelid, attnum)
                 from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
                 where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1)
                 and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped)))";
    Ok(client.query_one(sql, &[&plan.target_schema]).await.map_err(failed)?.get(0))
}

/// Columns of the plan that are not there any more, or of another type, one line each
pub async fn gone(client: &Client, plan: &Plan) -> Result<Vec<String>> {
    let (mut relations, mut columns, mut types) = (Vec::new(), Vec::new(), Vec::new());
    for table in &plan.tables {
        for column in table.columns.iter() {
            relations.push(relation(plan, table));
            columns.push(column.target_name.as_str());
            types.push(column.type_sql.as_str());
        }
    }
    // Limits such as those of varchar may move: they do not change how a value travels.
    let sql = "select w.relation, w.name, w.type, to_regclass(w.relation) is not null, format_type(a.atttypid, a.atttypmod) \
               from unnest($1::text[], $2::text[], $3::text[]) w(relation, name, type) \
               left join pg_catalog.pg_attribute a on a.attrelid = to_regclass(w.relation) and a.attname = w.name \
               and a.attnum > 0 and not a.attisdropped \
               where a.atttypid is distinct from to_regtype(w.type)::oid";
    let rows = client.query(sql, &[&relations, &columns, &types]).await.map_err(failed)?;
    let mut lines = BTreeSet::new();
    for row in rows {
        let (relation, name, planned): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        lines.insert(match (row.get::<_, bool>(3), row.get::<_, Option<&str>>(4)) {
            (false, _) => format!("table {relation} is gone"),
            (true, None) => format!("column `{name}` of {relation} is gone"),
            (true, Some(now)) => format!("column `{name}` of {relation} is of type {now} now, and was {planned}"),
        });
    }
    Ok(lines.into_iter().collect())
}

/// Tables and columns that the plan does not know: the object, and what it is
pub async fn new(client: &Client, plan: &Plan) -> Result<Vec<(String, String)>> {
    let sql = "select c.relname::text, a.attname::text from pg_catalog.pg_class c \
               left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
               where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1) \
               and c.relkind in ('r', 'p') and not c.relispartition order by 1, a.attnum";
    let rows = client.query(sql, &[&plan.target_schema]).await.map_err(failed)?;
    let mut found = Vec::new();
    for row in rows {
        let (table, column): (String, Option<String>) = (row.get(0), row.get(1));
        let Some(planned) = plan.tables.iter().find(|planned| planned.target_name == table) else {
            let is_told = found.iter().any(|(object, _)| *object == table);
            if !is_told && !table.starts_with("_crossfade_") {
                found.push((table, "this table".to_owned()));
            }
            continue;
        };
        let Some(column) = column else { continue };
        let is_known = planned.columns.iter().any(|c| c.target_name == column)
            || planned.added.iter().any(|added| added.name == column)
            || column.starts_with("_crossfade_");
        if !is_known {
            found.push((format!("{table}.{column}"), "this column".to_owned()));
        }
    }
    Ok(found)
}
