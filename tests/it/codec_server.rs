//! The conversions against a real server: what it reads, prints and sends

use bytes::Bytes;
use crossfade::model::canonical::restore;
use crossfade::model::convert::append_parameter;
use crossfade::model::convert::forms::{
    BoolForm, DateForm, DecimalClass, Element, EpochUnit, ExponentForm, Fraction, IntervalForm, JsonForm, Layout,
    StampForm, TimeForm, TimeLayout, UuidForm, VectorDigits, VectorForm, WholeNumbers, Zone, ZoneStyle,
};
use crossfade::model::decode::{DecodeError, decode_field};
use crossfade::model::encode::encode_field;
use crossfade::model::mapping::Mapping;
use crossfade::model::value::Value;
use futures_util::{SinkExt, TryStreamExt};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tokio_postgres::Client;

use crate::codec::{RawArray, RawField, connect, take};
use crate::codec_mappings::{STAMP, all};
use crate::codec_payloads::payload;
use crate::codec_roundtrip::{json_document, text};
use crate::support::rng::Rng;

const LIST: JsonForm = JsonForm { spaced: false, ascii: false };
const PYTHON: JsonForm = JsonForm { spaced: true, ascii: true };
const JSONB: Mapping = Mapping::Json { binary: true, numbers: false };
const NUMBERS: Mapping = Mapping::Json { binary: true, numbers: true };

const fn decimal(precision: u16, scale: i16, class: DecimalClass) -> Mapping {
    Mapping::Decimal { precision, scale, class }
}

const fn stamp(zoned: bool, form: StampForm) -> Mapping {
    Mapping::Timestamp { zoned, form }
}

const fn list(element: Element) -> Mapping {
    Mapping::Array { element, form: LIST }
}

const fn zoned(fraction: Fraction, zone: ZoneStyle) -> Mapping {
    Mapping::ZonedTime { form: TimeForm { layout: TimeLayout::Seconds, fraction }, zone }
}

const fn any(zoned: bool, form: StampForm) -> Mapping {
    Mapping::Moment { zoned, form }
}

const fn any_time(layout: TimeLayout) -> Mapping {
    Mapping::TimeOfDay(TimeForm { layout, fraction: Fraction::None })
}

const fn epoch(unit: EpochUnit) -> Mapping {
    Mapping::Epoch { zoned: true, unit }
}

/// The type of the test's column
fn type_sql(mapping: Mapping) -> String {
    match mapping {
        Mapping::Padded => "character(40)".to_owned(),
        Mapping::Array { element: Element::Padded, .. } => "character(40)[]".to_owned(),
        Mapping::Array { element: Element::Numeric { precision: precision @ 1.., scale, .. }, .. } => {
            format!("numeric({precision},{scale})[]")
        }
        other => other.type_sql(),
    }
}

