//! The encoder and the decoder against a real server: text output, binary output, and arrays

use bytes::{Bytes, BytesMut};
use crossfade::model::decode::{DecodeError, decode_field};
use crossfade::model::encode::encode_field;
use crossfade::model::mapping::Mapping;
use crossfade::model::value::Value;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};

const COLUMNS: [(&str, Mapping); 6] = [
    ("b", Mapping::Bigint),
    ("d", Mapping::Double),
    ("m", Mapping::Numeric),
    ("t", Mapping::Text),
    ("y", Mapping::Bytea),
    ("v", Mapping::Variant),
];

/// Every value goes into every column that takes it; a misfit is a NULL
#[test]
fn i10_encoder_agrees_with_the_server() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = connect(&crate::support::fresh_database()).await;
        let columns: Vec<String> = COLUMNS.iter().map(|(name, m)| format!("{name} {}", m.sql())).collect();
        client.batch_execute(&format!("CREATE TABLE t (n bigint, {})", columns.join(", "))).await.unwrap();
        let values = values();
        copy_in(&client, &values).await;
        for (column, mapping) in COLUMNS {
            check_text_output(&client, column, mapping, &values).await;
            check_array_elements(&client, column, mapping, &values).await;
        }
        check_binary_output(&client, &values).await;
    });
}

