//! The only place that knows bincode: snapshot cursors and rows of the quarantine, as stored in the target
//!
//! One version byte, then the bincode form of a wire struct. The wire struct is not the model's type, so that a change
//! in the model cannot silently change what is stored.

use bincode::{BorrowDecode, Decode, Encode};

use crate::error::{Error, Result};
use crate::model::chunk::Range;
use crate::model::value::Value;

const VERSION: u8 = 1;

/// Of stored rows; they change apart from the cursors
const ROW_VERSION: u8 = 1;

#[derive(Encode, Decode)]
struct CursorV1 {
    after: Option<Vec<u8>>,
    through: Option<Vec<u8>>,
}

/// The stored form of a chunk's range
pub fn encode_cursor(range: &Range) -> Result<Vec<u8>> {
    let wire = CursorV1 { after: range.after.clone(), through: range.through.clone() };
    let mut bytes = vec![VERSION];
    let body = bincode::encode_to_vec(wire, bincode::config::standard())
        .map_err(|e| Error::internal("encode a snapshot cursor").caused_by(e))?;
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Reads a stored range back
///
/// # Errors
/// Refuses a cursor written by a newer crossfade, or one that is damaged; guessing would skip or repeat rows.
pub fn decode_cursor(bytes: &[u8]) -> Result<Range> {
    let unreadable = || {
        Error::refused("a snapshot cursor stored in the target is not readable by this version of crossfade")
            .hint("use the version that began the snapshot, or start over with `crossfade cancel`")
    };
    let (&version, body) = bytes.split_first().ok_or_else(unreadable)?;
    if version != VERSION {
        return Err(unreadable());
    }
    let (wire, length): (CursorV1, usize) =
        bincode::decode_from_slice(body, bincode::config::standard()).map_err(|e| unreadable().caused_by(e))?;
    if length != body.len() {
        return Err(unreadable());
    }
    Ok(Range { after: wire.after, through: wire.through })
}

#[derive(Encode, BorrowDecode)]
struct RowV1<'a> {
    columns: Vec<&'a str>,
    values: Vec<StoredV1<'a>>,
}

/// The five storage classes; text is bytes, as it may be none, and those of a UTF-16 database where it is not valid there
#[derive(Encode, BorrowDecode)]
enum StoredV1<'a> {
    Null,
    Integer(i64),
    /// The bits, which tell `-0.0` from `0.0`
    Real(u64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
    Text16(&'a [u8]),
}

/// A value as it was stored
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stored<'a> {
    Value(Value<'a>),
    /// Text that is not valid UTF-16, as its bytes in the database
    Utf16(&'a [u8]),
}

impl<'a> From<StoredV1<'a>> for Stored<'a> {
    fn from(stored: StoredV1<'a>) -> Stored<'a> {
        Stored::Value(match stored {
            StoredV1::Null => Value::Null,
            StoredV1::Integer(v) => Value::Integer(v),
            StoredV1::Real(bits) => Value::Real(f64::from_bits(bits)),
            StoredV1::Text(bytes) => Value::Text(bytes),
            StoredV1::Blob(bytes) => Value::Blob(bytes),
            StoredV1::Text16(bytes) => return Stored::Utf16(bytes),
        })
    }
}

/// A row as it was stored whole: the source's names of its columns, and its values
#[derive(Debug, PartialEq)]
pub struct RowImage<'a> {
    pub columns: Vec<&'a str>,
    pub values: Vec<Stored<'a>>,
}

/// The stored form of a whole row
pub fn encode_row<'a>(
    columns: impl Iterator<Item = &'a str>,
    values: impl Iterator<Item = Stored<'a>>,
) -> Result<Vec<u8>> {
    let stored = |value| match value {
        Stored::Value(Value::Null) => StoredV1::Null,
        Stored::Value(Value::Integer(v)) => StoredV1::Integer(v),
        Stored::Value(Value::Real(v)) => StoredV1::Real(v.to_bits()),
        Stored::Value(Value::Text(bytes)) => StoredV1::Text(bytes),
        Stored::Value(Value::Blob(bytes)) => StoredV1::Blob(bytes),
        Stored::Utf16(bytes) => StoredV1::Text16(bytes),
    };
    let wire = RowV1 { columns: columns.collect(), values: values.map(stored).collect() };
    let mut bytes = vec![ROW_VERSION];
    bincode::encode_into_std_write(wire, &mut bytes, bincode::config::standard())
        .map_err(|e| Error::internal("encode a row for the quarantine").caused_by(e))?;
    Ok(bytes)
}

