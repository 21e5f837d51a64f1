//! `inet` and `cidr`

use super::DecodeError;
use crate::model::value::Value;

pub(super) fn value<'a>(_: &'a [u8], _cidr: bool, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