/// Values that no encoder of ours made: what the application may write while PostgreSQL is the primary
#[test]
fn i10_decoder_reads_what_the_application_writes() {
    use DecodeError::{ForeignJson, Inexact, IntegerRange, NotFinite};
    let cases: [(&str, Mapping, Result<Value<'_>, DecodeError>); 26] = [
        ("'100'", Mapping::Numeric, Ok(Value::Integer(100))),
        ("'-12.3400'", Mapping::Numeric, Ok(Value::Real(-12.34))),
        ("'0.00'", Mapping::Numeric, Ok(Value::Real(0.0))),
        ("'1e5'", Mapping::Numeric, Ok(Value::Integer(100_000))),
        ("'-9223372036854775808'", Mapping::Numeric, Ok(Value::Integer(i64::MIN))),
        ("'9223372036854775808'", Mapping::Numeric, Err(IntegerRange)),
        ("'1e200'", Mapping::Numeric, Err(IntegerRange)),
        ("'0.1234567890123456789'", Mapping::Numeric, Err(Inexact)),
        ("'1e-400'", Mapping::Numeric, Err(Inexact)),
        ("'1152921504606846976.0'", Mapping::Numeric, Ok(Value::Real(2f64.powi(60)))),
        ("'1152921504606847000.0'", Mapping::Numeric, Ok(Value::Real(2f64.powi(60)))),
        ("'1152921504606846977.0'", Mapping::Numeric, Err(Inexact)),
        ("'NaN'", Mapping::Numeric, Err(NotFinite)),
        ("'-Infinity'", Mapping::Numeric, Ok(Value::Real(f64::NEG_INFINITY))),
        ("'NaN'", Mapping::Double, Err(NotFinite)),
        ("'1.50e3'", Mapping::Variant, Ok(Value::Integer(1500))),
        ("'1.50'", Mapping::Variant, Ok(Value::Real(1.5))),
        ("'-9223372036854775808.0'", Mapping::Variant, Ok(Value::Real(-(2f64.powi(63))))),
        ("'-9223372036854776000.00'", Mapping::Variant, Ok(Value::Real(-(2f64.powi(63))))),
        ("'9223372036854775808.0'", Mapping::Variant, Err(Inexact)),
        (r#"'"\u00e9\ud83d\ude00\/\b"'"#, Mapping::Variant, Ok(Value::Text("\u{e9}\u{1f600}/\u{8}".as_bytes()))),
        (r#"'{ "$blob":"00FF" }'"#, Mapping::Variant, Ok(Value::Blob(b"\0\xff"))),
        ("'18446744073709551616'", Mapping::Variant, Err(IntegerRange)),
        ("'true'", Mapping::Variant, Err(ForeignJson)),
        ("'null'", Mapping::Variant, Err(ForeignJson)),
        (r#"'{"a": [1]}'"#, Mapping::Variant, Err(ForeignJson)),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = connect(&crate::support::fresh_database()).await;
        for (literal, mapping, expected) in cases {
            let row = client.query_one(&format!("SELECT {literal}::{}", mapping.sql()), &[]).await.unwrap();
            let RawField(field) = row.get(0);
            let mut scratch = Vec::new();
            assert_eq!(decode_field(Some(&field), mapping, &mut scratch), expected, "{literal}::{mapping:?}");
        }
    });
}

/// Keys that SQLite tells apart stay apart on the target, and in the same order: both servers are asked
#[test]
fn i10_integers_and_reals_compare_as_in_sqlite() {
    let mut pairs = Vec::new();
    for real in whole_reals() {
        let (exact, shortest) = (real as i128, real.to_string().parse::<i128>().unwrap());
        for integer in [exact - 1, exact, exact + 1, shortest - 1, shortest, shortest + 1] {
            pairs.push((integer.clamp(i64::MIN.into(), i64::MAX.into()) as i64, real));
        }
    }
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    let mut compare = sqlite.prepare("SELECT ?1 < ?2, ?1 = ?2, ?1 > ?2").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = connect(&crate::support::fresh_database()).await;
        for mapping in [Mapping::Numeric, Mapping::Variant] {
            let integers = raw_array(pairs.iter().map(|(integer, _)| Value::Integer(*integer)), mapping);
            let reals = raw_array(pairs.iter().map(|(_, real)| Value::Real(*real)), mapping);
            let query = format!(
                "SELECT i < r, i = r, i > r FROM unnest($1::{0}[], $2::{0}[]) WITH ORDINALITY AS a (i, r, n) ORDER BY n",
                mapping.sql()
            );
            let rows = client.query(&query, &[&integers, &reals]).await.unwrap();
            assert_eq!(rows.len(), pairs.len());
            for (row, pair) in rows.iter().zip(&pairs) {
                let target: [bool; 3] = [row.get(0), row.get(1), row.get(2)];
                let source: [bool; 3] =
                    compare.query_row(*pair, |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap();
                assert_eq!(target, source, "{pair:?} as {mapping:?}: less, equal, greater");
            }
        }
    });
}

/// Whole reals on either side of where integers of 64 bits and doubles get gaps and end
fn whole_reals() -> Vec<f64> {
    let mut reals = Vec::new();
    for power in 50..=64 {
        let edge = 2f64.powi(power);
        let ten = 10f64.powi(power - 46);
        for real in [edge.next_down(), edge, edge.next_up(), edge * 1.1, edge * 1.7, ten.next_down(), ten] {
            reals.extend([real.trunc(), -real.trunc()]);
        }
    }
    reals
}

/// A field as it came over the wire
pub struct RawField(pub Vec<u8>);

impl FromSql<'_> for RawField {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<RawField, Box<dyn std::error::Error + Sync + Send>> {
        Ok(RawField(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[derive(Clone, Debug)]
enum Owned {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Owned::Null => Value::Null,
            Owned::Integer(v) => Value::Integer(*v),
            Owned::Real(v) => Value::Real(*v),
            Owned::Text(bytes) => Value::Text(bytes),
            Owned::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

fn values() -> Vec<Owned> {
    let mut values = vec![Owned::Null];
    for power in 0..63 {
        let edge = 1i64 << power;
        values.extend([edge - 1, edge, edge + 1, -edge].map(Owned::Integer));
    }
    values.extend([0, i64::MAX, i64::MIN, 9_999, 10_000, 100_000_000].map(Owned::Integer));
    for power in (-325..=308).step_by(3).chain(-10..=25) {
        for mantissa in ["1", "-9.999999999999999", "1.2345678901234567", "4.5"] {
            let real: f64 = format!("{mantissa}e{power}").parse().unwrap();
            values.extend([Owned::Real(real), Owned::Real(real.next_up())]);
        }
    }
    let hard = [0.0, -0.0, 0.1 + 0.2, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 5e-324];
    values.extend(hard.map(Owned::Real));
    values.extend(whole_reals().into_iter().map(Owned::Real));
    let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![b'a', byte, b'z']).collect();
    let texts = ["", "plain", "\"q\" \\ \\\\ /", "\u{fffd}\u{ffff}\u{10ffff}", "\u{1f600}e\u{301}", r"\u0000 \ud800"];
    bytes.extend(texts.map(|text| text.as_bytes().to_vec()));
    bytes.extend([b"\xed\xa0\x80".to_vec(), br#"{"$blob": "00"}"#.to_vec(), vec![b'"'; 100_000]]);
    values.extend(bytes.iter().cloned().map(Owned::Text));
    values.extend(bytes.into_iter().map(Owned::Blob));
    values
}

pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn encode_or_null(buffer: &mut Vec<u8>, value: Value<'_>, mapping: Mapping) {
    if encode_field(buffer, value, mapping).is_err() {
        encode_field(buffer, Value::Null, mapping).unwrap();
    }
}

/// What is stored in the column: the value, or NULL in place of a misfit
fn stored(value: &Owned, mapping: Mapping) -> Value<'_> {
    let fits = encode_field(&mut Vec::new(), value.value(), mapping).is_ok();
    if fits { value.value() } else { Value::Null }
}

async fn copy_in(client: &Client, values: &[Owned]) {
    let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for (number, value) in values.iter().enumerate() {
        data.extend_from_slice(&(1 + COLUMNS.len() as u16).to_be_bytes());
        encode_field(&mut data, Value::Integer(number as i64), Mapping::Bigint).unwrap();
        COLUMNS.iter().for_each(|(_, mapping)| encode_or_null(&mut data, value.value(), *mapping));
    }
    data.extend_from_slice(&(-1i16).to_be_bytes());
    let sink = client.copy_in("COPY t FROM STDIN (FORMAT binary)").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::from(data)).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), values.len() as u64);
}

/// The server prints what it took in as we would print the value ourselves
async fn check_text_output(client: &Client, column: &str, mapping: Mapping, values: &[Owned]) {
    let rows = client.query(&format!("SELECT {column}::text FROM t ORDER BY n"), &[]).await.unwrap();
    assert_eq!(rows.len(), values.len());
    for (row, value) in rows.iter().zip(values) {
        let printed: Option<&str> = row.get(0);
        let expected = expected_text(stored(value, mapping), mapping);
        assert_eq!(printed.map(|text| canonical_text(text, mapping)), expected, "{value:?} as {mapping:?}");
    }
}

fn expected_text(value: Value<'_>, mapping: Mapping) -> Option<String> {
    let json = mapping == Mapping::Variant;
    Some(match value {
        Value::Null => return None,
        Value::Integer(v) => v.to_string(),
        Value::Real(v) if mapping == Mapping::Double => format!("{v:e}"),
        Value::Real(v) if mapping == Mapping::Numeric && v.is_infinite() => {
            if v > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
        }
        Value::Real(v) if json && v.is_infinite() => format!(r#"{{"$real": "{v}"}}"#),
        Value::Real(v) if json && v == 0.0 && v.is_sign_negative() => r#"{"$real": "-0.0"}"#.to_owned(),
        // With a precision given, all digits are those of the double and not of its shortest decimal.
        Value::Real(v) if v.abs() >= 2f64.powi(53) && (-(2f64.powi(63))..2f64.powi(63)).contains(&v) => {
            format!("{v:.1}")
        }
        Value::Real(v) => {
            let plain = v.to_string();
            if plain.contains('.') { plain } else { plain + ".0" }
        }
        Value::Text(bytes) if json => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => serde_json::to_string(text).unwrap(),
            _ => format!(r#"{{"$text": "{}"}}"#, hex(bytes)),
        },
        Value::Text(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Value::Blob(bytes) if json => format!(r#"{{"$blob": "{}"}}"#, hex(bytes)),
        Value::Blob(bytes) => format!("\\x{}", hex(bytes)),
    })
}

/// Takes out what printing leaves open: the exponent of doubles, and the escapes of JSON strings
fn canonical_text(text: &str, mapping: Mapping) -> String {
    match mapping {
        Mapping::Double => format!("{:e}", text.parse::<f64>().unwrap()),
        Mapping::Variant if text.starts_with('"') => {
            serde_json::to_string(&serde_json::from_str::<String>(text).unwrap()).unwrap()
        }
        _ => text.to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The server's own binary output decodes to the identical value
async fn check_binary_output(client: &Client, values: &[Owned]) {
    let query = "COPY (SELECT b, d, m, t, y, v FROM t ORDER BY n) TO STDOUT (FORMAT binary)";
    let chunks: Vec<Bytes> = client.copy_out(query).await.unwrap().try_collect().await.unwrap();
    let data = chunks.concat();
    let mut rest = &data[19..];
    let mut scratch = Vec::new();
    for value in values {
        assert_eq!(take(&mut rest, 2), (COLUMNS.len() as u16).to_be_bytes());
        for (_, mapping) in COLUMNS {
            let length = i32::from_be_bytes(take(&mut rest, 4).try_into().unwrap());
            let field = usize::try_from(length).ok().map(|length| take(&mut rest, length));
            let decoded = decode_field(field, mapping, &mut scratch).unwrap();
            assert!(decoded.is_identical(&stored(value, mapping)), "{value:?} as {mapping:?}: {decoded:?}");
        }
    }
    assert_eq!(rest, (-1i16).to_be_bytes());
}

pub fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(length);
    *rest = left;
    taken
}

/// The same fields as the elements of a binary array, as the tail sends them
async fn check_array_elements(client: &Client, column: &str, mapping: Mapping, values: &[Owned]) {
    let array = raw_array(values.iter().map(Owned::value), mapping);
    let query = format!(
        "SELECT count(*) FROM unnest($1::{}[]) WITH ORDINALITY AS a (c, n) JOIN t ON t.n = a.n - 1
         WHERE a.c::text IS NOT DISTINCT FROM t.{column}::text",
        mapping.sql()
    );
    let row = client.query_one(&query, &[&array]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), values.len() as i64, "{mapping:?}");
}

fn raw_array<'a>(values: impl ExactSizeIterator<Item = Value<'a>>, mapping: Mapping) -> RawArray {
    let mut array = Vec::new();
    // One dimension, NULLs possible, element type, length, lower bound.
    for word in [1, 1, mapping.oid(), values.len() as u32, 0] {
        array.extend_from_slice(&word.to_be_bytes());
    }
    values.for_each(|value| encode_or_null(&mut array, value, mapping));
    RawArray(array)
}

/// A parameter that is already in the wire format
#[derive(Debug)]
pub struct RawArray(pub Vec<u8>);

impl ToSql for RawArray {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