/// Values of the source, and what PostgreSQL's own output function makes of them
fn printed() -> Vec<(Mapping, Value<'static>, &'static str)> {
    let text = |text: &'static str| Value::Text(text.as_bytes());
    let millis = StampForm { layout: Layout::IsoT, fraction: Fraction::Fixed(3), zone: Zone::Z, assumed: 0 };
    let india = StampForm { zone: Zone::Colon(-330), ..STAMP };
    let early = StampForm { zone: Zone::Hours(840), ..STAMP };
    let python = StampForm { fraction: Fraction::OmitZero(6), ..STAMP };
    let time = |layout, fraction| Mapping::Time(TimeForm { layout, fraction });
    vec![
        (Mapping::Smallint, Value::Integer(-32_768), "-32768"),
        (Mapping::Integer, Value::Integer(i32::MAX as i64), "2147483647"),
        (Mapping::Float4, Value::Real(-0.5), "-0.5"),
        (Mapping::DoubleInteger, Value::Integer(-42), "-42"),
        (Mapping::Boolean(BoolForm::ZeroOne), Value::Integer(1), "t"),
        (Mapping::Boolean(BoolForm::ZeroOne), Value::Integer(0), "f"),
        (Mapping::Boolean(BoolForm::TextZeroOne), text("1"), "t"),
        (Mapping::Boolean(BoolForm::Letter), text("t"), "t"),
        (Mapping::Boolean(BoolForm::LetterUpper), text("F"), "f"),
        (Mapping::Boolean(BoolForm::Word), text("true"), "t"),
        (Mapping::Boolean(BoolForm::WordUpper), text("FALSE"), "f"),
        (Mapping::Boolean(BoolForm::YesLetter), text("n"), "f"),
        (Mapping::Boolean(BoolForm::YesLetterUpper), text("Y"), "t"),
        (Mapping::Boolean(BoolForm::Yes), text("yes"), "t"),
        (decimal(10, 2, DecimalClass::ByValue), Value::Integer(5), "5.00"),
        (decimal(10, 2, DecimalClass::ByValue), Value::Real(-0.05), "-0.05"),
        (decimal(10, 2, DecimalClass::Real), Value::Real(12_345_678.9), "12345678.90"),
        (decimal(10, 2, DecimalClass::Text), text("-12345.50"), "-12345.50"),
        (decimal(3, 5, DecimalClass::Real), Value::Real(0.00999), "0.00999"),
        (decimal(20, 0, DecimalClass::Integer), Value::Integer(i64::MIN), "-9223372036854775808"),
        (decimal(0, 0, DecimalClass::Text), text("0.000000010"), "0.000000010"),
        (decimal(0, 0, DecimalClass::Text), text("-100000000000000000000.5"), "-100000000000000000000.5"),
        (decimal(0, 0, DecimalClass::Real), Value::Real(1e20), "100000000000000000000.0"),
        (Mapping::Date(DateForm::Iso), text("2024-02-29"), "2024-02-29"),
        (Mapping::Date(DateForm::Compact), text("00010101"), "0001-01-01"),
        (Mapping::Date(DateForm::Iso), text("9999-12-31"), "9999-12-31"),
        (time(TimeLayout::Seconds, Fraction::Fixed(2)), text("23:59:59.50"), "23:59:59.5"),
        (time(TimeLayout::Minutes, Fraction::None), text("03:04"), "03:04:00"),
        (time(TimeLayout::Dated, Fraction::None), text("2000-01-01 00:00:00"), "00:00:00"),
        (stamp(false, STAMP), text("1900-03-01 00:00:00"), "1900-03-01 00:00:00"),
        (stamp(false, python), text("2024-12-31 23:59:59.000001"), "2024-12-31 23:59:59.000001"),
        (stamp(true, millis), text("2024-01-02T03:04:05.120Z"), "2024-01-02 03:04:05.12+00"),
        (stamp(true, india), text("2024-01-02 03:04:05-05:30"), "2024-01-02 08:34:05+00"),
        (stamp(true, early), text("0001-01-01 00:00:00+14"), "0001-12-31 10:00:00+00 BC"),
        (stamp(true, StampForm { assumed: 60, ..STAMP }), text("2024-01-01 00:30:00"), "2023-12-31 23:30:00+00"),
        (any(false, STAMP), text("2024-01-02T03:04:05.3"), "2024-01-02 03:04:05.3"),
        (any(false, millis), text("2024-01-02 03:04-00:00"), "2024-01-02 03:04:00"),
        (any(true, millis), text("2024-01-02T03:04:05.123456-0330"), "2024-01-02 06:34:05.123456+00"),
        (any(true, india), text("9999-12-31T23:59:59.999999Z"), "9999-12-31 23:59:59.999999+00"),
        (any(true, india), text("0001-01-01T05:30:00+05:30"), "0001-01-01 00:00:00+00"),
        (any(true, StampForm { assumed: 60, ..STAMP }), text("2024-01-01T00:30"), "2023-12-31 23:30:00+00"),
        (any_time(TimeLayout::Minutes), text("23:59:59.5"), "23:59:59.5"),
        (any_time(TimeLayout::Dated), text("2000-01-01 23:59"), "23:59:00"),
        (epoch(EpochUnit::S), Value::Integer(0), "1970-01-01 00:00:00+00"),
        (epoch(EpochUnit::Ms), Value::Integer(1_700_000_000_123), "2023-11-14 22:13:20.123+00"),
        (epoch(EpochUnit::Us), Value::Integer(-1), "1969-12-31 23:59:59.999999+00"),
        (epoch(EpochUnit::SecondsReal), Value::Real(1.5), "1970-01-01 00:00:01.5+00"),
        (Mapping::Interval(IntervalForm::Microseconds), Value::Integer(90_061_000_001), "1 day 01:01:01.000001"),
        (Mapping::Interval(IntervalForm::Microseconds), Value::Integer(-1), "-1 days +23:59:59.999999"),
        (Mapping::Interval(IntervalForm::Epoch(STAMP)), text("1970-01-03 00:00:05"), "2 days 00:00:05"),
        (
            Mapping::Uuid(UuidForm::BracesUpper),
            text("{123E4567-E89B-12D3-A456-4266141740F0}"),
            "123e4567-e89b-12d3-a456-4266141740f0",
        ),
        (Mapping::Uuid(UuidForm::Bytes), Value::Blob(b"0123456789abcdef"), "30313233-3435-3637-3839-616263646566"),
        (Mapping::Json { binary: false, numbers: false }, text("{\"b\" : 1e1,\"b\":2 }"), "{\"b\" : 1e1,\"b\":2 }"),
        (Mapping::Json { binary: false, numbers: false }, text("\"\\u0000\\ud800\""), "\"\\u0000\\ud800\""),
        (JSONB, text("{\"bb\" : 1.50e1,\"a\":[ ], \"c\":1e-3}"), "{\"a\": [], \"c\": 0.001, \"bb\": 15.0}"),
        (JSONB, text("\"\\u00e9\\ud83d\\ude00\""), "\"é😀\""),
        (NUMBERS, Value::Integer(-5), "-5"),
        (NUMBERS, Value::Real(0.25), "0.25"),
        (Mapping::Inet { cidr: false }, text("192.168.0.1"), "192.168.0.1"),
        (Mapping::Inet { cidr: false }, text("::ffff:10.0.0.1/100"), "::ffff:10.0.0.1/100"),
        (Mapping::Inet { cidr: true }, text("10.0.0.0/8"), "10.0.0.0/8"),
        (Mapping::Inet { cidr: true }, text("2001:db8::/128"), "2001:db8::/128"),
        (Mapping::Padded, text("ab"), "ab                                      "),
        (Mapping::Array { element: Element::Integer, form: LIST }, text("[1,null,-3]"), "{1,NULL,-3}"),
        (
            Mapping::Array { element: Element::Text, form: PYTHON },
            text("[\"a,b\", \"\\\"\\u00e9\"]"),
            "{\"a,b\",\"\\\"é\"}",
        ),
        (Mapping::Array { element: Element::Double, form: LIST }, text("[1.0,1e-05]"), "{1,1e-05}"),
        (Mapping::Array { element: Element::Boolean, form: LIST }, text("[]"), "{}"),
        (list(Element::Smallint), text("[-32768,null]"), "{-32768,NULL}"),
        (list(Element::Float4), text("[0.5,-1.0,16777216.0]"), "{0.5,-1,1.6777216e+07}"),
        (list(Element::Numeric { precision: 0, scale: 0, quoted: false }), text("[1.50,-2]"), "{1.50,-2}"),
        (list(Element::Numeric { precision: 10, scale: 2, quoted: true }), text("[\"1.50\"]"), "{1.50}"),
        (list(Element::Numeric { precision: 4, scale: -2, quoted: false }), text("[999900,-100]"), "{999900,-100}"),
        (list(Element::Varchar), text("[\"a,b\"]"), "{\"a,b\"}"),
        (list(Element::Date), text("[\"2024-02-29\",null]"), "{2024-02-29,NULL}"),
        (
            list(Element::Timestamp { zoned: false, form: python }),
            text("[\"2024-01-02 03:04:05\"]"),
            "{\"2024-01-02 03:04:05\"}",
        ),
        (
            list(Element::Timestamp { zoned: true, form: india }),
            text("[\"2024-01-02 03:04:05-05:30\"]"),
            "{\"2024-01-02 08:34:05+00\"}",
        ),
        (
            list(Element::Timestamp { zoned: true, form: StampForm { assumed: 60, ..STAMP } }),
            text("[\"2024-01-01 00:30:00\"]"),
            "{\"2023-12-31 23:30:00+00\"}",
        ),
        (decimal(5, -3, DecimalClass::ByValue), Value::Integer(-99_999_000), "-99999000"),
        (decimal(5, -3, DecimalClass::Text), text("1000"), "1000"),
        (zoned(Fraction::None, ZoneStyle::Colon), text("03:04:05+02:00"), "03:04:05+02"),
        (zoned(Fraction::Fixed(3), ZoneStyle::Digits), text("23:59:59.120-0530"), "23:59:59.12-05:30"),
        (zoned(Fraction::None, ZoneStyle::Z), text("00:00:00Z"), "00:00:00+00"),
        (zoned(Fraction::OmitZero(6), ZoneStyle::Hours), text("00:00:00+15"), "00:00:00+15"),
    ]
}

