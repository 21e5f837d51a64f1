//! `jsonb` that stands for any SQLite value: the inverse of the table in `variant.rs` of the model

use super::DecodeError;
use super::numeric::exact_real;
use crate::model::mapping::Mapping;
use crate::model::value::Value;

/// The value that a JSON document stands for, by the table in `variant.rs`
pub(super) fn value<'a>(json: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    match json.first() {
        Some(b'"') => match json_string(json, scratch)? {
            (text, []) => Ok(Value::Text(text)),
            _ => Err(DecodeError::Malformed(Mapping::Variant)),
        },
        Some(b'{') => json_wrapped(json, scratch),
        Some(b'-' | b'0'..=b'9') => json_number(json, scratch),
        Some(b't' | b'f' | b'n' | b'[') => Err(DecodeError::ForeignJson),
        _ => Err(DecodeError::Malformed(Mapping::Variant)),
    }
}

fn json_number(json: &[u8], scratch: &mut Vec<u8>) -> Result<Value<'static>, DecodeError> {
    let malformed = DecodeError::Malformed(Mapping::Variant);
    // jsonb prints numbers as `numeric` does: never with an exponent.
    if !json.iter().all(|b| matches!(b, b'-' | b'.' | b'0'..=b'9')) {
        return Err(malformed);
    }
    if json.contains(&b'.') {
        scratch.clear();
        scratch.extend_from_slice(json);
        return exact_real(scratch, json.len()).map(Value::Real);
    }
    let text = std::str::from_utf8(json).map_err(|_| malformed)?;
    // With only digits and a sign in it, all that can go wrong is the range.
    text.parse().map(Value::Integer).map_err(|_| DecodeError::IntegerRange)
}

/// `{"$real": ...}`, `{"$text": ...}` or `{"$blob": ...}`; every other object is the application's own
fn json_wrapped<'a>(json: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    let foreign = DecodeError::ForeignJson;
    let inner = json.strip_prefix(b"{").and_then(|j| j.strip_suffix(b"}")).ok_or(foreign)?;
    let colon = inner.iter().position(|b| *b == b':').ok_or(foreign)?;
    let quoted = inner[colon + 1..].trim_ascii();
    let content = quoted.strip_prefix(b"\"").and_then(|q| q.strip_suffix(b"\"")).ok_or(foreign)?;
    match (inner[..colon].trim_ascii(), content) {
        (b"\"$real\"", b"inf") => Ok(Value::Real(f64::INFINITY)),
        (b"\"$real\"", b"-inf") => Ok(Value::Real(f64::NEG_INFINITY)),
        (b"\"$real\"", b"-0.0") => Ok(Value::Real(-0.0)),
        (b"\"$text\"", hex) => unhex(hex, scratch).map(Value::Text),
        (b"\"$blob\"", hex) => unhex(hex, scratch).map(Value::Blob),
        _ => Err(foreign),
    }
}

fn unhex<'a>(hex: &[u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], DecodeError> {
    let (pairs, odd) = hex.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(DecodeError::ForeignJson);
    }
    scratch.clear();
    scratch.reserve(pairs.len());
    for [high, low] in pairs {
        scratch.push(nibble(*high)? << 4 | nibble(*low)?);
    }
    Ok(scratch)
}

fn nibble(digit: u8) -> Result<u8, DecodeError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(DecodeError::ForeignJson),
    }
}

/// The string at the start of `json`, and what follows it; borrowed from `json` where it holds no escapes
fn json_string<'a>(json: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
    let malformed = DecodeError::Malformed(Mapping::Variant);
    let body = json.strip_prefix(b"\"").ok_or(malformed)?;
    let plain = body.iter().position(|b| matches!(b, b'"' | b'\\')).ok_or(malformed)?;
    if body[plain] == b'"' {
        return Ok((&body[..plain], &body[plain + 1..]));
    }
    scratch.clear();
    let mut rest = body;
    loop {
        let run = rest.iter().position(|b| matches!(b, b'"' | b'\\')).ok_or(malformed)?;
        scratch.extend_from_slice(&rest[..run]);
        if rest[run] == b'"' {
            return Ok((scratch, &rest[run + 1..]));
        }
        rest = unescape(&rest[run + 1..], scratch).ok_or(malformed)?;
    }
}

/// Appends the character that the escape (its backslash already taken) stands for, and returns what follows it
fn unescape<'a>(escape: &'a [u8], scratch: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (kind, rest) = escape.split_first()?;
    let simple = match kind {
        b'"' | b'\\' | b'/' => *kind,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unescape_unicode(rest, scratch),
        _ => return None,
    };
    scratch.push(simple);
    Some(rest)
}

fn unescape_unicode<'a>(digits: &'a [u8], scratch: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (mut code, mut rest) = four_hex(digits)?;
    if (0xd800..0xdc00).contains(&code) {
        let (low, after) = four_hex(rest.strip_prefix(b"\\u")?)?;
        code = 0x10000 + ((code - 0xd800) << 10) + low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        rest = after;
    }
    let character = char::from_u32(code)?;
    scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

fn four_hex(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (four, rest) = digits.split_first_chunk::<4>()?;
    let code = four.iter().try_fold(0, |code, digit| Some(code << 4 | u32::from(nibble(*digit).ok()?)))?;
    Some((code, rest))
}
