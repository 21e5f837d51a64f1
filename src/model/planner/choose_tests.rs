//! The decision table: what is declared, what is stored, and what it becomes

use super::*;
use crate::model::planner::fixtures::{index, table, with_primary_key};
use crate::model::profile::count::Counter;
use crate::model::schema::KeyKind;
use crate::model::value::Value;

/// Values as SQLite would hand them over
#[derive(Clone, Copy, Debug)]
enum V {
    N,
    I(i64),
    R(f64),
    T(&'static str),
    B(&'static [u8]),
}
use V::{B, I, N, R, T};

fn one_column(declared: &str) -> Table {
    table("t", &[("c", declared)])
}

fn profiled(table: &Table, values: &[V]) -> ColumnProfile {
    let mut counter = Counter::new(table, 0);
    for (row, value) in values.iter().enumerate() {
        let value = match *value {
            N => Value::Null,
            I(integer) => Value::Integer(integer),
            R(real) => Value::Real(real),
            T(text) => Value::Text(text.as_bytes()),
            B(blob) => Value::Blob(blob),
        };
        counter.add(value, &|| format!("id={row}"));
    }
    counter.profile
}

fn chosen(table: &Table, values: &[V]) -> (Choice, ColumnProfile) {
    let profile = profiled(table, values);
    let rowid = Key::new(KeyKind::Rowid, Vec::new());
    (choose(table, 0, &profile, &rowid, &Defaults::default()), profile)
}

/// The type as DDL, with the form behind it
fn shown(mapping: Mapping) -> String {
    use crate::model::planner::evidence::{stamp_form, time_form};
    let form = match mapping {
        Mapping::Boolean(form) => format!(" {form:?}"),
        Mapping::Date(form) => format!(" {form:?}"),
        Mapping::Uuid(form) => format!(" {form:?}"),
        Mapping::Epoch { unit, .. } => format!(" {unit:?}"),
        Mapping::Time(form) => format!(" {}", time_form(form)),
        Mapping::Timestamp { form, .. } => format!(" {}", stamp_form(form)),
        Mapping::Moment { form, .. } => format!(" any {}", stamp_form(form)),
        Mapping::TimeOfDay(form) => format!(" any {}", time_form(form)),
        Mapping::Variant => " variant".to_owned(),
        Mapping::Json { numbers: true, .. } => " numbers".to_owned(),
        _ => String::new(),
    };
    mapping.type_sql() + &form
}

/// What it becomes, and whether the operator is told that it is not what was declared
fn check(rows: &[(&str, &[V], &str, bool)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(declared, values, expected, doubtful)| {
            let (choice, _) = chosen(&one_column(declared), values);
            let found = (shown(choice.mapping), choice.doubt.is_some());
            (found != (expected.to_string(), *doubtful)).then(|| format!("{declared} {values:?}: {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const ID: &str = "123e4567-e89b-42d3-a456-426614174000";
const ID_2: &str = "00000000-0000-4000-8000-000000000000";

#[test]
fn i10_plain_types_by_storage_class() {
    check(&[
        ("INTEGER", &[I(5), N], "bigint", false),
        ("BIGINT UNSIGNED", &[I(i64::MAX)], "bigint", false),
        ("TINYINT(1)", &[I(0), I(1)], "bigint", false),
        ("", &[I(5)], "bigint", false),
        ("TEXT", &[I(5)], "bigint", false),
        ("DECIMAL", &[I(5)], "numeric", false),
        ("DOUBLE", &[R(5.5)], "double precision", false),
        ("DECIMAL", &[R(5.5)], "numeric", false),
        ("INTEGER", &[R(5.5)], "numeric", false),
        ("INTEGER", &[R(5.5), I(1)], "numeric", false),
        ("MONEY", &[R(5.5), I(1)], "numeric", false),
        ("INTEGER", &[T("5a")], "text", false),
        ("BLOB", &[T("a")], "text", false),
        ("VARCHAR(3)", &[T("longer than three")], "text", false),
        ("TEXT", &[B(b"x")], "bytea", false),
        ("VARBINARY(9)", &[B(b"x")], "bytea", false),
        ("", &[I(1), T("a")], "jsonb variant", false),
        ("INTEGER", &[I(1), B(b"a")], "jsonb variant", false),
        ("TEXT", &[T("a\0b")], "jsonb variant", false),
        ("VARCHAR(8000)", &[T("1996-07-04")], "text", false),
        ("TEXT", &[T(ID)], "text", false),
        ("text(32)", &[T("123e4567e89b42d3a456426614174000")], "text", false),
    ]);
}

#[test]
fn booleans() {
    check(&[
        ("BOOLEAN", &[I(0), I(1), N], "boolean ZeroOne", false),
        ("bool", &[I(1)], "boolean ZeroOne", false),
        ("BOOLEAN", &[I(0), I(2)], "bigint", true),
        ("BOOLEAN", &[I(-1)], "bigint", true),
        ("BOOLEAN", &[T("t"), T("f")], "boolean Letter", false),
        ("boolean", &[T("T")], "boolean LetterUpper", false),
        ("BOOLEAN", &[T("true"), T("false")], "boolean Word", false),
        ("BOOLEAN", &[T("TRUE")], "boolean WordUpper", false),
        ("BOOLEAN", &[T("y"), T("n")], "boolean YesLetter", false),
        ("BOOLEAN", &[T("Y"), T("N")], "boolean YesLetterUpper", false),
        ("BOOLEAN", &[T("yes"), T("no")], "boolean Yes", false),
        ("BOOL", &[T("t"), T("true")], "text", true),
        ("BOOL", &[T("True"), T("False")], "text", true),
        ("BOOL", &[T("")], "text", true),
        ("BOOL", &[R(0.5)], "numeric", true),
        ("BOOL", &[I(1), T("t")], "jsonb variant", false),
        ("BOOL", &[], "boolean ZeroOne", false),
    ]);
}

#[test]
fn days_and_times() {
    check(&[
        ("DATE", &[T("2024-02-29"), N], "date Iso", false),
        ("DATE", &[T("20240229")], "date Compact", false),
        ("DATE", &[T("2023-02-29")], "text", true),
        ("DATE", &[T("2024-02-29"), T("20240229")], "text", true),
        ("DATE", &[T("2024-02-29"), T("")], "text", true),
        ("DATE", &[I(20_240_229)], "bigint", true),
        ("DATE", &[T("2024-02-29 00:00:00")], "timestamp %Y-%m-%d %H:%M:%S", false),
        ("DATE", &[I(1_700_000_000)], "timestamptz S", false),
        ("DATE", &[B(b"2024-02-29")], "bytea", true),
        ("DATE", &[], "text", false),
        ("TIME", &[T("23:59:59"), T("00:00:00")], "time %H:%M:%S", false),
        ("TIME", &[T("23:59:59.125")], "time %H:%M:%S.3", false),
        ("time", &[T("23:59")], "time %H:%M", false),
        ("time", &[T("2000-01-01 23:59:59")], "time 2000-01-01 %H:%M:%S", false),
        ("time", &[T("2000-01-02 23:59:59")], "text", true),
        ("TIME", &[T("24:00:00")], "text", true),
        ("TIME", &[T("23:59"), T("23:59:59")], "time any %H:%M", false),
        ("TIME", &[T("23:59"), T("2000-01-01 23:59:59")], "text", true),
        ("TIME", &[T("23:59"), T("23:59:59"), T("24:00")], "text", true),
        ("TIME", &[I(3600)], "bigint", true),
    ]);
}

#[test]
fn moments() {
    check(&[
        ("DATETIME", &[T("2024-01-02 03:04:05")], "timestamp %Y-%m-%d %H:%M:%S", false),
        ("datetime(6)", &[T("2024-01-02 03:04:05.123456")], "timestamp %Y-%m-%d %H:%M:%S.6", false),
        (
            "TIMESTAMP",
            &[T("2024-01-02 03:04:05"), T("2024-01-02 03:04:05.120000")],
            "timestamp %Y-%m-%d %H:%M:%S.6?",
            false,
        ),
        ("TIMESTAMP", &[T("2024-01-02 03:04:05.000000")], "timestamp %Y-%m-%d %H:%M:%S.6", false),
        (
            "TIMESTAMP",
            &[T("2024-01-02 03:04:05"), T("2024-01-02 03:04:05.000000")],
            "timestamp any %Y-%m-%d %H:%M:%S",
            false,
        ),
        (
            "TIMESTAMP",
            &[T("2024-01-02 03:04:05.12"), T("2024-01-02T03:04:05.123")],
            "timestamp any %Y-%m-%d %H:%M:%S.2",
            false,
        ),
        ("TIMESTAMP", &[T("2024-01-02 03:04:05.12"), T("2024-01-02 03:04:05.1234567")], "text", true),
        ("DATE", &[T("2024-01-02 03:04:05"), T("2024-01-02 03:04")], "timestamp any %Y-%m-%d %H:%M:%S", false),
        ("DATE", &[T("2024-01-02 03:04:05"), T("2024-01-02 03:04"), T("2024-01-02")], "text", true),
        ("TIMESTAMP", &[T("2024-01-02 03:04:05.1234567")], "text", true),
        ("DATETIME", &[T("2024-01-02T03:04:05")], "timestamp %Y-%m-%dT%H:%M:%S", false),
        ("DATETIME", &[T("2024-01-02 03:04")], "timestamp %Y-%m-%d %H:%M", false),
        ("DATETIME", &[T("2024-01-02 03:04"), T("2024-01-02 03:04:05")], "timestamp any %Y-%m-%d %H:%M", false),
        ("DATETIME", &[T("20240102030405")], "timestamp %Y%m%d%H%M%S", false),
        ("DATETIME", &[T("2024-01-02T03:04:05Z")], "timestamptz %Y-%m-%dT%H:%M:%SZ", false),
        ("TIMESTAMPTZ", &[T("2024-01-02 03:04:05+00:00")], "timestamptz %Y-%m-%d %H:%M:%S+00:00", false),
        ("DATETIME", &[T("2024-01-02 03:04:05-0330")], "timestamptz %Y-%m-%d %H:%M:%S-0330", false),
        (
            "DATETIME",
            &[T("2024-01-02 03:04:05+02:00"), T("2024-07-02 03:04:05+01:00"), T("2024-07-02T03:04Z")],
            "timestamptz any %Y-%m-%d %H:%M:%S+02:00",
            false,
        ),
        ("DATETIME", &[T("2024-01-02 03:04:05+02:00"), T("2024-07-02 03:04:05+16:00")], "text", true),
        ("DATETIME", &[T("2024-01-02 03:04:05"), T("2024-01-02 03:04:05Z")], "text", true),
        ("timestamp with time zone", &[T("2024-01-02 03:04:05")], "timestamp %Y-%m-%d %H:%M:%S", false),
        ("DATETIME", &[T("2024-01-02")], "text", true),
        ("DATETIME", &[T("now")], "text", true),
        ("DATETIME", &[I(1_700_000_000)], "timestamptz S", false),
        ("DATETIME", &[I(1_700_000_000_123), N], "timestamptz Ms", false),
        ("TIMESTAMP", &[I(1_700_000_000_123_456)], "timestamptz Us", false),
        ("TIMESTAMP", &[I(1_700_000_000), I(1_700_000_000_123)], "bigint", true),
        ("TIMESTAMP", &[I(1_700_000_000), I(0)], "bigint", true),
        ("TIMESTAMP", &[R(2_460_000.5)], "numeric", true),
        ("TIMESTAMP", &[T("2024-01-02 03:04:05"), I(1_700_000_000)], "jsonb variant", false),
        ("INTEGER", &[I(1_700_000_000)], "bigint", false),
        ("DATETIME", &[], "text", false),
    ]);
}

#[test]
fn decimals() {
    check(&[
        ("DECIMAL(10,2)", &[I(5), R(1.25)], "numeric(10,2)", false),
        ("DECIMAL(10,2)", &[R(12345678.25)], "numeric(10,2)", false),
        ("DECIMAL(10,2)", &[R(123456789.25)], "numeric", true),
        ("DECIMAL(10,2)", &[R(1.125), R(1.5)], "numeric", true),
        ("DECIMAL(10,2)", &[I(100_000_000)], "numeric", true),
        ("DECIMAL(10,2)", &[I(99_999_999)], "numeric(10,2)", false),
        ("NUMERIC(5)", &[I(99_999)], "numeric(5,0)", false),
        ("NUMERIC(5)", &[R(0.5)], "numeric", true),
        ("DECIMAL(10,2)", &[R(1e300)], "numeric", true),
        ("DECIMAL(10,2)", &[R(f64::INFINITY)], "numeric", true),
        ("DECIMAL(10,2)", &[T("n/a")], "text", true),
        ("DECIMAL(10,2)", &[I(1), T("n/a")], "jsonb variant", false),
        ("DECIMAL(10,2)", &[], "numeric(10,2)", false),
        ("FLOAT(10,2)", &[R(1.5)], "double precision", false),
    ]);
}

#[test]
fn uuids() {
    check(&[
        ("UUID", &[T(ID), T(ID_2)], "uuid Hyphens", false),
        ("UUID", &[T(ID_2)], "uuid Hyphens", false),
        ("GUID", &[T("123E4567-E89B-42D3-A456-426614174000"), T(ID_2)], "uuid HyphensUpper", false),
        ("UUID", &[T("123E4567-E89B-42D3-A456-426614174000"), T(ID)], "text", true),
        ("UUID", &[T("123e4567e89b42d3a456426614174000")], "uuid Hex", false),
        ("UNIQUEIDENTIFIER", &[T("{123e4567-e89b-42d3-a456-426614174000}")], "uuid Braces", false),
        ("UUID", &[T(ID), T("none")], "text", true),
        ("UUID", &[B(b"0123456789abcdef")], "uuid Bytes", false),
        ("UUID", &[B(b"0123456789abcde")], "bytea", true),
        ("UUID", &[I(5)], "bigint", true),
        ("BINARY(16)", &[B(b"0123456789abcdef")], "uuid Bytes", false),
        ("BINARY(16)", &[B(b"0123456789abcde")], "bytea", false),
        ("char(32)", &[T("123e4567e89b42d3a456426614174000")], "uuid Hex", false),
        ("CHAR(36)", &[T(ID)], "uuid Hyphens", false),
        ("VARCHAR(36)", &[T(ID), T("123e4567-e89b-02d3-a456-426614174000")], "text", false),
        ("CHAR(32)", &[T("d41d8cd98f00b204e9800998ecf8427e"), T("0cc175b9c0f1b6a831c399e269772661")], "text", false),
        ("VARCHAR(36)", &[T("abc")], "text", false),
        ("UUID", &[], "text", false),
    ]);
}

#[test]
fn documents() {
    check(&[
        ("JSON", &[T("{\"a\": 1}"), N], "jsonb numbers", false),
        ("JSON", &[T("[]"), I(5), R(1.5)], "jsonb numbers", false),
        ("JSONB", &[T("{}")], "jsonb numbers", false),
        ("JSON", &[T("{\"a\": 1, \"a\": 2}"), T("{}")], "json numbers", true),
        ("JSON", &[T("\"\\u0000\"")], "json numbers", true),
        ("JSON", &[T("{"), T("{}")], "text", true),
        ("JSON", &[T("")], "text", true),
        ("JSON", &[B(b"{}")], "bytea", true),
        ("JSON", &[T("{"), I(1)], "jsonb variant", false),
        ("JSON", &[], "jsonb numbers", false),
        ("TEXT", &[T("{}")], "text", false),
    ]);
    let mut table = one_column("TEXT");
    table.sql = "CREATE TABLE t(c TEXT CHECK (json_valid(c) OR c IS NULL))".into();
    let text = |table: &Table, values: &[V]| shown(chosen(table, values).0.mapping);
    assert_eq!(text(&table, &[T("{}")]), "jsonb");
    assert_eq!(text(&table, &[]), "jsonb");
    table.strict = true;
    assert_eq!(text(&table, &[T("{}")]), "jsonb");
}

#[test]
fn documents_are_texts_in_keys_and_take_no_index_as_json() {
    let (document, twice) = (T("{}"), T("{\"a\": 1, \"a\": 2}"));
    let key = with_primary_key(one_column("JSON"), &[0], &["BINARY"]);
    let mut unique = one_column("JSON");
    unique.indexes = vec![index("u", true, &[0])];
    let mut plain = one_column("JSON");
    plain.indexes = vec![index("i", false, &[0])];
    for (table, value, expected) in [
        (&key, document, "text"),
        (&unique, document, "text"),
        (&plain, document, "jsonb numbers"),
        (&plain, twice, "text"),
    ] {
        assert_eq!(shown(chosen(table, &[value]).0.mapping), expected);
    }
    assert_eq!(shown(chosen(&unique, &[]).0.mapping), "text");
}

#[test]
fn empty_columns_follow_their_default() {
    for (declared, default, expected) in [
        ("DATETIME", "CURRENT_TIMESTAMP", "timestamp %Y-%m-%d %H:%M:%S"),
        ("DATETIME", "(datetime('now'))", "timestamp %Y-%m-%d %H:%M:%S"),
        ("DATETIME", "STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')", "timestamp %Y-%m-%d %H:%M:%S.3"),
        ("TIMESTAMP", "strftime('%Y-%m-%dT%H:%M:%fZ','now')", "timestamptz %Y-%m-%dT%H:%M:%S.3Z"),
        ("DATE", "CURRENT_DATE", "date Iso"),
        ("TIME", "current_time", "time %H:%M:%S"),
        ("DATETIME", "strftime('%Y-%m-%d%H:%M:%S','now')", "text"),
        ("DATETIME", "strftime('%s','now')", "text"),
        ("DATETIME", "NULL", "text"),
        ("TEXT", "CURRENT_TIMESTAMP", "text"),
    ] {
        let mut table = one_column(declared);
        table.columns[0].default = Some(default.into());
        assert_eq!(shown(chosen(&table, &[]).0.mapping), expected, "{declared} {default}");
    }
}

#[test]
fn plain_empty_columns_follow_their_declaration() {
    check(&[
        ("INT", &[], "bigint", false),
        ("FLOAT", &[], "double precision", false),
        ("VARCHAR(9)", &[], "text", false),
        ("CHAR(36)", &[], "text", false),
        ("BLOB", &[], "bytea", false),
        ("", &[], "jsonb variant", false),
        ("ANY", &[], "text", false),
        ("NUMBER", &[N], "numeric", false),
        ("STRING", &[], "text", false),
        ("TIMESTAMP", &[N], "text", false),
    ]);
}

#[test]
fn strict_columns_by_declaration() {
    for (declared, values, expected) in [
        ("INT", &[][..], "bigint"),
        ("integer", &[], "bigint"),
        ("REAL", &[], "double precision"),
        ("TEXT", &[], "text"),
        ("BLOB", &[], "bytea"),
        ("ANY", &[], "jsonb variant"),
        ("ANY", &[I(1), T("a")], "jsonb variant"),
        ("TEXT", &[T("a\0")], "jsonb variant"),
    ] {
        let mut table = Table { strict: true, ..one_column(declared) };
        if declared == "ANY" {
            table.columns[0].affinity = Affinity::Blob;
        }
        assert_eq!(shown(chosen(&table, values).0.mapping), expected, "{declared}");
    }
}

#[test]
fn i10_values_that_numeric_and_text_cannot_hold() {
    let shown = |declared, values: &[V]| shown(chosen(&one_column(declared), values).0.mapping);
    assert_eq!(shown("NUMERIC", &[R(f64::INFINITY)]), "numeric");
    assert_eq!(shown("", &[R(f64::INFINITY), I(1)]), "numeric");
    assert_eq!(shown("", &[R(-0.0)]), "double precision");
    assert_eq!(shown("", &[R(-0.0), I(1)]), "jsonb variant");
    let profile = ColumnProfile { texts: 9, invalid_utf8: 1, ..ColumnProfile::default() };
    let rowid = Key::new(KeyKind::Rowid, Vec::new());
    assert_eq!(choose(&one_column("DATE"), 0, &profile, &rowid, &Defaults::default()).mapping, Mapping::Variant);
}

#[test]
fn a_doubt_names_counts_rows_and_choices() {
    let message = |declared: &str, values: &[V]| {
        let (choice, profile) = chosen(&one_column(declared), values);
        let doubt = choice.doubt.unwrap();
        (doubt.message(declared, &profile, choice.mapping), doubt.remedy(choice.mapping))
    };
    assert_eq!(
        message("BOOLEAN", &[I(0), I(7), I(1), I(9), I(8), I(6)]),
        (
            "declared BOOLEAN, but 4 of 6 values are integers other than 0 and 1, e.g. id=1; id=3; id=4: it becomes bigint"
                .to_owned(),
            "make them alike in SQLite and plan again, if boolean is wanted; bigint holds them all".to_owned()
        )
    );
    assert_eq!(
        message("DATE", &[T("2024-01-01"), T(""), T("2024-01-02"), T("soon")]).0,
        "declared DATE, but 2 of 4 values are texts in another form than most \
         (2 %Y-%m-%d, 1 '', 1 of no known form), e.g. id=1; id=3: it becomes text"
    );
    assert_eq!(
        message("DECIMAL(4,2)", &[R(1.5), R(123.456)]).0,
        "declared DECIMAL(4,2), but 1 of 2 values are not held by numeric(4,2) \
         (digits: up to 3 before the point, 3 behind), e.g. id=1: it becomes numeric"
    );
    assert_eq!(
        message("DATETIME", &[I(1_700_000_000), I(0)]).0,
        "declared DATETIME, but 1 of 2 values are integers that count no one unit since 1970, e.g. id=1: it becomes bigint"
    );
    let julian = message("TIMESTAMP", &[R(2_460_000.5)]).0;
    assert!(julian.contains("1 of 1 value are reals (Julian days, or seconds since 1970), e.g. id=0"), "{julian}");
}

#[test]
fn a_mixture_names_its_counts_and_a_row() {
    let (_, profile) = chosen(&one_column(""), &[I(1), I(2), T("a\0"), I(3)]);
    let notice = crate::model::planner::columns::variant_warning(&profile, "t.c");
    assert_eq!(notice.object, "t.c");
    let expected = "holds 3 integers, 1 text, 1 of them with a NUL byte (e.g. id=2): no plain type";
    assert!(notice.message.starts_with(expected), "{}", notice.message);
}
