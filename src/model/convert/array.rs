//! Arrays of one dimension, from JSON text
//!
//! The text is walked once, element by element, and each element must be spelled as a serialiser with the column's
//! settings spells it: whole numbers without a point, doubles and escapes as Python's `json` has them, and days, moments
//! and decimals as the scalar conversions take them.

mod string;

use std::io::Write;

use super::forms::{DateForm, DecimalClass, Element, ExponentForm, JsonForm, StampForm, WholeNumbers, Zone};
use super::{decimal, spelling, temporal, uuid};
use crate::model::encode::{MAX_FIELD, check_text};
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// PostgreSQL keeps the elements of an array as one list of 8 bytes each, of at most 1 GiB
const MAX_ELEMENTS: u32 = 0x07ff_ffff;

/// As COPY wants a field: the layout of `array_recv`
#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, element: Element, form: JsonForm) -> Result<(), Misfit> {
    let start = buffer.len();
    // Length of the field, dimensions, whether there are NULLs, element type, number of elements, lower bound
    buffer.extend_from_slice(&[0; 24]);
    let (mut count, mut has_null) = (0u32, false);
    walk(value, element, form, |item| {
        count += 1;
        if count > MAX_ELEMENTS {
            return Err(Misfit::TooLong);
        }
        has_null |= matches!(item, Item::Null);
        append_element(buffer, item, form)
    })?;
    if count == 0 {
        // An empty array has no dimensions, and so nothing is said about them.
        buffer.truncate(start + 16);
    }
    let words = [u32::from(count > 0), u32::from(has_null), element.oid(), count, 1];
    for (place, word) in buffer[start + 4..].chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    seal(buffer, start)
}

/// As an element of an array parameter: the text literal `{...}`, which the statement casts
#[inline(never)]
pub(super) fn append_literal(
    buffer: &mut Vec<u8>,
    value: Value<'_>,
    element: Element,
    form: JsonForm,
) -> Result<(), Misfit> {
    let start = buffer.len();
    buffer.extend_from_slice(b"\0\0\0\0{");
    let mut is_first = true;
    walk(value, element, form, |item| {
        if !is_first {
            buffer.push(b',');
        }
        is_first = false;
        append_written(buffer, item, form)
    })?;
    buffer.push(b'}');
    seal(buffer, start)
}

/// Writes the length of what was appended since `start` in front of it
fn seal(buffer: &mut [u8], start: usize) -> Result<(), Misfit> {
    let length = buffer.len() - start - 4;
    if length > MAX_FIELD {
        return Err(Misfit::TooLong);
    }
    buffer[start..start + 4].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(())
}

