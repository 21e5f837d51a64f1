//! Days, times of day and moments

use super::forms::{DateForm, EpochUnit, StampForm, TimeForm};
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// `date`: days since 2000-01-01
#[inline(never)]
pub(super) fn append_date(_: &mut Vec<u8>, _: Value<'_>, _: DateForm) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}

/// `time`: microseconds since midnight
#[inline(never)]
pub(super) fn append_time(_: &mut Vec<u8>, _: Value<'_>, _: TimeForm) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}

/// `timestamp` and `timestamptz`: microseconds since 2000-01-01, in UTC if zoned
#[inline(never)]
pub(super) fn append_stamp(_: &mut Vec<u8>, _: Value<'_>, _zoned: bool, _: StampForm) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}

/// The same, from numbers
#[inline(never)]
pub(super) fn append_epoch(_: &mut Vec<u8>, _: Value<'_>, _: EpochUnit) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
