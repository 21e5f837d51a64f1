//! `vector` of pgvector: number of dimensions, a word that is zero, 32-bit floats

use super::{DecodeError, malformed, spelling};
use crate::model::convert::forms::{VectorDigits, VectorForm};
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn value<'a>(
    bytes: &[u8],
    dimensions: u16,
    form: VectorForm,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    let Some(([high, low, 0, 0], floats)) = bytes.split_first_chunk::<4>() else {
        return malformed(Mapping::Vector { dimensions, form });
    };
    let (floats, odd) = floats.as_chunks::<4>();
    let count = u16::from_be_bytes([*high, *low]);
    if !odd.is_empty() || floats.len() != usize::from(count) {
        return malformed(Mapping::Vector { dimensions, form });
    } else if dimensions != 0 && count != dimensions {
        return Err(DecodeError::OffGrid);
    }
    let floats = floats.iter().map(|word| f32::from_be_bytes(*word));
    scratch.clear();
    let VectorForm::Json { spaced, digits, whole, exponent } = form else {
        floats.for_each(|float| scratch.extend_from_slice(&float.to_le_bytes()));
        return Ok(Value::Blob(scratch));
    };
    scratch.push(b'[');
    for (at, float) in floats.enumerate() {
        if at > 0 {
            scratch.extend_from_slice(if spaced { b", " } else { b"," });
        }
        match digits {
            VectorDigits::F32 => spelling::append(scratch, format_args!("{float:e}"), whole, exponent),
            VectorDigits::F64 => spelling::append(scratch, format_args!("{:e}", f64::from(float)), whole, exponent),
        }
    }
    scratch.push(b']');
    Ok(Value::Text(scratch))
}
