//! `date`, `time`, `timestamp` and `timestamptz`

use super::DecodeError;
use crate::model::convert::forms::{DateForm, EpochUnit, StampForm, TimeForm};
use crate::model::value::Value;

pub(super) fn date<'a>(_: &'a [u8], _: DateForm, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}

pub(super) fn time<'a>(_: &'a [u8], _: TimeForm, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}

pub(super) fn stamp<'a>(_: &'a [u8], _zoned: bool, _: StampForm, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}

pub(super) fn epoch<'a>(_: &'a [u8], _: EpochUnit, _: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    Err(DecodeError::Unsupported)
}
