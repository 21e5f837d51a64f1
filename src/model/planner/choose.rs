//! Which PostgreSQL type holds all that a column holds

use super::typed::{self, Doubt, Uses};
use crate::model::choices::Defaults;
use crate::model::mapping::Mapping;
use crate::model::profile::ColumnProfile;
use crate::model::profile::intent::Intent;
use crate::model::schema::{Affinity, Column, IndexTerm, Key, Table, Term};

/// The type of a column, and why
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub mapping: Mapping,
    /// The type that holds the values whatever they stand for: what the column falls back to
    pub plain: Mapping,
    /// Why it is not the type that the declaration asks for
    pub doubt: Option<Doubt>,
    /// Without a value, and without a DEFAULT that shows the form of those to come
    pub is_open: bool,
}

/// The type of one column of the table (I10: by the values; by the declaration only where there are none)
pub(super) fn choose(table: &Table, at: usize, profile: &ColumnProfile, key: &Key, defaults: &Defaults) -> Choice {
    let column = &table.columns[at];
    if table.rowid_alias == Some(at) {
        return Choice { mapping: Mapping::Bigint, plain: Mapping::Bigint, doubt: None, is_open: false };
    }
    let plain = plain(table, column, profile);
    let (intent, uses) = (Intent::of(table, at), uses(table, at, key, defaults));
    if profile.values() == 0 {
        let by_default = typed::of_default(intent, column);
        let typed = by_default.or_else(|| typed::of_declaration(intent, column, uses));
        return Choice { mapping: typed.unwrap_or(plain), plain, doubt: None, is_open: by_default.is_none() };
    }
    if profile.nul_texts + profile.invalid_utf8 > 0 {
        return Choice { mapping: plain, plain, doubt: None, is_open: false };
    }
    let finding = typed::find(intent, column, profile, uses);
    let mapping = finding.mapping.unwrap_or(plain);
    // A mixture has a warning of its own.
    let doubt = finding.doubt.filter(|_| mapping != Mapping::Variant);
    Choice { mapping, plain, doubt, is_open: false }
}

/// Where the column is compared with others
pub(super) fn uses(table: &Table, at: usize, key: &Key, defaults: &Defaults) -> Uses {
    let holds = |terms: &[IndexTerm]| terms.iter().any(|term| term.what == Term::Column(at));
    let indexed = table.indexes.iter().any(|index| holds(&index.terms));
    let unique = key.parts.iter().any(|part| part.column == Some(at)) || is_unique(table, at);
    let any_spelling = !unique && may_have_any_spelling(table, at);
    Uses { unique, indexed: indexed || unique, any_spelling, json: defaults.json }
}

/// In the PRIMARY KEY or in a unique index
fn is_unique(table: &Table, at: usize) -> bool {
    let holds = |terms: &[IndexTerm]| terms.iter().any(|term| term.what == Term::Column(at));
    table.primary_key.contains(&at) || table.indexes.iter().any(|index| index.unique && holds(&index.terms))
}

/// Nothing tells rows apart by the column, and no foreign key ties it to another: two spellings of one value are two
/// values in SQLite and one on PostgreSQL
pub(super) fn may_have_any_spelling(table: &Table, at: usize) -> bool {
    !is_unique(table, at) && !table.foreign_keys.iter().any(|key| key.columns.contains(&at))
}

/// The type by storage class alone
fn plain(table: &Table, column: &Column, profile: &ColumnProfile) -> Mapping {
    if profile.nul_texts + profile.invalid_utf8 > 0 {
        return Mapping::Variant;
    }
    if table.strict && !column.declared_type.eq_ignore_ascii_case("ANY") {
        return strict_mapping(&column.declared_type);
    }
    let odd_reals = profile.negative_zero > 0;
    let held = [profile.integers, profile.reals, profile.texts, profile.blobs].map(|count| count > 0);
    match held {
        [false, false, false, false] => empty_mapping(column),
        [true, false, false, false] if is_decimal(column) => Mapping::Numeric,
        [true, false, false, false] => Mapping::Bigint,
        [false, true, false, false] if column.affinity == Affinity::Real || odd_reals => Mapping::Double,
        [_, true, false, false] if !odd_reals => Mapping::Numeric,
        [false, false, true, false] => Mapping::Text,
        [false, false, false, true] => Mapping::Bytea,
        _ => Mapping::Variant,
    }
}

/// A STRICT column holds one class for ever
fn strict_mapping(declared: &str) -> Mapping {
    match declared.to_ascii_uppercase().as_str() {
        "REAL" => Mapping::Double,
        "TEXT" => Mapping::Text,
        "BLOB" => Mapping::Bytea,
        _ => Mapping::Bigint,
    }
}

fn empty_mapping(column: &Column) -> Mapping {
    match column.affinity {
        Affinity::Integer => Mapping::Bigint,
        Affinity::Real => Mapping::Double,
        Affinity::Text => Mapping::Text,
        // Declared to hold anything (ANY of a STRICT table has this affinity too), so anything may come.
        Affinity::Blob if column.declared_type.is_empty() => Mapping::Variant,
        Affinity::Blob if column.declared_type.eq_ignore_ascii_case("ANY") => Mapping::Variant,
        Affinity::Blob => Mapping::Bytea,
        Affinity::Numeric if is_boolean(column) => Mapping::Bigint,
        Affinity::Numeric if is_decimal(column) => Mapping::Numeric,
        Affinity::Numeric => Mapping::Text,
    }
}

/// NUMERIC affinity that means numbers with a fraction; it is also what SQLite gives to names that it does not know (DATE,
/// JSON, UUID, STRING)
fn is_decimal(column: &Column) -> bool {
    let declared = column.declared_type.to_ascii_uppercase();
    let names = ["DEC", "NUM", "MONEY", "CURRENCY", "FIXED"];
    column.affinity == Affinity::Numeric && names.iter().any(|name| declared.contains(name))
}

fn is_boolean(column: &Column) -> bool {
    column.declared_type.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("BOOL"))
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