/// By hand: every family once and more, as COPY field, as array element, and back
/// Whether the server has pgvector; `scripts/test_with_pgvector.sh` runs these tests on one that has
async fn has_vectors(client: &Client) -> bool {
    client.batch_execute("CREATE EXTENSION IF NOT EXISTS vector").await.is_ok()
}

fn vectors() -> Vec<(Mapping, Value<'static>, &'static str)> {
    let text = |text: &'static str| Value::Text(text.as_bytes());
    let blob = Mapping::Vector { dimensions: 3, form: VectorForm::BlobLe };
    let (digits, whole, exponent) = (VectorDigits::F32, WholeNumbers::Point, ExponentForm::Python);
    let list = Mapping::Vector { dimensions: 3, form: VectorForm::Json { spaced: true, digits, whole, exponent } };
    vec![
        (blob, Value::Blob(b"\0\0\x80\x3f\0\0\0\xc0\0\0\0\x80"), "[1,-2,-0]"),
        (blob, Value::Blob(b"\x01\0\0\0\xff\xff\x7f\x7f\0\0\x80\0"), "[1e-45,3.4028235e+38,1.1754944e-38]"),
        (list, text("[0.1, 1e-05, -1.0]"), "[0.1,1e-05,-1]"),
        (Mapping::Vector { dimensions: 0, form: VectorForm::BlobLe }, Value::Blob(b"\0\0\x80\x3f"), "[1]"),
    ]
}

