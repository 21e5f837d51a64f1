//! `uuid`

use super::DecodeError;
use crate::model::convert::forms::UuidForm;
use crate::model::value::Value;

pub(super) fn value<'a>(_: &'a [u8], _: UuidForm, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
