//! How SQLite spells the values, in words and back
//!
//! The words are those of the evidence. [`read`] is the exact inverse of [`words`], given the type.

use super::types::Kind;
use crate::model::convert::forms::{
    BoolForm, DateForm, DecimalClass, EpochUnit, ExponentForm, Fraction, IntervalForm, JsonForm, Layout, StampForm,
    TimeForm, TimeLayout, UuidForm, VectorDigits, VectorForm, WholeNumbers, Zone,
};
use crate::model::mapping::Mapping;
use crate::model::planner::evidence::{ANY_SPELLING, any_spelling, epoch_unit, stamp_form, time_form, zoned_time_form};
use crate::model::profile::form::{boolean_words, stamp_words, time_words, uuid_words};

pub(super) const DATES: [DateForm; 2] = [DateForm::Iso, DateForm::Compact];
pub(super) const EPOCHS: [EpochUnit; 4] = [EpochUnit::S, EpochUnit::Ms, EpochUnit::Us, EpochUnit::SecondsReal];
pub(super) const DECIMALS: [DecimalClass; 4] =
    [DecimalClass::ByValue, DecimalClass::Integer, DecimalClass::Real, DecimalClass::Text];
const LAYOUTS: [Layout; 5] = [Layout::IsoSpace, Layout::IsoT, Layout::MinutesSpace, Layout::MinutesT, Layout::Compact];
const TIMES: [TimeLayout; 3] = [TimeLayout::Seconds, TimeLayout::Minutes, TimeLayout::Dated];

/// Words of a column that holds any value whatever
const ANY: &str = "any value";
const ANY_NUMBER: &str = "any number";
const DOCUMENTS: &str = "documents";
const MICROSECONDS: &str = "microseconds";
const BLOB_FLOATS: &str = "32-bit floats";
/// Farthest from UTC that a zone may be, in minutes
const MAX_ZONE: i16 = 15 * 60 + 59;

/// The form of a conversion in words; `None` if its type has but one
pub fn words(mapping: Mapping) -> Option<String> {
    Some(match mapping {
        Mapping::Boolean(form) => boolean_words(form).to_owned(),
        Mapping::Date(form) => date_words(form).to_owned(),
        Mapping::Time(form) => time_form(form),
        Mapping::ZonedTime { form, zone } => zoned_time_form(form, zone),
        Mapping::Timestamp { form, .. } => stamp_form(form),
        Mapping::Moment { form, .. } => any_spelling(&stamp_form(form)),
        Mapping::TimeOfDay(form) => any_spelling(&time_form(form)),
        Mapping::Epoch { unit, .. } => epoch_unit(unit).to_owned(),
        Mapping::Interval(IntervalForm::Microseconds) => MICROSECONDS.to_owned(),
        Mapping::Interval(IntervalForm::Epoch(form)) => stamp_form(form),
        Mapping::Uuid(form) => uuid_words(form).to_owned(),
        Mapping::Decimal { class, .. } => class_words(class).to_owned(),
        Mapping::Numeric => ANY_NUMBER.to_owned(),
        Mapping::Variant => ANY.to_owned(),
        Mapping::DoubleInteger => class_words(DecimalClass::Integer).to_owned(),
        Mapping::Double => class_words(DecimalClass::Real).to_owned(),
        Mapping::Json { .. } => DOCUMENTS.to_owned(),
        Mapping::Array { form, .. } => array_words(form),
        Mapping::Vector { form, .. } => vector_words(form),
        _ => return None,
    })
}