#[test]
fn i10_conversions_are_read_as_meant() {
    run(async |client| {
        let vectors = if has_vectors(client).await { vectors() } else { Vec::new() };
        for (mapping, value, expected) in printed().into_iter().chain(vectors) {
            let values = [(mapping, value)];
            load(client, &type_sql(mapping), &values).await;
            let row = client.query_one("SELECT format('%s', v) FROM t", &[]).await.unwrap();
            assert_eq!(row.get::<_, &str>(0), expected, "{value:?} as {mapping:?}");
            check_binary(client, &values).await;
            check_parameters(client, mapping, &[value]).await;
        }
    });
}

/// At random: what every form takes is taken by the server too, and comes back
#[test]
fn i10_conversions_come_back_from_the_server() {
    run(async |client| {
        let mut rng = Rng::new(11);
        let mut mappings = all();
        let vectors = has_vectors(client).await;
        mappings.retain(|mapping| vectors || !matches!(mapping, Mapping::Vector { .. }));
        mappings.sort_by_key(|mapping| type_sql(*mapping));
        for same_type in mappings.chunk_by(|a, b| type_sql(*a) == type_sql(*b)) {
            let mut texts: Vec<(Mapping, Vec<u8>)> = Vec::new();
            for mapping in same_type {
                texts.extend((0..12).map(|_| (*mapping, payload(*mapping, &mut rng))));
            }
            // What cannot be read is left out; the scratches keep what the others borrow.
            let mut scratches = vec![Vec::new(); texts.len()];
            let decoded = texts.iter().zip(&mut scratches);
            let values: Vec<(Mapping, Value<'_>)> = decoded
                .filter_map(|((mapping, field), scratch)| {
                    Some((*mapping, decode_field(Some(field), *mapping, scratch).ok()?))
                })
                .collect();
            load(client, &type_sql(same_type[0]), &values).await;
            check_binary(client, &values).await;
        }
    });
}

/// Values that no encoder of ours made: what the application may write while PostgreSQL is the primary
#[test]
fn i10_conversions_read_what_the_application_writes() {
    use DecodeError::{Infinite, IntegerRange, Months, NotFinite, OffGrid};
    let text = |text: &'static str| Ok(Value::Text(text.as_bytes()));
    let millis = StampForm { layout: Layout::IsoT, fraction: Fraction::Fixed(3), zone: Zone::Z, assumed: 0 };
    let python = StampForm { fraction: Fraction::OmitZero(6), zone: Zone::Colon(120), ..STAMP };
    let minutes = StampForm { layout: Layout::MinutesT, ..STAMP };
    let micros = Mapping::Interval(IntervalForm::Microseconds);
    let seconds = Mapping::Time(TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::None });
    let integers = Mapping::Array { element: Element::Integer, form: LIST };
    let strings = Mapping::Array { element: Element::Text, form: PYTHON };
    let cases: Vec<(&str, Mapping, Result<Value<'_>, DecodeError>)> = vec![
        ("'-7'::smallint", Mapping::Smallint, Ok(Value::Integer(-7))),
        ("'0.1'::real", Mapping::Float4, Ok(Value::Real(0.1f32.into()))),
        ("'NaN'::real", Mapping::Float4, Err(NotFinite)),
        ("'1.5'::float8", Mapping::DoubleInteger, Err(OffGrid)),
        ("'1e20'::float8", Mapping::DoubleInteger, Err(IntegerRange)),
        ("'-0'::float8", Mapping::DoubleInteger, Err(OffGrid)),
        ("true", Mapping::Boolean(BoolForm::Word), text("true")),
        ("false", Mapping::Boolean(BoolForm::ZeroOne), Ok(Value::Integer(0))),
        ("12.50::numeric(10,2)", decimal(10, 2, DecimalClass::ByValue), Ok(Value::Real(12.5))),
        ("12::numeric(10,2)", decimal(10, 2, DecimalClass::ByValue), Ok(Value::Integer(12))),
        ("12::numeric(10,2)", decimal(10, 2, DecimalClass::Real), Ok(Value::Real(12.0))),
        ("12.5::numeric(10,2)", decimal(10, 2, DecimalClass::Integer), Err(OffGrid)),
        ("-0.5::numeric(10,2)", decimal(10, 2, DecimalClass::Text), text("-0.50")),
        ("10000::numeric", decimal(0, 0, DecimalClass::Text), text("10000")),
        ("100000000.00012::numeric", decimal(0, 0, DecimalClass::Text), text("100000000.00012")),
        ("'NaN'::numeric", decimal(0, 0, DecimalClass::Text), Err(NotFinite)),
        ("'1e19'::numeric", decimal(0, 0, DecimalClass::ByValue), Ok(Value::Real(1e19))),
        ("'0.1234567890123456789'::numeric", decimal(0, 0, DecimalClass::Real), Err(DecodeError::Inexact)),
        ("date '2024-02-29'", Mapping::Date(DateForm::Compact), text("20240229")),
        ("date '0001-01-01 BC'", Mapping::Date(DateForm::Iso), Err(OffGrid)),
        ("date '10000-01-01'", Mapping::Date(DateForm::Iso), Err(OffGrid)),
        ("date '-infinity'", Mapping::Date(DateForm::Iso), Err(Infinite)),
        ("time '23:59:59'", seconds, text("23:59:59")),
        ("time '24:00:00'", seconds, Err(OffGrid)),
        ("time '12:00:00.5'", seconds, Err(OffGrid)),
        ("timestamptz '2024-01-02 03:04:05.12+00'", stamp(true, millis), text("2024-01-02T03:04:05.120Z")),
        ("timestamptz '2024-01-02 03:04:05.1234+00'", stamp(true, millis), Err(OffGrid)),
        ("timestamptz '2023-12-31 22:00:00+00'", stamp(true, python), text("2024-01-01 00:00:00+02:00")),
        ("timestamptz '2000-02-29 00:00:00.5+02'", stamp(true, python), text("2000-02-29 00:00:00.500000+02:00")),
        ("timestamp 'infinity'", stamp(false, STAMP), Err(Infinite)),
        ("timestamp '1600-12-31 23:59:59'", stamp(false, STAMP), text("1600-12-31 23:59:59")),
        ("timestamptz '2024-01-02 03:04:05.1234+00'", any(true, millis), text("2024-01-02T03:04:05.123400Z")),
        ("timestamptz '2024-01-02 03:04:05+00'", any(true, millis), text("2024-01-02T03:04:05.000Z")),
        ("timestamptz '9999-12-31 23:00:00+00'", any(true, python), text("9999-12-31 23:00:00+00:00")),
        ("timestamptz '9999-12-31 21:59:59.5+00'", any(true, python), text("9999-12-31 23:59:59.500000+02:00")),
        ("timestamptz '10000-01-01 00:00:00+00'", any(true, python), Err(OffGrid)),
        ("timestamptz '0001-12-31 23:59:59+00 BC'", any(true, python), Err(OffGrid)),
        ("timestamp '0001-12-31 23:59:59 BC'", any(false, STAMP), Err(OffGrid)),
        ("timestamp '-infinity'", any(false, STAMP), Err(Infinite)),
        ("timestamp '2024-01-02 03:04:05'", any(false, minutes), text("2024-01-02T03:04:05")),
        ("timestamp '2024-01-02 03:04:00'", any(false, minutes), text("2024-01-02T03:04")),
        ("timestamp '2024-01-02 03:04:00.000001'", any(false, minutes), text("2024-01-02T03:04:00.000001")),
        ("time '03:04:00'", any_time(TimeLayout::Minutes), text("03:04")),
        ("time '03:04:05.25'", any_time(TimeLayout::Minutes), text("03:04:05.250000")),
        ("time '03:04:05'", any_time(TimeLayout::Dated), text("2000-01-01 03:04:05")),
        ("time '24:00:00'", any_time(TimeLayout::Seconds), Err(OffGrid)),
        ("timestamptz '2001-09-09 01:46:40+00'", epoch(EpochUnit::S), Ok(Value::Integer(1_000_000_000))),
        ("timestamptz '1969-12-31 23:59:59.5+00'", epoch(EpochUnit::Ms), Ok(Value::Integer(-500))),
        ("timestamptz '1969-12-31 23:59:59.5+00'", epoch(EpochUnit::S), Err(OffGrid)),
        ("timestamptz '2001-09-09 01:46:40.25+00'", epoch(EpochUnit::SecondsReal), Ok(Value::Real(1_000_000_000.25))),
        ("interval '1 day 36:00:00'", micros, Ok(Value::Integer(216_000_000_000))),
        ("interval '-00:00:01'", micros, Ok(Value::Integer(-1_000_000))),
        ("interval '1 month'", micros, Err(Months)),
        ("interval '2 days'", Mapping::Interval(IntervalForm::Epoch(STAMP)), text("1970-01-03 00:00:00")),
        (
            "uuid 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
            Mapping::Uuid(UuidForm::HexUpper),
            text("A0EEBC999C0B4EF8BB6D6BB9BD380A11"),
        ),
        ("inet '10.1.2.3/8'", Mapping::Inet { cidr: false }, text("10.1.2.3/8")),
        ("inet '2001:DB8:0:0:1::/128'", Mapping::Inet { cidr: false }, text("2001:db8:0:0:1::")),
        ("inet '::1'", Mapping::Inet { cidr: false }, text("::1")),
        ("inet '1:0:0:2:0:0:0:3'", Mapping::Inet { cidr: false }, text("1:0:0:2::3")),
        ("cidr '10/8'", Mapping::Inet { cidr: true }, text("10.0.0.0/8")),
        ("'ab  '::char(6)", Mapping::Padded, text("ab")),
        ("' 5 '::json", Mapping::Json { binary: false, numbers: true }, Ok(Value::Integer(5))),
        ("'1E2'::json", Mapping::Json { binary: false, numbers: true }, Ok(Value::Integer(100))),
        ("'1.50'::jsonb", NUMBERS, Ok(Value::Real(1.5))),
        ("'5.0'::jsonb", NUMBERS, Ok(Value::Integer(5))),
        ("'{\"b\":1, \"a\":\"\\u00e9\"}'::jsonb", JSONB, text("{\"a\": \"é\", \"b\": 1}")),
        ("'{1,NULL}'::int[]", integers, text("[1,null]")),
        ("'{}'::int[]", integers, text("[]")),
        ("'{{1},{2}}'::int[]", integers, Err(OffGrid)),
        ("'[0:1]={1,2}'::int[]", integers, Err(OffGrid)),
        ("array['é', E'\\n\\x01', '\"']", strings, text("[\"\\u00e9\", \"\\n\\u0001\", \"\\\"\"]")),
        ("time with time zone '03:04:05-07'", zoned(Fraction::None, ZoneStyle::Colon), text("03:04:05-07:00")),
        ("time with time zone '03:04:05-07'", zoned(Fraction::None, ZoneStyle::Z), Err(OffGrid)),
        ("time with time zone '03:04:05-07:30'", zoned(Fraction::None, ZoneStyle::Hours), Err(OffGrid)),
        ("time with time zone '03:04:05+00:00:01'", zoned(Fraction::None, ZoneStyle::Colon), Err(OffGrid)),
        ("time with time zone '24:00:00+00'", zoned(Fraction::None, ZoneStyle::Colon), Err(OffGrid)),
        ("1234567::numeric(5,-2)", decimal(5, -2, DecimalClass::Integer), Ok(Value::Integer(1_234_600))),
        ("'{ab,NULL}'::char(4)[]", list(Element::Padded), text("[\"ab\",null]")),
        ("'{0.1}'::real[]", list(Element::Float4), text("[0.10000000149011612]")),
        ("'{1.5,NaN}'::numeric[]", list(Element::Numeric { precision: 0, scale: 0, quoted: false }), Err(NotFinite)),
        ("array[date '2024-02-29']", list(Element::Date), text("[\"2024-02-29\"]")),
        ("'{-infinity}'::date[]", list(Element::Date), Err(Infinite)),
        ("'{infinity}'::timestamp[]", list(Element::Timestamp { zoned: false, form: STAMP }), Err(Infinite)),
        (
            "'{2024-01-02 03:04:05.5}'::timestamp[]",
            list(Element::Timestamp { zoned: false, form: STAMP }),
            Err(OffGrid),
        ),
        ("'{NaN}'::float8[]", Mapping::Array { element: Element::Double, form: LIST }, Err(NotFinite)),
    ];
    run(async |client| {
        for (sql, mapping, expected) in cases {
            let row = client.query_one(&format!("SELECT {sql}"), &[]).await.unwrap();
            let RawField(field) = row.get(0);
            let mut scratch = b"left over".to_vec();
            assert_eq!(decode_field(Some(&field), mapping, &mut scratch), expected, "{sql} as {mapping:?}");
        }
    });
}

