//! `date`, `time`, `timestamp` and `timestamptz`
//!
//! Days and microseconds count from 2000-01-01 (`timestamp.h` and `date.h` in PostgreSQL's sources); the ends of the
//! integers' ranges are infinities. The calendar is here once more, in the other direction than the encoder's and by
//! another method (Hinnant's `civil_from_days`).

use std::io::Write;

use super::{DecodeError, malformed};
use crate::model::convert::forms::{DateForm, EpochUnit, Fraction, Layout, StampForm, TimeForm, TimeLayout, Zone};
use crate::model::mapping::Mapping;
use crate::model::value::Value;

const PER_SECOND: i64 = 1_000_000;
pub(super) const PER_MINUTE: i64 = 60 * PER_SECOND;
const PER_DAY: i64 = 1440 * PER_MINUTE;

/// Days from 1970-01-01 to 2000-01-01
const TO_2000: i64 = 10_957;

pub(super) fn date<'a>(bytes: &[u8], form: DateForm, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    let Ok(word) = bytes.try_into() else { return malformed(Mapping::Date(form)) };
    let days = i32::from_be_bytes(word);
    if matches!(days, i32::MIN | i32::MAX) {
        return Err(DecodeError::Infinite);
    }
    scratch.clear();
    append_day(scratch, i64::from(days) + TO_2000, form == DateForm::Iso)?;
    Ok(Value::Text(scratch))
}

pub(super) fn time<'a>(bytes: &[u8], form: TimeForm, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    let Ok(word) = bytes.try_into() else { return malformed(Mapping::Time(form)) };
    let micros = i64::from_be_bytes(word);
    // The server has a 24:00 of its own.
    if !(0..PER_DAY).contains(&micros) {
        return Err(DecodeError::OffGrid);
    }
    scratch.clear();
    match form.layout {
        TimeLayout::Minutes => append_minutes(scratch, micros, ":")?,
        TimeLayout::Seconds => append_seconds(scratch, micros, ":", form.fraction)?,
        TimeLayout::Dated => {
            scratch.extend_from_slice(b"2000-01-01 ");
            append_seconds(scratch, micros, ":", form.fraction)?;
        }
    }
    Ok(Value::Text(scratch))
}

pub(super) fn stamp<'a>(
    bytes: &[u8],
    zoned: bool,
    form: StampForm,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    text(Moment::Since2000(moment(bytes, Mapping::Timestamp { zoned, form })?), zoned, form, scratch)
}

pub(super) fn epoch(bytes: &[u8], zoned: bool, unit: EpochUnit) -> Result<Value<'static>, DecodeError> {
    let micros = moment(bytes, Mapping::Epoch { zoned, unit })?;
    let micros = micros.checked_add(TO_2000 * PER_DAY).ok_or(DecodeError::IntegerRange)?;
    let whole = |unit: i64| {
        if micros % unit == 0 { Ok(Value::Integer(micros / unit)) } else { Err(DecodeError::OffGrid) }
    };
    match unit {
        EpochUnit::S => whole(PER_SECOND),
        EpochUnit::Ms => whole(1000),
        EpochUnit::Us => whole(1),
        EpochUnit::SecondsReal => Ok(Value::Real(micros as f64 / 1e6)),
    }
}

/// Microseconds since 2000
pub(super) fn moment(bytes: &[u8], mapping: Mapping) -> Result<i64, DecodeError> {
    let Ok(word) = bytes.try_into() else { return malformed(mapping) };
    match i64::from_be_bytes(word) {
        i64::MIN | i64::MAX => Err(DecodeError::Infinite),
        micros => Ok(micros),
    }
}

/// Microseconds from one of two beginnings, in UTC
pub(super) enum Moment {
    Since1970(i64),
    Since2000(i64),
}

