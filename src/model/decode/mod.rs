//! One binary field from PostgreSQL as a SQLite value, storage class included
//!
//! Written from PostgreSQL's formats and not from `encode.rs`, with which it shares nothing: verification rests on it,
//! and a fault common to both would go unseen. What SQLite cannot hold exactly is a [`DecodeError`], never an
//! approximation (I10): the application may have written it while PostgreSQL was the primary.

mod array;
mod boolean;
mod decimal;
mod inet;
mod interval;
mod json;
mod moment;
mod number;
mod numeric;
mod padded;
mod spelling;
mod temporal;
mod uuid;
mod variant;
mod vector;
mod zoned;

use super::mapping::Mapping;
use super::plan::{ColumnPlan, TablePlan};
use super::schema::Affinity;
use super::value::Value;
use numeric::Numeric;

/// A field that has no exact SQLite value under its column's mapping
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are not in the type's binary format
    Malformed(Mapping),
    /// A whole number outside SQLite's 64 bits
    IntegerRange,
    /// A fraction with more digits than a double gives back
    Inexact,
    /// NaN, which SQLite stores as NULL
    NotFinite,
    /// A moment or day that is `infinity` or `-infinity`
    Infinite,
    /// An interval with months, which have no fixed length
    Months,
    /// A value finer than the column's form shows, or outside of what it can write
    OffGrid,
    /// A JSON value that stands for no SQLite value
    ForeignJson,
}

/// As [`decode_field`], for a column of a table: -0.0 is 0.0 where SQLite's column has REAL affinity
///
/// SQLite itself drops the sign there, whoever writes it, and both databases hold the two for equal. A row must not be kept
/// from its way back for it.
pub fn decode_column<'a>(
    bytes: Option<&'a [u8]>,
    table: &TablePlan,
    column: &ColumnPlan,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    match decode_field(bytes, column.mapping, scratch)? {
        Value::Real(0.0) if table.affinity(column) == Affinity::Real => Ok(Value::Real(0.0)),
        value => Ok(value),
    }
}

/// The value in a binary field; `None` is NULL. Text that needs unescaping is built in `scratch`
pub fn decode_field<'a>(
    bytes: Option<&'a [u8]>,
    mapping: Mapping,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    let Some(bytes) = bytes else { return Ok(Value::Null) };
    let malformed = DecodeError::Malformed(mapping);
    match mapping {
        Mapping::Bigint => Ok(Value::Integer(i64::from_be_bytes(bytes.try_into().map_err(|_| malformed)?))),
        Mapping::Double => {
            let real = f64::from_be_bytes(bytes.try_into().map_err(|_| malformed)?);
            if real.is_nan() { Err(DecodeError::NotFinite) } else { Ok(Value::Real(real)) }
        }
        Mapping::Text => Ok(Value::Text(bytes)),
        Mapping::Bytea => Ok(Value::Blob(bytes)),
        Mapping::Numeric => Numeric::read(bytes).ok_or(malformed)?.value(scratch),
        Mapping::Variant => match bytes.split_first() {
            Some((1, json)) => variant::value(json, scratch),
            _ => Err(malformed),
        },
        mapping => decode_formed(bytes, mapping, scratch),
    }
}

