//! Rows on their way to the target, column by column
//!
//! The apply path binds one PostgreSQL array per column (`unnest`), so rows are gathered as binary arrays from the
//! start: one growing buffer per column, nothing allocated per row or value.

use std::ops::Range;

use super::mapping::Misfit;
use super::plan::{ColumnPlan, TablePlan, Wire};
use super::quarantine::{Changes, Whole};
use super::value::Value;

/// Bytes before the first element: dimensions, null flag, element type, length, lower bound
/// (PostgreSQL `array_send`, src/backend/utils/adt/arrayfuncs.c)
const ARRAY_HEADER_BYTES: usize = 20;

/// One PostgreSQL array in binary form, grown element by element
#[derive(Debug)]
struct ArrayBuffer {
    element_oid: u32,
    bytes: Vec<u8>,
    /// Bytes when the last whole row had ended
    row_start: usize,
    has_null: bool,
}

impl ArrayBuffer {
    fn new(wire: &Wire) -> ArrayBuffer {
        let bytes = vec![0; ARRAY_HEADER_BYTES];
        ArrayBuffer { element_oid: wire.oid, bytes, row_start: ARRAY_HEADER_BYTES, has_null: false }
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

    /// Where the element begins, or the array ends
    fn place(&self, element: usize) -> usize {
        let mut rest = &self.bytes[ARRAY_HEADER_BYTES..];
        for _ in 0..element {
            let Some((length, after)) = rest.split_first_chunk::<4>() else { break };
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            rest = after.get(length..).unwrap_or_default();
        }
        self.bytes.len() - rest.len()
    }

    /// Some of the elements, not sealed yet
    fn part(&self, rows: &Range<usize>) -> ArrayBuffer {
        let elements = &self.bytes[self.place(rows.start)..self.place(rows.end)];
        let bytes = [&[0; ARRAY_HEADER_BYTES][..], elements].concat();
        ArrayBuffer { row_start: bytes.len(), bytes, ..*self }
    }

    fn seal(&mut self, length: usize) {
        let header = [1, i32::from(self.has_null), self.element_oid as i32, length as i32, 1];
        for (place, word) in self.bytes.chunks_exact_mut(4).zip(header) {
            place.copy_from_slice(&word.to_be_bytes());
        }
    }
}

/// Rows or keys as one array per column
#[derive(Debug)]
pub struct Rows {
    arrays: Vec<ArrayBuffer>,
    count: usize,
}

impl Rows {
    /// For rows of these columns, in this order
    pub fn new<'c>(columns: impl Iterator<Item = &'c ColumnPlan>) -> Rows {
        Rows { arrays: columns.map(|column| ArrayBuffer::new(&column.wire())).collect(), count: 0 }
    }

    /// Appends a value to the array at `place`, which was made for this column; on a misfit that array is as before
    #[inline]
    pub fn push(&mut self, place: usize, column: &ColumnPlan, value: Value<'_>) -> Result<(), Misfit> {
        let array = &mut self.arrays[place];
        column.encode_parameter(&mut array.bytes, value)?;
        array.has_null |= matches!(value, Value::Null);
        Ok(())
    }

    /// Counts a row after each of its columns got a value
    pub fn end_row(&mut self) {
        self.arrays.iter_mut().for_each(|array| array.row_start = array.bytes.len());
        self.count += 1;
    }

    /// Takes back the values since the last whole row: one of the row's columns does not take its value
    pub fn undo_row(&mut self) {
        // `has_null` may stay set; PostgreSQL takes an array without NULL that says it might have one.
        self.arrays.iter_mut().for_each(|array| array.bytes.truncate(array.row_start));
    }

    /// Some of the rows alone, sealed
    pub fn part(&self, rows: Range<usize>) -> Rows {
        let arrays = self.arrays.iter().map(|array| array.part(&rows)).collect();
        let mut part = Rows { arrays, count: rows.len() };
        part.seal();
        part
    }

    /// The rows before the last one, which stays alone; both sealed
    fn take_all_but_last(&mut self) -> Rows {
        let before = self.count.saturating_sub(1);
        let first = self.part(0..before);
        for array in &mut self.arrays {
            // In place: the last one may be long.
            array.bytes.drain(ARRAY_HEADER_BYTES..array.place(before));
            array.row_start = array.bytes.len();
        }
        self.count -= before;
        self.seal();
        first
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of the values since the last whole row
    pub fn row_bytes(&self) -> usize {
        self.arrays.iter().map(|array| array.bytes.len() - array.row_start).sum()
    }

    pub fn byte_size(&self) -> usize {
        self.arrays.iter().map(|array| array.bytes.len()).sum()
    }

    /// Bytes of the longest value in the array at `place`
    pub fn longest(&self, place: usize) -> usize {
        self.arrays[place].longest()
    }

    /// Writes the array headers; the bytes are then what PostgreSQL expects as parameters
    pub fn seal(&mut self) {
        for array in &mut self.arrays {
            array.seal(self.count);
        }
    }

    /// The sealed arrays, in column order
    pub fn arrays(&self) -> impl Iterator<Item = &[u8]> {
        self.arrays.iter().map(|array| array.bytes.as_slice())
    }
}

/// Part of a cycle: keys to delete from one table, then rows to write to it, and what that changes in the quarantine
#[derive(Debug)]
pub struct Batch {
    /// Number of the table in the change log
    pub table_id: i64,
    pub deletes: Rows,
    pub upserts: Rows,
    /// The rows of `upserts` whole, in their order, where the server may refuse some of them; empty otherwise
    pub whole: Vec<Whole>,
    pub quarantine: Changes,
}

impl Batch {
    /// Nothing yet
    pub fn new(table: &TablePlan) -> Batch {
        Batch {
            table_id: table.id,
            deletes: Rows::new(table.key_plans()),
            upserts: Rows::new(table.copied_columns().map(|(_, column)| column)),
            whole: Vec::new(),
            quarantine: Changes::default(),
        }
    }

