//! Any SQLite value as `jsonb`, for columns whose values no single plain type holds
//!
//! | value | jsonb |
//! |---|---|
//! | NULL | SQL NULL |
//! | integer | number without a point: `42` |
//! | real | number with a point: `42.0`; jsonb keeps the zeros, and so the storage class |
//! | real of 2^53 to 2^63 | its exact value, so that it equals no integer but its own: `1152921504606846976.0` |
//! | infinity, negative zero | `{"$real": "inf"}`, `{"$real": "-inf"}`, `{"$real": "-0.0"}` |
//! | text | string |
//! | text with a NUL byte or invalid UTF-8 | `{"$text": "6100ff"}`, in hexadecimal |
//! | blob | `{"$blob": "00ff"}`, in hexadecimal |
//!
//! Text never becomes an object, so nothing in the application's data can be taken for one of the wrappers.

use std::io::Write;

use super::encode::{MAX_FIELD, check_text};
use super::mapping::Misfit;
use super::numeric::{Decimal, whole_among_integers};
use super::value::Value;

/// Longest string in jsonb, whose entries keep 28 bits of length, less what key and padding take
const MAX_STRING: usize = 0x0fff_ffff - 64;

/// The only version of jsonb's binary format so far
const JSONB_VERSION: u8 = 1;

/// Appends a value as one field of type `jsonb`; a [`Misfit`] leaves the buffer as it was
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
    if let Value::Null = value {
        buffer.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    }
    let start = buffer.len();
    buffer.extend_from_slice(&[0, 0, 0, 0, JSONB_VERSION]);
    let written = append_json(buffer, value);
    let length = buffer.len() - start - 4;
    if written.is_ok() && length <= MAX_FIELD {
        buffer[start..start + 4].copy_from_slice(&(length as u32).to_be_bytes());
        return Ok(());
    }
    buffer.truncate(start);
    written.and(Err(Misfit::TooLong))
}

fn append_json(buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
    match value {
        Value::Null => buffer.extend_from_slice(b"null"),
        Value::Integer(v) => append_display(buffer, v),
        Value::Real(v) => append_real(buffer, v)?,
        Value::Text(bytes) => match check_text(bytes) {
            Ok(text) => append_string(buffer, text)?,
            Err(_) => append_hex(buffer, "$text", bytes)?,
        },
        Value::Blob(bytes) => append_hex(buffer, "$blob", bytes)?,
    }
    Ok(())
}

/// Appends a real as a plain decimal with a point, as PostgreSQL itself prints it
fn append_real(buffer: &mut Vec<u8>, value: f64) -> Result<(), Misfit> {
    if let Some(whole) = whole_among_integers(value) {
        append_display(buffer, whole);
        buffer.extend_from_slice(b".0");
        return Ok(());
    }
    let Some(decimal) = Decimal::of(value) else {
        let name = if value.is_nan() {
            // SQLite stores NaN as NULL and never hands one out.
            return Err(Misfit::Class(Value::Real(value).class()));
        } else if value == 0.0 {
            "-0.0"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        };
        append_wrapped(buffer, "$real", |buffer| buffer.extend_from_slice(name.as_bytes()));
        return Ok(());
    };
    if decimal.negative {
        buffer.push(b'-');
    }
    let digit = |power: i32| {
        let position = usize::try_from(decimal.exponent - power).ok();
        b'0' + position.and_then(|p| decimal.digits().get(p)).copied().unwrap_or(0)
    };
    buffer.extend((0..=decimal.exponent.max(0)).rev().map(digit));
    buffer.push(b'.');
    buffer.extend((1..=decimal.scale() as i32).map(|place| digit(-place)));
    Ok(())
}

/// Appends a JSON string, with the escapes that JSON demands and no others
fn append_string(buffer: &mut Vec<u8>, text: &str) -> Result<(), Misfit> {
    if text.len() > MAX_STRING {
        return Err(Misfit::TooLong);
    }
    buffer.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (position, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        buffer.extend_from_slice(&bytes[copied..position]);
        copied = position + 1;
        match byte {
            b'"' => buffer.extend_from_slice(b"\\\""),
            b'\\' => buffer.extend_from_slice(b"\\\\"),
            b'\n' => buffer.extend_from_slice(b"\\n"),
            b'\r' => buffer.extend_from_slice(b"\\r"),
            b'\t' => buffer.extend_from_slice(b"\\t"),
            _ => {
                buffer.extend_from_slice(b"\\u00");
                buffer.extend_from_slice(&hex(byte));
            }
        }
    }
    buffer.extend_from_slice(&bytes[copied..]);
    buffer.push(b'"');
    Ok(())
}

