//! `numeric`: the scale tells integers from reals

use std::io::Write;

use super::DecodeError;
use crate::model::mapping::Mapping;
use crate::model::value::Value;

/// A `numeric` as sent: `digits` are big-endian words of four decimal digits, the first of them times 10000^weight
pub(super) struct Numeric<'a> {
    weight: i16,
    sign: u16,
    scale: u16,
    digits: &'a [[u8; 2]],
}

impl<'a> Numeric<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Numeric<'a>> {
        let (words, odd) = bytes.as_chunks::<2>();
        let ([count, weight, sign, scale], digits) = words.split_first_chunk::<4>()?;
        let numeric = Numeric {
            weight: i16::from_be_bytes(*weight),
            sign: u16::from_be_bytes(*sign),
            scale: u16::from_be_bytes(*scale),
            digits,
        };
        let counted = digits.len() == usize::from(u16::from_be_bytes(*count)) && odd.is_empty();
        (counted && numeric.words().all(|word| word < 10_000)).then_some(numeric)
    }

    fn words(&self) -> impl Iterator<Item = u16> + 'a {
        self.digits.iter().map(|word| u16::from_be_bytes(*word))
    }

    pub(super) fn value(&self, scratch: &mut Vec<u8>) -> Result<Value<'static>, DecodeError> {
        match (self.sign, self.scale) {
            (0x0000 | 0x4000, 0) => self.integer().map(Value::Integer),
            (0x0000 | 0x4000, _) => self.real(scratch).map(Value::Real),
            (0xD000, _) => Ok(Value::Real(f64::INFINITY)),
            (0xF000, _) => Ok(Value::Real(f64::NEG_INFINITY)),
            (0xC000, _) => Err(DecodeError::NotFinite),
            _ => Err(DecodeError::Malformed(Mapping::Numeric)),
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        matches!(self.sign, 0x0000 | 0x4000)
    }

    pub(super) fn infinity(&self) -> Option<f64> {
        match self.sign {
            0xD000 => Some(f64::INFINITY),
            0xF000 => Some(f64::NEG_INFINITY),
            _ => None,
        }
    }

    /// Whether there are digits other than zero behind the point; the server sends no zeros at the end
    pub(super) fn has_fraction(&self) -> bool {
        self.digits.len() as i32 > i32::from(self.weight) + 1
    }

    /// Appends the number as the server prints it, with as many digits behind the point as its scale says
    pub(super) fn print(&self, out: &mut Vec<u8>) {
        if self.sign == 0x4000 {
            out.push(b'-');
        }
        let weight = i32::from(self.weight);
        let group = |at: i32| {
            let word = usize::try_from(weight - at).ok().and_then(|at| self.digits.get(at));
            word.map_or(0, |word| u16::from_be_bytes(*word))
        };
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{}", group(weight.max(0)));
        for at in (0..weight).rev() {
            let _ = write!(out, "{:04}", group(at));
        }
        if self.scale > 0 {
            out.push(b'.');
        }
        let end = out.len() + usize::from(self.scale);
        for at in 1..=i32::from(self.scale.div_ceil(4)) {
            let _ = write!(out, "{:04}", group(-at));
        }
        out.truncate(end);
    }

    pub(super) fn integer(&self) -> Result<i64, DecodeError> {
        let places = i32::from(self.weight) + 1;
        if self.digits.is_empty() {
            return Ok(0);
        } else if self.digits.len() as i32 > places {
            return Err(DecodeError::Malformed(Mapping::Numeric));
        } else if places > 5 {
            return Err(DecodeError::IntegerRange);
        }
        let zeros = (places as usize).saturating_sub(self.digits.len());
        let all = self.words().chain(std::iter::repeat_n(0, zeros));
        let magnitude = all.fold(0i128, |sum, word| sum * 10_000 + i128::from(word));
        let signed = if self.sign == 0 { magnitude } else { -magnitude };
        i64::try_from(signed).map_err(|_| DecodeError::IntegerRange)
    }

    pub(super) fn real(&self, scratch: &mut Vec<u8>) -> Result<f64, DecodeError> {
        scratch.clear();
        if self.sign != 0 {
            scratch.push(b'-');
        }
        scratch.push(b'0');
        for word in self.words() {
            scratch.extend([word / 1000, word / 100 % 10, word / 10 % 10, word % 10].map(|d| b'0' + d as u8));
        }
        // Read as a whole number, the digits stand this many powers of ten too high.
        let power = 4 * (i32::from(self.weight) + 1 - self.digits.len() as i32);
        // Writing into a Vec cannot fail.
        let _ = write!(scratch, "e{power}");
        let end = scratch.len();
        exact_real(scratch, end)
    }
}

