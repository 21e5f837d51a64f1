//! Numbers with a fixed number of digits behind the point
//!
//! `numeric(p,s)` rounds what has more than `s` digits behind the point, and says nothing; so the digits are counted
//! here, and what would be rounded is a misfit. A negative scale rounds before the point. Without a precision every finite
//! number fits.

use std::io::Write;

use super::forms::DecimalClass;
use crate::model::mapping::Misfit;
use crate::model::numeric::{Decimal, whole_among_integers};
use crate::model::value::Value;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// Limits of `numeric` on either side of the point
const MAX_WHOLE: usize = 131_072;
const MAX_FRACTION: usize = 16_383;

/// Appends a number as `numeric`; a precision of 0 means that there are no limits
#[inline(never)]
pub(super) fn append(
    buffer: &mut Vec<u8>,
    value: Value<'_>,
    precision: u16,
    scale: i16,
    class: DecimalClass,
) -> Result<(), Misfit> {
    let limits = (precision > 0).then_some((i32::from(precision), scale));
    match (class, value) {
        (DecimalClass::Integer | DecimalClass::ByValue, Value::Integer(whole)) => {
            append_whole(buffer, whole, limits, 0)
        }
        (DecimalClass::Real, Value::Real(real)) => append_real(buffer, real, limits),
        (DecimalClass::ByValue, Value::Real(real)) if !would_be_integer(real) => append_real(buffer, real, limits),
        (DecimalClass::Text, Value::Text(text)) => append_text(buffer, text, limits),
        (_, other) => Err(Misfit::Class(other.class())),
    }
}

/// Whether NUMERIC affinity stores a real as an integer, so that no such real is in the column
pub(super) fn would_be_integer(real: f64) -> bool {
    real == real.trunc() && (-(2f64.powi(63))..2f64.powi(63)).contains(&real)
}

type Limits = Option<(i32, i16)>;

fn append_whole(buffer: &mut Vec<u8>, whole: i64, limits: Limits, least_scale: u16) -> Result<(), Misfit> {
    let mut text = [0u8; 20];
    let mut rest = &mut text[..];
    // 2^63 has 19 digits.
    let _ = write!(rest, "{}", whole.unsigned_abs());
    let unused = rest.len();
    let digits = &text[..20 - unused];
    append_digits(buffer, Digits { negative: whole < 0, whole: digits, fraction: b"" }, limits, least_scale)
}

fn append_real(buffer: &mut Vec<u8>, real: f64, limits: Limits) -> Result<(), Misfit> {
    if real.is_infinite() {
        return Err(Misfit::Infinite);
    } else if let Some(whole) = whole_among_integers(real) {
        return append_whole(buffer, whole, limits, 1);
    }
    let decimal = Decimal::of(real).ok_or(Misfit::NegativeZero)?;
    // The first digit stands at this place before the point. No more than 309 digits are before it and 341 behind it.
    let (places, mut text) = (decimal.exponent + 1, [b'0'; 352]);
    let (point, start) = (places.max(0) as usize, (-places).max(0) as usize);
    for (place, digit) in text[start..].iter_mut().zip(decimal.digits()) {
        *place = b'0' + digit;
    }
    let end = point.max(start + decimal.digits().len());
    let digits = Digits { negative: decimal.negative, whole: &text[..point], fraction: &text[point..end] };
    append_digits(buffer, digits, limits, 1)
}

/// Decimal text exactly as PostgreSQL prints the number
fn append_text(buffer: &mut Vec<u8>, text: &[u8], limits: Limits) -> Result<(), Misfit> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let point = unsigned.iter().position(|b| *b == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
        None => (unsigned, &b""[..]),
    };
    let digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    let leading_zero = whole.len() > 1 && whole[0] == b'0';
    let bare_point = point.is_some() && fraction.is_empty();
    let due = limits.is_none_or(|(_, scale)| fraction.len() == usize::from(shown(scale)));
    if whole.is_empty() || leading_zero || bare_point || !digits || !due {
        return Err(Misfit::Form);
    }
    let negative = text.len() > unsigned.len();
    if negative && unsigned.iter().all(|b| matches!(b, b'0' | b'.')) {
        return Err(Misfit::NegativeZero);
    }
    append_digits(buffer, Digits { negative, whole, fraction }, limits, fraction.len().min(MAX_FRACTION) as u16)
}

/// Digits that PostgreSQL prints behind the point for a scale
fn shown(scale: i16) -> u16 {
    u16::try_from(scale).unwrap_or(0)
}

