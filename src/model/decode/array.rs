//! Arrays of one dimension

use super::DecodeError;
use crate::model::convert::forms::{Element, JsonForm};
use crate::model::value::Value;

pub(super) fn value<'a>(_: &'a [u8], _: Element, _: JsonForm, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
