//! `char(n)`, which the server sends with blanks at its end

use super::DecodeError;
use crate::model::value::Value;

pub(super) fn value<'a>(_: &'a [u8], _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
