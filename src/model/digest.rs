//! Digests of rows, for comparing the two sides
//!
//! Two rows have the same digest if their values are identical, storage class included. Values are gathered in one
//! reusable buffer and hashed in one go: a streaming hasher costs more than the hash for rows of a few dozen bytes.

use xxhash_rust::xxh3::xxh3_128;

use super::key::write_value;
use super::value::Value;

/// Values longer than this enter the buffer as their own hash, so that the buffer stays small
const LONG: usize = 64 * 1024;

/// Marks a value that stands in the buffer as length and hash; no storage class has this number
const LONG_TEXT: u8 = 0x83;
const LONG_BLOB: u8 = 0x84;

/// Digest of one row, column after column; reusable
#[derive(Debug, Default)]
pub struct RowDigest {
    gathered: Vec<u8>,
}

impl RowDigest {
    pub fn new() -> RowDigest {
        RowDigest::default()
    }

    /// Forgets the values added so far
    pub fn reset(&mut self) {
        self.gathered.clear();
    }

    /// Adds the next column's value
    #[inline]
    pub fn add(&mut self, value: Value<'_>) {
        match value {
            Value::Text(bytes) if bytes.len() > LONG => self.add_long(LONG_TEXT, bytes),
            Value::Blob(bytes) if bytes.len() > LONG => self.add_long(LONG_BLOB, bytes),
            value => write_value(&mut self.gathered, value),
        }
    }

    /// The digest of the values added since the last reset
    pub fn finish(&self) -> u128 {
        xxh3_128(&self.gathered)
    }

    fn add_long(&mut self, mark: u8, bytes: &[u8]) {
        self.gathered.push(mark);
        self.gathered.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.gathered.extend_from_slice(&xxh3_128(bytes).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(values: &[Value<'_>]) -> u128 {
        let mut digest = RowDigest::new();
        digest.add(Value::Integer(99));
        digest.reset();
        values.iter().for_each(|v| digest.add(*v));
        digest.finish()
    }

    #[test]
    fn i10_rows_that_only_look_alike_have_different_digests() {
        let long = vec![b'x'; LONG + 1];
        let rows: [&[Value<'_>]; 16] = [
            &[],
            &[Value::Null],
            &[Value::Null, Value::Null],
            &[Value::Integer(1)],
            &[Value::Real(1.0)],
            &[Value::Real(f64::from_bits(1))],
            &[Value::Real(0.0)],
            &[Value::Real(-0.0)],
            &[Value::Text(b"1")],
            &[Value::Blob(b"1")],
            &[Value::Text(b"ab"), Value::Text(b"c")],
            &[Value::Text(b"a"), Value::Text(b"bc")],
            &[Value::Text(&long)],
            &[Value::Blob(&long)],
            &[Value::Text(&long[1..])],
            &[Value::Text(&long), Value::Null],
        ];
        let digests: Vec<u128> = rows.iter().map(|row| digest(row)).collect();
        for (position, row) in rows.iter().enumerate() {
            assert_eq!(digests[position], digest(row));
            assert!(!digests[..position].contains(&digests[position]), "row {position}");
        }
    }
}
