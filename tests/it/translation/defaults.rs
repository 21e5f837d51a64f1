//! DEFAULTs: a row without a value gets the same one on both sides

use crossfade::model::convert::forms::{
    BoolForm, DateForm, DecimalClass, EpochUnit, Fraction, Layout, StampForm, TimeForm, TimeLayout, UuidForm, Zone,
};
use crossfade::model::decode::decode_field;
use crossfade::model::mapping::Mapping;
use crossfade::model::plan::ColumnPlan;
use crossfade::model::sql;
use crossfade::model::value::Value;
use rusqlite::Connection;
use tokio_postgres::Client;

use super::fixture::{database, source_column, value};
use crate::codec::{RawField, connect};

const STAMP: StampForm = StampForm { layout: Layout::IsoSpace, fraction: Fraction::None, zone: Zone::None, assumed: 0 };

fn stamp(zoned: bool, layout: Layout, fraction: Fraction, zone: Zone) -> Mapping {
    Mapping::Timestamp { zoned, form: StampForm { layout, fraction, zone, assumed: 0 } }
}

/// Declaration and default of a column, and its mapping
fn constants() -> Vec<(&'static str, &'static str, Mapping)> {
    let by_value = Mapping::Decimal { precision: 10, scale: 2, class: DecimalClass::ByValue };
    let text_decimal = Mapping::Decimal { precision: 10, scale: 2, class: DecimalClass::Text };
    let json = Mapping::Json { binary: true, numbers: true };
    vec![
        ("INTEGER", "0", Mapping::Bigint),
        ("INTEGER", "(0)", Mapping::Bigint),
        ("INTEGER", "-1", Mapping::Bigint),
        ("INTEGER", "(-1)", Mapping::Bigint),
        ("INTEGER", "+5", Mapping::Bigint),
        ("INTEGER", "'7'", Mapping::Bigint),
        ("INTEGER", "1.0", Mapping::Bigint),
        ("INTEGER", "0x10", Mapping::Bigint),
        ("INTEGER", "-9223372036854775808", Mapping::Bigint),
        ("INTEGER", "TRUE", Mapping::Bigint),
        ("INTEGER", "NULL", Mapping::Bigint),
        ("INTEGER", "false", Mapping::Bigint),
        ("SMALLINT", "7", Mapping::Smallint),
        ("INT", "-7", Mapping::Integer),
        ("REAL", "0", Mapping::Double),
        ("REAL", "1.5", Mapping::Double),
        ("REAL", "-0.1", Mapping::Double),
        ("REAL", "'2.5'", Mapping::Double),
        ("REAL", "1e10", Mapping::Double),
        ("NUMERIC", "5", Mapping::Numeric),
        ("NUMERIC", "5.0", Mapping::Numeric),
        ("NUMERIC", "1.5", Mapping::Numeric),
        ("NUMERIC", "-0.25", Mapping::Numeric),
        ("", "1.0", Mapping::Numeric),
        ("DECIMAL(10,2)", "0.00", by_value),
        ("DECIMAL(10,2)", "19.99", by_value),
        ("DECIMAL(10,2)", "'5'", by_value),
        ("TEXT", "'12.50'", text_decimal),
        ("TEXT", "''", Mapping::Text),
        ("TEXT", "'null'", Mapping::Text),
        ("TEXT", "null", Mapping::Text),
        ("TEXT", "'it''s \\ \"quoted\"'", Mapping::Text),
        ("TEXT", "\"double\"", Mapping::Text),
        ("TEXT", "bare", Mapping::Text),
        ("TEXT", "5", Mapping::Text),
        ("TEXT", "-5", Mapping::Text),
        ("TEXT", "TRUE", Mapping::Text),
        ("TEXT", "'\u{e9}\u{1f600}'", Mapping::Text),
        ("VARCHAR(9)", "'a'||char(0)", Mapping::Text),
        ("", "'5'", Mapping::Text),
        ("BLOB", "x''", Mapping::Bytea),
        ("BLOB", "x'00ff'", Mapping::Bytea),
        ("BOOLEAN", "0", Mapping::Boolean(BoolForm::ZeroOne)),
        ("BOOLEAN", "1", Mapping::Boolean(BoolForm::ZeroOne)),
        ("BOOLEAN", "TRUE", Mapping::Boolean(BoolForm::ZeroOne)),
        ("BOOLEAN", "'0'", Mapping::Boolean(BoolForm::ZeroOne)),
        ("BOOLEAN", "'false'", Mapping::Boolean(BoolForm::Word)),
        ("BOOLEAN", "'f'", Mapping::Boolean(BoolForm::Letter)),
        ("DATE", "'2024-02-29'", Mapping::Date(DateForm::Iso)),
        ("DATETIME", "'1970-01-01 00:00:00'", Mapping::Timestamp { zoned: false, form: STAMP }),
        ("TEXT", "'2024-01-02T03:04:05.678Z'", stamp(true, Layout::IsoT, Fraction::Fixed(3), Zone::Z)),
        ("TEXT", "'2024-01-02 03:04:05-05:30'", stamp(true, Layout::IsoSpace, Fraction::None, Zone::Colon(-330))),
        ("INTEGER", "1700000000", Mapping::Epoch { zoned: true, unit: EpochUnit::S }),
        ("TIME", "'12:30:00'", Mapping::Time(TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::None })),
        ("CHAR(32)", "'123e4567e89b12d3a456426614174000'", Mapping::Uuid(UuidForm::Hex)),
        ("JSON", "'{}'", json),
        ("JSON", "'[1, \"it''s\"]'", json),
        ("JSON", "5", json),
        ("TEXT", "'[]'", Mapping::Json { binary: false, numbers: false }),
        ("", "1.5", Mapping::Variant),
        ("", "'x'", Mapping::Variant),
    ]
}