/// The double that the decimal in `scratch[..end]` stands for, if that double is that decimal and no neighbour of it
///
/// Exact means that the double's shortest decimal has the same digits, which is also what PostgreSQL and SQLite print,
/// or, from 2^53 to 2^63 on either side, that the double has this very value. The two never contradict each other: either
/// way the decimal is one that reads as this double. So the replicator's own rows, which hold the value there, come back
/// identical, and what the application writes is taken as before, a shortest decimal like 1152921504606847000.0 included.
/// The price: the server tells those two forms of one double apart, so a key of the application's in the shorter form is
/// not the key that the replicator writes.
pub(super) fn exact_real(scratch: &mut Vec<u8>, end: usize) -> Result<f64, DecodeError> {
    let malformed = DecodeError::Malformed(Mapping::Numeric);
    let text = std::str::from_utf8(&scratch[..end]).map_err(|_| malformed)?;
    let real: f64 = text.parse().map_err(|_| malformed)?;
    // Any decimal of up to 15 digits survives the way through a double, unless it is close to the smallest ones.
    let few = significant(text.as_bytes()).nth(15).is_none();
    if (few && real.is_finite() && real.abs() > 1e-290) || significant(text.as_bytes()).next().is_none() {
        return Ok(real);
    }
    // With a precision given, the digits printed are those of the double itself; all doubles of this size are whole.
    let among_integers = real.abs() >= 2f64.powi(53) && real >= -(2f64.powi(63)) && real < 2f64.powi(63);
    let same = among_integers && same_number(scratch, end, format_args!("{real:.0}"))
        || real.is_finite() && same_number(scratch, end, format_args!("{real:e}"));
    if same { Ok(real) } else { Err(DecodeError::Inexact) }
}

/// Whether the decimal in `scratch[..end]` and the printed one are the same number
fn same_number(scratch: &mut Vec<u8>, end: usize, printed: std::fmt::Arguments<'_>) -> bool {
    scratch.truncate(end);
    // Writing into a Vec cannot fail.
    let _ = scratch.write_fmt(printed);
    let (given, printed) = scratch.split_at(end);
    significant(given).eq(significant(printed)) && leading_power(given) == leading_power(printed)
}

/// Digits of a decimal without sign, point, exponent, and zeros at either end
pub(super) fn significant(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mantissa = text.split(|b| *b == b'e').next().unwrap_or_default();
    let end = mantissa.iter().rposition(|b| matches!(b, b'1'..=b'9')).map_or(0, |last| last + 1);
    mantissa[..end].iter().copied().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0')
}

/// Power of ten of a decimal's first digit that is not zero
pub(super) fn leading_power(text: &[u8]) -> Option<i32> {
    let mut halves = text.split(|b| *b == b'e');
    let mantissa = halves.next()?;
    let exponent = halves.next().map_or(Some(0), |e| std::str::from_utf8(e).ok()?.parse::<i32>().ok())?;
    let first = mantissa.iter().position(|b| matches!(b, b'1'..=b'9'))? as i32;
    let point = mantissa.iter().position(|b| *b == b'.').unwrap_or(mantissa.len()) as i32;
    Some(exponent + if first < point { point - first - 1 } else { point - first })
}
