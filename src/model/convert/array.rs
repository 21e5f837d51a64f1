//! Arrays of one dimension, from JSON text

use super::forms::{Element, JsonForm};
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// As COPY wants a field: the layout of `array_recv`
#[inline(never)]
pub(super) fn append(_: &mut Vec<u8>, _: Value<'_>, _: Element, _: JsonForm) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}

/// As an element of an array parameter: the text literal `{...}`, which the statement casts
#[inline(never)]
pub(super) fn append_literal(_: &mut Vec<u8>, _: Value<'_>, _: Element, _: JsonForm) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
