//! Which PostgreSQL type holds all that a column holds, and the columns of the target

use super::names::{Names, SYSTEM_COLUMNS};
use super::{Notes, notice};
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, Notice};
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::schema::{Affinity, Column, Generated, Key, KeyKind, Table, quote_identifier};

/// Name of the target's column for a hidden rowid
const ROWID_COLUMN: &str = "_crossfade_rowid";

/// All columns in the order of the source, then the hidden rowid if it is the key
pub(super) fn plan_columns(table: &Table, profile: &TableProfile, key: &Key, notes: &mut Notes) -> Vec<ColumnPlan> {
    let nothing = ColumnProfile::default();
    let mut columns: Vec<_> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let profile = profile.columns.get(at).unwrap_or(&nothing);
            warn_about_column(table, column, profile, notes);
            let in_key = key.parts.iter().any(|part| part.column == Some(at));
            let is_alias = table.rowid_alias == Some(at);
            let mapping = if is_alias { Mapping::Bigint } else { choose(table, column, profile) };
            let not_null = in_key || (column.not_null && profile.nulls == 0);
            ColumnPlan::new(quote_identifier(&column.name), Some(at), mapping, not_null)
        })
        .collect();
    name_columns(table, &mut columns, key, notes);
    columns
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

fn warn_about_column(table: &Table, column: &Column, profile: &ColumnProfile, notes: &mut Notes) {
    let object = object(table, &column.name);
    if column.generated != Generated::No {
        notes.warn(&object, "generated column: the target gets its values, but does not compute them", None);
    }
    if column.not_null && profile.nulls > 0 {
        let message = format!("NOT NULL, and yet {} values are NULL: the target takes NULL too", profile.nulls);
        notes.warn(&object, &message, Some("PRAGMA integrity_check lists the rows"));
    }
    notes.warnings.extend(variant_warning(table, column, profile, object));
}

