//! `char(n)`, which the server sends with blanks at its end

use super::DecodeError;
use crate::model::value::Value;

pub(super) fn value(bytes: &[u8]) -> Result<Value<'_>, DecodeError> {
    Ok(Value::Text(kept(bytes)))
}

/// The text without the blanks that the server has filled it up with
pub(super) fn kept(bytes: &[u8]) -> &[u8] {
    let mut text = bytes;
    while let [rest @ .., b' '] = text {
        text = rest;
    }
    text
}
