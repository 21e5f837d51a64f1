//! `smallint`, `integer`, `real`, and `double precision` that holds integers

use super::DecodeError;
use crate::model::value::Value;

pub(super) fn smallint<'a>(_: &'a [u8], _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}

pub(super) fn integer<'a>(_: &'a [u8], _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}

pub(super) fn float4<'a>(_: &'a [u8], _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}

pub(super) fn double<'a>(_: &'a [u8], _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