/// The server's own reading of every spelling that is taken is what was written, whatever its time zone
#[test]
fn i10_spellings_of_a_moment_are_read_by_the_server_as_the_same_one() {
    let mut runner = TestRunner::deterministic();
    let spellings = "[0129]{4}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,7})?)?\
                     (Z|[+-][01][0-9](:?[0-6][0-9])?)?|(2000-01-01 )?[0-2][0-9]:[0-5][0-9](:[0-6][0-9](\\.[0-9]{1,7})?)?";
    let spellings = proptest::string::string_regex(spellings).unwrap();
    let texts: Vec<String> = (0..6000).map(|_| spellings.new_tree(&mut runner).unwrap().current()).collect();
    let zulu = StampForm { zone: Zone::Z, ..STAMP };
    let kinds = [any(false, STAMP), any(true, zulu), any_time(TimeLayout::Seconds), any_time(TimeLayout::Dated)];
    run(async |client| {
        client.batch_execute("SET timezone = 'America/St_Johns'").await.unwrap();
        for mapping in kinds {
            let fits = |text: &&String| encode_field(&mut Vec::new(), Value::Text(text.as_bytes()), mapping).is_ok();
            let taken: Vec<&String> = texts.iter().filter(fits).collect();
            assert!(taken.len() > 50, "{} texts as {mapping:?}", taken.len());
            let values: Vec<_> = taken.iter().map(|text| (mapping, Value::Text(text.as_bytes()))).collect();
            load(client, &type_sql(mapping), &values).await;
            let query = format!(
                "SELECT t FROM unnest($1::text[]) WITH ORDINALITY AS a (t, m) JOIN t AS b ON b.n = m - 1 \
                 WHERE t::{} IS DISTINCT FROM v",
                type_sql(mapping)
            );
            let wrong = client.query(&query, &[&taken]).await.unwrap();
            let wrong: Vec<&str> = wrong.iter().map(|row| row.get(0)).collect();
            assert_eq!(wrong, [""; 0], "{mapping:?}");
        }
    });
}

