//! `interval`: microseconds, days, months

use super::temporal::{self, Moment};
use super::{DecodeError, malformed};
use crate::model::convert::forms::IntervalForm;
use crate::model::mapping::Mapping;
use crate::model::value::Value;

const MICROS_PER_DAY: i128 = 86_400_000_000;

pub(super) fn value<'a>(bytes: &[u8], form: IntervalForm, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    let Ok(bytes): Result<[u8; 16], _> = bytes.try_into() else { return malformed(Mapping::Interval(form)) };
    let all = u128::from_be_bytes(bytes);
    let (micros, days, months) = ((all >> 64) as i64, (all >> 32) as i32, all as i32);
    // Since PostgreSQL 17 all three at an end of their range are infinity.
    if [(i64::MAX, i32::MAX, i32::MAX), (i64::MIN, i32::MIN, i32::MIN)].contains(&(micros, days, months)) {
        return Err(DecodeError::Infinite);
    } else if months != 0 {
        return Err(DecodeError::Months);
    }
    let total = i128::from(days) * MICROS_PER_DAY + i128::from(micros);
    let total = i64::try_from(total).map_err(|_| DecodeError::IntegerRange)?;
    match form {
        IntervalForm::Microseconds => Ok(Value::Integer(total)),
        IntervalForm::Epoch(form) => temporal::text(Moment::Since1970(total), false, form, scratch),
    }
}
