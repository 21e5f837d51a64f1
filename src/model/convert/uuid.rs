//! UUIDs, from text or from 16 bytes

use super::forms::UuidForm;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

#[inline(never)]
pub(super) fn append(_: &mut Vec<u8>, _: Value<'_>, _: UuidForm) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
