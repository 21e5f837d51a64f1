//! `numeric(p,s)`: the column's plan tells the storage class, and not the scale

use super::numeric::{Numeric, exact_real, leading_power, significant};
use super::{DecodeError, malformed};
use crate::model::convert::forms::DecimalClass;
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn value<'a>(
    bytes: &'a [u8],
    class: DecimalClass,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    let Some(numeric) = Numeric::read(bytes) else { return malformed(Mapping::Numeric) };
    if let Some(infinity) = numeric.infinity() {
        let fits = matches!(class, DecimalClass::Real | DecimalClass::ByValue);
        return if fits { Ok(Value::Real(infinity)) } else { Err(DecodeError::NotFinite) };
    } else if !numeric.is_finite() {
        return Err(DecodeError::NotFinite);
    }
    match class {
        DecimalClass::Integer if numeric.has_fraction() => Err(DecodeError::OffGrid),
        DecimalClass::Integer => numeric.integer().map(Value::Integer),
        DecimalClass::Real => numeric.real(scratch).map(Value::Real),
        DecimalClass::ByValue => {
            scratch.clear();
            numeric.print(scratch);
            by_value(scratch)
        }
        DecimalClass::Text => {
            scratch.clear();
            numeric.print(scratch);
            Ok(Value::Text(scratch))
        }
    }
}

/// The number in a decimal text as NUMERIC affinity stores it: as an integer if it is one of 64 bits, else as a real
pub(super) fn by_value(text: &mut Vec<u8>) -> Result<Value<'static>, DecodeError> {
    let digits = significant(text).count() as i32;
    if digits == 0 {
        return Ok(Value::Integer(0));
    }
    let power = leading_power(text).ok_or(DecodeError::Inexact)?;
    let zeros = power + 1 - digits;
    if zeros >= 0 && power <= 18 {
        let magnitude = significant(text).fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        let magnitude = magnitude * 10i128.pow(zeros as u32);
        let signed = if text.starts_with(b"-") { -magnitude } else { magnitude };
        if let Ok(whole) = i64::try_from(signed) {
            return Ok(Value::Integer(whole));
        }
    }
    let end = text.len();
    exact_real(text, end).map(Value::Real)
}
