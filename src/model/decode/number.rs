//! `smallint`, `integer`, `real`, and `double precision` that holds integers

use super::{DecodeError, malformed};
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn smallint(bytes: &[u8]) -> Result<Value<'static>, DecodeError> {
    let Ok(word) = bytes.try_into() else { return malformed(Mapping::Smallint) };
    Ok(Value::Integer(i16::from_be_bytes(word).into()))
}

pub(super) fn integer(bytes: &[u8]) -> Result<Value<'static>, DecodeError> {
    let Ok(word) = bytes.try_into() else { return malformed(Mapping::Integer) };
    Ok(Value::Integer(i32::from_be_bytes(word).into()))
}

pub(super) fn float4(bytes: &[u8]) -> Result<Value<'static>, DecodeError> {
    let Ok(word) = bytes.try_into() else { return malformed(Mapping::Float4) };
    let real = f32::from_be_bytes(word);
    if real.is_nan() { Err(DecodeError::NotFinite) } else { Ok(Value::Real(real.into())) }
}

pub(super) fn double(bytes: &[u8]) -> Result<Value<'static>, DecodeError> {
    let Ok(word) = bytes.try_into() else { return malformed(Mapping::DoubleInteger) };
    let real = f64::from_be_bytes(word);
    if real.is_nan() {
        Err(DecodeError::NotFinite)
    } else if real.fract() != 0.0 || real.is_infinite() || real.to_bits() == (-0.0f64).to_bits() {
        Err(DecodeError::OffGrid)
    } else if real.abs() > 9_007_199_254_740_992.0 {
        // Another integer rounds to the same double.
        Err(DecodeError::IntegerRange)
    } else {
        Ok(Value::Integer(real as i64))
    }
}
