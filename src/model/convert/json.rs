//! JSON documents, as `json` or as `jsonb`
//!
//! `json` keeps the bytes, so every valid document goes there. `jsonb` keeps the document and not its spelling; it takes
//! only what survives PostgreSQL's parser unchanged. In both cases the server gets the source's own text, and nothing is
//! re-written here. In a column with NUMERIC affinity SQLite stores a document that is a number as one.

mod document;

pub use document::Top;
pub(super) use document::check;

use std::io::Write;

use super::decimal::would_be_integer;
use crate::model::encode::{MAX_FIELD, check_text};
use crate::model::mapping::Misfit;
use crate::model::numeric::{Decimal, whole_among_integers};
use crate::model::value::Value;

/// The only version of jsonb's binary format so far
const JSONB_VERSION: u8 = 1;

#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, binary: bool, numbers: bool) -> Result<(), Misfit> {
    if let Value::Text(text) = value {
        check_text(text)?;
        let top = check(text, binary, buffer)?;
        if numbers && top == Top::Number {
            // It would come back as a number.
            return Err(Misfit::Form);
        }
    }
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    if binary {
        buffer.push(JSONB_VERSION);
    }
    match value {
        Value::Text(text) if text.len() < MAX_FIELD => buffer.extend_from_slice(text),
        Value::Text(_) => return Err(Misfit::TooLong),
        // Writing into a Vec cannot fail.
        Value::Integer(whole) if numbers => write!(buffer, "{whole}").unwrap_or_default(),
        Value::Real(real) if numbers && !would_be_integer(real) => append_real(buffer, real)?,
        other => return Err(Misfit::Class(other.class())),
    }
    let length = (buffer.len() - start - 4) as u32;
    buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// A real as a plain decimal with a point
fn append_real(buffer: &mut Vec<u8>, real: f64) -> Result<(), Misfit> {
    if real.is_infinite() {
        return Err(Misfit::Infinite);
    }
    let decimal = Decimal::of(real).ok_or(Misfit::NegativeZero)?;
    debug_assert!(whole_among_integers(real).is_none(), "such a real would be an integer");
    let digit = |power: i32| {
        let position = usize::try_from(decimal.exponent - power).ok();
        b'0' + position.and_then(|at| decimal.digits().get(at)).copied().unwrap_or(0)
    };
    if decimal.negative {
        buffer.push(b'-');
    }
    buffer.extend((0..=decimal.exponent.max(0)).rev().map(digit));
    buffer.push(b'.');
    buffer.extend((1..=decimal.scale() as i32).map(|place| digit(-place)));
    Ok(())
}

#[cfg(test)]
mod tests;
