//! Closers: what REPLACE conflict resolution may remove without firing a DELETE trigger
//!
//! By default (`recursive_triggers=OFF`) rows removed by REPLACE vanish silently, on any unique index, and even in a
//! plain INSERT into a table that says ON CONFLICT REPLACE. BEFORE triggers note the keys of all rows that equal the new row
//! on a unique index; here are the conditions that find them. They name no more columns than they need, because every
//! column named in a trigger cannot be dropped by the application.

use std::collections::BTreeSet;

use super::words::{closed, count_name, named_columns};
use crate::model::schema::{Affinity, Column, Generated, Index, Key, Table, Term, quote_identifier, quote_literal};
use crate::sqlite::tokens::{Kind, tokenize};

/// Conditions of the BEFORE triggers of one table
pub(super) struct Closers {
    /// One condition on the table's rows per way to conflict with NEW
    pub conflicts: Vec<String>,
    /// ` OF ...` for the UPDATE trigger, empty if any column may matter
    pub update_of: String,
}

/// The closers of a table; `None` if REPLACE can only remove rows that have the new row's own key
pub(super) fn closers(table: &Table, key: &Key) -> Option<Closers> {
    let indexes: Vec<&Index> = table.indexes.iter().filter(|i| i.unique && !is_implied(table, key, i)).collect();
    let rowid = other_rowid(table, key);
    let mut conflicts: Vec<String> = rowid.iter().map(|rowid| format!("{rowid} = NEW.{rowid}")).collect();
    for index in &indexes {
        conflicts.push(conflict(table, index));
        conflicts.extend(unknown_values(table, index));
    }
    if conflicts.is_empty() {
        return None;
    }
    Some(Closers { conflicts, update_of: update_of(table, &indexes, rowid.is_some()) })
}

/// Rows that conflict on this index have the new row's rowid, or its very key: both are looked after elsewhere
fn is_implied(table: &Table, key: &Key, index: &Index) -> bool {
    let is_rowid = |term: &Term| match term {
        Term::Rowid => true,
        Term::Column(c) => table.rowid_alias == Some(*c),
        Term::Expression(_) => false,
    };
    // Equal under BINARY is identical, except where 1 and 1.0 can stand side by side.
    let pins = |column: usize| {
        table.columns[column].affinity != Affinity::Blob
            && index.terms.iter().any(|t| t.what == Term::Column(column) && t.collation == "BINARY")
    };
    index.terms.iter().any(|t| is_rowid(&t.what)) || key.parts.iter().all(|p| p.column.is_some_and(pins))
}

/// The rowid where it is unique beside the key: `REPLACE INTO t(rowid, ..)` removes the row that has it
fn other_rowid(table: &Table, key: &Key) -> Option<String> {
    if table.without_rowid || key.is_rowid() {
        return None;
    }
    let alias = table.rowid_alias.map(|c| quote_identifier(&table.columns[c].name));
    alias.or_else(|| table.rowid_name.clone())
}

/// Existing rows equal to NEW on every term of the index (`=`: NULLs never conflict)
fn conflict(table: &Table, index: &Index) -> String {
    let mut terms: Vec<String> = index
        .terms
        .iter()
        .map(|term| {
            let (existing, new) = match &term.what {
                Term::Column(c) => (quote_identifier(&table.columns[*c].name), new_value(&table.columns[*c])),
                Term::Rowid => ("rowid".to_string(), "NEW.rowid".to_string()),
                Term::Expression(text) => (format!("({})", closed(text)), new_expression(table, text)),
            };
            // On this side of the `=` the collation lets SQLite seek in the index; on the other it would scan.
            format!("{existing} COLLATE {} = {new}", quote_identifier(&term.collation))
        })
        .collect();
    // In BEFORE UPDATE, SQLite computes NEW's generated columns from inputs that it leaves NULL, unless they are named.
    let name_input = |c: usize| format!("typeof(NEW.{}) <> ''", quote_identifier(&table.columns[c].name));
    terms.extend(generated_inputs(table, index).into_iter().map(name_input));
    // Without the predicate SQLite would not use the partial index, and scan.
    terms.extend(index.predicate.as_ref().map(|text| format!("({})", closed(text))));
    terms.join(" AND ")
}

