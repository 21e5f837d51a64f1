//! Numbers in the binary format of `numeric`
//!
//! The format (`numeric_send` in PostgreSQL's `numeric.c`): four 16-bit words, being the number of base-10000 digits,
//! the weight of the first of them, the sign, and the display scale; then the digits. The scale tells the storage
//! classes apart on the way back: 0 is an integer, 1 or more a real. Comparisons on the server ignore it, so that the
//! value must be one that compares as SQLite's does; [`whole_among_integers`] sees to that.

use std::io::Write;

use super::mapping::Misfit;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
/// Since PostgreSQL 14
const PLUS_INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// A finite double as its shortest decimal that reads back as the same double: `d.ddd * 10^exponent`
pub(super) struct Decimal {
    pub negative: bool,
    /// Decimal digits (0 to 9), neither first nor last of them zero; none at all for zero
    digits: [u8; 17],
    length: usize,
    /// Power of ten of the first digit
    pub exponent: i32,
}

impl Decimal {
    /// `None` for what has no decimal that gives it back: infinities, NaN and negative zero
    pub fn of(value: f64) -> Option<Decimal> {
        if !value.is_finite() || (value == 0.0 && value.is_sign_negative()) {
            return None;
        }
        let mut decimal = Decimal { negative: value < 0.0, digits: [0; 17], length: 0, exponent: 0 };
        if value != 0.0 {
            // 17 digits, a point, `e-324`: 24 bytes hold every absolute value.
            let mut text = [0u8; 32];
            let mut rest = &mut text[..];
            write!(rest, "{:e}", value.abs()).ok()?;
            let unused = rest.len();
            decimal.read(&text[..32 - unused])?;
        }
        Some(decimal)
    }

    /// The decimal digits, most significant first
    pub fn digits(&self) -> &[u8] {
        &self.digits[..self.length]
    }

    /// Digits behind the point, at least one
    pub fn scale(&self) -> usize {
        (self.length as i32 - 1 - self.exponent).max(1) as usize
    }

    /// Takes digits and exponent from the form `d.ddde-n`
    fn read(&mut self, text: &[u8]) -> Option<()> {
        let mut bytes = text.iter();
        for byte in bytes.by_ref().take_while(|b| **b != b'e').filter(|b| **b != b'.') {
            *self.digits.get_mut(self.length)? = byte - b'0';
            self.length += 1;
        }
        self.exponent = std::str::from_utf8(bytes.as_slice()).ok()?.parse().ok()?;
        Some(())
    }
}

/// The exact value of a real that lies among SQLite's integers where doubles have gaps: 2^53 to 2^63 on either side
///
/// There the shortest decimal of a real is a whole number too, but often not the real's own: that of 2^60 is
/// 1152921504606847000, an integer that SQLite keeps apart from it and PostgreSQL would not. In a key, one row would
/// overwrite the other. Below 2^53 the shortest decimal of a whole number is exact, and no integer equals any other
/// real; from 2^63 on there are no integers, except that -2^63 is one.
pub(super) fn whole_among_integers(value: f64) -> Option<i64> {
    const FIRST_GAP: f64 = (1u64 << 53) as f64;
    const END: f64 = (1u64 << 63) as f64;
    (value.abs() >= FIRST_GAP && (-END..END).contains(&value)).then_some(value as i64)
}

/// Appends an integer as one field of type `numeric`, with scale 0
pub(super) fn append_integer(buffer: &mut Vec<u8>, value: i64) {
    append_whole(buffer, value, 0);
}

fn append_whole(buffer: &mut Vec<u8>, value: i64, scale: u16) {
    let mut groups = [0u16; 5];
    let mut first = groups.len();
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        first -= 1;
        groups[first] = (rest % 10_000) as u16;
        rest /= 10_000;
    }
    let all = &groups[first..];
    let weight = all.len().saturating_sub(1);
    // The server keeps no zeros at the end; the weight says where the digits stand.
    let kept = all.iter().rposition(|g| *g != 0).map_or(0, |last| last + 1);
    append_header(buffer, kept, weight as i16, value < 0, scale);
    append_groups(buffer, all[..kept].iter().copied());
}

/// Appends a real as one field of type `numeric`, with at least one digit behind the point
pub(super) fn append_real(buffer: &mut Vec<u8>, value: f64) -> Result<(), Misfit> {
    if value.is_infinite() {
        append_sign_word(buffer, if value > 0.0 { PLUS_INFINITY } else { MINUS_INFINITY });
        return Ok(());
    }
    if let Some(whole) = whole_among_integers(value) {
        append_whole(buffer, whole, 1);
        return Ok(());
    }
    let decimal = Decimal::of(value).ok_or(Misfit::NegativeZero)?;
    let digits = decimal.digits();
    // Groups of four are counted from the point, so the first of them may hold less than four digits.
    let weight = decimal.exponent.div_euclid(4);
    let padding = 3 - decimal.exponent.rem_euclid(4) as usize;
    let count = if digits.is_empty() { 0 } else { (padding + digits.len()).div_ceil(4) };
    append_header(buffer, count, weight as i16, decimal.negative, decimal.scale() as u16);
    let digit = |position: usize| position.checked_sub(padding).and_then(|p| digits.get(p)).copied().unwrap_or(0);
    append_groups(
        buffer,
        (0..count).map(|group| (0..4).fold(0, |sum, place| sum * 10 + u16::from(digit(group * 4 + place)))),
    );
    Ok(())
}