/// Reads a stored row back
///
/// # Errors
/// Refuses a row written by a newer crossfade, or one that is damaged.
pub fn decode_row(bytes: &[u8]) -> Result<RowImage<'_>> {
    let unreadable = || {
        Error::refused("a row in `crossfade.quarantine_image` is not readable by this version of crossfade")
            .hint("use the version that wrote it; the row itself is on the source, whole")
    };
    let (&version, body) = bytes.split_first().ok_or_else(unreadable)?;
    if version != ROW_VERSION {
        return Err(unreadable());
    }
    let (wire, length): (RowV1<'_>, usize) =
        bincode::borrow_decode_from_slice(body, bincode::config::standard()).map_err(|e| unreadable().caused_by(e))?;
    if length != body.len() || wire.columns.len() != wire.values.len() {
        return Err(unreadable());
    }
    let values = wire.values.into_iter().map(Stored::from).collect();
    Ok(RowImage { columns: wire.columns, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i10_a_row_keeps_classes_bits_and_bytes() {
        let plain = [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Integer(1),
            Value::Real(1.0),
            Value::Real(-0.0),
            Value::Real(f64::NEG_INFINITY),
            Value::Text(b"a\0\xff\xed\xa0\x80"),
            Value::Blob(b"a\0\xff\xed\xa0\x80"),
            Value::Text(b""),
            Value::Blob(b""),
        ];
        let values: Vec<Stored<'_>> =
            plain.into_iter().map(Stored::Value).chain([Stored::Utf16(b"\0\xd8\x41\0")]).collect();
        let names: Vec<String> = (0..values.len()).map(|at| format!("c\"{at} \u{1f600}")).collect();
        let bytes = encode_row(names.iter().map(String::as_str), values.iter().copied()).unwrap();
        let row = decode_row(&bytes).unwrap();
        assert_eq!(row.columns, names);
        let identical = |read: &Stored<'_>, written: &Stored<'_>| match (read, written) {
            (Stored::Value(read), Stored::Value(written)) => read.is_identical(written),
            (read, written) => read == written,
        };
        assert!(row.values.iter().zip(&values).all(|(read, written)| identical(read, written)));
        assert_eq!(row.values.len(), values.len());
    }

    #[test]
    fn a_damaged_row_and_a_foreign_version_are_refused() {
        let mut bytes = encode_row(["a"].into_iter(), [Stored::Value(Value::Text(b"text"))].into_iter()).unwrap();
        assert!(decode_row(&bytes[..bytes.len() - 1]).is_err());
        assert!(decode_row(&[&bytes[..], &[0]].concat()).is_err());
        assert!(decode_row(&[]).is_err());
        bytes[0] += 1;
        assert!(decode_row(&bytes).is_err());
    }

    #[test]
    fn a_cursor_survives_and_a_foreign_version_is_refused() {
        let range = Range { after: Some(vec![1, 2, 0]), through: None };
        let mut bytes = encode_cursor(&range).unwrap();
        assert_eq!(decode_cursor(&bytes).unwrap(), range);
        assert!(decode_cursor(&bytes[..2]).is_err());
        bytes[0] = 9;
        assert!(decode_cursor(&bytes).is_err());
        assert!(decode_cursor(&[]).is_err());
    }
}