/// The value in a field of a type that is written in a form of the column; see `convert` for the other direction
///
/// By call, so that the plain types above stay one small function.
#[inline(never)]
fn decode_formed<'a>(bytes: &'a [u8], mapping: Mapping, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    match mapping {
        Mapping::Smallint => number::smallint(bytes),
        Mapping::Integer => number::integer(bytes),
        Mapping::Float4 => number::float4(bytes),
        Mapping::DoubleInteger => number::double(bytes),
        Mapping::Boolean(form) => boolean::value(bytes, form),
        Mapping::Decimal { class, .. } => decimal::value(bytes, class, scratch),
        Mapping::Date(form) => temporal::date(bytes, form, scratch),
        Mapping::Time(form) => temporal::time(bytes, form, scratch),
        Mapping::ZonedTime { form, zone } => zoned::value(bytes, form, zone, scratch),
        Mapping::Timestamp { zoned, form } => temporal::stamp(bytes, zoned, form, scratch),
        Mapping::Moment { zoned, form } => moment::stamp(bytes, zoned, form, scratch),
        Mapping::TimeOfDay(form) => moment::time(bytes, form, scratch),
        Mapping::Epoch { zoned, unit } => temporal::epoch(bytes, zoned, unit),
        Mapping::Interval(form) => interval::value(bytes, form, scratch),
        Mapping::Uuid(form) => uuid::value(bytes, form, scratch),
        Mapping::Json { binary, numbers } => json::value(bytes, binary, numbers, scratch),
        Mapping::Inet { cidr } => inet::value(bytes, cidr, scratch),
        Mapping::Padded => padded::value(bytes),
        Mapping::Vector { dimensions, form } => vector::value(bytes, dimensions, form, scratch),
        Mapping::Array { element, form } => array::value(bytes, element, form, scratch),
        // `decode_field` takes these before it comes here.
        Mapping::Bigint | Mapping::Double | Mapping::Numeric | Mapping::Text | Mapping::Bytea | Mapping::Variant => {
            Err(DecodeError::Malformed(mapping))
        }
    }
}

