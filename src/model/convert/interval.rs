//! Durations
//!
//! As microseconds and whole days, and never months, whose length changes: the normal form of Python's `timedelta`, so
//! that the applications which write such columns read the same object from either side.

use super::forms::IntervalForm;
use super::temporal::stamp;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

const DAY: i64 = 86_400_000_000;

/// 1970-01-01 in microseconds since 2000-01-01
const START: i64 = -10_957 * DAY;

/// Microseconds, days, months
#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, form: IntervalForm) -> Result<(), Misfit> {
    let micros = match (form, value) {
        (IntervalForm::Microseconds, Value::Integer(micros)) => micros,
        (IntervalForm::Microseconds, other) => return Err(Misfit::Class(other.class())),
        // The start is that of UTC, and texts without a zone count from it.
        (IntervalForm::Epoch(form), text) => stamp(text, false, form)? - START,
    };
    // 2^63 microseconds are less than 2^27 days.
    let (rest, days) = (micros.rem_euclid(DAY), micros.div_euclid(DAY) as i32);
    buffer.extend_from_slice(&16u32.to_be_bytes());
    buffer.extend_from_slice(&rest.to_be_bytes());
    buffer.extend_from_slice(&days.to_be_bytes());
    buffer.extend_from_slice(&0i32.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::forms::{Fraction, Layout, StampForm, Zone};
    use super::*;

    fn interval(value: Value<'_>, form: IntervalForm) -> Result<(i64, i32), Misfit> {
        let mut buffer = Vec::new();
        append(&mut buffer, value, form)?;
        assert_eq!((buffer.len(), &buffer[..4], &buffer[16..]), (20, &[0, 0, 0, 16][..], &[0; 4][..]));
        let days = i32::from_be_bytes(buffer[12..16].try_into().unwrap());
        Ok((i64::from_be_bytes(buffer[4..12].try_into().unwrap()), days))
    }

    #[test]
    fn integers_become_days_and_a_part_of_one() {
        let of = |micros| interval(Value::Integer(micros), IntervalForm::Microseconds);
        assert_eq!(of(0), Ok((0, 0)));
        assert_eq!(of(-1), Ok((DAY - 1, -1)));
        assert_eq!(of(3 * DAY + 5), Ok((5, 3)));
        assert_eq!(of(i64::MIN).unwrap().1, -106_751_992);
        assert!(interval(Value::Real(1.0), IntervalForm::Microseconds).is_err());
    }

    #[test]
    fn moments_are_durations_since_1970() {
        let form = StampForm { layout: Layout::IsoSpace, fraction: Fraction::Fixed(6), zone: Zone::None, assumed: 0 };
        let of = |text: &str| interval(Value::Text(text.as_bytes()), IntervalForm::Epoch(form));
        assert_eq!(of("1970-01-01 00:00:00.000000"), Ok((0, 0)));
        assert_eq!(of("1970-01-03 00:00:01.500000"), Ok((1_500_000, 2)));
        assert_eq!(of("1969-12-31 23:59:59.999999"), Ok((DAY - 1, -1)));
        assert_eq!(of("1970-01-01 00:00:00"), Err(Misfit::Form));
        assert_eq!(interval(Value::Integer(5), IntervalForm::Epoch(form)).ok(), None);
    }
}
