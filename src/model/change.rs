//! Rows on their way to the target, column by column
//!
//! The apply path binds one PostgreSQL array per column (`unnest`), so rows are gathered as binary arrays from the
//! start: one growing buffer per column, nothing allocated per row or value.

use super::encode::encode_field;
use super::mapping::{Mapping, Misfit};
use super::value::Value;

/// Bytes before the first element: dimensions, null flag, element type, length, lower bound
/// (PostgreSQL `array_send`, src/backend/utils/adt/arrayfuncs.c)
const ARRAY_HEADER_BYTES: usize = 20;

/// One PostgreSQL array in binary form, grown element by element
#[derive(Debug)]
pub struct ArrayBuffer {
    mapping: Mapping,
    bytes: Vec<u8>,
    has_null: bool,
}

impl ArrayBuffer {
    pub fn new(mapping: Mapping) -> ArrayBuffer {
        ArrayBuffer { mapping, bytes: vec![0; ARRAY_HEADER_BYTES], has_null: false }
    }

    /// Appends one element; on a misfit the array is as before
    pub fn push(&mut self, value: Value<'_>) -> Result<(), Misfit> {
        encode_field(&mut self.bytes, value, self.mapping)?;
        self.has_null |= value == Value::Null;
        Ok(())
    }

    /// Bytes of the longest element
    fn longest(&self) -> usize {
        let mut rest = &self.bytes[ARRAY_HEADER_BYTES..];
        let mut longest = 0;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            longest = longest.max(length);
            rest = after.get(length..).unwrap_or_default();
        }
        longest
    }

    fn seal(&mut self, length: usize) {
        let header = [1, i32::from(self.has_null), self.mapping.oid() as i32, length as i32, 1];
        for (place, word) in self.bytes.chunks_exact_mut(4).zip(header) {
            place.copy_from_slice(&word.to_be_bytes());
        }
    }
}

/// Rows or keys as one array per column
#[derive(Debug)]
pub struct Rows {
    columns: Vec<ArrayBuffer>,
    count: usize,
}

impl Rows {
    pub fn new(mappings: impl Iterator<Item = Mapping>) -> Rows {
        Rows { columns: mappings.map(ArrayBuffer::new).collect(), count: 0 }
    }

    /// The array that the next value of this column goes to
    pub fn column(&mut self, index: usize) -> &mut ArrayBuffer {
        &mut self.columns[index]
    }

    /// Counts a row after each of its columns got a value
    pub fn end_row(&mut self) {
        self.count += 1;
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn byte_size(&self) -> usize {
        self.columns.iter().map(|c| c.bytes.len()).sum()
    }

    /// Bytes of the longest value of a column
    pub fn longest(&self, index: usize) -> usize {
        self.columns[index].longest()
    }

    /// Writes the array headers; the bytes are then what PostgreSQL expects as parameters
    pub fn seal(&mut self) {
        for column in &mut self.columns {
            column.seal(self.count);
        }
    }

    /// The sealed arrays, in column order
    pub fn arrays(&self) -> impl Iterator<Item = &[u8]> {
        self.columns.iter().map(|c| c.bytes.as_slice())
    }
}

/// Part of a cycle: keys to delete from one table, then rows to write to it
#[derive(Debug)]
pub struct Batch {
    /// Number of the table in the change log
    pub table_id: i64,
    pub deletes: Rows,
    pub upserts: Rows,
}
