//! Why a column has its type: in a few words for people, in counts for programs

use serde::Serialize;

use crate::model::convert::forms::{DateForm, EpochUnit, Fraction, StampForm, TimeForm, UuidForm, ZoneStyle};
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, TablePlan};
use crate::model::profile::form::{TextForm, boolean_words, stamp_words, time_words, uuid_words, write_zone};
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::words::{counted, grouped};

/// What the types of a table rest on
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableEvidence {
    pub table: String,
    /// In the order of `TablePlan::columns`
    pub columns: Vec<ColumnEvidence>,
}

/// What the type of a column rests on
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnEvidence {
    pub column: String,
    #[serde(rename = "type")]
    pub type_sql: String,
    pub words: String,
    /// `None` for the hidden rowid
    pub values: Option<ColumnProfile>,
}

pub(super) fn of_table(plan: &TablePlan, profile: &TableProfile) -> TableEvidence {
    let columns = plan.columns.iter().map(|column| {
        let values = column.source_column.and_then(|at| profile.columns.get(at)).cloned();
        let words = values.as_ref().map_or_else(|| "the hidden rowid".to_owned(), |values| words(column, values));
        ColumnEvidence { column: column.target_name.clone(), type_sql: column.type_sql.clone(), words, values }
    });
    TableEvidence { table: plan.source.name.clone(), columns: columns.collect() }
}

/// `1,204 integers, all 0 or 1`
fn words(column: &ColumnPlan, profile: &ColumnProfile) -> String {
    if profile.values() == 0 {
        return if profile.nulls == 0 { "empty" } else { "only NULL" }.to_owned();
    }
    let more = match column.mapping {
        Mapping::Bigint | Mapping::Integer | Mapping::Smallint => {
            format!(", {} to {}", profile.int_min, profile.int_max)
        }
        Mapping::Text if profile.texts > 0 => of_text(profile),
        Mapping::Bytea => format!(", longest {} bytes", grouped(profile.bytes_max)),
        Mapping::Boolean(form) => format!(", all {}", boolean_words(form)),
        Mapping::Date(DateForm::Iso) => ", all %Y-%m-%d".to_owned(),
        Mapping::Date(DateForm::Compact) => ", all %Y%m%d".to_owned(),
        Mapping::Time(form) => format!(", all {}", time_form(form)),
        Mapping::Timestamp { form, .. } => format!(", all {}", stamp_form(form)),
        mapping @ (Mapping::Moment { .. } | Mapping::TimeOfDay(_)) => of_spellings(mapping, profile),
        Mapping::Epoch { unit, .. } => format!(", all {}", epoch_unit(unit)),
        Mapping::Uuid(UuidForm::Bytes) => ", all of 16 bytes".to_owned(),
        Mapping::Uuid(form) => format!(", all {}", uuid_words(form)),
        Mapping::Json { binary, .. } if binary || profile.spelled_documents.count == 0 => ", all JSON".to_owned(),
        Mapping::Json { .. } => {
            format!(", all JSON, {} not for jsonb", grouped(profile.spelled_documents.count))
        }
        Mapping::Vector { dimensions: 0, .. } => ", all vectors".to_owned(),
        Mapping::Vector { dimensions, .. } => format!(", all vectors of {} dimensions", grouped(dimensions.into())),
        _ => String::new(),
    };
    let nulls = if profile.nulls == 0 { String::new() } else { format!(", {} NULL", grouped(profile.nulls)) };
    format!("{}{more}{nulls}", classes(profile))
}

/// The storage classes and their counts
fn classes(profile: &ColumnProfile) -> String {
    let counts =
        [(profile.integers, "integer"), (profile.reals, "real"), (profile.texts, "text"), (profile.blobs, "blob")];
    let held = counts.iter().filter(|(count, _)| *count > 0);
    held.map(|(count, class)| counted(*count, class)).collect::<Vec<_>>().join(", ")
}

/// The longest text; and the form, if all have the same, though nobody asked for it
fn of_text(profile: &ColumnProfile) -> String {
    let longest = format!(", longest {}", grouped(profile.chars_max));
    match profile.forms.as_slice() {
        [(form, tally)] if tally.count == profile.texts && *form != TextForm::Empty => {
            format!("{longest}, all {form}")
        }
        _ => longest,
    }
}

/// What the texts are, and how many of them are not spelled as most
fn of_spellings(mapping: Mapping, profile: &ColumnProfile) -> String {
    let (what, form) = match mapping {
        Mapping::TimeOfDay(form) => ("times of day", time_form(form)),
        Mapping::Moment { form, .. } => ("moments", stamp_form(form)),
        _ => return String::new(),
    };
    match profile.texts - profile.spelled_as(mapping) {
        0 => format!(", all {what}, as {form}"),
        others => format!(
            ", the same {what}; SQLite keeps the spelling ({} of {} spelled otherwise than {form})",
            grouped(others),
            grouped(profile.texts)
        ),
    }
}

/// How values are spelled that may have any spelling: as they are, and else in this form
pub fn any_spelling(form: &str) -> String {
    format!("{ANY_SPELLING}{form}")
}

pub const ANY_SPELLING: &str = "any spelling, else ";

pub fn time_form(form: TimeForm) -> String {
    format!("{}{}", time_words(form.layout), fraction(form.fraction))
}

pub fn zoned_time_form(form: TimeForm, zone: ZoneStyle) -> String {
    let zone = match zone {
        ZoneStyle::Z => "Z",
        ZoneStyle::Colon => "+hh:mm",
        ZoneStyle::Digits => "+hhmm",
        ZoneStyle::Hours => "+hh",
    };
    format!("{}{zone}", time_form(form))
}

pub fn stamp_form(form: StampForm) -> String {
    let mut words = format!("{}{}", stamp_words(form.layout), fraction(form.fraction));
    // Writing to a string cannot fail.
    let _ = write_zone(&mut words, form.zone);
    words
}

/// Digits behind the seconds; with a question mark where zeros are left out
fn fraction(fraction: Fraction) -> String {
    match fraction {
        Fraction::None => String::new(),
        Fraction::Fixed(digits) => format!(".{digits}"),
        Fraction::OmitZero(digits) => format!(".{digits}?"),
    }
}

pub fn epoch_unit(unit: EpochUnit) -> &'static str {
    match unit {
        EpochUnit::S => "seconds since 1970",
        EpochUnit::SecondsReal => "seconds since 1970 with fractions",
        EpochUnit::Ms => "milliseconds since 1970",
        EpochUnit::Us => "microseconds since 1970",
    }
}
