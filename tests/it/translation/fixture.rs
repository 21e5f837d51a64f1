//! One table on both sides, with a column of every kind of mapping and the values at which the sides could differ

use bytes::Bytes;
use crossfade::model::convert::forms::{
    BoolForm, DateForm, DecimalClass, EpochUnit, Fraction, Layout, StampForm, TimeForm, TimeLayout, UuidForm, Zone,
};
use crossfade::model::mapping::Mapping;
use crossfade::model::plan::{ColumnPlan, TablePlan};
use crossfade::model::schema::{Affinity, Column, Generated, Key, KeyKind, Table};
use crossfade::model::value::Value;
use futures_util::SinkExt;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio_postgres::Client;

use crate::codec::connect;
use crate::support::pg::{Pg, quote};
use crate::support::rng::Rng;

/// A column: name, declaration, mapping, and the values it holds beside NULL, as SQL of SQLite
pub type Spec = (&'static str, &'static str, Mapping, &'static [&'static str]);

const STAMP: StampForm = StampForm { layout: Layout::IsoSpace, fraction: Fraction::None, zone: Zone::None, assumed: 0 };
const ZULU: StampForm = StampForm { layout: Layout::IsoT, fraction: Fraction::Fixed(3), zone: Zone::Z, assumed: 0 };
const PYTHON: StampForm = StampForm { fraction: Fraction::OmitZero(6), ..STAMP };
const INDIA: StampForm = StampForm { zone: Zone::Colon(330), ..STAMP };

const fn decimal(class: DecimalClass) -> Mapping {
    Mapping::Decimal { precision: 12, scale: 2, class }
}

const WORDS: &[&str] = &[
    "''",
    "' '",
    "'a'",
    "'A'",
    "'b'",
    "'B'",
    "'ab'",
    "'aB'",
    "'abc'",
    "'ABC'",
    "' a '",
    "'a '",
    "'a  '",
    "'\u{e9}'",
    "'\u{c9}'",
    "'Z'",
    "'_'",
    "'%'",
    "'a%b'",
    "'a_b'",
    "'\\'",
    "'a\\b'",
    "'0'",
    "'1'",
    "'10'",
    "'12'",
    "'1.5'",
    "'a b'",
    "'\u{1f600}'",
    "'\u{df}'",
    "'x''y'",
    "'a.b'",
    "'a+b'",
    "'[x]'",
    "'a-b'",
    "'true'",
    "'2024-01-02'",
    "'\u{130}'",
    "'\u{131}'",
    "'K'",
    "'\u{212a}'",
    "'\u{ff21}'",
    "'123-456'",
    "'a' || char(10) || 'b'",
    "'z'",
    "'~'",
];

