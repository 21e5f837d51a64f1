//! The columns of the target

use super::choose::{Choice, choose};
use super::chosen;
use super::names::{Names, SYSTEM_COLUMNS, Wanted};
use super::typed;
use super::{Notes, notice};
use crate::model::choices::Choices;
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, Notice};
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::schema::{Column, Key, KeyKind, Table, quote_identifier};

/// Name of the target's column for a hidden rowid
pub(super) const ROWID_COLUMN: &str = "_crossfade_rowid";

/// All columns in the order of the source, then the hidden rowid if it is the key; and why each has its type
pub(super) fn plan_columns(
    table: &Table,
    profile: &TableProfile,
    key: &Key,
    choices: &Choices,
    notes: &mut Notes,
) -> (Vec<ColumnPlan>, Vec<Choice>) {
    let nothing = ColumnProfile::default();
    let (mut columns, mut reasons) = (Vec::new(), Vec::new());
    for (at, column) in table.columns.iter().enumerate() {
        let profile = profile.columns.get(at).unwrap_or(&nothing);
        let mut choice = choose(table, at, profile, key, &choices.defaults);
        let limit = typed::limit(column, profile, choice.mapping, &choices.defaults);
        choice.doubt = choice.doubt.or(limit.as_ref().and_then(|limit| limit.doubt.clone()));
        let settled = chosen::differs(profile, choice.mapping);
        warn_about_column(table, column, profile, &choice, settled, notes);
        let in_key = key.parts.iter().any(|part| part.column == Some(at));
        let not_null = in_key || (column.not_null && profile.nulls == 0);
        let mut planned = ColumnPlan::new(quote_identifier(&column.name), Some(at), choice.mapping, not_null);
        if let Some(limit) = limit.filter(|limit| limit.doubt.is_none()) {
            (planned.type_sql, planned.check) = (limit.type_sql, limit.check);
        }
        columns.push(planned);
        reasons.push(choice);
    }
    name_columns(table, &mut columns, key, choices, notes);
    (columns, reasons)
}

/// The key's columns as positions in the plan's columns, in key order
pub(super) fn key_columns(columns: &[ColumnPlan], key: &Key) -> Vec<usize> {
    key.parts.iter().filter_map(|part| columns.iter().position(|c| c.source_column == part.column)).collect()
}

fn name_columns(table: &Table, columns: &mut Vec<ColumnPlan>, key: &Key, choices: &Choices, notes: &mut Notes) {
    let mut names = Names::default();
    let chosen = choices.tables.get(&table.name).map(|choice| &choice.columns);
    let wanted = table.columns.iter().map(|column| {
        let rename = chosen.and_then(|columns| columns.get(&column.name)?.rename.as_deref());
        Wanted::new(&column.name, rename, choices.defaults.identifiers)
    });
    let wanted: Vec<Wanted> = wanted.collect();
    for ((column, name), wanted) in columns.iter_mut().zip(names.assign(&wanted, SYSTEM_COLUMNS)).zip(&wanted) {
        wanted.tell(&object(table, &wanted.source), &name, notes);
        column.target_name = name;
    }
    if key.kind == KeyKind::Rowid {
        let rowid = ColumnPlan::new(key.parts[0].sql.clone(), None, Mapping::Bigint, true);
        columns.push(ColumnPlan { target_name: names.make(ROWID_COLUMN), ..rowid });
    }
}

/// `settled`: the operator has decided on another type, so that there is no doubt about this one to be told
fn warn_about_column(
    table: &Table,
    column: &Column,
    profile: &ColumnProfile,
    choice: &Choice,
    settled: bool,
    notes: &mut Notes,
) {
    let object = object(table, &column.name);
    if column.not_null && profile.nulls > 0 {
        let message = format!("NOT NULL, and yet {} values are NULL: the target takes NULL too", profile.nulls);
        notes.warn(&object, &message, Some("PRAGMA integrity_check lists the rows"));
    }
    if settled {
        return;
    }
    if let Some(doubt) = &choice.doubt {
        let message = doubt.message(&column.declared_type, profile, choice.mapping);
        notes.warn(&object, &message, Some(&doubt.remedy(choice.mapping)));
    }
    if choice.mapping == Mapping::Variant {
        notes.warnings.push(variant_warning(profile, &object));
    }
    warn_about_collation(column, choice.mapping, &object, notes);
}

/// The application's own queries compare otherwise on the target
fn warn_about_collation(column: &Column, mapping: Mapping, object: &str, notes: &mut Notes) {
    if mapping != Mapping::Text {
        return;
    }
    let (how, instead) = match column.collation.as_str() {
        "BINARY" => return,
        "NOCASE" => ("without regard to the case of A to Z", "lower(.. COLLATE \"C\")"),
        "RTRIM" => ("without regard to blanks at the end", "rtrim(.., ' ')"),
        other => {
            let message = format!("SQLite compares it under {other}, PostgreSQL exactly");
            return notes.warn(object, &message, None);
        }
    };
    let message = format!("SQLite compares it {how} ({}), PostgreSQL exactly", column.collation);
    notes.warn(
        object,
        &message,
        Some(&format!("in queries on PostgreSQL compare {instead}, which its indexes are over")),
    );
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

pub(super) fn object(table: &Table, column: &str) -> String {
    format!("{}.{column}", table.name)
}
