//! Numbers with a fixed number of digits behind the point

use super::forms::DecimalClass;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

#[inline(never)]
pub(super) fn append(
    _: &mut Vec<u8>,
    _: Value<'_>,
    _precision: u16,
    _scale: u16,
    _: DecimalClass,
) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
