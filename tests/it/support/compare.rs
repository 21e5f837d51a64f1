//! The independent comparison: both sides read, rendered and compared by code that shares nothing with the product
//!
//! A value is rendered with its storage class, so that `1` and `1.0`, or a text and a blob of the same bytes, differ.
//! The target's text form of each value (simple query protocol) is turned back by the column's PostgreSQL type.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value as Json;

use super::held;
use super::pg::{Pg, quote};
use super::{search, source, typed};

/// Column that the target gets where the source's hidden rowid is the key
const ROWID_COLUMN: &str = "_crossfade_rowid";
/// Differences shown; one is enough to know, a few to understand
const SHOWN: usize = 12;

/// Fails the test unless both sides hold the same tables, rows, values and storage classes
pub fn assert_equal(source: &Path, target: &str) {
    assert_none(source, target, differences(source, target));
}

/// Fails the test unless every row of the source is on the target or in the quarantine, never in both (I10); returns how
/// many are in the quarantine
pub fn assert_equal_or_held(source: &Path, target: &str) -> u64 {
    assert_none(source, target, unaccounted(source, target));
    held::count(&Pg::connect(target))
}

/// Fails the test unless every view of the target has the rows of the source's view of that name; returns how many there
/// are
pub fn assert_views_equal(source: &Path, target_url: &str) -> usize {
    let connection = source::open(source);
    let target = Pg::connect(target_url);
    target.execute("SET timezone = 'UTC'; SET datestyle = 'ISO'");
    let mut found = Vec::new();
    let views = relations(&target, "v");
    for (name, columns) in &views {
        let common: Vec<&(String, String)> = columns.iter().collect();
        let here = source_rows(&connection, name, &[], &common);
        compare_rows(name, &common, here, target_rows(&target, name, &common), &mut found);
    }
    assert_none(source, target_url, found);
    views.len()
}

fn assert_none(source: &Path, target: &str, found: Vec<String>) {
    let shown = found.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(found.is_empty(), "{} differences between {} and {target}:\n{shown}", found.len(), source.display());
}

/// Everything that differs, one line each; a row in the quarantine is a difference
pub fn differences(source: &Path, target: &str) -> Vec<String> {
    let mut found = unaccounted(source, target);
    let target = Pg::connect(target);
    if target.value("SELECT to_regclass('crossfade.quarantine')").is_some() && held::count(&target) > 0 {
        found.push(format!("{} rows are in the quarantine", held::count(&target)));
    }
    found
}

/// Everything that differs, with the rows of the quarantine counted to the target
pub fn unaccounted(source: &Path, target: &str) -> Vec<String> {
    let connection = source::open(source);
    let target = Pg::connect(target);
    target.execute("SET timezone = 'UTC'; SET datestyle = 'ISO'");
    let mut here = source_tables(&connection);
    let mut there = target_tables(&target);
    let mut found = Vec::new();
    for (name, columns) in std::mem::take(&mut here) {
        match there.remove(&name) {
            Some(target_columns) => table(&connection, &target, &name, &columns, &target_columns, &mut found),
            None => found.push(format!("table {name:?} is not on the target")),
        }
    }
    for (name, columns) in there {
        match search_columns(&connection, &name) {
            Some(_) if search::is_contentless(&connection, &name) => {
                found.extend(search::differences(&connection, &target, &name));
            }
            Some(own) => table(&connection, &target, &name, &own, &columns, &mut found),
            None => found.push(format!("table {name:?} is only on the target")),
        }
    }
    found
}

/// A column of the source; generated ones may be left out on the target
struct SourceColumn {
    name: String,
    generated: bool,
}

fn source_tables(connection: &Connection) -> BTreeMap<String, Vec<SourceColumn>> {
    let mut statement = connection.prepare("PRAGMA main.table_list").expect("the list of tables");
    let tables = statement.query_map([], |row| Ok((row.get::<_, String>(1)?, row.get::<_, String>(2)?)));
    let tables: Vec<(String, String)> = tables.expect("tables").collect::<Result<_, _>>().expect("tables");
    let ours = |name: &str| name.starts_with("sqlite_") || name.starts_with("_crossfade_");
    tables
        .into_iter()
        .filter(|(name, kind)| kind == "table" && !ours(name))
        .map(|(name, _)| {
            let columns = source_columns(connection, &name);
            (name, columns)
        })
        .collect()
}