fn append_hex(buffer: &mut Vec<u8>, key: &str, bytes: &[u8]) -> Result<(), Misfit> {
    if bytes.len() > MAX_STRING / 2 {
        return Err(Misfit::TooLong);
    }
    append_wrapped(buffer, key, |buffer| {
        buffer.reserve(bytes.len() * 2);
        bytes.iter().for_each(|byte| buffer.extend_from_slice(&hex(*byte)));
    });
    Ok(())
}

/// Appends `{"key": "..."}`; what `content` appends must need no escapes
fn append_wrapped(buffer: &mut Vec<u8>, key: &str, content: impl FnOnce(&mut Vec<u8>)) {
    buffer.extend_from_slice(b"{\"");
    buffer.extend_from_slice(key.as_bytes());
    buffer.extend_from_slice(b"\": \"");
    content(buffer);
    buffer.extend_from_slice(b"\"}");
}

fn append_display(buffer: &mut Vec<u8>, value: i64) {
    // Writing into a Vec cannot fail.
    let _ = write!(buffer, "{value}");
}

fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: Value<'_>) -> String {
        let mut buffer = vec![9];
        append(&mut buffer, value).unwrap();
        let length = u32::from_be_bytes(buffer[1..5].try_into().unwrap()) as usize;
        assert_eq!((buffer[0], length, buffer[5]), (9, buffer.len() - 5, 1));
        String::from_utf8(buffer.split_off(6)).unwrap()
    }

    #[test]
    fn numbers_keep_their_class() {
        assert_eq!(json(Value::Integer(i64::MIN)), "-9223372036854775808");
        assert_eq!(json(Value::Real(0.0)), "0.0");
        assert_eq!(json(Value::Real(1.0)), "1.0");
        assert_eq!(json(Value::Real(-1.5)), "-1.5");
        assert_eq!(json(Value::Real(0.1 + 0.2)), "0.30000000000000004");
        assert_eq!(json(Value::Real(0.00012)), "0.00012");
        assert_eq!(json(Value::Real(1e22)), "10000000000000000000000.0");
        assert_eq!(json(Value::Real(1.25e20)), "125000000000000000000.0");
        assert_eq!(json(Value::Real(f64::NEG_INFINITY)), r#"{"$real": "-inf"}"#);
        assert_eq!(json(Value::Real(-0.0)), r#"{"$real": "-0.0"}"#);
    }

    #[test]
    fn reals_among_the_integers_have_their_exact_value() {
        assert_eq!(json(Value::Real(9_007_199_254_740_991.0)), "9007199254740991.0");
        assert_eq!(json(Value::Real(9_007_199_254_740_992.0)), "9007199254740992.0");
        assert_eq!(json(Value::Real(2f64.powi(60))), "1152921504606846976.0");
        assert_eq!(json(Value::Real(-(2f64.powi(60)))), "-1152921504606846976.0");
        assert_eq!(json(Value::Real(2f64.powi(63).next_down())), "9223372036854774784.0");
        assert_eq!(json(Value::Real(-(2f64.powi(63)))), "-9223372036854775808.0");
        assert_eq!(json(Value::Real(2f64.powi(63))), "9223372036854776000.0");
        assert_eq!(json(Value::Real((-(2f64.powi(63))).next_down())), "-9223372036854778000.0");
    }

    #[test]
    fn text_is_a_string_and_blob_an_object() {
        assert_eq!(json(Value::Text(b"a\"\\\n\x01\x7f\xc3\xa9")), "\"a\\\"\\\\\\n\\u0001\u{7f}\u{e9}\"");
        assert_eq!(json(Value::Text(br#"{"$blob": "00"}"#)), r#""{\"$blob\": \"00\"}""#);
        assert_eq!(json(Value::Text(b"a\0\xff")), r#"{"$text": "6100ff"}"#);
        assert_eq!(json(Value::Blob(b"")), r#"{"$blob": ""}"#);
        assert_eq!(json(Value::Blob(b"\x00\xfe")), r#"{"$blob": "00fe"}"#);
    }

    #[test]
    fn what_jsonb_cannot_hold_leaves_the_buffer_alone() {
        let mut buffer = vec![9];
        let long = vec![0; MAX_STRING / 2 + 1];
        assert_eq!(append(&mut buffer, Value::Blob(&long)), Err(Misfit::TooLong));
        assert_eq!(buffer, [9]);
    }
}