/// A number in plain decimal digits
struct Digits<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl Digits<'_> {
    /// Checks that nothing would be rounded off, and that the type is wide enough
    fn check(&self, limits: Limits) -> Result<(), Misfit> {
        let first = self.whole.iter().chain(self.fraction).position(|digit| *digit != b'0');
        // Place of the last digit that is not zero, counted behind the point; before it there are places too, below 1.
        let behind = self.fraction.iter().rposition(|digit| *digit != b'0').map(|at| at as i32 + 1);
        let before =
            || self.whole.iter().rposition(|digit| *digit != b'0').map(|at| at as i32 + 1 - self.whole.len() as i32);
        let last = behind.or_else(before);
        let places = first.map_or(0, |at| self.whole.len() as i32 - at as i32);
        let fits = match limits {
            // With a scale above the precision even the first places behind the point stay empty.
            Some((precision, scale)) => {
                last.is_none_or(|last| last <= scale.into())
                    && (first.is_none() || places <= precision - i32::from(scale))
            }
            None => self.whole.len() <= MAX_WHOLE && self.fraction.len() <= MAX_FRACTION,
        };
        if fits { Ok(()) } else { Err(Misfit::Range) }
    }

    /// Four decimal digits, of which the first has the place `4 * weight + 3` before the point
    fn group(&self, weight: i32) -> u16 {
        (0..4).fold(0, |sum, offset| {
            let power = 4 * weight + 3 - offset;
            let digit = match usize::try_from(power) {
                Ok(power) => self.whole.len().checked_sub(power + 1).map(|at| self.whole[at]),
                Err(_) => self.fraction.get((-1 - power) as usize).copied(),
            };
            sum * 10 + digit.map_or(0, |digit| u16::from(digit - b'0'))
        })
    }
}

/// Header and groups of four digits, without zero groups at either end; see `numeric.rs` for the format
fn append_digits(buffer: &mut Vec<u8>, digits: Digits<'_>, limits: Limits, least_scale: u16) -> Result<(), Misfit> {
    digits.check(limits)?;
    let scale = limits.map_or(least_scale.max(digits.fraction.len() as u16), |(_, scale)| shown(scale));
    let highest = digits.whole.len().div_ceil(4) as i32 - 1;
    let lowest = -(digits.fraction.len().div_ceil(4) as i32);
    let weight = (lowest..=highest).rev().find(|weight| digits.group(*weight) != 0);
    let Some(weight) = weight else {
        append_words(buffer, [0, 0, POSITIVE, scale], std::iter::empty());
        return Ok(());
    };
    let last = (lowest..=weight).find(|weight| digits.group(*weight) != 0).unwrap_or(weight);
    let sign = if digits.negative { NEGATIVE } else { POSITIVE };
    let header = [(weight - last + 1) as u16, weight as i16 as u16, sign, scale];
    append_words(buffer, header, (last..=weight).rev().map(|weight| digits.group(weight)));
    Ok(())
}

