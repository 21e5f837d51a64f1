//! `json` and `jsonb` that are documents of the application

use super::decimal::by_value;
use super::{DecodeError, malformed};
use crate::model::mapping::Mapping;
use crate::model::value::Value;

/// The text of the document; with `numbers`, one that is a number comes back as NUMERIC affinity would store it
pub(super) fn value<'a>(
    bytes: &'a [u8],
    binary: bool,
    numbers: bool,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    let text = match bytes {
        [1, text @ ..] if binary => text,
        _ if binary => return malformed(Mapping::Json { binary, numbers }),
        text => text,
    };
    let number = text.trim_ascii();
    if !numbers || !matches!(number.first(), Some(b'-' | b'0'..=b'9')) {
        return Ok(Value::Text(text));
    }
    scratch.clear();
    scratch.extend(number.iter().map(u8::to_ascii_lowercase));
    by_value(scratch)
}