    /// Takes the last row that is written into a batch of its own, unless it is the only one; to be applied after this one
    pub fn split_last(&mut self, table: &TablePlan) -> Option<Batch> {
        if self.upserts.count() < 2 {
            return None;
        }
        let first = self.upserts.take_all_but_last();
        let upserts = std::mem::replace(&mut self.upserts, first);
        let whole = self.whole.split_off(self.whole.len().min(self.upserts.count()));
        let mut last = Batch { upserts, whole, ..Batch::new(table) };
        last.deletes.seal();
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Mapping;
    use super::super::plan::{example_column, example_table};
    use super::*;

    fn push(rows: &mut Rows, columns: &[ColumnPlan], values: &[Value<'_>]) -> Result<(), Misfit> {
        for (place, (column, value)) in columns.iter().zip(values).enumerate() {
            rows.push(place, column, *value)?;
        }
        rows.end_row();
        Ok(())
    }

    #[test]
    fn a_row_that_is_taken_back_leaves_no_trace() {
        let columns = [("a", Mapping::Bigint), ("b", Mapping::Text), ("c", Mapping::Bytea)]
            .map(|(name, mapping)| example_column(name, mapping));
        let rows_of = |bad: &[&[Value<'_>]]| {
            let mut rows = Rows::new(columns.iter());
            let good = |id, text| [Value::Integer(id), Value::Text(text), Value::Null];
            push(&mut rows, &columns, &good(1, b"one")).unwrap();
            for values in bad {
                assert!(push(&mut rows, &columns, values).is_err());
                rows.undo_row();
            }
            push(&mut rows, &columns, &good(2, b"")).unwrap();
            rows.seal();
            (rows.count(), rows.byte_size(), rows.arrays().map(<[u8]>::to_vec).collect::<Vec<_>>())
        };
        let first = [Value::Text(b"x"), Value::Text(b"y"), Value::Null];
        let middle = [Value::Integer(7), Value::Blob(b"y"), Value::Null];
        let last = [Value::Integer(8), Value::Text(b"eight"), Value::Real(0.5)];
        assert_eq!(rows_of(&[&first, &middle, &last, &last]), rows_of(&[]));
        assert_eq!(rows_of(&[]).0, 2);
    }

    #[test]
    fn a_part_is_as_if_only_its_rows_had_come() {
        let columns = [("a", Mapping::Bigint), ("b", Mapping::Text)].map(|(name, m)| example_column(name, m));
        let values =
            [[Value::Integer(1), Value::Null], [Value::Null, Value::Text(b"")], [Value::Integer(3), Value::Text(b"x")]];
        let rows_of = |values: &[[Value<'_>; 2]]| {
            let mut rows = Rows::new(columns.iter());
            values.iter().for_each(|row| push(&mut rows, &columns, row).unwrap());
            rows
        };
        let all = rows_of(&values);
        for range in [0..3, 0..1, 1..2, 2..3, 1..3, 3..3] {
            let (part, mut alone) = (all.part(range.clone()), rows_of(&values[range.clone()]));
            // An array without NULL may say that it might have one.
            alone.arrays.iter_mut().zip(&all.arrays).for_each(|(array, of)| array.has_null = of.has_null);
            alone.seal();
            assert_eq!(part.count(), range.len());
            assert!(part.arrays().eq(alone.arrays()), "{range:?}");
        }
    }

    #[test]
    fn a_long_last_row_goes_alone() {
        let columns = [("a", Mapping::Bigint), ("b", Mapping::Text)].map(|(name, m)| example_column(name, m));
        let table = example_table(columns.into(), vec![0]);
        let row = |id| [Value::Integer(id), Value::Text(b"text")];
        let batch_of = |ids: Range<i64>| {
            let mut batch = Batch::new(&table);
            ids.for_each(|id| push(&mut batch.upserts, &table.columns, &row(id)).unwrap());
            batch.upserts.seal();
            batch
        };
        let mut batch = batch_of(0..5);
        let last = batch.split_last(&table).unwrap();
        for (split, alone) in [(&batch, batch_of(0..4)), (&last, batch_of(4..5))] {
            assert_eq!(split.upserts.count(), alone.upserts.count());
            assert!(split.upserts.arrays().eq(alone.upserts.arrays()));
        }
        assert!(batch_of(0..1).split_last(&table).is_none());
    }
}
