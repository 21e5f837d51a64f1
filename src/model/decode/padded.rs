//! `char(n)`, which the server sends with blanks at its end

use super::DecodeError;
use crate::model::value::Value;

pub(super) fn value(bytes: &[u8]) -> Result<Value<'_>, DecodeError> {
    let mut text = bytes;
    while let [rest @ .., b' '] = text {
        text = rest;
    }
    Ok(Value::Text(text))
}
