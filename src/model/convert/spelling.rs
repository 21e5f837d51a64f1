//! How programs print floating-point numbers
//!
//! All of them print the shortest digits that read back as the same number; they differ in where the exponent begins and
//! what it looks like, and in whether a whole number gets a point. A number is taken only in the spelling of its column.

use std::io::Write;

use super::forms::{ExponentForm, WholeNumbers};
use crate::model::numeric::Decimal;

/// Room for every double without an exponent: 17 digits, 324 zeros, a point, a sign
const LONGEST: usize = 352;

/// The number in a text that is spelled in this way, and in no other
pub(super) fn read(text: &[u8], whole: WholeNumbers, exponent: ExponentForm) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let mut printed = Printed { bytes: [0; LONGEST], length: 0 };
    printed.number(number, whole, exponent)?;
    (printed.bytes[..printed.length] == *text).then_some(number)
}

struct Printed {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Printed {
    fn put(&mut self, text: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.length..self.length + text.len())?.copy_from_slice(text);
        self.length += text.len();
        Some(())
    }

    fn zeros(&mut self, count: i32) -> Option<()> {
        (0..count).try_for_each(|_| self.put(b"0"))
    }

    fn number(&mut self, number: f64, whole: WholeNumbers, form: ExponentForm) -> Option<()> {
        if !number.is_finite() {
            return None;
        } else if number.is_sign_negative() {
            self.put(b"-")?;
        }
        let decimal = Decimal::of(number.abs())?;
        // For zero there are no digits, and its power of ten is 0.
        let digits = decimal.digits();
        let mut ascii = [b'0'; 17];
        ascii.iter_mut().zip(digits).for_each(|(place, digit)| *place = b'0' + digit);
        let ascii = &ascii[..digits.len().max(1)];
        let fixed = match form {
            ExponentForm::Python => -4..16,
            ExponentForm::JavaScript => -6..21,
            ExponentForm::Rust => i32::MIN..i32::MAX,
        };
        if fixed.contains(&decimal.exponent) {
            self.fixed(ascii, decimal.exponent, whole)
        } else {
            self.scientific(ascii, decimal.exponent, form)
        }
    }

    fn fixed(&mut self, digits: &[u8], exponent: i32, whole: WholeNumbers) -> Option<()> {
        let count = digits.len() as i32;
        if exponent < 0 {
            self.put(b"0.")?;
            self.zeros(-1 - exponent)?;
            return self.put(digits);
        }
        let (before, behind) = digits.split_at(count.min(exponent + 1) as usize);
        self.put(before)?;
        self.zeros(exponent + 1 - count)?;
        match (behind, whole) {
            ([], WholeNumbers::Bare) => Some(()),
            ([], WholeNumbers::Point) => self.put(b".0"),
            (behind, _) => {
                self.put(b".")?;
                self.put(behind)
            }
        }
    }

    fn scientific(&mut self, digits: &[u8], exponent: i32, form: ExponentForm) -> Option<()> {
        self.put(&digits[..1])?;
        if digits.len() > 1 {
            self.put(b".")?;
            self.put(&digits[1..])?;
        }
        self.put(if exponent < 0 { b"e-" } else { b"e+" })?;
        let mut rest = &mut self.bytes[self.length..];
        let before = rest.len();
        match form {
            ExponentForm::Python => write!(rest, "{:02}", exponent.abs()).ok()?,
            ExponentForm::JavaScript | ExponentForm::Rust => write!(rest, "{}", exponent.abs()).ok()?,
        }
        let unused = rest.len();
        self.length += before - unused;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_the_languages_do() {
        use ExponentForm::{JavaScript, Python, Rust};
        use WholeNumbers::{Bare, Point};
        // Printed by Python 3.11, Node 20 and Rust
        for (text, whole, exponent) in [
            ("0.0", Point, Python),
            ("-0.0", Point, Python),
            ("1.0", Point, Python),
            ("0.0001", Point, Python),
            ("1e-05", Point, Python),
            ("1.5e-07", Point, Python),
            ("1234567890123456.0", Point, Python),
            ("1e+16", Point, Python),
            ("1.7976931348623157e+308", Point, Python),
            ("5e-324", Point, Python),
            ("0", Bare, JavaScript),
            ("1", Bare, JavaScript),
            ("-12.5", Bare, JavaScript),
            ("0.000001", Bare, JavaScript),
            ("1e-7", Bare, JavaScript),
            ("100000000000000000000", Bare, JavaScript),
            ("1e+21", Bare, JavaScript),
            ("1.5e+300", Bare, JavaScript),
            ("0.0000001", Bare, Rust),
            ("1000000000000000000000000", Bare, Rust),
        ] {
            let number = read(text.as_bytes(), whole, exponent);
            assert_eq!(number.map(f64::to_bits), Some(text.parse::<f64>().unwrap().to_bits()), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_no_numbers() {
        for text in [
            "",
            "1",
            "+1.0",
            "1.",
            "01.0",
            "1.00",
            "1e0",
            "1e-5",
            "0.00001",
            "1E-05",
            "1.0e-05",
            " 1.0",
            "nan",
            "inf",
            "-inf",
            "1e999",
            "0.1000000000000000055",
            "12345678901234567.0",
            ".5",
            "-.5",
            "1_0.0",
        ] {
            assert_eq!(read(text.as_bytes(), WholeNumbers::Point, ExponentForm::Python), None, "{text}");
        }
        assert_eq!(read(b"1.0", WholeNumbers::Bare, ExponentForm::JavaScript), None);
        assert_eq!(read(b"1e-07", WholeNumbers::Bare, ExponentForm::JavaScript), None);
    }
}