/// `json` is what the server takes for it, and `jsonb` comes back as the same document
#[test]
fn i10_documents_are_what_the_server_takes_for_them() {
    let mut runner = TestRunner::deterministic();
    let mut texts: Vec<String> = Vec::new();
    for number in 0..1200 {
        let document = json_document().new_tree(&mut runner).unwrap().current();
        let any = text().new_tree(&mut runner).unwrap().current();
        let chosen = if number % 2 == 0 { Ok(document) } else { String::from_utf8(any) };
        texts.extend(chosen.ok().filter(|text| !text.contains('\0')));
    }
    let fits = |text: &&String, mapping| encode_field(&mut Vec::new(), Value::Text(text.as_bytes()), mapping).is_ok();
    run(async |client| {
        client.batch_execute(IS_VALID).await.unwrap();
        let query = "SELECT is_json(t) FROM unnest($1::text[]) WITH ORDINALITY AS a (t, n) ORDER BY n";
        for (row, text) in client.query(query, &[&texts]).await.unwrap().iter().zip(&texts) {
            let json = Mapping::Json { binary: false, numbers: false };
            assert_eq!(fits(&text, json), row.get::<_, bool>(0), "{text:?}");
        }
        let documents = texts.iter().filter(|text| fits(text, JSONB));
        let values: Vec<_> = documents.map(|text| (JSONB, Value::Text(text.as_bytes()))).collect();
        assert!(values.len() > 300, "{} documents", values.len());
        load(client, "jsonb", &values).await;
        check_binary(client, &values).await;
    });
}

