//! Columns, and the types under their domains

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::{Row, Transaction};

use super::failed;
use crate::error::Result;
use crate::model::plan::Identity;
use crate::model::target::{Kind, TargetColumn, TargetTable};

const COLUMNS: &str = "
    select a.attrelid, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
           a.attidentity::text, a.attgenerated::text, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.atttypid, a.atttypmod,
           coalesce(not l.collisdeterministic, false)
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_catalog.pg_collation l on l.oid = a.attcollation
    where a.attrelid = any($1) and a.attnum > 0 and not a.attisdropped
    order by a.attrelid, a.attnum";

/// The type under each domain; the modifier, NOT NULL and DEFAULT may come from any domain on the way
const TYPES: &str = r#"
    with recursive step(top, oid, modifier, not_null, fallback) as (
        select t, t, -1, false, null::text collate "C" from unnest($1::oid[]) t
        union all
        select s.top, y.typbasetype, case when y.typtypmod >= 0 then y.typtypmod else s.modifier end,
               s.not_null or y.typnotnull, coalesce(s.fallback, y.typdefault) collate "C"
        from step s join pg_catalog.pg_type y on y.oid = s.oid where y.typtype = 'd')
    select s.top, y.oid, y.typname::text, y.typtype::text, s.modifier, s.not_null, s.fallback,
           n.nspname = 'pg_catalog', y.typcategory = 'A' and y.typelem <> 0,
           e.typname::text, e.typtype = 'b' and e.typnamespace = 'pg_catalog'::regnamespace
    from step s join pg_catalog.pg_type y on y.oid = s.oid join pg_catalog.pg_namespace n on n.oid = y.typnamespace
    left join pg_catalog.pg_type e on e.oid = y.typelem
    where y.typtype <> 'd'"#;

const LABELS: &str = "
    select enumtypid, array_agg(enumlabel::text order by enumsortorder)
    from pg_catalog.pg_enum where enumtypid = any($1) group by enumtypid";

/// A type by the facts of the catalog
struct Underlying {
    kind: Kind,
    not_null: bool,
    fallback: Option<String>,
}

pub(super) async fn read(view: &Transaction<'_>, tables: &mut BTreeMap<u32, TargetTable>) -> Result<()> {
    let ids: Vec<u32> = tables.keys().copied().collect();
    let rows = view.query(COLUMNS, &[&ids]).await.map_err(failed)?;
    let types: Vec<u32> = rows.iter().map(|row| row.get(7)).collect();
    let types = underlying(view, types).await?;
    for row in rows {
        let table = tables.get_mut(&row.get(0));
        if let (Some(table), Some(of)) = (table, types.get(&row.get(7))) {
            table.columns.push(column(&row, of));
        }
    }
    Ok(())
}

async fn underlying(view: &Transaction<'_>, mut types: Vec<u32>) -> Result<HashMap<u32, Underlying>> {
    types.sort_unstable();
    types.dedup();
    let rows = view.query(TYPES, &[&types]).await.map_err(failed)?;
    let bases: Vec<u32> = rows.iter().map(|row| row.get(1)).collect();
    let labels = view.query(LABELS, &[&bases]).await.map_err(failed)?;
    let labels: HashMap<u32, Vec<String>> = labels.iter().map(|row| (row.get(0), row.get(1))).collect();
    let underlying = |row: &Row| {
        let kind = kind(row, labels.get(&row.get(1)).cloned());
        (row.get(0), Underlying { kind, not_null: row.get(5), fallback: row.get(6) })
    };
    Ok(rows.iter().map(underlying).collect())
}

fn kind(row: &Row, labels: Option<Vec<String>>) -> Kind {
    let (name, own): (String, bool) = (row.get(2), row.get(7));
    let modifier = row.get(4);
    match row.get::<_, &str>(3) {
        "e" => Kind::Enum(labels.unwrap_or_default()),
        "b" if row.get(8) => match row.get::<_, Option<bool>>(10) {
            Some(true) => Kind::Array { element: row.get(9), modifier },
            _ => Kind::Other,
        },
        // Two types of extensions are known to us; they may be in any schema.
        "b" if own || ["citext", "vector"].contains(&name.as_str()) => Kind::Base { name, modifier },
        _ => Kind::Other,
    }
}

fn column(row: &Row, of: &Underlying) -> TargetColumn {
    let (expression, modifier): (Option<String>, i32) = (row.get(6), row.get(8));
    let is_generated = !row.get::<_, &str>(5).is_empty();
    // A modifier of the column itself comes before that of a domain, which has none beside it.
    let with = |under: i32| if modifier >= 0 { modifier } else { under };
    let kind = match of.kind.clone() {
        Kind::Base { name, modifier } => Kind::Base { name, modifier: with(modifier) },
        Kind::Array { element, modifier } => Kind::Array { element, modifier: with(modifier) },
        other => other,
    };
    TargetColumn {
        name: row.get(1),
        kind,
        type_sql: row.get(2),
        not_null: row.get::<_, bool>(3) || of.not_null,
        default: if is_generated { None } else { expression.clone().or_else(|| of.fallback.clone()) },
        generated: expression.filter(|_| is_generated),
        identity: match row.get(4) {
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => None,
        },
        folds: row.get(9),
    }
}
