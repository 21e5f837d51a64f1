//! From SQLite's spelling of a value to PostgreSQL's binary field, by type
//!
//! One file per family of types, each function with the contract of [`append`]. The six plain types of `encode.rs` are
//! not among them: they are matched first, and their code stays small.

mod array;
mod boolean;
mod decimal;
pub mod forms;
mod inet;
mod interval;
mod json;
mod moment;
mod number;
mod padded;
pub mod recognise;
mod spelling;
mod temporal;
mod uuid;
mod vector;
mod zoned;

use super::mapping::{Mapping, Misfit};
use super::value::Value;

/// Appends a value that is not NULL as one field of COPY BINARY, length word included; a [`Misfit`] leaves the buffer
/// as it was
#[inline(never)]
pub fn append(buffer: &mut Vec<u8>, value: Value<'_>, mapping: Mapping) -> Result<(), Misfit> {
    let start = buffer.len();
    let written = append_field(buffer, value, mapping);
    if written.is_err() {
        buffer.truncate(start);
    }
    written
}

/// Appends a value that is not NULL as one element of an array parameter; only arrays and vectors travel in another way
/// there
#[inline(never)]
pub fn append_parameter(buffer: &mut Vec<u8>, value: Value<'_>, mapping: Mapping) -> Result<(), Misfit> {
    let start = buffer.len();
    let written = match mapping {
        Mapping::Array { element, form } => array::append_literal(buffer, value, element, form),
        Mapping::Vector { dimensions, form } => vector::append_literal(buffer, value, dimensions, form),
        _ => return append(buffer, value, mapping),
    };
    if written.is_err() {
        buffer.truncate(start);
    }
    written
}

fn append_field(buffer: &mut Vec<u8>, value: Value<'_>, mapping: Mapping) -> Result<(), Misfit> {
    match mapping {
        Mapping::Smallint => number::append_smallint(buffer, value),
        Mapping::Integer => number::append_integer(buffer, value),
        Mapping::Float4 => number::append_float4(buffer, value),
        Mapping::DoubleInteger => number::append_double(buffer, value),
        Mapping::Boolean(form) => boolean::append(buffer, value, form),
        Mapping::Decimal { precision, scale, class } => decimal::append(buffer, value, precision, scale, class),
        Mapping::Date(form) => temporal::append_date(buffer, value, form),
        Mapping::Time(form) => temporal::append_time(buffer, value, form),
        Mapping::ZonedTime { form, zone } => zoned::append(buffer, value, form, zone),
        Mapping::Timestamp { zoned, form } => temporal::append_stamp(buffer, value, zoned, form),
        Mapping::Moment { zoned, form } => moment::append(buffer, value, zoned, form),
        Mapping::TimeOfDay(form) => moment::append_time(buffer, value, form.layout),
        Mapping::Epoch { unit, .. } => temporal::append_epoch(buffer, value, unit),
        Mapping::Interval(form) => interval::append(buffer, value, form),
        Mapping::Uuid(form) => uuid::append(buffer, value, form),
        Mapping::Json { binary, numbers } => json::append(buffer, value, binary, numbers),
        Mapping::Inet { cidr } => inet::append(buffer, value, cidr),
        Mapping::Padded => padded::append(buffer, value),
        Mapping::Vector { dimensions, form } => vector::append(buffer, value, dimensions, form),
        Mapping::Array { element, form } => array::append(buffer, value, element, form),
        // `encode_field` takes these before it comes here.
        Mapping::Bigint | Mapping::Double | Mapping::Numeric | Mapping::Text | Mapping::Bytea | Mapping::Variant => {
            Err(Misfit::Class(value.class()))
        }
    }
}
