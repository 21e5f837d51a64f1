//! Random statements over a generated schema, wrapped into transactions
//!
//! Statements come from the schema alone, never from the rows: many fail on a constraint, as they do in life, and a
//! seed gives the same list whatever the other writers do.

use super::Transaction;
use super::schema::{Schema, Shape, Table};
use super::values::Family;
use crate::support::pg::quote;
use crate::support::rng::Rng;

const CONFLICT_CLAUSES: &[&str] =
    &["", "", "OR REPLACE ", "OR REPLACE ", "OR IGNORE ", "OR FAIL ", "OR ABORT ", "OR ROLLBACK "];

/// A transaction of one to six statements: autocommit, committed or rolled back, with savepoints
pub fn transaction(rng: &mut Rng, schema: &Schema) -> Transaction {
    let mut list = Vec::new();
    if rng.chance(30) {
        list.push(statement(rng, schema));
        return Transaction { statements: list, all_or_nothing: false };
    }
    list.push(rng.pick(&["BEGIN", "BEGIN IMMEDIATE", "BEGIN IMMEDIATE"]).to_string());
    for _ in 0..1 + rng.below(4) {
        if rng.chance(20) {
            savepoint(rng, schema, &mut list);
        } else if rng.chance(15) {
            list.extend(unique_swap(rng, schema));
        } else {
            list.push(statement(rng, schema));
        }
    }
    list.push(if rng.chance(12) { "ROLLBACK" } else { "COMMIT" }.to_owned());
    Transaction { statements: list, all_or_nothing: false }
}

/// One statement on one of the tables
pub fn statement(rng: &mut Rng, schema: &Schema) -> String {
    let table = rng.pick(&schema.tables);
    match rng.below(100) {
        0..=29 => insert(rng, table),
        30..=41 => upsert(rng, table),
        42..=46 => insert_select(rng, table),
        47..=69 => update(rng, table),
        70..=82 => change_key(rng, table),
        83..=98 => delete(rng, table),
        _ => format!("DELETE FROM {}", table.sql_name()),
    }
}

/// `INSERT` or `REPLACE` of one to three rows
pub fn insert(rng: &mut Rng, table: &Table) -> String {
    let verb = if rng.chance(15) { "REPLACE".to_owned() } else { format!("INSERT {}", rng.pick(CONFLICT_CLAUSES)) };
    let columns = chosen_columns(rng, table);
    let rows: Vec<String> = (0..1 + rng.below(3)).map(|_| row(rng, table, &columns)).collect();
    format!("{verb} INTO {}({}) VALUES {}", table.sql_name(), names(table, &columns), rows.join(", "))
}

/// Columns of an insert: some that may be missing are missing
fn chosen_columns(rng: &mut Rng, table: &Table) -> Vec<usize> {
    let columns: Vec<usize> = (0..table.columns.len())
        .filter(|at| {
            // An absent rowid alias is numbered by SQLite. Any other absent key would be NULL.
            let may_miss = match table.shape {
                Shape::RowidAlias | Shape::AutoIncrement => true,
                _ => !table.key.contains(at) && !table.unique.contains(at),
            };
            !may_miss || !rng.chance(15)
        })
        .collect();
    if columns.is_empty() { (0..table.columns.len()).collect() } else { columns }
}

fn row(rng: &mut Rng, table: &Table, columns: &[usize]) -> String {
    let values: Vec<String> = columns
        .iter()
        .map(|at| {
            let column = &table.columns[*at];
            let defaulted = column.not_null && !table.key.contains(at) && table.shape != Shape::UniqueNotNull;
            // NOT NULL ON CONFLICT REPLACE, or an error: both are wanted.
            if defaulted && rng.chance(8) { "NULL".to_owned() } else { column.literal(rng) }
        })
        .collect();
    format!("({})", values.join(", "))
}

fn upsert(rng: &mut Rng, table: &Table) -> String {
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    let head =
        format!("INSERT INTO {}({}) VALUES {}", table.sql_name(), names(table, &columns), row(rng, table, &columns));
    let target = conflict_target(rng, table);
    if rng.chance(30) {
        return format!("{head} ON CONFLICT{target} DO NOTHING");
    }
    let set = if rng.chance(25) { key_assignment(rng, table) } else { None };
    let set = set.unwrap_or_else(|| {
        let name = quote(&rng.pick(&table.columns).name);
        format!("{name} = excluded.{name}")
    });
    let condition = if rng.chance(20) { " WHERE 0" } else { "" };
    format!("{head} ON CONFLICT{target} DO UPDATE SET {set}{condition}")
}

/// The key, a unique column, or nothing
fn conflict_target(rng: &mut Rng, table: &Table) -> String {
    let columns = match rng.below(3) {
        0 if !table.key.is_empty() => table.key.clone(),
        1 if !table.unique.is_empty() => vec![*rng.pick(&table.unique)],
        _ => return String::new(),
    };
    format!("({})", names(table, &columns))
}