/// The conversion to this type from values spelled in these words; `None` if the type has no such form
pub fn read(kind: Kind, words: &str, numbers: bool) -> Option<Mapping> {
    let is = |mapping: &Mapping| self::words(*mapping).as_deref() == Some(words);
    // Written with a zone, a moment is the same everywhere, which `timestamp` would forget.
    let (alike, exact) = match words.strip_prefix(ANY_SPELLING) {
        Some(exact) => (true, exact),
        None => (false, words),
    };
    let moment = |zoned: bool| {
        let form = stamp(exact).filter(|form| zoned || form.zone == Zone::None);
        let moment = form.map(|form| Mapping::Timestamp { zoned, form })?;
        if alike { moment.in_any_spelling() } else { Some(moment) }
    };
    let epoch = |zoned| EPOCHS.into_iter().map(|unit| Mapping::Epoch { zoned, unit }).find(is);
    match kind {
        Kind::Boolean => BoolForm::ALL.into_iter().map(Mapping::Boolean).find(is),
        Kind::Date => DATES.into_iter().map(Mapping::Date).find(is),
        Kind::Uuid => UuidForm::ALL.into_iter().map(Mapping::Uuid).find(is),
        Kind::Time if alike => time(exact).map(Mapping::TimeOfDay),
        Kind::Time => time(words).map(Mapping::Time),
        Kind::Timestamp { zoned } => moment(zoned).or_else(|| epoch(zoned)),
        Kind::Interval if words == MICROSECONDS => Some(Mapping::Interval(IntervalForm::Microseconds)),
        Kind::Interval => {
            let form = stamp(words).filter(|form| form.zone == Zone::None);
            form.map(|form| Mapping::Interval(IntervalForm::Epoch(form)))
        }
        Kind::Decimal { precision, scale } => decimals(precision, scale).find(is),
        Kind::Numeric => [Mapping::Numeric].into_iter().chain(decimals(0, 0)).find(is),
        Kind::Double => [Mapping::Double, Mapping::DoubleInteger].into_iter().find(is),
        Kind::Jsonb => [Mapping::Json { binary: true, numbers }, Mapping::Variant].into_iter().find(is),
        Kind::Json => [Mapping::Json { binary: false, numbers }].into_iter().find(is),
        Kind::Array(element) => arrays().map(|form| Mapping::Array { element, form }).find(is),
        Kind::Vector(dimensions) => vectors().map(|form| Mapping::Vector { dimensions, form }).find(is),
        _ => None,
    }
}

/// Every form that the type has, for whoever named another
pub fn known(kind: Kind) -> String {
    let all: Vec<String> = match kind {
        Kind::Boolean => BoolForm::ALL.map(|form| boolean_words(form).to_owned()).to_vec(),
        Kind::Date => DATES.map(|form| date_words(form).to_owned()).to_vec(),
        Kind::Uuid => UuidForm::ALL.map(|form| uuid_words(form).to_owned()).to_vec(),
        Kind::Time => TIMES.map(|layout| time_words(layout).to_owned()).to_vec(),
        Kind::Timestamp { .. } => {
            let stamps = LAYOUTS.iter().map(|layout| stamp_words(*layout).to_owned());
            stamps.chain(EPOCHS.map(|unit| epoch_unit(unit).to_owned())).collect()
        }
        Kind::Interval => vec![MICROSECONDS.to_owned(), stamp_words(Layout::IsoSpace).to_owned()],
        Kind::Decimal { .. } => DECIMALS.map(|class| class_words(class).to_owned()).to_vec(),
        Kind::Numeric => std::iter::once(ANY_NUMBER).chain(DECIMALS.map(class_words)).map(str::to_owned).collect(),
        Kind::Double => vec![class_words(DecimalClass::Real).to_owned(), class_words(DecimalClass::Integer).to_owned()],
        Kind::Jsonb => vec![DOCUMENTS.to_owned(), ANY.to_owned()],
        Kind::Json => vec![DOCUMENTS.to_owned()],
        Kind::Array(_) => arrays().map(array_words).collect(),
        Kind::Vector(_) => vec![BLOB_FLOATS.to_owned(), "JSON".to_owned()],
        _ => Vec::new(),
    };
    match (all.as_slice(), kind) {
        ([], _) => "this type has but one form: leave it out".to_owned(),
        (all, Kind::Time | Kind::Timestamp { .. } | Kind::Interval) => format!(
            "forms are: {}; digits behind the seconds as `.3`, or `.6?` where zeros are left out{}",
            all.join(" | "),
            if kind == Kind::Interval { "" } else { "; `any spelling, else ` before one that values may differ from" }
        ),
        (all, _) => format!("forms are: {}", all.join(" | ")),
    }
}

fn decimals(precision: u16, scale: i16) -> impl Iterator<Item = Mapping> {
    DECIMALS.into_iter().map(move |class| Mapping::Decimal { precision, scale, class })
}

fn date_words(form: DateForm) -> &'static str {
    match form {
        DateForm::Iso => "%Y-%m-%d",
        DateForm::Compact => "%Y%m%d",
    }
}

fn class_words(class: DecimalClass) -> &'static str {
    match class {
        DecimalClass::ByValue => "integers and reals",
        DecimalClass::Integer => "integers",
        DecimalClass::Real => "reals",
        DecimalClass::Text => "texts",
    }
}

pub(super) fn arrays() -> impl Iterator<Item = JsonForm> {
    [(false, false), (true, false), (false, true), (true, true)]
        .into_iter()
        .map(|(spaced, ascii)| JsonForm { spaced, ascii })
}

fn array_words(form: JsonForm) -> String {
    format!("JSON{}{}", if form.spaced { ", spaced" } else { "" }, if form.ascii { ", ASCII" } else { "" })
}

