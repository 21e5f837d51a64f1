//! Fields that come from PostgreSQL as SQLite's values; buffers are used again

use crate::model::decode::{DecodeError, decode_column};
use crate::model::key::write_value;
use crate::model::plan::{ColumnPlan, TablePlan};
use crate::model::quarantine::column_name;
use crate::model::value::Value;
use crate::postgres::change_log::RowFields;
use crate::postgres::unreturned::Unreturned;

/// Decodes some columns of one table
pub struct Decoder<'t> {
    table: &'t TablePlan,
    /// Positions in `TablePlan::columns`
    places: Vec<usize>,
    columns: Vec<&'t ColumnPlan>,
    scratch: Vec<Vec<u8>>,
    /// Empty; keeps its memory
    values: Vec<Value<'static>>,
}

/// A field that stands for nothing of SQLite's: its place, and why
pub type Fault = (usize, DecodeError);

impl<'t> Decoder<'t> {
    /// Of the key's columns, in key order
    pub fn of_key(table: &'t TablePlan) -> Decoder<'t> {
        Decoder::new(table, table.key_columns.clone())
    }

    /// Of the copied columns, in their order
    pub fn of_row(table: &'t TablePlan) -> Decoder<'t> {
        Decoder::new(table, table.copied_columns().map(|(index, _)| index).collect())
    }

    fn new(table: &'t TablePlan, places: Vec<usize>) -> Decoder<'t> {
        let columns: Vec<&ColumnPlan> = places.iter().map(|&index| &table.columns[index]).collect();
        let scratch = vec![Vec::new(); columns.len()];
        Decoder { table, places, columns, scratch, values: Vec::new() }
    }

    /// Hands the values to `body`
    pub fn decode<T>(&mut self, fields: &RowFields<'_>, body: impl FnOnce(&[Value<'_>]) -> T) -> Result<T, Fault> {
        let mut values = emptied(std::mem::take(&mut self.values));
        let parts = self.columns.iter().zip(fields).zip(&mut self.scratch).enumerate();
        let mut fault = None;
        for (place, ((column, field), scratch)) in parts {
            match decode_column(*field, self.table, column, scratch) {
                Ok(value) => values.push(value),
                Err(error) => {
                    fault = Some((place, error));
                    break;
                }
            }
        }
        let outcome = match fault {
            None => Ok(body(&values)),
            Some(fault) => Err(fault),
        };
        self.values = emptied(values);
        outcome
    }

    /// What is noted of a row with a fault
    pub fn describe(&self, key: &[u8], (place, error): Fault) -> Unreturned {
        let column = column_name(self.table, self.places[place]).to_owned();
        Unreturned { key: key.to_vec(), column, reason: reason(error), message: error.to_string() }
    }
}

/// The same memory, for values that live another time
fn emptied<'b>(mut values: Vec<Value<'_>>) -> Vec<Value<'b>> {
    values.clear();
    values.into_iter().map(|_| Value::Null).collect()
}

/// Appends the key in its serialised form; a part that stands for nothing of SQLite's as its bytes, by which it equals no
/// key of the source
pub fn write_key(out: &mut Vec<u8>, table: &TablePlan, fields: &RowFields<'_>, scratch: &mut Vec<u8>) {
    for (column, field) in table.key_plans().zip(fields) {
        let value =
            decode_column(*field, table, column, scratch).unwrap_or_else(|_| Value::Blob(field.unwrap_or_default()));
        write_value(out, value);
    }
}

/// One word for scripts, as in `crossfade.quarantine`
fn reason(error: DecodeError) -> &'static str {
    match error {
        DecodeError::Malformed(_) | DecodeError::OffGrid => "form",
        DecodeError::IntegerRange | DecodeError::Inexact | DecodeError::NotFinite | DecodeError::Infinite => "range",
        DecodeError::Months => "months",
        DecodeError::ForeignJson => "json",
    }
}

/// Where the key's fields stand among the fields of the copied columns
pub fn key_places(table: &TablePlan) -> Vec<usize> {
    let place = |key: &usize| table.copied_columns().position(|(index, _)| index == *key);
    table.key_columns.iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::KeyRef;
    use crate::model::mapping::Mapping;
    use crate::model::plan::{example_column, example_table};

    fn table() -> TablePlan {
        let mut columns = ["name", "id", "price"].map(|name| example_column(name, Mapping::Text));
        columns[1].mapping = Mapping::Bigint;
        columns[2].mapping = Mapping::Double;
        example_table(columns.into(), vec![1])
    }

    #[test]
    fn a_row_is_decoded_again_and_again_in_the_same_memory() {
        let table = table();
        let mut decoder = Decoder::of_row(&table);
        let (id, price) = (7i64.to_be_bytes(), 0.5f64.to_be_bytes());
        for name in ["one", "two"] {
            let fields: [Option<&[u8]>; 3] = [Some(name.as_bytes()), Some(&id), Some(&price)];
            let seen = decoder.decode(&fields, |values| format!("{values:?}")).unwrap();
            assert_eq!(seen, format!("[Text({:?}), Integer(7), Real(0.5)]", name.as_bytes()));
        }
        assert_eq!(key_places(&table), [1]);
    }

    #[test]
    fn a_field_that_sqlite_cannot_hold_is_named_without_its_value() {
        let table = table();
        let mut decoder = Decoder::of_row(&table);
        let (id, price) = (7i64.to_be_bytes(), f64::NAN.to_be_bytes());
        let fault = decoder.decode(&[None, Some(&id), Some(&price)], |_| ()).unwrap_err();
        let mut key = Vec::new();
        write_key(&mut key, &table, &[Some(&id)], &mut Vec::new());
        let noted = decoder.describe(&key, fault);
        assert_eq!((noted.column.as_str(), noted.reason, noted.message.as_str()), ("\"price\"", "range", "NaN"));
        assert_eq!(KeyRef(&noted.key).text(), "7");
        key.clear();
        write_key(&mut key, &table, &[Some(b"bad")], &mut Vec::new());
        assert_eq!(KeyRef(&key).text(), "x'626164'", "a key that is none stays what it is");
    }
}