fn malformed<T>(mapping: Mapping) -> Result<T, DecodeError> {
    Err(DecodeError::Malformed(mapping))
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DecodeError::Malformed(mapping) => write!(f, "not the binary format of {}", mapping.sql()),
            DecodeError::IntegerRange => f.write_str("a whole number of more than 64 bits"),
            DecodeError::Inexact => f.write_str("a number with more digits than SQLite's real keeps"),
            DecodeError::NotFinite => f.write_str("NaN"),
            DecodeError::Infinite => f.write_str("an infinite moment"),
            DecodeError::Months => f.write_str("an interval with months"),
            DecodeError::OffGrid => f.write_str("a value that the column's form cannot show"),
            DecodeError::ForeignJson => f.write_str("a JSON value that stands for no SQLite value"),
        }
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(words: &[u16]) -> Result<String, DecodeError> {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        decode_field(Some(&bytes), Mapping::Numeric, &mut Vec::new()).map(|v| format!("{v:?}"))
    }

    fn variant(json: &str) -> Result<String, DecodeError> {
        let bytes = [b"\x01", json.as_bytes()].concat();
        decode_field(Some(&bytes), Mapping::Variant, &mut Vec::new()).map(|v| format!("{v:?}"))
    }

    #[test]
    fn i10_numeric_scale_tells_integer_from_real() {
        // As `numeric_send` gives them for 0, 0.00, 100000000, -12.5, 0.0001.
        assert_eq!(numeric(&[0, 0, 0, 0]).unwrap(), "Integer(0)");
        assert_eq!(numeric(&[0, 0, 0, 2]).unwrap(), "Real(0.0)");
        assert_eq!(numeric(&[1, 2, 0, 0, 1]).unwrap(), "Integer(100000000)");
        assert_eq!(numeric(&[2, 0, 0x4000, 1, 12, 5000]).unwrap(), "Real(-12.5)");
        assert_eq!(numeric(&[1, 0xffff, 0, 4, 1]).unwrap(), "Real(0.0001)");
        assert_eq!(numeric(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808]).unwrap(), "Integer(-9223372036854775808)");
    }

    #[test]
    fn i10_numbers_that_sqlite_cannot_hold_are_errors() {
        assert_eq!(numeric(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808]), Err(DecodeError::IntegerRange));
        assert_eq!(numeric(&[1, 20, 0, 0, 1]), Err(DecodeError::IntegerRange));
        assert_eq!(numeric(&[1, 100, 0, 1, 1]), Err(DecodeError::Inexact));
        assert_eq!(numeric(&[1, 0xff00, 0, 1100, 1]), Err(DecodeError::Inexact));
        assert_eq!(numeric(&[5, 0, 0, 16, 0, 1234, 5678, 9012, 3456]).unwrap(), "Real(0.1234567890123456)");
        assert_eq!(numeric(&[6, 0, 0, 20, 0, 1234, 5678, 9012, 3456, 7890]), Err(DecodeError::Inexact));
        assert_eq!(numeric(&[0, 0, 0xC000, 0]), Err(DecodeError::NotFinite));
        assert_eq!(numeric(&[0, 0, 0xD000, 32]).unwrap(), "Real(inf)");
        assert_eq!(numeric(&[0, 0, 0xF000, 32]).unwrap(), "Real(-inf)");
        assert_eq!(variant("9223372036854775808"), Err(DecodeError::IntegerRange));
        assert_eq!(variant("0.12345678901234567890"), Err(DecodeError::Inexact));
        let nan = f64::NAN.to_be_bytes();
        assert_eq!(decode_field(Some(&nan), Mapping::Double, &mut Vec::new()), Err(DecodeError::NotFinite));
    }

    #[test]
    fn i10_reals_among_the_integers_are_exact_or_shortest() {
        let real = format!("Real({:?})", 2f64.powi(60));
        let lowest = format!("Real({:?})", -(2f64.powi(63)));
        let (whole, lowest_whole) = ([115, 2921, 5046, 684, 6976], [922, 3372, 368, 5477, 5808]);
        let with = |sign, scale, digits: &[u16]| numeric(&[&[digits.len() as u16, 4, sign, scale], digits].concat());
        assert_eq!(with(0, 0, &whole).unwrap(), "Integer(1152921504606846976)");
        assert_eq!(with(0, 1, &whole).unwrap(), real);
        assert_eq!(with(0, 5, &whole).unwrap(), real);
        assert_eq!(with(0x4000, 1, &lowest_whole).unwrap(), lowest);
        assert_eq!(variant("1152921504606846976").unwrap(), "Integer(1152921504606846976)");
        assert_eq!(variant("1152921504606846976.000").unwrap(), real);
        assert_eq!(variant("-9223372036854775808.0").unwrap(), lowest);
        // The shortest decimal, as other programs print the same double
        assert_eq!(with(0, 1, &[115, 2921, 5046, 684, 7000]).unwrap(), real);
        assert_eq!(with(0x4000, 1, &[922, 3372, 368, 5477, 6000]).unwrap(), lowest);
        assert_eq!(variant("1152921504606847000.0").unwrap(), real);
        assert_eq!(variant("-9223372036854776000.0").unwrap(), lowest);
        // Neither
        assert_eq!(with(0, 1, &[115, 2921, 5046, 684, 6977]), Err(DecodeError::Inexact));
        assert_eq!(with(0, 1, &[115, 2921, 5046, 684, 6976, 5000]), Err(DecodeError::Inexact));
        assert_eq!(with(0, 1, &lowest_whole), Err(DecodeError::Inexact));
        assert_eq!(variant("1152921504606846975.0"), Err(DecodeError::Inexact));
        assert_eq!(variant("1152921504606846976.01"), Err(DecodeError::Inexact));
        assert_eq!(variant("11529215046068469760.0"), Err(DecodeError::Inexact));
    }

    #[test]
    fn trailing_zeros_of_a_scale_change_nothing() {
        assert_eq!(numeric(&[2, 0, 0, 4, 3, 1400]).unwrap(), "Real(3.14)");
        assert_eq!(variant("3.14000000000000000000").unwrap(), "Real(3.14)");
        assert_eq!(variant("100000000000000000000000.00").unwrap(), "Real(1e23)");
    }

    #[test]
    fn json_scalars_are_values_and_the_rest_is_foreign() {
        assert_eq!(variant("-7").unwrap(), "Integer(-7)");
        assert_eq!(variant("7.0").unwrap(), "Real(7.0)");
        assert_eq!(variant(r#""a\"\\\/\b\f\n\r\té😀""#).unwrap(), {
            format!("{:?}", Value::Text("a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}".as_bytes()))
        });
        assert_eq!(variant(r#""\u00e9\ud83d\ude00""#).unwrap(), {
            format!("{:?}", Value::Text("\u{e9}\u{1f600}".as_bytes()))
        });
        assert_eq!(variant(r#"{"$blob": "00Ff"}"#).unwrap(), "Blob([0, 255])");
        assert_eq!(variant(r#"{ "$text" :"" }"#).unwrap(), "Text([])");
        for foreign in [
            "true",
            "null",
            "[1]",
            "{}",
            r#"{"a": 1}"#,
            r#"{"$blob": "0"}"#,
            r#"{"$blob": "0g"}"#,
            r#"{"$blob": "00", "a": "00"}"#,
            r#"{"$real": "nan"}"#,
        ] {
            assert_eq!(variant(foreign), Err(DecodeError::ForeignJson), "{foreign}");
        }
    }

    #[test]
    fn damaged_fields_are_errors() {
        let cases: [(&[u8], Mapping); 9] = [
            (b"1234567", Mapping::Bigint),
            (b"123456789", Mapping::Double),
            (b"", Mapping::Numeric),
            (b"\0\x01\0\0\0\0\0\0", Mapping::Numeric),
            (b"\0\0\0\0\x12\x34\0\0", Mapping::Numeric),
            (b"\0\x01\0\0\0\0\0\0\x27\x10", Mapping::Numeric),
            (b"\x027", Mapping::Variant),
            (b"\x01\"open", Mapping::Variant),
            (b"\x01\"\\ud800\"", Mapping::Variant),
        ];
        for (bytes, mapping) in cases {
            assert_eq!(
                decode_field(Some(bytes), mapping, &mut Vec::new()),
                Err(DecodeError::Malformed(mapping)),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn damaged_fields_of_a_form_are_errors() {
        use crate::model::convert::forms::{
            BoolForm, DateForm, DecimalClass, Element, EpochUnit, IntervalForm, JsonForm, UuidForm, VectorForm,
        };
        let list = JsonForm { spaced: false, ascii: false };
        let cases: [(&[u8], Mapping); 20] = [
            (b"\0", Mapping::Smallint),
            (b"\0\0\0\0\0", Mapping::Integer),
            (b"", Mapping::Float4),
            (b"1234567", Mapping::DoubleInteger),
            (b"\x02", Mapping::Boolean(BoolForm::Letter)),
            (b"\0\0", Mapping::Boolean(BoolForm::ZeroOne)),
            (b"\0\0\0", Mapping::Date(DateForm::Iso)),
            (b"1234567", Mapping::Epoch { zoned: true, unit: EpochUnit::S }),
            (b"123456789012345", Mapping::Interval(IntervalForm::Microseconds)),
            (b"123456789012345", Mapping::Uuid(UuidForm::Bytes)),
            (b"{}", Mapping::Json { binary: true, numbers: false }),
            (b"\x02{}", Mapping::Json { binary: true, numbers: true }),
            (b"\x02\x21\0\x041234", Mapping::Inet { cidr: false }),
            (b"\x02\x08\0\x04123", Mapping::Inet { cidr: true }),
            (b"\x04\x08\0\x041234", Mapping::Inet { cidr: false }),
            (b"\0\x01\0\0", Mapping::Vector { dimensions: 1, form: VectorForm::BlobLe }),
            (b"\0\x01\0\x011234", Mapping::Vector { dimensions: 1, form: VectorForm::BlobLe }),
            (b"\0\0\0\0\0\0\0\0", Mapping::Array { element: Element::Text, form: list }),
            (b"\0\0\0\0\0\0\0\0\0\0\0\x19", Mapping::Array { element: Element::Integer, form: list }),
            (
                b"\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x01\0\0\0\x01\0\0\0\x02a",
                Mapping::Array { element: Element::Text, form: list },
            ),
        ];
        for (bytes, mapping) in cases {
            let mut scratch = Vec::new();
            let decoded = decode_field(Some(bytes), mapping, &mut scratch);
            assert_eq!(decoded, Err(DecodeError::Malformed(mapping)), "{bytes:?}");
        }
        let decimal = Mapping::Decimal { precision: 4, scale: 2, class: DecimalClass::Text };
        let mut scratch = Vec::new();
        let decoded = decode_field(Some(b"\0\x01\0\0\0\0\0"), decimal, &mut scratch);
        assert_eq!(decoded, Err(DecodeError::Malformed(Mapping::Numeric)));
    }
}
