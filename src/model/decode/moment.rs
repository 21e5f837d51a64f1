//! `timestamp`, `timestamptz` and `time` in columns whose texts have any spelling
//!
//! The column's form is how they are written here, as far as it can show them. What it cannot show gets more of the same:
//! the seconds, six digits behind them, or the zone of UTC where the year would leave the four digits.

use super::temporal::{self, Moment, PER_MINUTE};
use super::{DecodeError, malformed};
use crate::model::convert::forms::{Fraction, Layout, StampForm, TimeForm, TimeLayout, Zone};
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn stamp<'a>(
    bytes: &[u8],
    zoned: bool,
    form: StampForm,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    let micros = temporal::moment(bytes, Mapping::Moment { zoned, form })?;
    // Offsets are whole minutes.
    let part = micros.rem_euclid(PER_MINUTE);
    let layout = match form.layout {
        Layout::MinutesSpace if part != 0 => Layout::IsoSpace,
        Layout::MinutesT if part != 0 => Layout::IsoT,
        other => other,
    };
    let shown = StampForm { layout, fraction: fraction(form.fraction, part), ..form };
    let zone = match form.zone {
        Zone::None => return temporal::text(Moment::Since2000(micros), zoned, shown, scratch),
        Zone::Z => Zone::Z,
        Zone::Colon(_) => Zone::Colon(0),
        Zone::Digits(_) => Zone::Digits(0),
        Zone::Hours(_) => Zone::Hours(0),
    };
    let in_utc = StampForm { zone, ..shown };
    // What lies beyond these years in UTC is not taken from SQLite either, whatever its zone is.
    temporal::text(Moment::Since2000(micros), zoned, in_utc, scratch)?;
    let fits = zoned && temporal::text(Moment::Since2000(micros), zoned, shown, scratch).is_ok();
    temporal::text(Moment::Since2000(micros), zoned, if fits { shown } else { in_utc }, scratch)
}

pub(super) fn time<'a>(bytes: &[u8], form: TimeForm, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    let Ok(word) = bytes.try_into() else { return malformed(Mapping::TimeOfDay(form)) };
    let part = i64::from_be_bytes(word).rem_euclid(PER_MINUTE);
    let layout = if form.layout == TimeLayout::Minutes && part != 0 { TimeLayout::Seconds } else { form.layout };
    temporal::time(bytes, TimeForm { layout, fraction: fraction(form.fraction, part) }, scratch)
}

/// Digits that show the part of a minute, in microseconds
fn fraction(form: Fraction, part: i64) -> Fraction {
    let below = part % 1_000_000;
    let digits = match form {
        Fraction::None => 0,
        Fraction::Fixed(digits) | Fraction::OmitZero(digits) => digits,
    };
    let unit = 10i64.pow(6u32.saturating_sub(u32::from(digits)));
    if below == 0 || below % unit == 0 { form } else { Fraction::Fixed(6) }
}