const IS_VALID: &str = "CREATE FUNCTION is_json(t text) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN PERFORM t::json; RETURN true; EXCEPTION WHEN invalid_text_representation THEN RETURN false; END'";

fn run(test: impl AsyncFnOnce(&Client)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = connect(&crate::support::fresh_database()).await;
        let settings = "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'";
        client.batch_execute(settings).await.unwrap();
        test(&client).await;
    });
}

/// Puts the values into a new table `t (n, v)` by COPY
async fn load(client: &Client, type_sql: &str, values: &[(Mapping, Value<'_>)]) {
    let create = format!("DROP TABLE IF EXISTS t; CREATE TABLE t (n bigint, v {type_sql})");
    client.batch_execute(&create).await.unwrap();
    let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for (number, (mapping, value)) in values.iter().enumerate() {
        data.extend_from_slice(&2u16.to_be_bytes());
        encode_field(&mut data, Value::Integer(number as i64), Mapping::Bigint).unwrap();
        let encoded = encode_field(&mut data, *value, *mapping);
        assert_eq!(encoded, Ok(()), "{value:?} as {mapping:?}");
    }
    data.extend_from_slice(&(-1i16).to_be_bytes());
    let sink = client.copy_in("COPY t FROM STDIN (FORMAT binary)").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::from(data)).await.unwrap();
    let stored = sink.finish().await.unwrap_or_else(|error| panic!("{type_sql}: {error:?}"));
    assert_eq!(stored, values.len() as u64);
}

/// What the server sends for the table is what was put in
async fn check_binary(client: &Client, values: &[(Mapping, Value<'_>)]) {
    let query = "COPY (SELECT v FROM t ORDER BY n) TO STDOUT (FORMAT binary)";
    let chunks: Vec<Bytes> = client.copy_out(query).await.unwrap().try_collect().await.unwrap();
    let data = chunks.concat();
    let mut rest = &data[19..];
    let mut scratch = Vec::new();
    for (mapping, value) in values {
        assert_eq!(take(&mut rest, 2), [0, 1]);
        let length = i32::from_be_bytes(take(&mut rest, 4).try_into().unwrap());
        let field = usize::try_from(length).ok().map(|length| take(&mut rest, length));
        let decoded = decode_field(field, *mapping, &mut scratch).unwrap();
        // The restore law: SQLite keeps its spelling of a document.
        let back = restore(*value, decoded, *mapping);
        assert!(back.is_identical(value), "{value:?} as {mapping:?}: {decoded:?}");
    }
}

/// The same values as the elements of an array parameter, as the tail sends them
async fn check_parameters(client: &Client, mapping: Mapping, values: &[Value<'_>]) {
    let mut array = Vec::new();
    for word in [1, 0, mapping.oid(), values.len() as u32, 1] {
        array.extend_from_slice(&word.to_be_bytes());
    }
    for value in values {
        append_parameter(&mut array, *value, mapping).unwrap();
    }
    let query = format!(
        "SELECT count(*) FROM unnest($1::{}[]) WITH ORDINALITY AS a (c, n) JOIN t ON t.n = a.n - 1
         WHERE format('%s', a.c::{}) IS NOT DISTINCT FROM format('%s', t.v)",
        mapping.sql(),
        type_sql(mapping)
    );
    let row = client.query_one(&query, &[&RawArray(array)]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), values.len() as i64, "{mapping:?}");
}
