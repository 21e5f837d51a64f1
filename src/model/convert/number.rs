//! Numbers of types that hold fewer of them than SQLite does

use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// `smallint`
#[inline(never)]
pub(super) fn append_smallint(_: &mut Vec<u8>, _: Value<'_>) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}

/// `integer`
#[inline(never)]
pub(super) fn append_integer(_: &mut Vec<u8>, _: Value<'_>) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}

/// `real`, where it gives back the same double
#[inline(never)]
pub(super) fn append_float4(_: &mut Vec<u8>, _: Value<'_>) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}

/// `double precision` from integers that it holds exactly
#[inline(never)]
pub(super) fn append_double(_: &mut Vec<u8>, _: Value<'_>) -> Result<(), Misfit> {
    Err(Misfit::Unsupported)
}
