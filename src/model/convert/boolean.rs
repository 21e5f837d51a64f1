//! True and false, as the column writes them

use super::forms::BoolForm;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

#[inline(never)]
pub(super) fn append(_: &mut Vec<u8>, _: Value<'_>, _: BoolForm) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
