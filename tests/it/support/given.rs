//! The independent comparison where the application's own migrations made the target: its types, its columns, its tables
//!
//! What only the target has is left out; every column that both have must hold the same values. Shares nothing with the
//! product: PostgreSQL's own text of each value is brought to what it stands for.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::ValueRef;
use serde_json::Value as Json;

use super::pg::{Pg, quote};
use super::{source, typed};

/// What migration tools write down about themselves, on each side for itself
const BOOKKEEPING: &[&str] =
    &["alembic_version", "django_migrations", "schema_migrations", "ar_internal_metadata", "_prisma_migrations"];

/// A column of the target
struct Column {
    name: String,
    /// `pg_type.typname` of the base type; `enum` and `array` for those
    kind: String,
}

/// Fails the test unless the rows of every table that both sides have are the same in the columns that both have
pub fn assert_same(source: &Path, target: &str) {
    let found = differences(source, target);
    let shown = found.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(found.is_empty(), "{} differences between {} and {target}:\n{shown}", found.len(), source.display());
}

fn differences(path: &Path, url: &str) -> Vec<String> {
    let (connection, target) = (source::open(path), Pg::connect(url));
    target.execute("SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'");
    let mut there = tables(&target);
    there.retain(|name, _| !BOOKKEEPING.contains(&name.as_str()));
    let mut found = Vec::new();
    for (name, columns) in source_tables(&connection) {
        let Some((their_name, theirs)) = there.iter().find(|(other, _)| other.eq_ignore_ascii_case(&name)) else {
            continue;
        };
        let common: Vec<(&String, &Column)> = columns
            .iter()
            .filter_map(|c| theirs.iter().find(|t| t.name.eq_ignore_ascii_case(c)).map(|t| (c, t)))
            .collect();
        let sql = format!("SELECT {} FROM main.{}", list(common.iter().map(|(c, _)| quote(c))), quote(&name));
        let mut statement = connection.prepare(&sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
        let mut rows = statement.query([]).expect("rows");
        let mut here = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            let cells = common.iter().enumerate().map(|(at, (_, c))| of_source(row.get_ref(at).expect("a value"), c));
            here.push(cells.collect::<Vec<String>>());
        }
        let sql = format!("SELECT {} FROM {}", list(common.iter().map(|(_, c)| term(c))), quote(their_name));
        let mut stored: Vec<Vec<String>> = target
            .query(&sql)
            .into_iter()
            .map(|row| row.iter().zip(&common).map(|(text, (_, c))| of_target(text.as_deref(), c)).collect())
            .collect();
        here.sort();
        stored.sort();
        let only = |some: &[Vec<String>], others: &[Vec<String>], side: &str| -> Vec<String> {
            let line = |row: &Vec<String>| format!("only on the {side}: {name:?} {}", row.join(", "));
            some.iter().filter(|row| !others.contains(row)).map(line).collect()
        };
        if here != stored {
            found.push(format!("{name:?}: {} rows on the source, {} on the target", here.len(), stored.len()));
            found.extend(only(&here, &stored, "source"));
            found.extend(only(&stored, &here, "target"));
        }
    }
    found
}

fn list(terms: impl Iterator<Item = String>) -> String {
    let terms: Vec<String> = terms.collect();
    if terms.is_empty() { "1".to_owned() } else { terms.join(", ") }
}

/// Stored columns by table
fn source_tables(connection: &rusqlite::Connection) -> BTreeMap<String, Vec<String>> {
    let sql = "SELECT t.name, c.name FROM pragma_table_list AS t JOIN pragma_table_xinfo(t.name) AS c \
               WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
               AND t.name NOT LIKE '\\_crossfade\\_%' ESCAPE '\\' AND c.hidden = 0";
    let mut statement = connection.prepare(sql).expect("the list of columns");
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column) in rows.expect("columns").map(|row| row.expect("a column")) {
        tables.entry(table).or_default().push(column);
    }
    tables
}

fn tables(target: &Pg) -> BTreeMap<String, Vec<Column>> {
    let sql = "SELECT c.relname, a.attname, CASE WHEN coalesce(b.typtype, y.typtype) = 'e' THEN 'enum' \
               ELSE coalesce(b.typname, y.typname) END \
               FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
               AND a.attgenerated = '' JOIN pg_type y ON y.oid = a.atttypid \
               LEFT JOIN pg_type b ON b.oid = y.typbasetype AND y.typtype = 'd' \
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1, a.attnum";
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in target.query(sql) {
        let [table, name, kind] = row.try_into().expect("three columns");
        let column = Column { name: name.expect("a name"), kind: kind.expect("a kind") };
        tables.entry(table.expect("a table")).or_default().push(column);
    }
    tables
}

/// How the value is asked for
fn term(column: &Column) -> String {
    let name = quote(&column.name);
    match column.kind.as_str() {
        list if list.starts_with('_') => format!("to_json({name})"),
        "interval" => format!("(extract(epoch FROM {name}) * 1000000)::bigint"),
        _ => name,
    }
}