/// The value that will be stored: under REPLACE a NULL for a NOT NULL column becomes its default, but only after
/// BEFORE triggers ran
fn new_value(column: &Column) -> String {
    let name = quote_identifier(&column.name);
    match &column.default {
        Some(default) if column.not_null => format!("coalesce(NEW.{name},({}))", default_sql(default)),
        _ => format!("NEW.{name}"),
    }
}

/// The index expression over the new row: its text stays as it is, and the columns that it names come from NEW
fn new_expression(table: &Table, text: &str) -> String {
    let column = |c: usize| {
        let name = quote_identifier(&table.columns[c].name);
        format!("NEW.{name} AS {name}")
    };
    let mut columns: Vec<String> = named_columns(text, table).into_iter().map(column).collect();
    if columns.is_empty() {
        columns.push("NULL".into());
    }
    format!("(SELECT {} FROM (SELECT {}))", closed(text), columns.join(", "))
}

/// Where a default is substituted below an expression or a generated column, NEW does not show the value that will
/// conflict: any row may be the victim. Such a NULL is an error without REPLACE, so this is rare.
fn unknown_values(table: &Table, index: &Index) -> Option<String> {
    let mut unknown = generated_inputs(table, index);
    for term in &index.terms {
        if let Term::Expression(text) = &term.what {
            unknown.extend(named_columns(text, table));
        }
    }
    let substituted = |c: &usize| table.columns[*c].not_null && table.columns[*c].default.is_some();
    let is_null = |c: usize| format!("NEW.{} IS NULL", quote_identifier(&table.columns[c].name));
    let conditions: Vec<String> = unknown.into_iter().filter(substituted).map(is_null).collect();
    (!conditions.is_empty()).then(|| format!("({})", conditions.join(" OR ")))
}

/// Columns that the index's generated columns may be computed from: those that the table's definition names again
/// after defining them
fn generated_inputs(table: &Table, index: &Index) -> BTreeSet<usize> {
    let is_generated = |c: usize| table.columns[c].generated != Generated::No;
    let is_computed = |term: &Term| match term {
        Term::Column(c) => is_generated(*c),
        Term::Expression(text) => named_columns(text, table).into_iter().any(is_generated),
        Term::Rowid => false,
    };
    if !index.terms.iter().any(|t| is_computed(&t.what)) {
        return BTreeSet::new();
    }
    let definition = tokenize(&table.sql);
    let named_again = |c: &usize| count_name(&definition, &table.columns[*c].name) > 1;
    (0..table.columns.len()).filter(|&c| !is_generated(c)).filter(named_again).collect()
}

/// ` OF <columns>`, so that ordinary updates pay nothing
fn update_of(table: &Table, indexes: &[&Index], rowid_conflicts: bool) -> String {
    let mut columns = BTreeSet::new();
    for index in indexes {
        columns.extend(index.predicate.iter().flat_map(|text| named_columns(text, table)));
        for term in &index.terms {
            match &term.what {
                Term::Column(c) => columns.extend([*c]),
                Term::Expression(text) => columns.extend(named_columns(text, table)),
                Term::Rowid => columns.extend(table.rowid_alias),
            }
        }
    }
    if columns.iter().any(|&c| table.columns[c].generated != Generated::No) {
        return String::new();
    }
    columns.extend(table.rowid_alias.filter(|_| rowid_conflicts));
    let mut names: Vec<String> = columns.iter().map(|&c| quote_identifier(&table.columns[c].name)).collect();
    // `OF` goes by the name that the statement uses, and the rowid has several.
    if rowid_conflicts || table.rowid_alias.is_some_and(|c| columns.contains(&c)) {
        names.extend(["rowid", "_rowid_", "oid"].map(String::from));
    }
    if names.is_empty() { String::new() } else { format!(" OF {}", names.join(",")) }
}

/// The default as an expression: `DEFAULT word` is a string to SQLite, but a column name in a trigger
fn default_sql(text: &str) -> String {
    match tokenize(text).as_slice() {
        [quoted] if quoted.kind == Kind::Quoted => quote_literal(&quoted.name()),
        [word] if word.is_word("true") => "1".into(),
        [word] if word.is_word("false") => "0".into(),
        [word] if word.kind == Kind::Word && is_name(word.text) => quote_literal(word.text),
        _ => closed(text),
    }
}

fn is_name(word: &str) -> bool {
    let keywords = ["null", "current_time", "current_date", "current_timestamp"];
    !word.starts_with(|c: char| c.is_ascii_digit()) && !keywords.iter().any(|k| word.eq_ignore_ascii_case(k))
}
