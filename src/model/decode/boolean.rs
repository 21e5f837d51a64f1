//! `boolean`

use super::DecodeError;
use crate::model::convert::forms::BoolForm;
use crate::model::value::Value;

pub(super) fn value<'a>(_: &'a [u8], _: BoolForm, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