fn of_source(value: ValueRef<'_>, column: &Column) -> String {
    let text = match value {
        ValueRef::Null => return "null".to_owned(),
        ValueRef::Integer(v) => v.to_string(),
        ValueRef::Real(v) => format!("{v:?}"),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let kind = known(column);
    let stands_for = match column.kind.as_str() {
        _ if kind.is_some() => typed::source(value, &kind.unwrap_or_default()),
        "float4" | "float8" => text.parse().ok().map(|v: f64| format!("real {v:?}")),
        "numeric" => decimal(&text),
        "interval" => match value {
            ValueRef::Integer(v) => Some(v.to_string()),
            _ => {
                typed::source(value, "timestamp without time zone").and_then(|t| Some(t.rsplit_once(' ')?.1.to_owned()))
            }
        },
        list if list.starts_with('_') => elements(&text, list),
        "timetz" => zoned_time(&text),
        "bpchar" => Some(text.trim_end_matches(' ').to_owned()),
        _ => Some(text),
    };
    stands_for.unwrap_or_else(|| format!("no {}: {value:?}", column.kind))
}

fn of_target(text: Option<&str>, column: &Column) -> String {
    let Some(text) = text else { return "null".to_owned() };
    let kind = known(column);
    let stands_for = match column.kind.as_str() {
        _ if kind.is_some() => typed::target(text, &kind.unwrap_or_default()),
        "float4" | "float8" => text.parse().ok().map(|v: f64| format!("real {v:?}")),
        "numeric" => decimal(text),
        "bytea" => text.strip_prefix("\\x").map(str::to_owned),
        list if list.starts_with('_') => elements(text, list),
        "timetz" => zoned_time(text),
        "bpchar" => Some(text.trim_end_matches(' ').to_owned()),
        _ => Some(text.to_owned()),
    };
    stands_for.unwrap_or_else(|| format!("unreadable {}: {text}", column.kind))
}

/// A JSON list as the array's type has its elements
fn elements(text: &str, list: &str) -> Option<String> {
    let element = |json: &Json| -> Option<String> {
        match (list, json) {
            (_, Json::Null) => Some("null".to_owned()),
            ("_numeric", Json::String(text)) => decimal(text),
            ("_numeric", number) => decimal(&number.to_string()),
            ("_float4" | "_float8", number) => Some(format!("real {:?}", number.as_f64()?)),
            ("_bpchar", Json::String(text)) => Some(text.trim_end_matches(' ').to_owned()),
            ("_timestamp" | "_timestamptz", Json::String(text)) => {
                typed::source(ValueRef::Text(text.as_bytes()), "timestamp with time zone")
            }
            (_, other) => Some(other.to_string()),
        }
    };
    let all = serde_json::from_str::<Vec<Json>>(text).ok()?;
    Some(all.iter().map(element).collect::<Option<Vec<String>>>()?.join(", "))
}

/// Clock and offset, however either is written
fn zoned_time(text: &str) -> Option<String> {
    let (clock, zone) = text.split_at(text.find(['Z', '+', '-'])?);
    let digits: String = zone.chars().filter(|c| c.is_ascii_digit()).collect();
    let minutes: u32 = format!("{digits:0<4}").parse().ok()?;
    let sign = if zone.starts_with('-') { '-' } else { '+' };
    Some(format!("{} {sign}{minutes}", typed::source(ValueRef::Text(clock.as_bytes()), "time without time zone")?))
}

/// The name under which `typed` knows it
fn known(column: &Column) -> Option<String> {
    Some(match column.kind.as_str() {
        "bool" => "boolean".to_owned(),
        "date" | "uuid" => column.kind.clone(),
        "time" => "time without time zone".to_owned(),
        "timestamp" => "timestamp without time zone".to_owned(),
        "timestamptz" => "timestamp with time zone".to_owned(),
        "json" | "jsonb" => typed::DOCUMENT.to_owned(),
        _ => return None,
    })
}

/// Without zeros at the end
fn decimal(text: &str) -> Option<String> {
    let value: f64 = text.parse().ok()?;
    match text.contains(['e', 'E']) {
        true => Some(format!("number {value:?}")),
        false if text.contains('.') => Some(format!("number {}", text.trim_end_matches('0').trim_end_matches('.'))),
        false => Some(format!("number {text}")),
    }
}

/// Every object of the application's with what the server says of it
pub fn schema(target: &Pg) -> Vec<String> {
    lines(
        target,
        "SELECT 'column', attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, \
         pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum \
         WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) AND attnum > 0 \
         AND NOT attisdropped \
         UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), NULL, tgenabled, NULL \
         FROM pg_trigger WHERE NOT tgisinternal \
         UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated, NULL, NULL \
         FROM pg_constraint WHERE connamespace = 'public'::regnamespace \
         UNION ALL SELECT 'index', indrelid::regclass::text, NULL, pg_get_indexdef(indexrelid), indisvalid, NULL, NULL \
         FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE c.relnamespace = 'public'::regnamespace \
         UNION ALL SELECT 'schema', NULL, nspname, '', NULL, NULL, NULL FROM pg_namespace \
         WHERE nspname !~ '^pg_' AND nspname <> 'crossfade' ORDER BY 1, 2, 3, 4",
    )
}

/// One line for each row
pub fn lines(target: &Pg, sql: &str) -> Vec<String> {
    let text = |row: Vec<Option<String>>| -> Vec<String> { row.into_iter().map(|v| v.unwrap_or("-".into())).collect() };
    target.query(sql).into_iter().map(|row| text(row).join(" ")).collect()
}
