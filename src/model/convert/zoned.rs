//! Times of day with an offset from UTC: `timetz`
//!
//! The type keeps the offset of each value, so that a column may have many; only their spelling is one.

use super::forms::{TimeForm, ZoneStyle};
use super::temporal;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// Microseconds since midnight there, and the seconds that it lies west of UTC
#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, form: TimeForm, zone: ZoneStyle) -> Result<(), Misfit> {
    let Value::Text(text) = value else { return Err(Misfit::Class(value.class())) };
    let at = text.iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-')).ok_or(Misfit::Form)?;
    let (clock, written) = text.split_at(at);
    let micros = temporal::time(Value::Text(clock), form)?;
    let east = minutes_east(written, zone).ok_or(Misfit::Form)?;
    buffer.extend_from_slice(&12u32.to_be_bytes());
    buffer.extend_from_slice(&micros.to_be_bytes());
    buffer.extend_from_slice(&(-60 * east).to_be_bytes());
    Ok(())
}

fn minutes_east(text: &[u8], zone: ZoneStyle) -> Option<i32> {
    if zone == ZoneStyle::Z {
        return (text == b"Z").then_some(0);
    }
    let (sign, rest) = text.split_first()?;
    let (hours, minutes) = match (zone, rest) {
        (ZoneStyle::Colon, [a, b, b':', c, d]) | (ZoneStyle::Digits, [a, b, c, d]) => ([*a, *b], [*c, *d]),
        (ZoneStyle::Hours, [a, b]) => ([*a, *b], *b"00"),
        _ => return None,
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    // What PostgreSQL takes: less than 16 hours on either side.
    if hours > 15 || minutes > 59 {
        return None;
    }
    match (sign, hours * 60 + minutes) {
        (b'+', east) => Some(east),
        // Written again, it would be `+00:00`.
        (b'-', 0) => None,
        (b'-', west) => Some(-west),
        _ => None,
    }
}

fn two(digits: [u8; 2]) -> Option<i32> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::super::forms::{Fraction, TimeLayout};
    use super::*;

    fn field(text: &str, fraction: Fraction, zone: ZoneStyle) -> Result<(i64, i32), Misfit> {
        let form = TimeForm { layout: TimeLayout::Seconds, fraction };
        let mut buffer = Vec::new();
        append(&mut buffer, Value::Text(text.as_bytes()), form, zone)?;
        assert_eq!((buffer.len(), &buffer[..4]), (16, &[0, 0, 0, 12][..]));
        let micros = i64::from_be_bytes(buffer[4..12].try_into().unwrap());
        Ok((micros, i32::from_be_bytes(buffer[12..].try_into().unwrap())))
    }

    #[test]
    fn every_value_has_an_offset_of_its_own() {
        let whole = |text, zone| field(text, Fraction::None, zone);
        assert_eq!(whole("00:00:01+02:00", ZoneStyle::Colon), Ok((1_000_000, -7200)));
        assert_eq!(whole("00:00:01-05:30", ZoneStyle::Colon), Ok((1_000_000, 19_800)));
        assert_eq!(whole("00:00:01+0000", ZoneStyle::Digits), Ok((1_000_000, 0)));
        assert_eq!(whole("00:00:01-15", ZoneStyle::Hours), Ok((1_000_000, 54_000)));
        assert_eq!(whole("00:00:01Z", ZoneStyle::Z), Ok((1_000_000, 0)));
        assert_eq!(field("00:00:00.000005Z", Fraction::OmitZero(6), ZoneStyle::Z), Ok((5, 0)));
    }

    #[test]
    fn other_spellings_are_misfits() {
        for text in [
            "00:00:01",
            "00:00:01-00:00",
            "00:00:01+2:00",
            "00:00:01+0200",
            "00:00:01+02",
            "00:00:01Z",
            "00:00:01 +02:00",
            "00:00:01+16:00",
            "00:00:01+02:60",
            "00:00:01+02:00 ",
            "24:00:00+02:00",
            "00:00:01.5+02:00",
            "",
            "Z",
        ] {
            assert_eq!(field(text, Fraction::None, ZoneStyle::Colon), Err(Misfit::Form), "{text}");
        }
        assert_eq!(field("00:00:01+00:00", Fraction::None, ZoneStyle::Z), Err(Misfit::Form));
        let form = TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::None };
        assert!(append(&mut Vec::new(), Value::Integer(1), form, ZoneStyle::Z).is_err());
    }
}
