//! Strings of JSON in the one spelling that serialisers give them
//!
//! Python's `json` and JavaScript's `JSON.stringify` agree: short escapes where there are some, `\u00xx` in lower case
//! for the other control characters, and everything else as it is; or, as Python does unless told otherwise, all that is
//! not printable ASCII as `\uxxxx`.

use crate::model::mapping::{JsonFault, Misfit};

/// Whether quotes and backslashes of the result get a backslash in front, as array literals want it
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    None,
    Literal,
}

/// Appends what the string means; `raw` is what stands between its quotes
pub(super) fn append(buffer: &mut Vec<u8>, raw: &[u8], ascii: bool, quoting: Quoting) -> Result<(), Misfit> {
    let mut rest = raw;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\\' => rest = append_escaped(buffer, after, ascii, quoting)?,
            b'"' | ..b' ' => return Err(Misfit::Form),
            0x7f.. if ascii => return Err(Misfit::Form),
            plain => buffer.push(*plain),
        }
    }
    Ok(())
}

/// Appends what an escape means, its backslash already taken, and returns what follows it
fn append_escaped<'a>(
    buffer: &mut Vec<u8>,
    escape: &'a [u8],
    ascii: bool,
    quoting: Quoting,
) -> Result<&'a [u8], Misfit> {
    let (kind, rest) = escape.split_first().ok_or(Misfit::Form)?;
    let meant = match kind {
        b'"' | b'\\' => {
            if quoting == Quoting::Literal {
                buffer.push(b'\\');
            }
            *kind
        }
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return append_unicode(buffer, rest, ascii),
        _ => return Err(Misfit::Form),
    };
    buffer.push(meant);
    Ok(rest)
}

fn append_unicode<'a>(buffer: &mut Vec<u8>, digits: &'a [u8], ascii: bool) -> Result<&'a [u8], Misfit> {
    let (first, rest) = unit(digits)?;
    let (second, rest) = match rest.strip_prefix(b"\\u") {
        Some(low) if (0xd800..0xdc00).contains(&first) => unit(low).map(|(unit, rest)| (Some(unit), rest))?,
        _ => (None, rest),
    };
    let mut units = char::decode_utf16([Some(first), second].into_iter().flatten());
    let lone = Misfit::Json(JsonFault::LoneSurrogate);
    let character = units.next().and_then(Result::ok).ok_or(lone)?;
    let due = match character {
        '\0' => return Err(Misfit::NulInText),
        '\x08' | '\x0c' | '\n' | '\r' | '\t' => false,
        '\x01'..=' ' => character != ' ',
        other => ascii && other >= '\x7f',
    };
    if !due {
        return Err(Misfit::Form);
    }
    buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(rest)
}

/// Four hexadecimal digits in lower case
fn unit(digits: &[u8]) -> Result<(u16, &[u8]), Misfit> {
    let (four, rest) = digits.split_first_chunk::<4>().ok_or(Misfit::Form)?;
    let value = four.iter().try_fold(0, |sum, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(Misfit::Form),
        };
        Ok(sum << 4 | u16::from(value))
    })?;
    Ok((value, rest))
}
