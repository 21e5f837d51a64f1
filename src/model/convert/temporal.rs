//! Days, times of day and moments
//!
//! Texts are read at fixed positions: no blanks, no missing digits, real days of the years 0001 to 9999, no 24:00, no
//! second 60. So a text and the number that PostgreSQL keeps determine each other, given the column's form; `moment.rs` has
//! the columns in which several texts are one moment.

use super::forms::{DateForm, EpochUnit, Fraction, Layout, StampForm, TimeForm, TimeLayout, Zone};
use super::number::append_four;
use crate::model::encode::append_eight;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// From 1970-01-01 to 2000-01-01, PostgreSQL's day zero
const EPOCH: i64 = 10_957 * DAY;

/// What `timestamp` takes: from 4714-11-24 BC until before 294277-01-01, as in PostgreSQL's `timestamp.h`
const STAMPS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// `date`: days since 2000-01-01
#[inline(never)]
pub(super) fn append_date(buffer: &mut Vec<u8>, value: Value<'_>, form: DateForm) -> Result<(), Misfit> {
    append_four(buffer, date(value, form)?.to_be_bytes());
    Ok(())
}

pub(super) fn date(value: Value<'_>, form: DateForm) -> Result<i32, Misfit> {
    let mut text = Reader::of(value)?;
    text.date(form == DateForm::Iso).filter(|_| text.is_done()).ok_or(Misfit::Form)
}

/// `time`: microseconds since midnight
#[inline(never)]
pub(super) fn append_time(buffer: &mut Vec<u8>, value: Value<'_>, form: TimeForm) -> Result<(), Misfit> {
    append_eight(buffer, time(value, form)?.to_be_bytes());
    Ok(())
}

pub(super) fn time(value: Value<'_>, form: TimeForm) -> Result<i64, Misfit> {
    let mut text = Reader::of(value)?;
    text.time(form).filter(|_| text.is_done()).ok_or(Misfit::Form)
}

/// `timestamp` and `timestamptz`: microseconds since 2000-01-01, in UTC if zoned
#[inline(never)]
pub(super) fn append_stamp(buffer: &mut Vec<u8>, value: Value<'_>, zoned: bool, form: StampForm) -> Result<(), Misfit> {
    append_eight(buffer, stamp(value, zoned, form)?.to_be_bytes());
    Ok(())
}

/// The same, from numbers
#[inline(never)]
pub(super) fn append_epoch(buffer: &mut Vec<u8>, value: Value<'_>, unit: EpochUnit) -> Result<(), Misfit> {
    let since_1970 = match (unit, value) {
        (EpochUnit::S, Value::Integer(seconds)) => seconds.checked_mul(SECOND),
        (EpochUnit::Ms, Value::Integer(millis)) => millis.checked_mul(1000),
        (EpochUnit::Us, Value::Integer(micros)) => Some(micros),
        (EpochUnit::SecondsReal, Value::Real(seconds)) => whole_micros(seconds),
        (_, other) => return Err(Misfit::Class(other.class())),
    };
    let micros = since_1970.and_then(|micros| micros.checked_sub(EPOCH)).filter(|micros| STAMPS.contains(micros));
    append_eight(buffer, micros.ok_or(Misfit::Range)?.to_be_bytes());
    Ok(())
}

/// The microseconds that seconds stand for, if they lead back to the same double
fn whole_micros(seconds: f64) -> Option<i64> {
    // The product is rounded too, so that it may be one off.
    let near = (seconds * 1e6).round();
    let leads_back = |micros: &i64| (*micros as f64 / 1e6).to_bits() == seconds.to_bits();
    let candidates = [near, near - 1.0, near + 1.0].map(|micros| micros as i64);
    if near.abs() < 2f64.powi(62) { candidates.into_iter().find(leads_back) } else { None }
}

/// Microseconds of a moment since 2000-01-01, in UTC if the column has a zone
pub(super) fn stamp(value: Value<'_>, zoned: bool, form: StampForm) -> Result<i64, Misfit> {
    let mut text = Reader::of(value)?;
    let local = text.stamp(form).ok_or(Misfit::Form)?;
    let offset = match form.zone {
        Zone::None if zoned => form.assumed,
        Zone::None | Zone::Z => 0,
        Zone::Colon(minutes) | Zone::Digits(minutes) | Zone::Hours(minutes) => minutes,
    };
    let zone = text.zone(form.zone).filter(|()| text.is_done());
    zone.map(|()| local - i64::from(offset) * 60 * SECOND).ok_or(Misfit::Form)
}