/// Columns of a full-text table that holds its own text, and the rowid that the target has as a column; read through its
/// module, and not from the shadow table as the product does
fn search_columns(connection: &Connection, table: &str) -> Option<Vec<SourceColumn>> {
    let sql = "SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'virtual'";
    connection.query_row(sql, [table], |_| Ok(())).ok()?;
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0").expect("columns");
    let columns = statement.query_map([table], |row| Ok(SourceColumn { name: row.get(0)?, generated: false }));
    let mut columns: Vec<SourceColumn> = columns.expect("columns").collect::<Result<_, _>>().expect("columns");
    columns.push(SourceColumn { name: "rowid".to_owned(), generated: false });
    Some(columns)
}

fn source_columns(connection: &Connection, table: &str) -> Vec<SourceColumn> {
    let mut statement = connection.prepare("SELECT name, hidden FROM pragma_table_xinfo(?1)").expect("columns");
    let columns = statement
        .query_map([table], |row| Ok(SourceColumn { name: row.get(0)?, generated: row.get::<_, i64>(1)? >= 2 }));
    columns.expect("columns").collect::<Result<_, _>>().expect("columns")
}

/// Columns and their types by table, of the schema that new tables go to
fn target_tables(target: &Pg) -> BTreeMap<String, Vec<(String, String)>> {
    relations(target, "rp")
}

/// Columns and their types, by name of what is of one of these kinds
fn relations(target: &Pg, kinds: &str) -> BTreeMap<String, Vec<(String, String)>> {
    // A domain shows its values as the type that it is made of.
    let sql = "SELECT c.relname, a.attname, \
               format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), nullif(a.atttypmod, -1)) \
               FROM pg_catalog.pg_class c \
               LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
               LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
               WHERE c.relnamespace = 'public'::regnamespace AND position(c.relkind::text IN '$1') > 0 \
               ORDER BY c.relname, a.attnum";
    let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in target.query(&sql.replace("$1", kinds)) {
        let mut row = row.into_iter();
        let columns = tables.entry(row.next().flatten().expect("a table name")).or_default();
        if let (Some(Some(name)), Some(Some(kind))) = (row.next(), row.next()) {
            columns.push((name, kind));
        }
    }
    tables
}

/// Columns that the target computes from others; the source need not have them
fn computed_columns(target: &Pg, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = 'public.{}'::regclass AND attgenerated <> ''",
        quote(table).replace('\'', "''")
    );
    target.query(&sql).into_iter().flatten().flatten().collect()
}

fn table(
    connection: &Connection,
    target: &Pg,
    name: &str,
    columns: &[SourceColumn],
    target_columns: &[(String, String)],
    found: &mut Vec<String>,
) {
    let on_target = |name: &str| target_columns.iter().any(|(column, _)| column == name);
    for column in columns.iter().filter(|c| !c.generated && !on_target(&c.name)) {
        found.push(format!("column {:?} of {name:?} is not on the target", column.name));
    }
    let known = |name: &String| name == ROWID_COLUMN || columns.iter().any(|c| &c.name == name);
    let computed = computed_columns(target, name);
    let target_columns: Vec<(String, String)> =
        target_columns.iter().filter(|(column, _)| known(column) || !computed.contains(column)).cloned().collect();
    for (column, _) in target_columns.iter().filter(|(column, _)| !known(column)) {
        found.push(format!("column {column:?} of {name:?} is only on the target"));
    }
    let common: Vec<(String, String)> = target_columns.iter().filter(|(column, _)| known(column)).cloned().collect();
    let common: Vec<(String, String)> = common
        .into_iter()
        .map(|(column, kind)| {
            // The same type holds documents, and values of any class; only the source tells which.
            let documents = kind == "jsonb" && typed::holds_documents(connection, name, &column);
            (column, if documents { typed::DOCUMENT.to_owned() } else { kind })
        })
        .collect();
    let common: Vec<&(String, String)> = common.iter().collect();
    let here = source_rows(connection, name, columns, &common);
    let mut there = target_rows(target, name, &common);
    there.extend(held_rows(target, name, columns, &common));
    there.sort();
    compare_rows(name, &common, here, there, found);
}

