//! Vectors of pgvector

use super::forms::VectorForm;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

#[inline(never)]
pub(super) fn append(_: &mut Vec<u8>, _: Value<'_>, _dimensions: u16, _: VectorForm) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
