//! Moments and times of day in any spelling
//!
//! The date with hyphens, `T` or a blank, hours and minutes, seconds or none, and one to six digits behind them or none.
//! Behind that a zone (`Z`, `+02`, `+0200`, `+02:00`) in all texts of a column, or in none: a moment with a zone and one
//! without are not the same kind of thing. What is no exact moment in microseconds is refused, as in a column of one form:
//! a seventh digit, 24:00, second 60, the year 0, a day alone.

use super::forms::{StampForm, TimeLayout, Zone};
use super::temporal::{DAY, Reader, SECOND};
use crate::model::encode::append_eight;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// The years 0001 to 9999 of UTC, in microseconds since 2000-01-01: what can be written again, whatever the offset was
const YEARS: std::ops::Range<i64> = -730_119 * DAY..2_921_940 * DAY;

/// Farthest from UTC that PostgreSQL reads a zone, in minutes
const MAX_OFFSET: i64 = 15 * 60 + 59;

/// `timestamp` and `timestamptz`: microseconds since 2000-01-01, in UTC if zoned
#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, zoned: bool, form: StampForm) -> Result<(), Misfit> {
    let mut text = Reader::of(value)?;
    let local = text.any_stamp().ok_or(Misfit::NoMoment)?;
    let offset = match form.zone {
        Zone::None if zoned => i64::from(form.assumed),
        Zone::None => 0,
        _ => text.any_zone().ok_or(Misfit::NoMoment)?,
    };
    let micros = local - offset * 60 * SECOND;
    // Without a zone of its own, `timestamp` would forget the offset. Texts without a zone are of those years anyway.
    let fits = form.zone == Zone::None || ((zoned || offset == 0) && YEARS.contains(&micros));
    if !(fits && text.is_done()) {
        return Err(Misfit::NoMoment);
    }
    append_eight(buffer, micros.to_be_bytes());
    Ok(())
}

/// `time`: microseconds since midnight
#[inline(never)]
pub(super) fn append_time(buffer: &mut Vec<u8>, value: Value<'_>, layout: TimeLayout) -> Result<(), Misfit> {
    let mut text = Reader::of(value)?;
    let dated = layout != TimeLayout::Dated || text.rails_date().is_some();
    let micros = text.any_time().filter(|_| dated && text.is_done()).ok_or(Misfit::NoMoment)?;
    append_eight(buffer, micros.to_be_bytes());
    Ok(())
}

impl Reader<'_> {
    /// Date and time without a zone, in microseconds since 2000-01-01
    fn any_stamp(&mut self) -> Option<i64> {
        let days = self.date(true)?;
        self.byte(if self.begins_with(b'T') { b'T' } else { b' ' })?;
        Some(i64::from(days) * DAY + self.any_time()?)
    }

    fn any_time(&mut self) -> Option<i64> {
        let minutes = self.minutes(true)?;
        if !self.begins_with(b':') {
            return Some(minutes);
        }
        self.byte(b':')?;
        let seconds = minutes + self.below(60)? * SECOND;
        if !self.begins_with(b'.') {
            return Some(seconds);
        }
        self.byte(b'.')?;
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let scale = 10i64.pow(6u32.checked_sub(digits as u32)?);
        let below = i64::from(self.number(digits)?) * scale;
        (digits > 0).then_some(seconds + below)
    }

    fn begins_with(&self, byte: u8) -> bool {
        self.0.first() == Some(&byte)
    }

    /// Minutes east of UTC
    fn any_zone(&mut self) -> Option<i64> {
        if self.begins_with(b'Z') {
            return self.byte(b'Z').map(|()| 0);
        }
        let west = self.begins_with(b'-');
        self.byte(if west { b'-' } else { b'+' })?;
        let hours = i64::from(self.number(2)?);
        let minutes = if self.is_done() {
            0
        } else {
            if self.begins_with(b':') {
                self.byte(b':')?;
            }
            self.below(60)?
        };
        let offset = hours * 60 + minutes;
        (offset <= MAX_OFFSET).then_some(if west { -offset } else { offset })
    }
}
