//! `uuid`: 16 bytes

use super::{DecodeError, malformed};
use crate::model::convert::forms::UuidForm;
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn value<'a>(bytes: &'a [u8], form: UuidForm, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    if bytes.len() != 16 {
        return malformed(Mapping::Uuid(form));
    }
    let (hyphens, braces, capitals) = match form {
        UuidForm::Bytes => return Ok(Value::Blob(bytes)),
        UuidForm::Hyphens => (true, false, false),
        UuidForm::HyphensUpper => (true, false, true),
        UuidForm::Hex => (false, false, false),
        UuidForm::HexUpper => (false, false, true),
        UuidForm::Braces => (true, true, false),
        UuidForm::BracesUpper => (true, true, true),
    };
    scratch.clear();
    if braces {
        scratch.push(b'{');
    }
    append(scratch, bytes, hyphens, capitals);
    if braces {
        scratch.push(b'}');
    }
    Ok(Value::Text(scratch))
}

/// Groups of 4, 2, 2, 2 and 6 bytes in hexadecimal
pub(super) fn append(out: &mut Vec<u8>, bytes: &[u8], hyphens: bool, capitals: bool) {
    let digits: &[u8; 16] = if capitals { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    for (at, byte) in bytes.iter().enumerate() {
        if hyphens && matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([byte >> 4, byte & 15].map(|nibble| digits[usize::from(nibble)]));
    }
}