/// The moment as the form writes it
pub(super) fn text(
    moment: Moment,
    zoned: bool,
    form: StampForm,
    scratch: &mut Vec<u8>,
) -> Result<Value<'_>, DecodeError> {
    let (micros, start) = match moment {
        Moment::Since1970(micros) => (micros, 0),
        Moment::Since2000(micros) => (micros, TO_2000),
    };
    let east = match form.zone {
        Zone::Colon(minutes) | Zone::Digits(minutes) | Zone::Hours(minutes) => minutes,
        Zone::None if zoned => form.assumed,
        Zone::None | Zone::Z => 0,
    };
    let local = micros.checked_add(i64::from(east) * PER_MINUTE).ok_or(DecodeError::OffGrid)?;
    scratch.clear();
    append_local(scratch, local.div_euclid(PER_DAY) + start, local.rem_euclid(PER_DAY), form)?;
    append_zone(scratch, form.zone)?;
    Ok(Value::Text(scratch))
}

/// Date and time of day; `day` counts from 1970-01-01
fn append_local(out: &mut Vec<u8>, day: i64, micros: i64, form: StampForm) -> Result<(), DecodeError> {
    append_day(out, day, form.layout != Layout::Compact)?;
    match form.layout {
        Layout::IsoSpace => {
            out.push(b' ');
            append_seconds(out, micros, ":", form.fraction)
        }
        Layout::IsoT => {
            out.push(b'T');
            append_seconds(out, micros, ":", form.fraction)
        }
        Layout::MinutesSpace => {
            out.push(b' ');
            append_minutes(out, micros, ":")
        }
        Layout::MinutesT => {
            out.push(b'T');
            append_minutes(out, micros, ":")
        }
        Layout::Compact => append_seconds(out, micros, "", form.fraction),
    }
}

/// A day of the years that four digits can write; `day` counts from 1970-01-01
fn append_day(out: &mut Vec<u8>, day: i64, hyphens: bool) -> Result<(), DecodeError> {
    // Years begin with March here, so that the odd day is the last one; 400 of them have 146097 days.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(1..=9999).contains(&year) {
        return Err(DecodeError::OffGrid);
    }
    let hyphen = if hyphens { "-" } else { "" };
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{year:04}{hyphen}{month:02}{hyphen}{day_of_month:02}");
    Ok(())
}

fn append_minutes(out: &mut Vec<u8>, micros: i64, colon: &str) -> Result<(), DecodeError> {
    if micros % PER_MINUTE != 0 {
        return Err(DecodeError::OffGrid);
    }
    let minutes = micros / PER_MINUTE;
    let _ = write!(out, "{:02}{colon}{:02}", minutes / 60, minutes % 60);
    Ok(())
}

fn append_seconds(out: &mut Vec<u8>, micros: i64, colon: &str, fraction: Fraction) -> Result<(), DecodeError> {
    let (seconds, below) = (micros / PER_SECOND, micros % PER_SECOND);
    append_minutes(out, (seconds / 60) * PER_MINUTE, colon)?;
    let _ = write!(out, "{colon}{:02}", seconds % 60);
    let digits = match fraction {
        Fraction::None | Fraction::OmitZero(_) if below == 0 => return Ok(()),
        Fraction::Fixed(digits) | Fraction::OmitZero(digits) if (1..=6).contains(&digits) => usize::from(digits),
        _ => return Err(DecodeError::OffGrid),
    };
    let start = out.len();
    let _ = write!(out, ".{below:06}");
    let lost = &out[start + 1 + digits..];
    if lost.iter().any(|digit| *digit != b'0') {
        return Err(DecodeError::OffGrid);
    }
    out.truncate(start + 1 + digits);
    Ok(())
}

fn append_zone(out: &mut Vec<u8>, zone: Zone) -> Result<(), DecodeError> {
    let (east, colon) = match zone {
        Zone::None => return Ok(()),
        Zone::Z => {
            out.push(b'Z');
            return Ok(());
        }
        Zone::Colon(east) => (east, ":"),
        Zone::Digits(east) | Zone::Hours(east) => (east, ""),
    };
    let (hours, minutes) = (east.unsigned_abs() / 60, east.unsigned_abs() % 60);
    let sign = if east < 0 { '-' } else { '+' };
    let _ = match zone {
        Zone::Hours(_) if minutes != 0 => return Err(DecodeError::OffGrid),
        Zone::Hours(_) => write!(out, "{sign}{hours:02}"),
        _ => write!(out, "{sign}{hours:02}{colon}{minutes:02}"),
    };
    Ok(())
}
