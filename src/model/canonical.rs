//! The form in which a value is compared with the other side's
//!
//! Both sides of verify go through this file, and it shares nothing with the encoder.

use super::mapping::Mapping;
use super::value::Value;

/// The value as it enters a digest: itself, unless the type keeps less than SQLite's spelling of it
pub fn comparable<'a>(value: Value<'a>, _mapping: Mapping, _scratch: &'a mut Vec<u8>) -> Value<'a> {
    value
}
