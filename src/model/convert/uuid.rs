//! UUIDs, from text or from 16 bytes

use super::forms::UuidForm;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// Where the hyphens stand
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The 16 bytes
#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, form: UuidForm) -> Result<(), Misfit> {
    let bytes = match (form, value) {
        (UuidForm::Bytes, Value::Blob(blob)) => blob.try_into().map_err(|_| Misfit::Form)?,
        (UuidForm::Bytes, other) => return Err(Misfit::Class(other.class())),
        (form, Value::Text(text)) => parse(text, form).ok_or(Misfit::Form)?,
        (_, other) => return Err(Misfit::Class(other.class())),
    };
    append_payload(buffer, bytes);
    Ok(())
}

pub(super) fn append_payload(buffer: &mut Vec<u8>, bytes: [u8; 16]) {
    buffer.extend_from_slice(&16u32.to_be_bytes());
    buffer.extend_from_slice(&bytes);
}

/// The bytes of a UUID that is written exactly as the form has it
pub(super) fn parse(text: &[u8], form: UuidForm) -> Option<[u8; 16]> {
    match form {
        UuidForm::Hyphens => hyphenated(text, lower),
        UuidForm::HyphensUpper => hyphenated(text, upper),
        UuidForm::Braces => hyphenated(text.strip_prefix(b"{")?.strip_suffix(b"}")?, lower),
        UuidForm::BracesUpper => hyphenated(text.strip_prefix(b"{")?.strip_suffix(b"}")?, upper),
        UuidForm::Hex => plain(text.try_into().ok()?, lower),
        UuidForm::HexUpper => plain(text.try_into().ok()?, upper),
        UuidForm::Bytes => None,
    }
}

fn hyphenated(text: &[u8], digit: fn(u8) -> Option<u8>) -> Option<[u8; 16]> {
    if text.len() != 36 || HYPHENS.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut digits = [0; 32];
    let others = text.iter().enumerate().filter(|(at, _)| !HYPHENS.contains(at));
    digits.iter_mut().zip(others).for_each(|(digit, (_, byte))| *digit = *byte);
    plain(&digits, digit)
}

fn plain(digits: &[u8; 32], digit: fn(u8) -> Option<u8>) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn lower(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn upper(digit: u8) -> Option<u8> {
    if digit.is_ascii_lowercase() { None } else { lower(digit.to_ascii_lowercase()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; 16] = *b"\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\xf0";

    #[test]
    fn every_form_takes_its_own_spelling_only() {
        let spellings = [
            (UuidForm::Hyphens, "123e4567-e89b-12d3-a456-4266141740f0"),
            (UuidForm::HyphensUpper, "123E4567-E89B-12D3-A456-4266141740F0"),
            (UuidForm::Hex, "123e4567e89b12d3a4564266141740f0"),
            (UuidForm::HexUpper, "123E4567E89B12D3A4564266141740F0"),
            (UuidForm::Braces, "{123e4567-e89b-12d3-a456-4266141740f0}"),
            (UuidForm::BracesUpper, "{123E4567-E89B-12D3-A456-4266141740F0}"),
        ];
        for (form, _) in spellings {
            for (other, text) in spellings {
                assert_eq!(parse(text.as_bytes(), form), (form == other).then_some(BYTES), "{form:?} {text}");
            }
        }
    }

    #[test]
    fn damaged_uuids_are_misfits() {
        for text in [
            "",
            "123E4567-e89b-12d3-a456-4266141740f0",
            "123e4567-e89b-12d3-a456-4266141740f",
            "123e4567-e89b-12d3-a456-4266141740f00",
            "123e4567-e89b-12d3-a4564-266141740f0",
            "123e4567-e89b-12d3-a456-4266141740g0",
            " 23e4567-e89b-12d3-a456-4266141740f0",
            "123e4567e89b12d3a4564266141740f00000",
        ] {
            assert_eq!(parse(text.as_bytes(), UuidForm::Hyphens), None, "{text}");
        }
    }

    #[test]
    fn blobs_have_16_bytes() {
        let mut buffer = Vec::new();
        append(&mut buffer, Value::Blob(&BYTES), UuidForm::Bytes).unwrap();
        assert_eq!(buffer, [&[0, 0, 0, 16][..], &BYTES].concat());
        assert_eq!(append(&mut buffer, Value::Blob(&BYTES[1..]), UuidForm::Bytes), Err(Misfit::Form));
        assert!(append(&mut buffer, Value::Text(&BYTES), UuidForm::Bytes).is_err());
        assert!(append(&mut buffer, Value::Blob(&BYTES), UuidForm::Hex).is_err());
    }
}