fn variant_warning(table: &Table, column: &Column, profile: &ColumnProfile, object: String) -> Option<Notice> {
    let is_alias = table.rowid_alias.is_some_and(|at| table.columns[at].name == column.name);
    if is_alias || choose(table, column, profile) != Mapping::Variant {
        return None;
    }
    let held = holdings(profile);
    let message = if held.is_empty() {
        "is empty and declared to hold anything, so it becomes jsonb".to_owned()
    } else {
        format!("holds {held}: no plain type takes them all, so it becomes jsonb")
    };
    Some(notice(&object, &message, Some("make the values alike in SQLite and plan again, if a plain type is wanted")))
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

/// The mapping of an ordinary column (I10: by the values; by the declaration only where there are none)
fn choose(table: &Table, column: &Column, profile: &ColumnProfile) -> Mapping {
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

fn object(table: &Table, column: &str) -> String {
    format!("{}.{column}", table.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::planner::fixtures::{column, table};

    fn profile(integers: u64, reals: u64, texts: u64, blobs: u64) -> ColumnProfile {
        ColumnProfile { nulls: 1, integers, reals, texts, blobs, ..ColumnProfile::default() }
    }

    fn mapping(declared: &str, profile: &ColumnProfile) -> Mapping {
        choose(&table("t", &[("c", declared)]), &column("c", declared), profile)
    }

    fn strict_mapping_of(declared: &str, profile: &ColumnProfile) -> Mapping {
        let mut table = table("t", &[("c", declared)]);
        table.strict = true;
        if declared == "ANY" {
            table.columns[0].affinity = Affinity::Blob;
        }
        choose(&table, &table.columns[0], profile)
    }

    #[test]
    fn i10_values_of_one_class() {
        for (declared, held, expected) in [
            ("INTEGER", (5, 0, 0, 0), Mapping::Bigint),
            ("", (5, 0, 0, 0), Mapping::Bigint),
            ("TEXT", (5, 0, 0, 0), Mapping::Bigint),
            ("DECIMAL(10,2)", (5, 0, 0, 0), Mapping::Numeric),
            ("BOOLEAN", (5, 0, 0, 0), Mapping::Bigint),
            ("bool", (5, 0, 0, 0), Mapping::Bigint),
            ("datetime(6)", (5, 0, 0, 0), Mapping::Bigint),
            ("TIMESTAMP", (5, 0, 0, 0), Mapping::Bigint),
            ("DOUBLE", (0, 5, 0, 0), Mapping::Double),
            ("DECIMAL", (0, 5, 0, 0), Mapping::Numeric),
            ("INTEGER", (0, 5, 0, 0), Mapping::Numeric),
            ("INTEGER", (0, 0, 5, 0), Mapping::Text),
            ("BLOB", (0, 0, 5, 0), Mapping::Text),
            ("DATETIME", (0, 0, 5, 0), Mapping::Text),
            ("TEXT", (0, 0, 0, 5), Mapping::Bytea),
        ] {
            let (i, r, t, b) = held;
            assert_eq!(mapping(declared, &profile(i, r, t, b)), expected, "{declared} {held:?}");
        }
    }

    #[test]
    fn i10_mixtures() {
        assert_eq!(mapping("DECIMAL", &profile(1, 1, 0, 0)), Mapping::Numeric);
        assert_eq!(mapping("", &profile(1, 1, 0, 0)), Mapping::Numeric);
        for (i, r, t, b) in [(1, 0, 1, 0), (0, 1, 1, 0), (0, 0, 1, 1), (1, 0, 0, 1), (0, 1, 0, 1), (1, 1, 1, 1)] {
            assert_eq!(mapping("", &profile(i, r, t, b)), Mapping::Variant);
        }
    }

    #[test]
    fn i10_values_that_numeric_and_text_cannot_hold() {
        let infinite = |integers| ColumnProfile { infinities: 1, ..profile(integers, 2, 0, 0) };
        let negative = |integers| ColumnProfile { negative_zero: 1, ..profile(integers, 2, 0, 0) };
        assert_eq!([mapping("NUMERIC", &infinite(0)), mapping("", &infinite(1))], [Mapping::Numeric; 2]);
        assert_eq!([mapping("", &negative(0)), mapping("", &negative(1))], [Mapping::Double, Mapping::Variant]);
        let nul = ColumnProfile { nul_texts: 1, ..profile(0, 0, 9, 0) };
        let invalid = ColumnProfile { invalid_utf8: 1, ..profile(0, 0, 9, 0) };
        assert_eq!([mapping("TEXT", &nul), mapping("TEXT", &invalid)], [Mapping::Variant; 2]);
    }

    #[test]
    fn empty_columns_by_declaration() {
        for (declared, expected) in [
            ("INT", Mapping::Bigint),
            ("FLOAT", Mapping::Double),
            ("VARCHAR(9)", Mapping::Text),
            ("BLOB", Mapping::Bytea),
            ("", Mapping::Variant),
            ("BOOLEAN", Mapping::Bigint),
            ("DATE", Mapping::Text),
            ("TIMESTAMP", Mapping::Text),
            ("DECIMAL(9,2)", Mapping::Numeric),
            ("JSON", Mapping::Text),
            ("UUID", Mapping::Text),
            ("NUMBER", Mapping::Numeric),
        ] {
            assert_eq!(mapping(declared, &profile(0, 0, 0, 0)), expected, "{declared}");
        }
    }

    #[test]
    fn strict_columns_by_declaration() {
        let empty = profile(0, 0, 0, 0);
        let types = ["INT", "integer", "REAL", "TEXT", "BLOB", "ANY"].map(|d| strict_mapping_of(d, &empty));
        use Mapping::*;
        assert_eq!(types, [Bigint, Bigint, Double, Text, Bytea, Variant]);
        assert_eq!(strict_mapping_of("ANY", &profile(1, 0, 1, 0)), Variant);
        assert_eq!(strict_mapping_of("TEXT", &ColumnProfile { nul_texts: 1, ..profile(0, 0, 1, 0) }), Variant);
    }

    #[test]
    fn a_variant_names_its_counts() {
        let profile = ColumnProfile { nul_texts: 2, ..profile(3, 0, 4, 0) };
        let notice = variant_warning(&table("t", &[]), &column("c", ""), &profile, "t.c".into()).unwrap();
        assert_eq!(notice.object, "t.c");
        assert!(notice.message.contains("3 integers, 4 texts, 2 of them with a NUL byte"), "{}", notice.message);
    }
}
