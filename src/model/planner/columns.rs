//! The columns of the target

use super::choose::{Choice, choose};
use super::names::{Names, SYSTEM_COLUMNS};
use super::{Notes, notice};
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, Notice};
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::schema::{Column, Generated, Key, KeyKind, Table, quote_identifier};

/// Name of the target's column for a hidden rowid
pub(super) const ROWID_COLUMN: &str = "_crossfade_rowid";

/// All columns in the order of the source, then the hidden rowid if it is the key; and why each has its type
pub(super) fn plan_columns(
    table: &Table,
    profile: &TableProfile,
    key: &Key,
    notes: &mut Notes,
) -> (Vec<ColumnPlan>, Vec<Choice>) {
    let nothing = ColumnProfile::default();
    let (mut columns, mut choices) = (Vec::new(), Vec::new());
    for (at, column) in table.columns.iter().enumerate() {
        let profile = profile.columns.get(at).unwrap_or(&nothing);
        let choice = choose(table, at, profile, key);
        warn_about_column(table, column, profile, &choice, notes);
        let in_key = key.parts.iter().any(|part| part.column == Some(at));
        let not_null = in_key || (column.not_null && profile.nulls == 0);
        columns.push(ColumnPlan::new(quote_identifier(&column.name), Some(at), choice.mapping, not_null));
        choices.push(choice);
    }
    name_columns(table, &mut columns, key, notes);
    (columns, choices)
}

/// The key's columns as positions in the plan's columns, in key order
pub(super) fn key_columns(columns: &[ColumnPlan], key: &Key) -> Vec<usize> {
    key.parts.iter().filter_map(|part| columns.iter().position(|c| c.source_column == part.column)).collect()
}

fn name_columns(table: &Table, columns: &mut Vec<ColumnPlan>, key: &Key, notes: &mut Notes) {
    let mut names = Names::default();
    let wanted: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    for ((column, name), source) in columns.iter_mut().zip(names.assign(&wanted, SYSTEM_COLUMNS)).zip(&wanted) {
        names.warn_if_changed(&object(table, source), source, &name, notes);
        column.target_name = name;
    }
    if key.kind == KeyKind::Rowid {
        let rowid = ColumnPlan::new(key.parts[0].sql.clone(), None, Mapping::Bigint, true);
        columns.push(ColumnPlan { target_name: names.make(ROWID_COLUMN), ..rowid });
    }
}

fn warn_about_column(table: &Table, column: &Column, profile: &ColumnProfile, choice: &Choice, notes: &mut Notes) {
    let object = object(table, &column.name);
    if column.generated != Generated::No {
        notes.warn(&object, "generated column: the target gets its values, but does not compute them", None);
    }
    if column.not_null && profile.nulls > 0 {
        let message = format!("NOT NULL, and yet {} values are NULL: the target takes NULL too", profile.nulls);
        notes.warn(&object, &message, Some("PRAGMA integrity_check lists the rows"));
    }
    if let Some(doubt) = &choice.doubt {
        let message = doubt.message(&column.declared_type, profile, choice.mapping);
        notes.warn(&object, &message, Some(&doubt.remedy(choice.mapping)));
    }
    if choice.mapping == Mapping::Variant {
        notes.warnings.push(variant_warning(profile, &object));
    }
}

pub(super) fn variant_warning(profile: &ColumnProfile, object: &str) -> Notice {
    let held = holdings(profile);
    let message = if held.is_empty() {
        "is empty and declared to hold anything, so it becomes jsonb".to_owned()
    } else {
        format!("holds {held}{}: no plain type takes them all, so it becomes jsonb", examples(profile))
    };
    notice(object, &message, Some("make the values alike in SQLite and plan again, if a plain type is wanted"))
}

/// Rows with the values that are in the way: texts that PostgreSQL does not take, else those of the rarest class
fn examples(profile: &ColumnProfile) -> String {
    let counts = [profile.integers, profile.reals, profile.texts, profile.blobs];
    let rarest = (0..counts.len()).rev().filter(|at| counts[*at] > 0).min_by_key(|at| counts[*at]);
    let keys = match rarest {
        _ if !profile.odd_keys.is_empty() => &profile.odd_keys,
        Some(at) => &profile.keys[at],
        None => return String::new(),
    };
    if keys.is_empty() { String::new() } else { format!(" (e.g. {})", keys.join("; ")) }
}

/// The counts that matter, in words
fn holdings(profile: &ColumnProfile) -> String {
    let counts = [
        (profile.integers, "integer"),
        (profile.reals, "real"),
        (profile.infinities, "of them infinite"),
        (profile.negative_zero, "of them -0.0"),
        (profile.texts, "text"),
        (profile.nul_texts, "of them with a NUL byte"),
        (profile.invalid_utf8, "of them not UTF-8"),
        (profile.blobs, "blob"),
    ];
    let words = counts.iter().filter(|(count, _)| *count > 0).map(|&(count, what)| {
        let plural = if count == 1 || what.starts_with("of them") { "" } else { "s" };
        format!("{count} {what}{plural}")
    });
    words.collect::<Vec<_>>().join(", ")
}

fn object(table: &Table, column: &str) -> String {
    format!("{}.{column}", table.name)
}