fn append_words(buffer: &mut Vec<u8>, header: [u16; 4], groups: impl Iterator<Item = u16>) {
    buffer.extend_from_slice(&(8 + 2 * u32::from(header[0])).to_be_bytes());
    for word in header.into_iter().chain(groups) {
        buffer.extend_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: Value<'_>, precision: u16, scale: i16, class: DecimalClass) -> Result<Vec<u16>, Misfit> {
        let mut buffer = Vec::new();
        append(&mut buffer, value, precision, scale, class)?;
        let words: Vec<u16> = buffer[4..].as_chunks().0.iter().map(|word| u16::from_be_bytes(*word)).collect();
        assert_eq!(buffer[..4], (2 * words.len() as u32).to_be_bytes());
        Ok(words)
    }

    fn text(text: &str, precision: u16, scale: i16) -> Result<Vec<u16>, Misfit> {
        words(Value::Text(text.as_bytes()), precision, scale, DecimalClass::Text)
    }

    #[test]
    fn numbers_have_the_scale_of_the_column() {
        let by_value = |value| words(value, 10, 2, DecimalClass::ByValue);
        assert_eq!(by_value(Value::Integer(0)), Ok(vec![0, 0, 0, 2]));
        assert_eq!(by_value(Value::Integer(-12_345)), Ok(vec![2, 1, 0x4000, 2, 1, 2345]));
        assert_eq!(by_value(Value::Integer(10_000)), Ok(vec![1, 1, 0, 2, 1]));
        assert_eq!(by_value(Value::Real(0.05)), Ok(vec![1, 0xffff, 0, 2, 500]));
        assert_eq!(by_value(Value::Real(-12_345_678.9)), Ok(vec![3, 1, 0x4000, 2, 1234, 5678, 9000]));
        assert_eq!(words(Value::Real(5.0), 5, 0, DecimalClass::Real), Ok(vec![1, 0, 0, 0, 5]));
        assert_eq!(words(Value::Real(0.0), 5, 2, DecimalClass::Real), Ok(vec![0, 0, 0, 2]));
        assert_eq!(words(Value::Real(1e20), 0, 0, DecimalClass::Real), Ok(vec![1, 5, 0, 1, 1]));
        assert_eq!(words(Value::Real(1.5e-7), 0, 0, DecimalClass::Real), Ok(vec![1, 0xfffe, 0, 8, 15]));
    }

    #[test]
    fn what_would_be_rounded_or_overflow_is_a_misfit() {
        let by_value = |value| words(value, 4, 2, DecimalClass::ByValue);
        assert!(by_value(Value::Integer(99)).is_ok() && by_value(Value::Real(-99.99)).is_ok());
        assert_eq!(by_value(Value::Integer(100)), Err(Misfit::Range));
        assert_eq!(by_value(Value::Real(0.125)), Err(Misfit::Range));
        assert_eq!(by_value(Value::Real(100.5)), Err(Misfit::Range));
        assert_eq!(by_value(Value::Real(0.1 + 0.2)), Err(Misfit::Range));
        assert_eq!(by_value(Value::Real(f64::INFINITY)), Err(Misfit::Infinite));
        assert_eq!(words(Value::Real(-0.0), 4, 2, DecimalClass::Real), Err(Misfit::NegativeZero));
        // numeric(2,4) holds 0.0099 and no more.
        assert!(words(Value::Real(0.0099), 2, 4, DecimalClass::Real).is_ok());
        assert_eq!(words(Value::Real(0.01), 2, 4, DecimalClass::Real), Err(Misfit::Range));
    }

    #[test]
    fn a_negative_scale_keeps_round_numbers_only() {
        let hundreds = |value, class| words(value, 3, -2, class);
        let by_value = |value| hundreds(value, DecimalClass::ByValue);
        assert_eq!(by_value(Value::Integer(-99_900)), Ok(vec![2, 1, 0x4000, 0, 9, 9900]));
        assert_eq!(by_value(Value::Integer(0)), Ok(vec![0, 0, 0, 0]));
        assert_eq!(by_value(Value::Integer(10_000)), Ok(vec![1, 1, 0, 0, 1]));
        for bad in [1, 50, 110, 100_000] {
            assert_eq!(by_value(Value::Integer(bad)), Err(Misfit::Range), "{bad}");
        }
        assert_eq!(by_value(Value::Real(100.5)), Err(Misfit::Range));
        assert_eq!(hundreds(Value::Real(300.0), DecimalClass::Real), Ok(vec![1, 0, 0, 0, 300]));
        assert_eq!(text("300", 3, -2), Ok(vec![1, 0, 0, 0, 300]));
        assert_eq!([text("301", 3, -2), text("300.0", 3, -2)], [Err(Misfit::Range), Err(Misfit::Form)]);
    }

    #[test]
    fn the_class_is_part_of_the_number() {
        for real in [0.0, -0.0, 5.0, -9_223_372_036_854_775_808.0] {
            assert!(matches!(words(Value::Real(real), 30, 2, DecimalClass::ByValue), Err(Misfit::Class(_))), "{real}");
        }
        assert!(words(Value::Real(9_223_372_036_854_775_808.0), 30, 2, DecimalClass::ByValue).is_ok());
        assert!(words(Value::Integer(5), 30, 2, DecimalClass::Real).is_err());
        assert!(words(Value::Real(5.5), 30, 2, DecimalClass::Integer).is_err());
        assert!(words(Value::Text(b"5.50"), 30, 2, DecimalClass::ByValue).is_err());
    }

    #[test]
    fn text_is_written_as_postgresql_prints_it() {
        assert_eq!(text("0.00", 6, 2), Ok(vec![0, 0, 0, 2]));
        assert_eq!(text("-1234.50", 6, 2), Ok(vec![2, 0, 0x4000, 2, 1234, 5000]));
        assert_eq!(text("7", 6, 0), Ok(vec![1, 0, 0, 0, 7]));
        assert_eq!(text("0.000000010", 0, 0), Ok(vec![1, 0xfffe, 0, 9, 1]));
        assert_eq!(text("99999.99", 6, 2), Err(Misfit::Range));
        for bad in [
            "", "-", ".", "1", "1.5", "1.500", "+1.50", "01.50", "1.5e0", " 1.50", "1.50 ", ".50", "1.", "1,50", "NaN",
            "Infinity", "1.5a", "--1.50", "1.-5",
        ] {
            assert_eq!(text(bad, 6, 2), Err(Misfit::Form), "{bad}");
        }
        assert_eq!(text("-0.00", 6, 2), Err(Misfit::NegativeZero));
    }

    #[test]
    fn unlimited_text_ends_where_numeric_does() {
        let whole = "9".repeat(MAX_WHOLE);
        let found = text(&whole, 0, 0).unwrap();
        assert_eq!((found.len(), &found[..4]), (4 + 32_768, &[32_768, 32_767, 0, 0][..]));
        assert_eq!(text(&(whole + "9"), 0, 0), Err(Misfit::Range));
        let fraction = format!("0.{}", "1".repeat(MAX_FRACTION));
        assert_eq!(text(&fraction, 0, 0).unwrap()[3], 16_383);
        assert_eq!(text(&(fraction + "1"), 0, 0), Err(Misfit::Range));
    }
}