pub(super) fn vectors() -> impl Iterator<Item = VectorForm> {
    std::iter::once(VectorForm::BlobLe).chain(crate::model::convert::recognise::vector_forms())
}

fn vector_words(form: VectorForm) -> String {
    let VectorForm::Json { spaced, digits, whole, exponent } = form else { return BLOB_FLOATS.to_owned() };
    let parts = [
        if spaced { ", spaced" } else { "" },
        if digits == VectorDigits::F64 { ", digits of doubles" } else { "" },
        if whole == WholeNumbers::Bare { ", bare wholes" } else { "" },
        match exponent {
            ExponentForm::Python => "",
            ExponentForm::JavaScript => ", exponents of JavaScript",
            ExponentForm::Rust => ", no exponents",
        },
    ];
    format!("JSON{}", parts.concat())
}

fn time(words: &str) -> Option<TimeForm> {
    // The longest first: one begins another.
    let layouts = [TimeLayout::Dated, TimeLayout::Seconds, TimeLayout::Minutes];
    let (layout, rest) = layouts.into_iter().find_map(|l| Some((l, words.strip_prefix(time_words(l))?)))?;
    let (fraction, rest) = fraction(rest)?;
    let fits = rest.is_empty() && (layout != TimeLayout::Minutes || fraction == Fraction::None);
    fits.then_some(TimeForm { layout, fraction })
}

fn stamp(words: &str) -> Option<StampForm> {
    let layouts = [Layout::IsoSpace, Layout::IsoT, Layout::MinutesSpace, Layout::MinutesT, Layout::Compact];
    let (layout, rest) = layouts.into_iter().find_map(|l| Some((l, words.strip_prefix(stamp_words(l))?)))?;
    let (fraction, rest) = fraction(rest)?;
    let minutes = matches!(layout, Layout::MinutesSpace | Layout::MinutesT);
    let zone = zone(rest)?;
    (!minutes || fraction == Fraction::None).then_some(StampForm { layout, fraction, zone, assumed: 0 })
}

/// The form behind [`ANY_SPELLING`], for a column of moments or one of times
pub fn in_any_spelling(words: &str, times: bool) -> Option<Mapping> {
    let exact = words.strip_prefix(ANY_SPELLING)?;
    let mapping =
        if times { Mapping::Time(time(exact)?) } else { Mapping::Timestamp { zoned: true, form: stamp(exact)? } };
    mapping.in_any_spelling()
}

/// `.3` or `.6?` or nothing at the beginning, and what follows it
fn fraction(words: &str) -> Option<(Fraction, &str)> {
    let Some(rest) = words.strip_prefix('.') else { return Some((Fraction::None, words)) };
    let digits = rest.bytes().next().filter(|byte| (b'1'..=b'6').contains(byte))? - b'0';
    Some(match rest[1..].strip_prefix('?') {
        Some(rest) => (Fraction::OmitZero(digits), rest),
        None => (Fraction::Fixed(digits), &rest[1..]),
    })
}

/// A zone as [`write_zone`](crate::model::profile::form::write_zone) writes it
pub(super) fn zone(words: &str) -> Option<Zone> {
    let (sign, rest) = match words.as_bytes() {
        [] => return Some(Zone::None),
        b"Z" => return Some(Zone::Z),
        [b'+', ..] => (1, &words[1..]),
        [b'-', ..] => (-1, &words[1..]),
        _ => return None,
    };
    let two = |text: &str| -> Option<i16> {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let east = |hours: &str, minutes: &str| {
        let minutes = two(minutes).filter(|minutes| *minutes < 60)?;
        let east = sign * (two(hours)? * 60 + minutes);
        // No program writes `-00:00`.
        (east.abs() <= MAX_ZONE && (sign > 0 || east != 0)).then_some(east)
    };
    match (rest.len(), rest.split_once(':')) {
        (5, Some((hours, minutes))) => Some(Zone::Colon(east(hours, minutes)?)),
        (4, None) if rest.is_ascii() => Some(Zone::Digits(east(&rest[..2], &rest[2..])?)),
        (2, None) => Some(Zone::Hours(east(rest, "00")?)),
        _ => None,
    }
}

/// Every way to write digits behind the seconds, those with fewer meanings first
pub(super) fn fractions() -> impl Iterator<Item = Fraction> {
    std::iter::once(Fraction::None).chain((1..=6).map(Fraction::Fixed)).chain((1..=6).map(Fraction::OmitZero))
}

#[cfg(test)]
#[path = "forms_tests.rs"]
mod tests;
