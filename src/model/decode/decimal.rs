//! `numeric(p,s)`

use super::DecodeError;
use crate::model::convert::forms::DecimalClass;
use crate::model::value::Value;

pub(super) fn value<'a>(
    _: &'a [u8],
    _scale: u16,
    _: DecimalClass,
    _: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