/// One element of the text, checked but for the inside of strings
enum Item<'a> {
    Null,
    Boolean(bool),
    Smallint(i16),
    Integer(i32),
    Bigint(i64),
    Float4(f32),
    Double(f64),
    /// Digits, a precision and a scale
    Numeric(&'a [u8], u16, i16),
    /// Days, and as they are written
    Date(i32, &'a [u8]),
    /// Microseconds, as they are written, and the offset that is not written
    Timestamp(i64, &'a [u8], Option<i16>),
    Uuid([u8; 16], &'a [u8]),
    /// What stands between the quotes, and whether it may end with blanks
    String(&'a [u8], bool),
}

/// Calls `each` for every element of a list that has the form
fn walk<'a>(
    value: Value<'a>,
    element: Element,
    form: JsonForm,
    mut each: impl FnMut(Item<'a>) -> Result<(), Misfit>,
) -> Result<(), Misfit> {
    let Value::Text(text) = value else { return Err(Misfit::Class(value.class())) };
    check_text(text)?;
    let separator: &[u8] = if form.spaced { b", " } else { b"," };
    let mut rest = text.strip_prefix(b"[").ok_or(Misfit::Form)?;
    if rest == b"]" {
        return Ok(());
    }
    loop {
        let (token, after) = rest.split_at(token_length(rest).ok_or(Misfit::Form)?);
        each(item(token, element).ok_or(Misfit::Form)?)?;
        if after == b"]" {
            return Ok(());
        }
        rest = after.strip_prefix(separator).ok_or(Misfit::Form)?;
    }
}

/// Bytes of the string or word at the beginning
fn token_length(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return text.iter().position(|byte| matches!(byte, b',' | b']'));
    }
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn item(token: &[u8], element: Element) -> Option<Item<'_>> {
    if token == b"null" {
        return Some(Item::Null);
    }
    let string = || token.strip_prefix(b"\"")?.strip_suffix(b"\"");
    Some(match element {
        Element::Smallint => Item::Smallint(whole(token)?.try_into().ok()?),
        Element::Integer => Item::Integer(whole(token)?.try_into().ok()?),
        Element::Bigint => Item::Bigint(whole(token)?),
        Element::Double => Item::Double(spelling::read(token, WholeNumbers::Point, ExponentForm::Python)?),
        Element::Float4 => {
            let wide = spelling::read(token, WholeNumbers::Point, ExponentForm::Python)?;
            Item::Float4(Some(wide as f32).filter(|narrow| f64::from(*narrow).to_bits() == wide.to_bits())?)
        }
        Element::Numeric { precision, scale, quoted } => {
            Item::Numeric(if quoted { string()? } else { token }, precision, scale)
        }
        Element::Boolean if token == b"true" => Item::Boolean(true),
        Element::Boolean if token == b"false" => Item::Boolean(false),
        Element::Boolean => return None,
        Element::Text | Element::Varchar => Item::String(string()?, true),
        Element::Padded => Item::String(string()?, false),
        Element::Date => Item::Date(temporal::date(Value::Text(string()?), DateForm::Iso).ok()?, string()?),
        Element::Timestamp { zoned, form } => timestamp(string()?, zoned, form)?,
        Element::Uuid => Item::Uuid(uuid::parse(string()?, super::forms::UuidForm::Hyphens)?, string()?),
    })
}

fn timestamp(written: &[u8], zoned: bool, form: StampForm) -> Option<Item<'_>> {
    let micros = temporal::stamp(Value::Text(written), zoned, form).ok()?;
    // The server would read a text without a zone in the session's one.
    Some(Item::Timestamp(micros, written, (zoned && form.zone == Zone::None).then_some(form.assumed)))
}

/// An integer without plus, leading zeros, or a minus before zero
fn whole(token: &[u8]) -> Option<i64> {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    let usual = digits.iter().all(u8::is_ascii_digit) && (!digits.starts_with(b"0") || token == b"0");
    if usual { std::str::from_utf8(token).ok()?.parse().ok() } else { None }
}

/// One element in binary, with its own length in front
fn append_element(buffer: &mut Vec<u8>, item: Item<'_>, form: JsonForm) -> Result<(), Misfit> {
    let payload = |buffer: &mut Vec<u8>, bytes: &[u8]| {
        buffer.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        buffer.extend_from_slice(bytes);
    };
    match item {
        Item::Null => buffer.extend_from_slice(&(-1i32).to_be_bytes()),
        Item::Boolean(truth) => payload(buffer, &[u8::from(truth)]),
        Item::Smallint(whole) => payload(buffer, &whole.to_be_bytes()),
        Item::Integer(whole) => payload(buffer, &whole.to_be_bytes()),
        Item::Bigint(whole) => payload(buffer, &whole.to_be_bytes()),
        Item::Float4(real) => payload(buffer, &real.to_bits().to_be_bytes()),
        Item::Double(real) => payload(buffer, &real.to_bits().to_be_bytes()),
        Item::Numeric(digits, precision, scale) => append_number(buffer, digits, precision, scale)?,
        Item::Date(days, _) => payload(buffer, &days.to_be_bytes()),
        Item::Timestamp(micros, ..) => payload(buffer, &micros.to_be_bytes()),
        Item::Uuid(bytes, _) => payload(buffer, &bytes),
        Item::String(raw, blanks) => {
            let start = buffer.len();
            buffer.extend_from_slice(&[0; 4]);
            append_string(buffer, raw, form, string::Quoting::None, blanks)?;
            seal(buffer, start)?;
        }
    }
    Ok(())
}

/// One element as it stands in an array literal
fn append_written(buffer: &mut Vec<u8>, item: Item<'_>, form: JsonForm) -> Result<(), Misfit> {
    // Writing into a Vec cannot fail.
    let _ = match item {
        Item::Null => buffer.write_all(b"NULL"),
        Item::Boolean(truth) => buffer.write_all(if truth { b"t" } else { b"f" }),
        Item::Smallint(whole) => write!(buffer, "{whole}"),
        Item::Integer(whole) => write!(buffer, "{whole}"),
        Item::Bigint(whole) => write!(buffer, "{whole}"),
        Item::Float4(real) => write!(buffer, "{real:e}"),
        Item::Double(real) => write!(buffer, "{real:e}"),
        Item::Numeric(digits, precision, scale) => {
            let start = buffer.len();
            append_number(buffer, digits, precision, scale)?;
            buffer.truncate(start);
            buffer.write_all(digits)
        }
        Item::Date(_, written) => buffer.write_all(written),
        Item::Timestamp(_, written, offset) => append_moment(buffer, written, offset),
        Item::Uuid(_, written) => buffer.write_all(written),
        Item::String(raw, blanks) => {
            buffer.push(b'"');
            append_string(buffer, raw, form, string::Quoting::Literal, blanks)?;
            buffer.write_all(b"\"")
        }
    };
    Ok(())
}

/// A decimal as a field, in exactly the digits in which the server prints it
fn append_number(buffer: &mut Vec<u8>, digits: &[u8], precision: u16, scale: i16) -> Result<(), Misfit> {
    decimal::append(buffer, Value::Text(digits), precision, scale, DecimalClass::Text)
}

/// A moment with its offset from UTC in minutes, where it is not written already
fn append_moment(buffer: &mut Vec<u8>, written: &[u8], offset: Option<i16>) -> std::io::Result<()> {
    buffer.push(b'"');
    buffer.extend_from_slice(written);
    if let Some(east) = offset {
        let (sign, east) = (if east < 0 { '-' } else { '+' }, east.unsigned_abs());
        write!(buffer, "{sign}{:02}:{:02}", east / 60, east % 60)?;
    }
    buffer.write_all(b"\"")
}

fn append_string(
    buffer: &mut Vec<u8>,
    raw: &[u8],
    form: JsonForm,
    quoting: string::Quoting,
    blanks: bool,
) -> Result<(), Misfit> {
    let start = buffer.len();
    string::append(buffer, raw, form.ascii, quoting)?;
    if !blanks && buffer[start..].ends_with(b" ") { Err(Misfit::TrailingBlanks) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