/// A value that is all in its sign word
fn append_sign_word(buffer: &mut Vec<u8>, sign: u16) {
    buffer.extend_from_slice(&8u32.to_be_bytes());
    [0, 0, sign, 0].iter().for_each(|word: &u16| buffer.extend_from_slice(&word.to_be_bytes()));
}

fn append_header(buffer: &mut Vec<u8>, groups: usize, weight: i16, negative: bool, scale: u16) {
    let sign = if negative { NEGATIVE } else { POSITIVE };
    buffer.extend_from_slice(&(8 + 2 * groups as u32).to_be_bytes());
    buffer.extend_from_slice(&(groups as u16).to_be_bytes());
    buffer.extend_from_slice(&weight.to_be_bytes());
    buffer.extend_from_slice(&sign.to_be_bytes());
    buffer.extend_from_slice(&scale.to_be_bytes());
}

fn append_groups(buffer: &mut Vec<u8>, groups: impl Iterator<Item = u16>) {
    for group in groups {
        buffer.extend_from_slice(&group.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(value: i64) -> Vec<u8> {
        let mut buffer = Vec::new();
        append_integer(&mut buffer, value);
        buffer
    }

    fn real(value: f64) -> Vec<u8> {
        let mut buffer = Vec::new();
        append_real(&mut buffer, value).unwrap();
        buffer
    }

    fn field(words: &[u16]) -> Vec<u8> {
        let mut bytes = (2 * words.len() as u32).to_be_bytes().to_vec();
        bytes.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        bytes
    }

    #[test]
    fn integers_have_scale_zero() {
        assert_eq!(integer(0), field(&[0, 0, 0, 0]));
        assert_eq!(integer(1), field(&[1, 0, 0, 0, 1]));
        assert_eq!(integer(-9999), field(&[1, 0, 0x4000, 0, 9999]));
        assert_eq!(integer(12_345_678), field(&[2, 1, 0, 0, 1234, 5678]));
        // Zeros at the end are left to the weight.
        assert_eq!(integer(10_000), field(&[1, 1, 0, 0, 1]));
        assert_eq!(integer(i64::MAX), field(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807]));
        assert_eq!(integer(i64::MIN), field(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808]));
    }

    #[test]
    fn reals_have_scale_one_or_more() {
        assert_eq!(real(0.0), field(&[0, 0, 0, 1]));
        assert_eq!(real(1.0), field(&[1, 0, 0, 1, 1]));
        assert_eq!(real(-1.5), field(&[2, 0, 0x4000, 1, 1, 5000]));
        assert_eq!(real(12345.678), field(&[3, 1, 0, 3, 1, 2345, 6780]));
        assert_eq!(real(0.0001), field(&[1, (-1i16) as u16, 0, 4, 1]));
        assert_eq!(real(0.00001), field(&[1, (-2i16) as u16, 0, 5, 1000]));
        assert_eq!(real(f64::INFINITY), field(&[0, 0, 0xD000, 0]));
        assert_eq!(real(f64::NEG_INFINITY), field(&[0, 0, 0xF000, 0]));
        assert_eq!(real(1e300), field(&[1, 75, 0, 1, 1]));
        assert_eq!(real(5e-324), field(&[1, (-81i16) as u16, 0, 324, 5]));
    }

    #[test]
    fn reals_among_the_integers_have_their_exact_value() {
        assert_eq!(real(9_007_199_254_740_991.0), field(&[4, 3, 0, 1, 9007, 1992, 5474, 991]));
        assert_eq!(real(9_007_199_254_740_992.0), field(&[4, 3, 0, 1, 9007, 1992, 5474, 992]));
        assert_eq!(real(1e18), field(&[1, 4, 0, 1, 100]));
        assert_eq!(real(2f64.powi(60)), field(&[5, 4, 0, 1, 115, 2921, 5046, 684, 6976]));
        assert_eq!(real(-(2f64.powi(60))), field(&[5, 4, 0x4000, 1, 115, 2921, 5046, 684, 6976]));
        assert_eq!(real(2f64.powi(63).next_down()), field(&[5, 4, 0, 1, 922, 3372, 368, 5477, 4784]));
        assert_eq!(real(-(2f64.powi(63))), field(&[5, 4, 0x4000, 1, 922, 3372, 368, 5477, 5808]));
        // No integer of 64 bits is here, and the shortest decimal is again as good as any.
        assert_eq!(real(2f64.powi(63)), field(&[5, 4, 0, 1, 922, 3372, 368, 5477, 6000]));
        assert_eq!(real((-(2f64.powi(63))).next_down()), field(&[5, 4, 0x4000, 1, 922, 3372, 368, 5477, 8000]));
    }

    #[test]
    fn reals_without_a_decimal_are_misfits() {
        for value in [f64::NAN, -0.0] {
            let mut buffer = vec![7];
            assert_eq!(append_real(&mut buffer, value), Err(Misfit::NegativeZero));
            assert_eq!(buffer, [7]);
        }
    }
}
