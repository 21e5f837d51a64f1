//! `char(n)`: text without blanks at its end

use crate::model::mapping::Misfit;
use crate::model::value::Value;

#[inline(never)]
pub(super) fn append(_: &mut Vec<u8>, _: Value<'_>) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
