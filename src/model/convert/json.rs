//! JSON documents, as `json` or as `jsonb`

use crate::model::mapping::Misfit;
use crate::model::value::Value;

#[inline(never)]
pub(super) fn append(_: &mut Vec<u8>, _: Value<'_>, _binary: bool, _numbers: bool) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
