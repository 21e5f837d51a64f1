//! `json` and `jsonb` that are documents of the application

use super::DecodeError;
use crate::model::value::Value;

pub(super) fn value<'a>(
    _: &'a [u8],
    _binary: bool,
    _numbers: bool,
    _: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