/// Rows of the source, rendered, sorted
fn source_rows(
    connection: &Connection,
    table: &str,
    columns: &[SourceColumn],
    common: &[&(String, String)],
) -> Vec<Vec<String>> {
    let hides = |name: &str| columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !hides(name));
    let terms: Vec<String> = common
        .iter()
        .map(|(name, _)| match rowid {
            Some(rowid) if name == ROWID_COLUMN && !hides(ROWID_COLUMN) => rowid.to_owned(),
            _ => quote(name),
        })
        .collect();
    let terms = if terms.is_empty() { "1".to_owned() } else { terms.join(", ") };
    let sql = format!("SELECT {terms} FROM main.{}", quote(table));
    let mut statement = connection.prepare(&sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
    let mut rows = statement.query([]).expect("rows");
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap_or_else(|e| panic!("{e} in {sql}")) {
        all.push(
            (0..common.len())
                .map(|at| {
                    let value = row.get_ref(at).expect("a value");
                    render_source(value, &common[at].1)
                })
                .collect(),
        );
    }
    all.sort();
    all
}

fn target_rows(target: &Pg, table: &str, common: &[&(String, String)]) -> Vec<Vec<String>> {
    let names: Vec<String> = common.iter().map(|(name, _)| quote(name)).collect();
    let rows = target.query(&format!("SELECT {} FROM public.{}", names.join(", "), quote(table)));
    let render = |row: Vec<Option<String>>| {
        row.into_iter().zip(common).map(|(text, (_, kind))| render_target(text.as_deref(), kind)).collect()
    };
    let mut all: Vec<Vec<String>> = rows.into_iter().map(render).collect();
    all.sort();
    all
}

/// Rows of the quarantine, rendered as those of the source; none once crossfade's schema is gone
fn held_rows(target: &Pg, table: &str, columns: &[SourceColumn], common: &[&(String, String)]) -> Vec<Vec<String>> {
    if target.value("SELECT to_regclass('crossfade.quarantine')").is_none() {
        return Vec::new();
    }
    let is_rowid = |name: &str| !columns.iter().any(|c| c.name == name);
    let render = |row: held::Row| {
        let value = |wanted: &str, kind: &str| {
            let named = row.0.iter().find(|(name, _)| match wanted {
                ROWID_COLUMN => is_rowid(name),
                _ => name == wanted,
            });
            render_source(named.unwrap_or_else(|| panic!("an image without {wanted:?}")).1.value(), kind)
        };
        common.iter().map(|(name, kind)| value(name, kind)).collect()
    };
    held::rows(target, table).into_iter().map(render).collect()
}

/// Merges two sorted lists; what is left over on either side is a difference
fn compare_rows(
    table: &str,
    common: &[&(String, String)],
    here: Vec<Vec<String>>,
    there: Vec<Vec<String>>,
    found: &mut Vec<String>,
) {
    let (mut left, mut right) = (here.into_iter().peekable(), there.into_iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.cmp(b),
        };
        let (side, row) = match order {
            std::cmp::Ordering::Less => ("source", left.next()),
            std::cmp::Ordering::Greater => ("target", right.next()),
            std::cmp::Ordering::Equal => {
                left.next();
                right.next();
                continue;
            }
        };
        let cells = common.iter().zip(row.unwrap_or_default());
        let cells: Vec<String> = cells.map(|((name, _), value)| format!("{name}={}", shorten(&value))).collect();
        found.push(format!("only on the {side}: {table:?} {}", cells.join(", ")));
    }
}