pub const COLUMNS: &[Spec] = &[
    ("n", "INTEGER", Mapping::Bigint, INTEGERS),
    ("m", "INT", Mapping::Bigint, &["0", "1", "-1", "2", "3", "10", "1000"]),
    ("small", "INTEGER", Mapping::Smallint, &["0", "1", "-1", "5", "32767", "-32768"]),
    ("loose", "", Mapping::Bigint, &["0", "1", "-7", "44"]),
    ("r", "REAL", Mapping::Double, REALS),
    ("s", "DOUBLE", Mapping::Double, &["0.0", "1.0", "0.1", "-1.5", "9e999"]),
    ("num", "NUMERIC", Mapping::Numeric, NUMBERS),
    (
        "price",
        "DECIMAL(12,2)",
        decimal(DecimalClass::ByValue),
        &["0", "1", "-1", "0.1", "99.99", "-99.99", "5", "12345678.9"],
    ),
    ("dt", "TEXT", decimal(DecimalClass::Text), &["'0.00'", "'1.50'", "'-1.50'", "'12.00'", "'100.00'", "'9.00'"]),
    ("t", "TEXT", Mapping::Text, WORDS),
    ("u", "VARCHAR(9)", Mapping::Text, WORDS),
    ("nc", "TEXT COLLATE NOCASE", Mapping::Text, WORDS),
    ("rt", "TEXT COLLATE RTRIM", Mapping::Text, WORDS),
    ("bare", "", Mapping::Text, &["''", "'a'", "'1'", "'0'", "'x y'"]),
    ("word", "STRING", Mapping::Text, &["''", "'a'", "'x1'", "'2024-01-02'", "'0x10'", "'.'", "'1e'"]),
    ("b", "BLOB", Mapping::Bytea, &["x''", "x'00'", "x'61'", "x'ff00'", "x'6100'", "x'61ff'"]),
    ("flag", "BOOLEAN", Mapping::Boolean(BoolForm::ZeroOne), &["0", "1"]),
    ("flag2", "BOOL", Mapping::Boolean(BoolForm::ZeroOne), &["0", "1"]),
    ("yes", "BOOLEAN", Mapping::Boolean(BoolForm::Word), &["'true'", "'false'"]),
    (
        "d",
        "DATE",
        Mapping::Date(DateForm::Iso),
        &["'2024-01-02'", "'1969-12-31'", "'2024-02-29'", "'0001-01-01'", "'9999-12-31'"],
    ),
    ("ts", "DATETIME", Mapping::Timestamp { zoned: false, form: STAMP }, STAMPS),
    ("ts2", "TIMESTAMP", Mapping::Timestamp { zoned: false, form: STAMP }, STAMPS),
    ("py", "DATETIME", Mapping::Timestamp { zoned: false, form: PYTHON }, PYTHONS),
    ("z", "TEXT", Mapping::Timestamp { zoned: true, form: ZULU }, ZULUS),
    ("india", "TEXT", Mapping::Timestamp { zoned: true, form: INDIA }, INDIAS),
    ("ep", "INTEGER", Mapping::Epoch { zoned: true, unit: EpochUnit::S }, &["0", "-1", "1700000000", "1704164645"]),
    (
        "tm",
        "TIME",
        Mapping::Time(TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::None }),
        &["'00:00:00'", "'23:59:59'", "'12:30:00'"],
    ),
    ("id2", "UUID", Mapping::Uuid(UuidForm::Hyphens), UUIDS),
    (
        "hex",
        "CHAR(32)",
        Mapping::Uuid(UuidForm::Hex),
        &["'123e4567e89b12d3a456426614174000'", "'ffffffffffffffffffffffffffffffff'"],
    ),
    ("ub", "BLOB", Mapping::Uuid(UuidForm::Bytes), &["x'123e4567e89b12d3a456426614174000'", "zeroblob(16)"]),
    ("j", "JSON", Mapping::Json { binary: true, numbers: true }, &["'{}'", "'[1, 2]'", "'\"a\"'", "'{\"a\": 1}'"]),
    ("v", "", Mapping::Variant, &["0", "1.5", "'a'", "x'00'", "''"]),
];

const INTEGERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "5",
    "7",
    "10",
    "18",
    "100",
    "-100",
    "150",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854774000",
    "4611686018427387904",
];
const REALS: &[&str] = &[
    "0.0",
    "-0.0",
    "1.0",
    "-1.5",
    "0.1",
    "0.5",
    "1e300",
    "5e-324",
    "9e999",
    "-9e999",
    "9007199254740992.0",
    "123456.789",
    "0.30000000000000004",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "1.5",
    "0.1",
    "-0.1",
    "100",
    "9007199254740993",
    "9.3e18",
    "9223372036854775807",
    "1e300",
    "9e999",
    "-2.5",
    "0.30000000000000004",
    "9007199254740992",
];
const STAMPS: &[&str] = &[
    "'2024-01-02 00:00:00'",
    "'2024-01-02 03:04:05'",
    "'2024-01-01 23:59:59'",
    "'1969-12-31 00:00:00'",
    "'0001-01-01 00:00:00'",
    "'9999-12-31 23:59:59'",
];
const PYTHONS: &[&str] = &[
    "'2024-01-02 00:00:00'",
    "'2024-01-02 00:00:00.000001'",
    "'2024-01-02 03:04:05.500000'",
    "'2024-01-01 23:59:59.999999'",
    "'2024-01-31 23:59:59.999999'",
];
const ZULUS: &[&str] = &["'2024-01-02T00:00:00.000Z'", "'2024-01-02T03:04:05.678Z'", "'2023-12-31T23:59:59.999Z'"];
const INDIAS: &[&str] = &["'2024-01-02 00:00:00+05:30'", "'2024-01-01 23:59:59+05:30'", "'2024-01-02 05:30:00+05:30'"];
const UUIDS: &[&str] = &[
    "'123e4567-e89b-12d3-a456-426614174000'",
    "'00000000-0000-0000-0000-000000000000'",
    "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
];

/// The table on both sides
pub struct Sides {
    pub sqlite: Connection,
    pub client: Client,
    pub plan: TablePlan,
}

