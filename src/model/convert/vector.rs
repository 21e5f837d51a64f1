//! Vectors of pgvector: 32-bit floats, of which none is NaN or infinite
//!
//! The layout (`vector_send` in pgvector's `vector.c`): number of dimensions, a word that is zero, the floats.

use std::io::Write;

use super::forms::{ExponentForm, VectorDigits, VectorForm, WholeNumbers};
use super::spelling;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// What pgvector takes at most
const MAX_DIMENSIONS: u16 = 16_000;

#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, dimensions: u16, form: VectorForm) -> Result<(), Misfit> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 8]);
    let count = each(value, dimensions, form, |float| buffer.extend_from_slice(&float.to_bits().to_be_bytes()))?;
    let [high, low] = count.to_be_bytes();
    buffer[start..start + 4].copy_from_slice(&(4 + 4 * u32::from(count)).to_be_bytes());
    buffer[start + 4..start + 6].copy_from_slice(&[high, low]);
    Ok(())
}

/// As PostgreSQL's text for it: each number is the shortest decimal that gives back the float
#[inline(never)]
pub(super) fn append_literal(
    buffer: &mut Vec<u8>,
    value: Value<'_>,
    dimensions: u16,
    form: VectorForm,
) -> Result<(), Misfit> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    let mut next = b'[';
    let _count = each(value, dimensions, form, |float| {
        buffer.push(std::mem::replace(&mut next, b','));
        // Writing to memory cannot fail.
        let _ = write!(buffer, "{float:e}");
    })?;
    buffer.push(b']');
    let length = u32::try_from(buffer.len() - start - 4).map_err(|_| Misfit::TooLong)?;
    buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Calls `write` with every float, and counts them; after a misfit it may have been called with some of them
fn each(value: Value<'_>, dimensions: u16, form: VectorForm, write: impl FnMut(f32)) -> Result<u16, Misfit> {
    match (form, value) {
        (VectorForm::BlobLe, Value::Blob(blob)) => each_of_blob(blob, dimensions, write),
        (VectorForm::Json { spaced, digits, whole, exponent }, Value::Text(text)) => {
            let rules = Rules { digits, whole, exponent };
            each_of_list(text, dimensions, if spaced { b", " } else { b"," }, rules, write)
        }
        (_, other) => Err(Misfit::Class(other.class())),
    }
}

/// The number of floats, if a column of that many dimensions takes them
fn counted(floats: usize, dimensions: u16) -> Result<u16, Misfit> {
    let count = u16::try_from(floats).map_err(|_| Misfit::Dimensions)?;
    let fits = if dimensions == 0 { (1..=MAX_DIMENSIONS).contains(&count) } else { count == dimensions };
    if fits { Ok(count) } else { Err(Misfit::Dimensions) }
}

fn each_of_blob(blob: &[u8], dimensions: u16, mut write: impl FnMut(f32)) -> Result<u16, Misfit> {
    let (floats, odd) = blob.as_chunks::<4>();
    let count = counted(floats.len(), dimensions)?;
    if !odd.is_empty() {
        return Err(Misfit::Dimensions);
    }
    for bytes in floats {
        let float = f32::from_le_bytes(*bytes);
        if !float.is_finite() {
            return Err(Misfit::Infinite);
        }
        write(float);
    }
    Ok(count)
}

fn each_of_list(
    text: &[u8],
    dimensions: u16,
    separator: &[u8],
    rules: Rules,
    mut write: impl FnMut(f32),
) -> Result<u16, Misfit> {
    let inner = text.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).ok_or(Misfit::Form)?;
    let mut count = 0;
    for (at, part) in inner.split(|byte| *byte == b',').enumerate() {
        let number = if at == 0 { Some(part) } else { part.strip_prefix(&separator[1..]) };
        write(number.and_then(|number| rules.read(number)).ok_or(Misfit::Form)?);
        count += 1;
    }
    counted(count, dimensions)
}

/// How the column writes its numbers
struct Rules {
    digits: VectorDigits,
    whole: WholeNumbers,
    exponent: ExponentForm,
}

impl Rules {
    /// The float whose spelling under these rules is this text
    fn read(&self, text: &[u8]) -> Option<f32> {
        let number = spelling::read(text, self.whole, self.exponent)?;
        match self.digits {
            VectorDigits::F64 => Some(number as f32).filter(|float| f64::from(*float).to_bits() == number.to_bits()),
            VectorDigits::F32 => {
                let float: f32 = std::str::from_utf8(text).ok()?.parse().ok()?;
                (float.is_finite() && shortest(float)?.to_bits() == number.to_bits()).then_some(float)
            }
        }
    }
}