/// Copies rows inside the table under a new value in one column
fn insert_select(rng: &mut Rng, table: &Table) -> String {
    let all: Vec<usize> = (0..table.columns.len()).collect();
    let changed = if table.key.is_empty() || rng.chance(30) { rng.below(all.len()) } else { *rng.pick(&table.key) };
    let terms: Vec<String> = all
        .iter()
        .map(|at| {
            let column = &table.columns[*at];
            if *at == changed { column.literal(rng) } else { quote(&column.name) }
        })
        .collect();
    let verb = rng.pick(&["INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE"]);
    let name = table.sql_name();
    format!(
        "{verb} INTO {name}({}) SELECT {} FROM {name} {} LIMIT 3",
        names(table, &all),
        terms.join(", "),
        condition(rng, table)
    )
}

fn update(rng: &mut Rng, table: &Table) -> String {
    let clause = rng.pick(CONFLICT_CLAUSES);
    let columns = &table.columns[table.key.len().min(table.columns.len() - 1)..];
    let mut sets = Vec::new();
    for _ in 0..1 + rng.below(2) {
        let column = rng.pick(columns);
        let name = quote(&column.name);
        let value = match rng.below(10) {
            // As object mappers do: the value that is there already.
            0 => name.clone(),
            1 if column.small && column.family == Family::Int => format!("{name} + 1"),
            _ => column.literal(rng),
        };
        sets.push(format!("{name} = {value}"));
    }
    format!("UPDATE {clause}{} SET {} {}", table.sql_name(), sets.join(", "), condition(rng, table))
}

fn change_key(rng: &mut Rng, table: &Table) -> String {
    let clause = rng.pick(CONFLICT_CLAUSES);
    let name = table.sql_name();
    match key_assignment(rng, table) {
        Some(set) => format!("UPDATE {clause}{name} SET {set} {}", condition(rng, table)),
        // No declared key: the rowid is the key, and it can be changed too.
        None => format!("UPDATE {clause}{name} SET rowid = {} WHERE rowid = {}", rng.below(40), rng.below(40)),
    }
}

/// `key = something else`, including what native equality takes for the same
fn key_assignment(rng: &mut Rng, table: &Table) -> Option<String> {
    let column = &table.columns[*rng.pick(table.key.get(..).filter(|key| !key.is_empty())?)];
    let name = quote(&column.name);
    let value = match (column.family, rng.below(4)) {
        (Family::Text, 0) => format!("upper({name})"),
        (Family::Text, 1) => format!("lower({name})"),
        (Family::Text, 2) => format!("rtrim({name})"),
        (Family::Numeric, 0 | 1) => format!("{name} + 0.0"),
        (Family::Numeric, 2) => format!("CAST({name} AS INTEGER)"),
        (Family::Int, 0) => format!("{name} + 1"),
        (Family::Int, 1) => format!("-{name}"),
        // NULL keys come only where the plan has seen some.
        _ => column.family.small(rng),
    };
    Some(format!("{name} = {value}"))
}

fn delete(rng: &mut Rng, table: &Table) -> String {
    format!("DELETE FROM {} {}", table.sql_name(), condition(rng, table))
}

/// Mostly one row by key, sometimes several, never all on purpose
fn condition(rng: &mut Rng, table: &Table) -> String {
    let column = match table.key.first() {
        Some(at) if rng.chance(70) => &table.columns[*at],
        _ => rng.pick(&table.columns),
    };
    let name = quote(&column.name);
    let literal = if column.small { column.family.small(rng) } else { column.family.wide(rng) };
    match rng.below(10) {
        0 => format!("WHERE {name} BETWEEN {literal} AND {}", column.family.small(rng)),
        1 if table.has_rowid() => format!("WHERE rowid % 7 = {}", rng.below(7)),
        2 => format!("WHERE {name} IN ({literal}, {})", column.family.small(rng)),
        _ => format!("WHERE {name} = {literal}"),
    }
}

/// Two rows exchange their unique values, through a third value
fn unique_swap(rng: &mut Rng, schema: &Schema) -> Vec<String> {
    let candidates: Vec<(&Table, usize)> =
        schema.tables.iter().flat_map(|t| t.unique.iter().chain(&t.key).map(move |at| (t, *at))).collect();
    let Some((table, at)) = candidates.get(rng.below(candidates.len().max(1))) else { return Vec::new() };
    let column = &table.columns[*at];
    let (name, family) = (quote(&column.name), column.family);
    let (one, two) = (family.small(rng), family.small(rng));
    let spare = match family {
        Family::Int | Family::Numeric => "-77".to_owned(),
        Family::Real => "-77.5".to_owned(),
        Family::Blob => "x'7777'".to_owned(),
        Family::Text | Family::Mixed => "'spare'".to_owned(),
    };
    [(&one, &spare), (&two, &one), (&spare, &two)]
        .map(|(from, to)| format!("UPDATE {} SET {name} = {to} WHERE {name} = {from}", table.sql_name()))
        .to_vec()
}

fn savepoint(rng: &mut Rng, schema: &Schema, list: &mut Vec<String>) {
    list.push("SAVEPOINT s".to_owned());
    for _ in 0..1 + rng.below(3) {
        list.push(statement(rng, schema));
    }
    if rng.chance(50) {
        list.push("ROLLBACK TO s".to_owned());
    }
    list.push("RELEASE s".to_owned());
}

fn names(table: &Table, columns: &[usize]) -> String {
    let names: Vec<String> = columns.iter().map(|at| quote(&table.columns[*at].name)).collect();
    names.join(", ")
}
