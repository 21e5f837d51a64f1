//! Indexes, foreign keys, triggers

use std::collections::BTreeMap;

use tokio_postgres::{Row, Transaction};

use super::failed;
use crate::error::Result;
use crate::model::target::{TargetForeignKey, TargetIndex, TargetTable, TargetTrigger};

/// An index that is not valid yet is kept by every write, and arbitrates for none
const INDEXES: &str = "
    select i.indrelid, c.relname::text, i.indisunique, i.indimmediate and i.indisvalid, i.indnullsnotdistinct,
           pg_catalog.pg_get_expr(i.indpred, i.indrelid),
           array(select coalesce(a.attname::text, '') from generate_series(0, i.indnkeyatts - 1) k
                 left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k] and a.attnum > 0
                 order by k),
           array(select pg_catalog.pg_get_indexdef(i.indexrelid, k, true) from generate_series(1, i.indnkeyatts::int) k
                 where i.indkey[k - 1] = 0 order by k)
    from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
    where i.indrelid = any($1) and i.indisready
    order by i.indrelid, i.indisprimary desc, c.relname";

const FOREIGN_KEYS: &str = "
    select k.conrelid, k.conname::text, n.nspname::text, c.relname::text, k.confrelid, k.confupdtype::text,
           k.confdeltype::text, k.condeferrable and k.condeferred,
           array(select a.attname::text from unnest(k.conkey) with ordinality u(attnum, place)
                 join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum order by u.place),
           array(select a.attname::text from unnest(k.confkey) with ordinality u(attnum, place)
                 join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum order by u.place),
           m.nspname::text, r.relname::text
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.confrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_class r on r.oid = k.conrelid join pg_catalog.pg_namespace m on m.oid = r.relnamespace
    where k.contype = 'f' and k.conparentid = 0 and (k.conrelid = any($1) or k.confrelid = any($1))
    order by k.conrelid, k.conname";

const TRIGGERS: &str = "
    select t.tgrelid, t.tgname::text, t.tgenabled::text, t.tgtype::int, p.proname::text, t.tgargs
    from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = any($1) and not t.tgisinternal
    order by t.tgrelid, t.tgname";

/// Bits of `pg_trigger.tgtype`
const ROW: i32 = 1;
const BEFORE: i32 = 2;
const INSERT: i32 = 4;
const UPDATE: i32 = 16;

pub(super) async fn read(view: &Transaction<'_>, schema: &str, tables: &mut BTreeMap<u32, TargetTable>) -> Result<()> {
    let ids: Vec<u32> = tables.keys().copied().collect();
    for row in view.query(INDEXES, &[&ids]).await.map_err(failed)? {
        if let Some(table) = tables.get_mut(&row.get(0)) {
            let index = index(&row, table);
            table.indexes.push(index);
        }
    }
    for row in view.query(FOREIGN_KEYS, &[&ids]).await.map_err(failed)? {
        if let Some(table) = tables.get_mut(&row.get(0)) {
            table.foreign_keys.push(foreign_key(&row, schema));
        }
        if let Some(parent) = tables.get_mut(&row.get(4)) {
            let referrer = elsewhere(row.get(10), row.get(11), schema);
            parent.referrers.push(referrer);
        }
    }
    for row in view.query(TRIGGERS, &[&ids]).await.map_err(failed)? {
        if let Some(table) = tables.get_mut(&row.get(0)) {
            table.triggers.push(trigger(&row));
        }
    }
    Ok(())
}

fn elsewhere(of: String, name: String, schema: &str) -> String {
    if of == schema { name } else { format!("{of}.{name}") }
}

fn index(row: &Row, table: &TargetTable) -> TargetIndex {
    let names: Vec<String> = row.get(6);
    let place = |name: &String| table.columns.iter().position(|column| column.name == *name);
    TargetIndex {
        name: row.get(1),
        unique: row.get(2),
        columns: names.iter().map(place).collect(),
        expressions: row.get(7),
        predicate: row.get(5),
        arbitrates: row.get(3),
        nulls_equal: row.get(4),
    }
}

fn foreign_key(row: &Row, schema: &str) -> TargetForeignKey {
    let parent_schema: String = row.get(2);
    TargetForeignKey {
        name: row.get(1),
        columns: row.get(8),
        parent_schema: Some(parent_schema).filter(|other| other != schema),
        parent: row.get(3),
        parent_columns: row.get(9),
        on_update: action(row.get(5)),
        on_delete: action(row.get(6)),
        deferred: row.get(7),
    }
}

fn action(code: &str) -> String {
    let words = match code {
        "r" => "RESTRICT",
        "c" => "CASCADE",
        "n" => "SET NULL",
        "d" => "SET DEFAULT",
        _ => "NO ACTION",
    };
    words.to_owned()
}

fn trigger(row: &Row) -> TargetTrigger {
    let (bits, arguments): (i32, Vec<u8>) = (row.get(3), row.get(5));
    // Each argument ends with a zero byte.
    let texts = arguments.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let count = arguments.iter().filter(|byte| **byte == 0).count();
    TargetTrigger {
        name: row.get(1),
        enabled: row.get::<_, &str>(2).chars().next().unwrap_or('O'),
        row_before: bits & ROW > 0 && bits & BEFORE > 0,
        writes: bits & (INSERT | UPDATE) > 0,
        function: row.get(4),
        arguments: texts.take(count).collect(),
    }
}