/// The double whose shortest decimal is that of the float: at most 9 digits, which every double gives back
fn shortest(float: f32) -> Option<f64> {
    let mut text = [0u8; 24];
    let mut rest = &mut text[..];
    write!(rest, "{float:e}").ok()?;
    let unused = rest.len();
    std::str::from_utf8(&text[..24 - unused]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: VectorForm = VectorForm::Json {
        spaced: true,
        digits: VectorDigits::F32,
        whole: WholeNumbers::Point,
        exponent: ExponentForm::Python,
    };
    const WIDE: VectorForm = VectorForm::Json {
        spaced: false,
        digits: VectorDigits::F64,
        whole: WholeNumbers::Bare,
        exponent: ExponentForm::JavaScript,
    };

    fn vector(value: Value<'_>, dimensions: u16, form: VectorForm) -> Result<Vec<f32>, Misfit> {
        let mut buffer = Vec::new();
        append(&mut buffer, value, dimensions, form)?;
        assert_eq!(buffer[..4], (buffer.len() as u32 - 4).to_be_bytes());
        assert_eq!((&buffer[4..6], &buffer[6..8]), (&dimensions.to_be_bytes()[..], &[0, 0][..]));
        Ok(buffer[8..].as_chunks().0.iter().map(|bytes| f32::from_be_bytes(*bytes)).collect())
    }

    #[test]
    fn parameters_are_literals_of_the_same_floats() {
        let floats = [1.5f32, -0.0, 0.1, f32::MAX, f32::MIN_POSITIVE, 1e-45, 123_456_790.0];
        let blob: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        let mut buffer = b"before".to_vec();
        append_literal(&mut buffer, Value::Blob(&blob), 7, VectorForm::BlobLe).unwrap();
        let (length, text) = buffer[6..].split_at(4);
        assert_eq!(length, (text.len() as u32).to_be_bytes());
        assert_eq!(text, b"[1.5e0,-0e0,1e-1,3.4028235e38,1.1754944e-38,1e-45,1.2345679e8]");
        let bad = append_literal(&mut buffer, Value::Text(b"[0.1, 0.2]"), 3, PYTHON);
        assert_eq!(bad, Err(Misfit::Dimensions));
    }

    #[test]
    fn blobs_are_little_endian_floats() {
        let blob: Vec<u8> = [1.5f32, -0.0, f32::MIN_POSITIVE].iter().flat_map(|f| f.to_le_bytes()).collect();
        let floats = vector(Value::Blob(&blob), 3, VectorForm::BlobLe).unwrap();
        assert_eq!(floats.iter().map(|f| f.to_bits()).collect::<Vec<_>>(), [0x3fc0_0000, 0x8000_0000, 0x0080_0000]);
        assert_eq!(vector(Value::Blob(&blob), 2, VectorForm::BlobLe), Err(Misfit::Dimensions));
        assert_eq!(vector(Value::Blob(&blob[1..]), 3, VectorForm::BlobLe), Err(Misfit::Dimensions));
        for bad in [f32::NAN, f32::INFINITY] {
            assert_eq!(vector(Value::Blob(&bad.to_le_bytes()), 1, VectorForm::BlobLe), Err(Misfit::Infinite));
        }
        assert!(matches!(vector(Value::Text(b"[1]"), 1, VectorForm::BlobLe), Err(Misfit::Class(_))));
    }

    #[test]
    fn a_column_without_dimensions_takes_as_many_as_pgvector_does() {
        let of = |floats: usize| {
            let mut buffer = Vec::new();
            append(&mut buffer, Value::Blob(&vec![0; 4 * floats]), 0, VectorForm::BlobLe)?;
            Ok((buffer.len(), u32::from_be_bytes(buffer[..4].try_into().unwrap()), buffer[4..8].to_vec()))
        };
        assert_eq!(of(1), Ok((12, 8, vec![0, 1, 0, 0])));
        assert_eq!(of(16_000), Ok((64_008, 64_004, vec![0x3e, 0x80, 0, 0])));
        for floats in [0, 16_001, 70_000] {
            assert_eq!(of(floats), Err(Misfit::Dimensions));
        }
        assert_eq!(append(&mut Vec::new(), Value::Text(b"[0.5, 0.25]"), 0, PYTHON), Ok(()));
        assert!(append(&mut Vec::new(), Value::Text(b"[]"), 0, PYTHON).is_err());
    }

    #[test]
    fn lists_are_taken_in_one_spelling() {
        let text = |text: &str, dimensions, form| vector(Value::Text(text.as_bytes()), dimensions, form);
        assert_eq!(text("[0.1, -1.0, 1e-05]", 3, PYTHON), Ok(vec![0.1, -1.0, 1e-5]));
        assert_eq!(text("[0.5,-1,0.10000000149011612]", 3, WIDE), Ok(vec![0.5, -1.0, 0.1]));
        assert_eq!(text("[0.1, 0.2]", 3, PYTHON), Err(Misfit::Dimensions));
        for bad in [
            "",
            "[]",
            "[0.1,0.2]",
            "[0.1,  0.2]",
            "[0.1, 0.2 ]",
            " [0.1, 0.2]",
            "[1, 2.0]",
            "[0.1, null]",
            "[0.1, ]",
            "[0.1, [0.2]]",
            "[0.1, 0.123456789]",
            "[0.1, 1e39]",
            "[0.1, NaN]",
            "(0.1, 0.2)",
            "[0.1, 0.20000000298023224]",
        ] {
            assert_eq!(text(bad, 2, PYTHON), Err(Misfit::Form), "{bad}");
        }
        // Not a number that 32 bits hold
        assert_eq!(text("[0.1]", 1, WIDE), Err(Misfit::Form));
        assert!(matches!(vector(Value::Blob(b"[1.0]"), 1, PYTHON), Err(Misfit::Class(_))));
    }
}