fn shorten(value: &str) -> String {
    if value.chars().count() <= 60 { value.to_owned() } else { value.chars().take(60).chain("…".chars()).collect() }
}

/// Class and value; reals by their bits, texts and blobs by their bytes; what they stand for if the target's type says it
fn render_source(value: ValueRef<'_>, kind: &str) -> String {
    let kind = &without_limit(kind);
    match value {
        ValueRef::Null => "null".to_owned(),
        value if typed::knows(kind) => {
            typed::source(value, kind).unwrap_or_else(|| format!("no {kind}: {}", plain(value)))
        }
        value => plain(value),
    }
}

fn plain(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(v) => format!("integer {v}"),
        ValueRef::Real(v) => real(v),
        ValueRef::Text(bytes) => text(bytes),
        ValueRef::Blob(bytes) => blob(bytes),
    }
}

/// The same rendering, from the text that PostgreSQL gives for a value of that type
fn render_target(value: Option<&str>, kind: &str) -> String {
    let Some(value) = value else { return "null".to_owned() };
    let kind = &without_limit(kind);
    match kind.as_str() {
        "bigint" | "integer" | "smallint" => format!("integer {value}"),
        // The 32 bits that PostgreSQL shows stand for a double that is as short.
        "real" => value.parse::<f32>().map_or_else(|_| odd(value, kind), |short| real(short.into())),
        "character varying" | "inet" | "cidr" => text(value.as_bytes()),
        "character" => text(value.trim_end_matches(' ').as_bytes()),
        "double precision" => real(parse_real(value)),
        "numeric" => number(value),
        "text" => text(value.as_bytes()),
        "bytea" => value.strip_prefix("\\x").and_then(unhex).map_or_else(|| odd(value, kind), |b| blob(&b)),
        _ if typed::knows(kind) => typed::target(value, kind).unwrap_or_else(|| odd(value, kind)),
        "jsonb" => variant(value).unwrap_or_else(|| odd(value, kind)),
        _ => odd(value, kind),
    }
}

/// The type without the limit of its texts or seconds, which says nothing about how a value is shown
fn without_limit(kind: &str) -> String {
    let limited = kind.starts_with("char") || kind.starts_with("time");
    match (kind.find('('), kind.find(')')) {
        (Some(from), Some(to)) if limited => format!("{}{}", &kind[..from], &kind[to + 1..]),
        _ => kind.to_owned(),
    }
}

/// Digits alone are an integer, digits with a point a real
fn number(value: &str) -> String {
    if value.contains(['.', 'e', 'E', 'N', 'I']) { real(parse_real(value)) } else { format!("integer {value}") }
}

fn variant(value: &str) -> Option<String> {
    if value.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        // Not through serde_json: its default number parser may be one unit in the last place off.
        return Some(number(value));
    }
    match serde_json::from_str(value).ok()? {
        Json::String(string) => Some(text(string.as_bytes())),
        Json::Object(object) if object.len() == 1 => {
            let (tag, held) = object.iter().next()?;
            let held = held.as_str()?;
            match tag.as_str() {
                "$blob" => Some(blob(&unhex(held)?)),
                "$text" => Some(text(&unhex(held)?)),
                "$real" => Some(real(match held {
                    "inf" => f64::INFINITY,
                    "-inf" => f64::NEG_INFINITY,
                    "-0.0" => -0.0,
                    _ => return None,
                })),
                _ => None,
            }
        }
        _ => None,
    }
}

fn real(value: f64) -> String {
    format!("real {value:?} {:016x}", value.to_bits())
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("text {text:?}"),
        Err(_) => format!("text x'{}'", hex(bytes)),
    }
}

fn blob(bytes: &[u8]) -> String {
    format!("blob x'{}'", hex(bytes))
}

/// Never equal to anything of the source
fn odd(value: &str, kind: &str) -> String {
    format!("unreadable {kind} {value:?}")
}

fn parse_real(value: &str) -> f64 {
    match value {
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => value.parse().unwrap_or(f64::NAN),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if digits.len() % 2 == 1 { None } else { digits.chunks(2).map(pair).collect() }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
