//! `timetz`: microseconds since midnight, and the seconds that it lies west of UTC (`timetz_send` in PostgreSQL's `date.c`)

use std::io::Write;

use super::{DecodeError, malformed, temporal};
use crate::model::convert::forms::{TimeForm, ZoneStyle};
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn value<'a>(
    bytes: &[u8],
    form: TimeForm,
    zone: ZoneStyle,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    let Some((clock, west)) = bytes.split_first_chunk::<8>() else {
        return malformed(Mapping::ZonedTime { form, zone });
    };
    let Ok(west) = west.try_into() else { return malformed(Mapping::ZonedTime { form, zone }) };
    let west = i32::from_be_bytes(west);
    temporal::time(clock, form, scratch)?;
    // Offsets with seconds are of the time before standard time.
    if west % 60 != 0 {
        return Err(DecodeError::OffGrid);
    }
    let (sign, minutes) = (if west > 0 { '-' } else { '+' }, west.unsigned_abs() / 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    // Writing into a Vec cannot fail.
    let _ = match zone {
        ZoneStyle::Z if west == 0 => write!(scratch, "Z"),
        ZoneStyle::Colon => write!(scratch, "{sign}{hours:02}:{minutes:02}"),
        ZoneStyle::Digits => write!(scratch, "{sign}{hours:02}{minutes:02}"),
        ZoneStyle::Hours if minutes == 0 => write!(scratch, "{sign}{hours:02}"),
        ZoneStyle::Z | ZoneStyle::Hours => return Err(DecodeError::OffGrid),
    };
    Ok(Value::Text(scratch))
}
