//! `interval`

use super::DecodeError;
use crate::model::convert::forms::IntervalForm;
use crate::model::value::Value;

pub(super) fn value<'a>(_: &'a [u8], _: IntervalForm, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
