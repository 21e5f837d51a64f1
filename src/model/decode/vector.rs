//! `vector` of pgvector

use super::DecodeError;
use crate::model::convert::forms::VectorForm;
use crate::model::value::Value;

pub(super) fn value<'a>(
    _: &'a [u8],
    _dimensions: u16,
    _: VectorForm,
    _: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