fn moments() -> Vec<(&'static str, &'static str, Mapping)> {
    let plain = Mapping::Timestamp { zoned: false, form: STAMP };
    let zulu = |fraction| stamp(true, Layout::IsoT, fraction, Zone::Z);
    let time = |layout| Mapping::Time(TimeForm { layout, fraction: Fraction::None });
    let epoch = |zoned, unit| Mapping::Epoch { zoned, unit };
    vec![
        ("DATETIME", "CURRENT_TIMESTAMP", plain),
        ("DATETIME", "current_timestamp", Mapping::Text),
        ("TEXT", "(CURRENT_TIMESTAMP)", Mapping::Text),
        ("DATETIME", "(datetime('now'))", plain),
        ("TEXT", "(datetime('NOW'))", Mapping::Text),
        ("TEXT", "(datetime())", Mapping::Text),
        ("DATE", "CURRENT_DATE", Mapping::Date(DateForm::Iso)),
        ("TEXT", "(date('now'))", Mapping::Text),
        ("DATE", "(date('now'))", Mapping::Date(DateForm::Iso)),
        ("TIME", "CURRENT_TIME", time(TimeLayout::Seconds)),
        ("TEXT", "CURRENT_TIME", Mapping::Text),
        ("TIME", "(strftime('2000-01-01 %H:%M:%S', 'now'))", time(TimeLayout::Dated)),
        (
            "DATETIME",
            "(strftime('%Y-%m-%d %H:%M:%f', 'now'))",
            stamp(false, Layout::IsoSpace, Fraction::Fixed(3), Zone::None),
        ),
        ("TEXT", "(strftime('%Y-%m-%d %H:%M:%f', 'now'))", Mapping::Text),
        ("TEXT", "(strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))", zulu(Fraction::None)),
        ("TEXT", "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", zulu(Fraction::Fixed(3))),
        ("TEXT", "(strftime('%FT%TZ', 'now'))", zulu(Fraction::None)),
        ("TEXT", "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", Mapping::Text),
        ("TEXT", "(strftime('%Y-%m-%d %H:%M', 'now'))", stamp(false, Layout::MinutesSpace, Fraction::None, Zone::None)),
        ("TEXT", "(strftime('%Y-%m-%d %H:00:00', 'now'))", plain),
        ("TEXT", "(strftime('%Y-%m-01', 'now'))", Mapping::Date(DateForm::Iso)),
        ("TEXT", "(strftime('day %d of \"%m\" \\ YYYY', 'now'))", Mapping::Text),
        (
            "TEXT",
            "(strftime('%Y-%m-%d %H:%M:%S+00:00', 'now'))",
            stamp(true, Layout::IsoSpace, Fraction::None, Zone::Colon(0)),
        ),
        ("DATETIME", "CURRENT_TIMESTAMP", stamp(false, Layout::IsoSpace, Fraction::OmitZero(6), Zone::None)),
        ("DATETIME", "CURRENT_TIMESTAMP", stamp(true, Layout::IsoSpace, Fraction::None, Zone::None)),
        ("INTEGER", "(unixepoch())", Mapping::Bigint),
        ("INTEGER", "(strftime('%s', 'now'))", Mapping::Bigint),
        ("INTEGER", "(CAST(strftime('%s', 'now') AS INTEGER) * 1000)", Mapping::Bigint),
        ("TEXT", "(unixepoch())", Mapping::Text),
        ("TEXT", "(strftime('%s', 'now'))", Mapping::Text),
        ("", "(strftime('%s', 'now'))", Mapping::Text),
        ("", "(unixepoch('now'))", Mapping::Bigint),
        ("INTEGER", "(unixepoch())", epoch(true, EpochUnit::S)),
        ("INTEGER", "(strftime('%s','now'))", epoch(false, EpochUnit::S)),
        ("INTEGER", "(unixepoch() * 1000)", epoch(true, EpochUnit::Ms)),
    ]
}

