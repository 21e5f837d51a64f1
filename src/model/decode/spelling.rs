//! Floating-point numbers as text, in the manner of the program that wrote the column

use std::fmt::Display;
use std::io::Write;

use crate::model::convert::forms::{ExponentForm, WholeNumbers};

/// Appends a number; `shortest` is its shortest decimal as Rust's `{:e}` prints it: `-d.ddde-n`
pub(super) fn append(out: &mut Vec<u8>, shortest: impl Display, whole: WholeNumbers, form: ExponentForm) {
    // Sign, 17 digits, point, `e-324`
    let mut text = [0u8; 32];
    let mut rest = &mut text[..];
    let _ = write!(rest, "{shortest}");
    let unused = rest.len();
    let text = &text[..32 - unused];
    let (mantissa, exponent) = split_exponent(text);
    if mantissa.starts_with(b"-") {
        out.push(b'-');
    }
    let mut digits = [0u8; 17];
    let mut count = 0;
    for digit in mantissa.iter().filter(|byte| byte.is_ascii_digit()).take(17) {
        digits[count] = *digit;
        count += 1;
    }
    let digits = &digits[..count];
    let is_plain = match form {
        ExponentForm::Python => (-4..=15).contains(&exponent),
        ExponentForm::JavaScript => (-6..=20).contains(&exponent),
        ExponentForm::Rust => true,
    };
    if is_plain { append_plain(out, digits, exponent, whole) } else { append_power(out, digits, exponent, form) }
}

fn split_exponent(text: &[u8]) -> (&[u8], i32) {
    let at = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
    let exponent = text.get(at + 1..).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    (&text[..at], exponent.unwrap_or(0))
}

/// Digit by digit, from the highest power of ten that is written to the lowest
fn append_plain(out: &mut Vec<u8>, digits: &[u8], exponent: i32, whole: WholeNumbers) {
    let lowest = (exponent + 1 - digits.len() as i32).min(0);
    for power in (lowest..=exponent.max(0)).rev() {
        if power == -1 {
            out.push(b'.');
        }
        let digit = usize::try_from(exponent - power).ok().and_then(|at| digits.get(at));
        out.push(digit.copied().unwrap_or(b'0'));
    }
    if lowest == 0 && whole == WholeNumbers::Point {
        out.extend_from_slice(b".0");
    }
}

fn append_power(out: &mut Vec<u8>, digits: &[u8], exponent: i32, form: ExponentForm) {
    for (at, digit) in digits.iter().enumerate() {
        if at == 1 {
            out.push(b'.');
        }
        out.push(*digit);
    }
    // Writing into a Vec cannot fail.
    let _ = match form {
        ExponentForm::Python => write!(out, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
        _ => write!(out, "e{exponent:+}"),
    };
}