/// What is left of a text; every method takes from its beginning, or fails
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn of(value: Value<'a>) -> Result<Reader<'a>, Misfit> {
        if let Value::Text(text) = value { Ok(Reader(text)) } else { Err(Misfit::Class(value.class())) }
    }

    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self, expected: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == expected).then_some(())
    }

    /// A number of exactly this many digits
    pub fn number(&mut self, digits: usize) -> Option<i32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i32::from(digit - b'0')))
    }

    pub fn below(&mut self, limit: i32) -> Option<i64> {
        self.number(2).filter(|number| *number < limit).map(i64::from)
    }

    /// Days since 2000-01-01
    pub fn date(&mut self, hyphens: bool) -> Option<i32> {
        let year = self.number(4)?;
        if hyphens {
            self.byte(b'-')?;
        }
        let month = self.number(2)?;
        if hyphens {
            self.byte(b'-')?;
        }
        days_since_2000(year, month, self.number(2)?)
    }

    fn time(&mut self, form: TimeForm) -> Option<i64> {
        match form.layout {
            TimeLayout::Minutes => self.minutes(true),
            TimeLayout::Seconds => self.seconds(true, form.fraction),
            TimeLayout::Dated => {
                self.rails_date()?;
                self.seconds(true, form.fraction)
            }
        }
    }

    pub fn rails_date(&mut self) -> Option<()> {
        self.0 = self.0.strip_prefix(b"2000-01-01 ")?;
        Some(())
    }

    fn stamp(&mut self, form: StampForm) -> Option<i64> {
        let colons = form.layout != Layout::Compact;
        let days = self.date(colons)?;
        match form.layout {
            Layout::IsoSpace | Layout::MinutesSpace => self.byte(b' ')?,
            Layout::IsoT | Layout::MinutesT => self.byte(b'T')?,
            Layout::Compact => {}
        }
        let time = match form.layout {
            Layout::MinutesSpace | Layout::MinutesT => self.minutes(true)?,
            Layout::IsoSpace | Layout::IsoT | Layout::Compact => self.seconds(colons, form.fraction)?,
        };
        Some(i64::from(days) * DAY + time)
    }

    /// Hours and minutes, in microseconds
    pub fn minutes(&mut self, colon: bool) -> Option<i64> {
        let hours = self.below(24)?;
        if colon {
            self.byte(b':')?;
        }
        Some((hours * 60 + self.below(60)?) * 60 * SECOND)
    }

    /// Hours, minutes, seconds and their fraction, in microseconds
    fn seconds(&mut self, colons: bool, fraction: Fraction) -> Option<i64> {
        let minutes = self.minutes(colons)?;
        if colons {
            self.byte(b':')?;
        }
        Some(minutes + self.below(60)? * SECOND + self.fraction(fraction)?)
    }

    fn fraction(&mut self, form: Fraction) -> Option<i64> {
        let digits = match form {
            Fraction::None => return Some(0),
            Fraction::OmitZero(_) if self.0.first() != Some(&b'.') => return Some(0),
            Fraction::Fixed(digits) | Fraction::OmitZero(digits) => digits,
        };
        self.byte(b'.')?;
        let scale = 10i64.pow(6u32.checked_sub(digits.into())?);
        let number = self.number(digits.into())?;
        let due = number != 0 || matches!(form, Fraction::Fixed(_));
        (due && digits > 0).then(|| i64::from(number) * scale)
    }

    /// The zone of the column; it is a constant, and so is its text
    fn zone(&mut self, zone: Zone) -> Option<()> {
        let east = match zone {
            Zone::None => return Some(()),
            Zone::Z => return self.byte(b'Z'),
            Zone::Colon(east) | Zone::Digits(east) | Zone::Hours(east) => i32::from(east),
        };
        let (hours, minutes) = (east.abs() / 60, east.abs() % 60);
        self.byte(if east < 0 { b'-' } else { b'+' })?;
        let hours_fit = self.number(2)? == hours;
        let minutes_fit = match zone {
            Zone::Hours(_) => minutes == 0,
            Zone::Colon(_) => self.byte(b':').and_then(|()| self.number(2))? == minutes,
            _ => self.number(2)? == minutes,
        };
        (hours_fit && minutes_fit).then_some(())
    }
}

/// Days since 2000-01-01 of a day that exists, in the years that four digits can write
fn days_since_2000(year: i32, month: i32, day: i32) -> Option<i32> {
    const LENGTHS: [i32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const BEFORE_2000: i32 = 730_119;
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let at = usize::try_from(month - 1).ok().filter(|at| *at < 12)?;
    let length = LENGTHS[at] + i32::from(leap && month == 2);
    if year < 1 || !(1..=length).contains(&day) {
        return None;
    }
    let past = year - 1;
    let months: i32 = LENGTHS[..at].iter().sum::<i32>() + i32::from(leap && month > 2);
    Some(past * 365 + past / 4 - past / 100 + past / 400 + months + day - 1 - BEFORE_2000)
}

#[cfg(test)]
mod tests;