/// A database whose own order of texts is not that of their bytes, where the server has one
pub fn database() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let cluster = crate::support::cluster::shared();
    let name = format!("translation_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let admin = cluster.url("postgres");
    let create =
        format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
    let created = std::thread::spawn(move || Pg::connect(&admin).try_query(&create).is_ok()).join().expect("a thread");
    if created { cluster.url(&name) } else { crate::support::fresh_database() }
}

pub fn plan(table: &str, columns: &[Spec]) -> TablePlan {
    let mut plans = vec![ColumnPlan::new("\"id\"".into(), Some(0), Mapping::Bigint, true)];
    plans[0].target_name = "id".into();
    let mut source = vec![source_column("id", "INTEGER")];
    for (at, (name, declared, mapping, _)) in columns.iter().enumerate() {
        let mut plan = ColumnPlan::new(quote(name), Some(at + 1), *mapping, false);
        plan.target_name = format!("{name}_");
        plans.push(plan);
        source.push(source_column(name, declared));
    }
    let source = Table {
        name: table.into(),
        sql: String::new(),
        without_rowid: false,
        strict: false,
        columns: source,
        primary_key: vec![0],
        rowid_alias: Some(0),
        rowid_name: Some("rowid".into()),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
    };
    let mut plan = TablePlan::new(source, Key::new(KeyKind::RowidAlias, Vec::new()));
    (plan.columns, plan.target_name) = (plans, format!("{table}_"));
    plan
}

pub fn source_column(name: &str, declared: &str) -> Column {
    let (declared_type, collation) = declared.split_once(" COLLATE ").unwrap_or((declared, "BINARY"));
    Column {
        name: name.into(),
        declared_type: declared_type.into(),
        affinity: Affinity::of_declared(declared_type),
        not_null: false,
        default: None,
        generated: Generated::No,
        collation: collation.into(),
    }
}

/// Makes the table on both sides; every value of every column stands in some row, and the rest is drawn
pub async fn sides(url: &str, table: &str, columns: &[Spec], rows: usize) -> Sides {
    let sqlite = Connection::open_in_memory().unwrap();
    let plan = plan(table, columns);
    make_source(&sqlite, table, columns, rows);
    let client = connect(url).await;
    make_target(&client, &plan).await;
    copy(&sqlite, &client, &plan).await;
    Sides { sqlite, client, plan }
}

fn make_source(sqlite: &Connection, table: &str, columns: &[Spec], rows: usize) {
    let declared: Vec<String> =
        columns.iter().map(|(name, declared, ..)| format!("{} {declared}", quote(name))).collect();
    let create = format!("CREATE TABLE {table} (id INTEGER PRIMARY KEY, {})", declared.join(", "));
    sqlite.execute_batch(&create).unwrap();
    let mut rng = Rng::new(41);
    for row in 0..rows {
        let values = columns.iter().map(|(_, _, _, values)| match values.get(row) {
            Some(value) => *value,
            None if row == 60 || rng.chance(12) => "NULL",
            None => rng.word(values),
        });
        let values: Vec<&str> = values.collect();
        sqlite.execute_batch(&format!("INSERT INTO {table} VALUES ({row}, {})", values.join(", "))).unwrap();
    }
}

async fn make_target(client: &Client, plan: &TablePlan) {
    let columns: Vec<String> =
        plan.columns.iter().map(|c| format!("{} {}", quote(&c.target_name), c.type_sql)).collect();
    client.batch_execute(&format!("CREATE TABLE {} ({})", quote(&plan.target_name), columns.join(", "))).await.unwrap();
}

/// As the product copies, so that every row is what the mappings make of it
async fn copy(sqlite: &Connection, client: &Client, plan: &TablePlan) {
    let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    let mut statement = sqlite.prepare(&format!("SELECT * FROM {}", plan.source.name)).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        data.extend_from_slice(&(plan.columns.len() as u16).to_be_bytes());
        for (at, column) in plan.columns.iter().enumerate() {
            let value = value(row.get_ref(at).unwrap());
            column.encode(&mut data, value).unwrap_or_else(|e| panic!("{}: {value:?}: {e}", column.target_name));
        }
    }
    data.extend_from_slice(&(-1i16).to_be_bytes());
    let command = format!("COPY {} FROM STDIN (FORMAT binary)", quote(&plan.target_name));
    let sink = client.copy_in::<_, Bytes>(&command).await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::from(data)).await.unwrap();
    sink.finish().await.unwrap();
}

pub fn value(value: ValueRef<'_>) -> Value<'_> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(whole) => Value::Integer(whole),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(text),
        ValueRef::Blob(bytes) => Value::Blob(bytes),
    }
}