/// What SQLite stores, and what PostgreSQL stores by the translated default; an error says why it is not translated
async fn stored(
    client: &Client,
    (declared, default, mapping): (&str, &str, Mapping),
) -> Result<(rusqlite::types::Value, Vec<u8>, String), String> {
    let sqlite = Connection::open_in_memory().unwrap();
    let default = if default.contains("||") { format!("({default})") } else { default.to_owned() };
    let create = format!("CREATE TABLE d (id INTEGER PRIMARY KEY, c {declared} DEFAULT {default})");
    sqlite
        .execute_batch(&format!("{create}; INSERT INTO d (id) VALUES (1)"))
        .unwrap_or_else(|e| panic!("{create}: {e}"));
    let told: String = sqlite
        .query_row("SELECT dflt_value FROM pragma_table_info('d') WHERE name = 'c'", [], |row| row.get(0))
        .unwrap();
    let mut column = ColumnPlan::new("\"c\"".into(), Some(1), mapping, false);
    column.target_name = "c".into();
    let translated =
        sql::default(&told, &column, &source_column("c", declared)).map_err(|reason| reason.to_string())?;
    let create = format!(
        "DROP TABLE IF EXISTS d; CREATE TABLE d (id bigint, c {} DEFAULT {translated}); INSERT INTO d (id) VALUES (1)",
        column.type_sql
    );
    client.batch_execute(&create).await.unwrap_or_else(|e| panic!("{create}: {e:?}"));
    let field: Option<RawField> = client.query_one("SELECT c FROM d", &[]).await.unwrap().get(0);
    let source = sqlite.query_row("SELECT c FROM d", [], |row| row.get(0)).unwrap();
    Ok((source, field.map(|field| field.0).unwrap_or_default(), translated))
}

fn run(test: impl AsyncFnOnce(&Client)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = connect(&database()).await;
        // Neither the hour nor the day of the session is that of UTC.
        client.batch_execute("SET timezone = 'Pacific/Chatham'; SET datestyle = 'SQL, DMY'").await.unwrap();
        test(&client).await;
    });
}

#[test]
fn i10_constant_defaults_store_the_same_value() {
    run(async |client| {
        let mut refused = Vec::new();
        for case in constants() {
            let (source, field, translated) = match stored(client, case).await {
                Ok(stored) => stored,
                Err(reason) => {
                    refused.push((case.1, reason));
                    continue;
                }
            };
            let expected = value((&source).into());
            let field = (expected != Value::Null).then_some(&field[..]);
            let mut scratch = Vec::new();
            let found = decode_field(field, case.2, &mut scratch);
            let found = found.unwrap_or_else(|e| panic!("{case:?}: {translated}: {e}"));
            assert!(found.is_identical(&expected), "{case:?}: {translated} stores {found:?} for {expected:?}");
        }
        let texts: Vec<&str> = refused.iter().map(|(text, _)| *text).collect();
        assert_eq!(texts, ["'a'||char(0)"], "{refused:?}");
    });
}

#[test]
fn i10_default_moments_are_written_as_sqlite_writes_them() {
    run(async |client| {
        for case in moments() {
            let (source, field, translated) = stored(client, case).await.unwrap_or_else(|e| panic!("{case:?}: {e}"));
            let mut scratch = Vec::new();
            // A moment finer than the form shows would not be decoded.
            let found = decode_field(Some(&field), case.2, &mut scratch);
            let found = found.unwrap_or_else(|e| panic!("{case:?}: {translated}: {e}"));
            let expected = value((&source).into());
            assert_eq!(shape(&found), shape(&expected), "{case:?}: {translated}");
            let apart = apart(&found, &expected);
            // A time alone may have passed midnight.
            let near = apart < 120.0 || (86_280.0..=86_400.0).contains(&apart);
            assert!(near, "{case:?}: {translated} stores {found:?} for {expected:?}");
        }
    });
}

/// With every digit made alike
fn shape(value: &Value<'_>) -> String {
    let text = match value {
        Value::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        other => format!("{other:?}"),
    };
    text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect()
}

/// Seconds between two moments; 0 for texts that SQLite does not know as moments, whose shape has to do
fn apart(one: &Value<'_>, other: &Value<'_>) -> f64 {
    match (one, other) {
        (Value::Integer(one), Value::Integer(other)) => {
            let unit = if *other > 100_000_000_000 { 1000.0 } else { 1.0 };
            (one - other).abs() as f64 / unit
        }
        (Value::Text(one), Value::Text(other)) => {
            let texts = [one, other].map(|text| String::from_utf8(text.to_vec()).unwrap());
            let sqlite = Connection::open_in_memory().unwrap();
            let sql = "SELECT coalesce(abs(julianday(?1) - julianday(?2)) * 86400, 0.0)";
            sqlite.query_row(sql, texts, |row| row.get(0)).unwrap()
        }
        _ => f64::INFINITY,
    }
}
