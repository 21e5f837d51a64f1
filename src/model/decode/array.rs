//! Arrays of one dimension: dimensions, whether there are NULLs, element type; length and lower bound; elements

use std::io::Write;

use super::numeric::Numeric;
use super::temporal::{self, Moment};
use super::{DecodeError, malformed, padded, spelling, uuid};
use crate::model::convert::forms::{DateForm, Element, ExponentForm, JsonForm, WholeNumbers};
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn value<'a>(
    bytes: &[u8],
    element: Element,
    form: JsonForm,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    let mapping = Mapping::Array { element, form };
    let mut words = Words(bytes);
    let header = (words.next(), words.next(), words.next());
    let (Some(dimensions), Some(0 | 1), Some(oid)) = header else { return malformed(mapping) };
    if oid.cast_unsigned() != element.oid() {
        return malformed(mapping);
    }
    scratch.clear();
    if dimensions == 0 {
        scratch.extend_from_slice(b"[]");
        return Ok(Value::Text(scratch));
    }
    let (Some(count), Some(lower_bound)) = (words.next(), words.next()) else { return malformed(mapping) };
    // JSON text shows neither a second dimension nor where the first one begins.
    if dimensions != 1 || lower_bound != 1 {
        return Err(DecodeError::OffGrid);
    } else if count < 1 {
        return malformed(mapping);
    }
    for at in 0..count {
        scratch.extend_from_slice(match (at, form.spaced) {
            (0, _) => b"[",
            (_, true) => b", ",
            (_, false) => b",",
        });
        let Some(field) = words.field() else { return malformed(mapping) };
        match field {
            None => scratch.extend_from_slice(b"null"),
            Some(field) => append(scratch, field, element, form)?,
        }
    }
    scratch.push(b']');
    if words.0.is_empty() { Ok(Value::Text(scratch)) } else { malformed(mapping) }
}

/// What is left of the bytes
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<i32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*word))
    }

    /// The next element; `Some(None)` is NULL
    fn field(&mut self) -> Option<Option<&'a [u8]>> {
        match self.next()? {
            -1 => Some(None),
            length => {
                let (field, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
                self.0 = rest;
                Some(Some(field))
            }
        }
    }
}

fn append(out: &mut Vec<u8>, field: &[u8], element: Element, form: JsonForm) -> Result<(), DecodeError> {
    let bad = DecodeError::Malformed(Mapping::Array { element, form });
    let eight = || field.try_into().map_err(|_| bad);
    // Writing into a Vec cannot fail.
    let _ = match element {
        Element::Smallint => write!(out, "{}", i16::from_be_bytes(field.try_into().map_err(|_| bad)?)),
        Element::Integer => write!(out, "{}", i32::from_be_bytes(field.try_into().map_err(|_| bad)?)),
        Element::Bigint => write!(out, "{}", i64::from_be_bytes(eight()?)),
        Element::Boolean => match field {
            [0] => out.write_all(b"false"),
            [1] => out.write_all(b"true"),
            _ => return Err(bad),
        },
        Element::Float4 => return append_real(out, f32::from_be_bytes(field.try_into().map_err(|_| bad)?).into()),
        Element::Double => return append_real(out, f64::from_be_bytes(eight()?)),
        Element::Numeric { quoted, .. } => {
            let numeric = Numeric::read(field).ok_or(bad)?;
            if !numeric.is_finite() {
                return Err(DecodeError::NotFinite);
            }
            let quote: &[u8] = if quoted { b"\"" } else { b"" };
            out.extend_from_slice(quote);
            numeric.print(out);
            out.write_all(quote)
        }
        Element::Date if field.len() != 4 => return Err(bad),
        Element::Date => {
            let mut day = Vec::new();
            temporal::date(field, DateForm::Iso, &mut day)?;
            append_quoted(out, &day)
        }
        Element::Timestamp { zoned, form } => {
            let micros = match i64::from_be_bytes(eight()?) {
                i64::MIN | i64::MAX => return Err(DecodeError::Infinite),
                micros => micros,
            };
            let mut moment = Vec::new();
            temporal::text(Moment::Since2000(micros), zoned, form, &mut moment)?;
            append_quoted(out, &moment)
        }
        Element::Uuid if field.len() != 16 => return Err(bad),
        Element::Uuid => {
            out.push(b'"');
            uuid::append(out, field, true, false);
            out.write_all(b"\"")
        }
        Element::Text | Element::Varchar => {
            append_string(out, std::str::from_utf8(field).map_err(|_| bad)?, form.ascii);
            Ok(())
        }
        Element::Padded => {
            append_string(out, std::str::from_utf8(padded::kept(field)).map_err(|_| bad)?, form.ascii);
            Ok(())
        }
    };
    Ok(())
}

fn append_real(out: &mut Vec<u8>, real: f64) -> Result<(), DecodeError> {
    if !real.is_finite() {
        return Err(DecodeError::NotFinite);
    }
    spelling::append(out, format_args!("{real:e}"), WholeNumbers::Point, ExponentForm::Python);
    Ok(())
}

fn append_quoted(out: &mut Vec<u8>, text: &[u8]) -> std::io::Result<()> {
    [&b"\""[..], text, b"\""].iter().try_for_each(|part| out.write_all(part))
}

/// A string with the escapes of Python's `json.dumps`, which JavaScript's are if not only ASCII is wanted
fn append_string(out: &mut Vec<u8>, text: &str, ascii: bool) {
    out.push(b'"');
    for character in text.chars() {
        let short = match character {
            '"' | '\\' => Some(character),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        if let Some(letter) = short {
            out.extend_from_slice(&[b'\\', letter as u8]);
        } else if character < ' ' || (ascii && character > '~') {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    out.push(b'"');
}
