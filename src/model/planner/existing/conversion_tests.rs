//! What becomes of each pair of a declared and a target type, by the values

use super::fixtures::*;
use crate::model::choices::{Choices, ColumnChoice, TableChoice};

#[path = "conversion_more_tests.rs"]
mod more;

/// The conversion of a column declared so, to a type, of these values; or why there is none
fn of(declared: &str, to: &str, values: &str) -> String {
    with(declared, to, values, ColumnChoice::default(), &[])
}

fn with(declared: &str, to: &str, values: &str, choice: ColumnChoice, bookkeeping: &[&str]) -> String {
    let mut catalog = catalog(vec![target_table("t", &[("id", "int8!"), ("c", to)])]);
    catalog.bookkeeping = bookkeeping.iter().map(|name| (name.to_string(), Default::default())).collect();
    let values: Vec<String> = values.split("; ").filter(|value| !value.is_empty()).map(str::to_owned).collect();
    let ids: Vec<String> = (1..=values.len()).map(|id| id.to_string()).collect();
    let rows: Vec<[&str; 2]> = ids.iter().zip(&values).map(|(id, value)| [id.as_str(), value.as_str()]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
    let mut choices = Choices::default();
    let columns = [("c".to_owned(), choice)].into();
    choices.tables.insert("t".into(), TableChoice { columns, ..TableChoice::default() });
    let plan = plan(&[(source_table("t", &[("id", "INTEGER"), ("c", declared)]), &rows)], &catalog, &choices);
    let refusals = told(&plan.refusals);
    let warnings = plan.warnings.iter().filter(|w| w.object == "t.c").count();
    match plan.refusals.is_empty() {
        true => format!("{}{}", short(&plan.tables[0].columns[1]), if warnings > 0 { " (warned)" } else { "" }),
        false => refusals.replace(&format!("t.c -> c {}: ", to.trim_end_matches('!')), "NO: "),
    }
}

pub fn check(cases: &[(&str, &str, &str, &str)]) {
    let show = std::env::var_os("CROSSFADE_SHOW").is_some();
    for (declared, to, values, expected) in cases {
        let found = of(declared, to, values);
        if show {
            println!("        ({declared:?}, {to:?}, {values:?}, {found:?}),");
        } else {
            assert_eq!(found, *expected, "{declared} -> {to}: {values}");
        }
    }
}

#[test]
fn booleans() {
    check(&[
        ("bool", "bool", "0; 1; NULL", "Boolean(ZeroOne)"),
        ("BOOLEAN", "bool!", "0; 1", "Boolean(ZeroOne)"),
        ("boolean", "bool", "'t'; 'f'", "Boolean(Letter)"),
        ("INTEGER", "bool", "0; 1", "Boolean(ZeroOne)"),
        ("SMALLINT", "bool", "0; 1; 2", "NO: 1 of 3 values are integers other than 0 and 1, e.g. id=3"),
        ("VARCHAR(5)", "bool", "'true'; 'false'", "Boolean(Word)"),
        ("VARCHAR(5)", "bool", "'Y'; 'N'", "Boolean(YesLetterUpper)"),
        (
            "boolean",
            "bool",
            "'t'; 'F'",
            "NO: 1 of 2 values are texts in another form than most (1 t or f, 1 T or F), e.g. id=2",
        ),
        ("boolean", "bool", "'t'; 1", "NO: 1 of 2 values are integers, e.g. id=2"),
        ("boolean", "bool", "", "Boolean(ZeroOne)"),
        ("bool", "int2", "0; 1", "Smallint"),
        ("bool", "bool!", "0; NULL", "NO: 1 of 2 values are NULL, and the target has NOT NULL, e.g. id=2"),
    ]);
}

#[test]
fn whole_numbers() {
    check(&[
        ("INTEGER", "int8", "1; 9223372036854775807", "Bigint"),
        ("bigint", "int4", "1; 2147483647", "Integer"),
        ("bigint", "int4", "1; 2147483648", "NO: 1 of 2 values do not fit int4 exactly, e.g. id=2"),
        ("integer unsigned", "int4", "0; 5", "Integer"),
        ("smallint unsigned", "int2", "32767", "Smallint"),
        ("SMALLINT", "int2", "32768; -32769", "NO: 2 of 2 values do not fit int2 exactly, e.g. id=1; id=2"),
        ("INTEGER", "int4", "'x'; 1", "NO: 1 of 2 values are of class text, which int4 cannot give back, e.g. id=1"),
        ("INTEGER", "int4!", "NULL; 1", "NO: 1 of 2 values are NULL, and the target has NOT NULL, e.g. id=1"),
        ("INTEGER", "int4", "", "Integer"),
        ("DECIMAL", "int4", "1.5", "NO: 1 of 1 values are of class real, which int4 cannot give back, e.g. id=1"),
        ("INTEGER", "text", "1", "NO: 1 of 1 values are of class integer, which text cannot give back, e.g. id=1"),
    ]);
}

#[test]
fn other_numbers() {
    check(&[
        ("REAL", "float8", "1.5; 2.0", "Double"),
        ("float", "float8", "1.5", "Double"),
        ("INTEGER", "float8", "1; 2", "DoubleInteger"),
        (
            "NUMERIC",
            "float8",
            "1; 2.5",
            "NO: 1 of 2 values are of class integer, which float8 cannot give back, e.g. id=1",
        ),
        ("REAL", "float4", "0.5; 2.0", "Float4"),
        ("REAL", "float4", "0.1", "NO: 1 of 1 values do not fit float4 exactly, e.g. id=1"),
        ("REAL", "float8", "", "Double"),
        ("decimal(12,4)", "numeric(12,4)", "1; 2.5", "Decimal(12,4) ByValue"),
        ("decimal(12,4)", "numeric(12,4)", "1.23456", "NO: 1 of 1 values do not fit numeric(12,4) exactly, e.g. id=1"),
        ("decimal(5,2)", "numeric(5,2)", "1000", "NO: 1 of 1 values do not fit numeric(5,2) exactly, e.g. id=1"),
        ("REAL", "numeric(12,4)", "1.0; 2.5", "Decimal(12,4) Real"),
        ("TEXT", "numeric(12,2)", "'1.00'; '-2.50'", "Decimal(12,2) Text"),
        (
            "TEXT",
            "numeric(12,2)",
            "'1.0'",
            "NO: 1 of 1 values are not written with exactly 2 digits behind the point, e.g. id=1",
        ),
        ("TEXT", "numeric", "'1.0'; '12'", "Decimal(0,0) Text"),
        ("decimal", "numeric", "1; 2.5", "Numeric"),
        ("decimal", "numeric(3,-2)", "100; 99900", "Decimal(3,-2) ByValue"),
        ("decimal", "numeric(3,-2)", "150", "NO: 1 of 1 values do not fit numeric(3,-2) exactly, e.g. id=1"),
        ("TEXT", "numeric(3,-2)", "'100'", "Decimal(3,-2) Text"),
        ("decimal", "numeric(2,4)", "0.0099; 0", "Decimal(2,4) ByValue"),
        ("decimal", "numeric(2,4)", "0.01", "NO: 1 of 1 values do not fit numeric(2,4) exactly, e.g. id=1"),
        ("INTEGER", "numeric(20,0)", "5", "Decimal(20,0) ByValue"),
        ("", "numeric(6,2)", "'1.50'", "Decimal(6,2) Text"),
        ("", "numeric(6,2)", "1.0; 1.5", "Decimal(6,2) Real"),
        ("decimal(12,4)", "numeric(12,4)", "", "Decimal(12,4) ByValue"),
    ]);
}

#[test]
fn texts() {
    check(&[
        ("VARCHAR(9)", "varchar(9)", "'123456789'; 'é'", "Text Chars(9)"),
        (
            "VARCHAR(9)",
            "varchar(3)",
            "'äöü'; 'abcd'; 'abcde'",
            "NO: 2 of 3 values have more characters than varchar(3) takes, e.g. id=2; id=3",
        ),
        ("TEXT", "text", "'x'; ''", "Text"),
        ("TEXT", "text", "1.5", "NO: 1 of 1 values are of class real, which text cannot give back, e.g. id=1"),
        ("TEXT", "text", "x'00'", "NO: 1 of 1 values are of class blob, which text cannot give back, e.g. id=1"),
        ("TEXT", "citext", "'x'", "Text"),
        ("CHAR(3)", "bpchar(3)", "'ab'", "Padded Chars(3)"),
        (
            "CHAR(3)",
            "bpchar(3)",
            "'ab '",
            "NO: 1 of 1 values do not fit bpchar(3): text with blanks at its end, e.g. id=1",
        ),
        ("CHAR(3)", "bpchar(2)", "'abc'", "NO: 1 of 1 values have more characters than bpchar(2) takes, e.g. id=1"),
        ("CHAR(0)", "bpchar(1)", "NULL", "Padded Chars(1)"),
        ("CHAR(0)", "timestamptz", "NULL", "any timestamptz %Y-%m-%d %H:%M:%S.6? (warned)"),
        ("VARCHAR", "varchar", "'x'", "Text"),
        ("VARCHAR(9)", "enum(sad,ok)", "'sad'; 'ok'", "Text Labels([\"sad\", \"ok\"])"),
        (
            "VARCHAR(9)",
            "enum(sad,ok)",
            "'sad'; 'Sad'; 'x'; 'x'",
            "NO: 3 of 4 values are no labels of enum(sad,ok) (Sad, x), e.g. id=2; id=3; id=4",
        ),
        ("VARCHAR(9)", "enum(sad,ok)", "", "Text Labels([\"sad\", \"ok\"])"),
        ("BLOB", "bytea", "x'00ff'", "Bytea"),
        ("BLOB", "bytea", "'text'", "NO: 1 of 1 values are of class text, which bytea cannot give back, e.g. id=1"),
        ("char(39)", "inet", "'10.0.0.1'; '::1'", "Inet { cidr: false }"),
        ("char(39)", "inet", "'10.0.0.1/32'", "NO: 1 of 1 values are not written as PostgreSQL writes inet, e.g. id=1"),
        ("TEXT", "cidr", "'10.0.0.0/8'", "Inet { cidr: true }"),
        ("TEXT", "other", "'x'", "NO: no conversion to this type is known"),
        ("TEXT", "tsvector", "'x'", "NO: a tsvector is computed, and not copied"),
        ("TEXT", "xml", "'x'", "NO: no conversion to this type is known"),
        ("TEXT", "name", "'x'", "NO: no conversion to this type is known"),
    ]);
}

#[test]
fn uuids_and_documents() {
    check(&[
        ("char(32)", "uuid", "'123e4567e89b12d3a456426614174000'", "Uuid(Hex)"),
        ("CHAR(36)", "uuid", "'123e4567-e89b-12d3-a456-426614174000'", "Uuid(Hyphens)"),
        ("VARCHAR(36)", "varchar(36)", "'123e4567-e89b-12d3-a456-426614174000'", "Text Chars(36)"),
        ("BLOB", "uuid", "x'00112233445566778899aabbccddeeff'", "Uuid(Bytes)"),
        ("BLOB", "uuid", "x'0011'", "NO: 1 of 1 values are blobs of other than 16 bytes, e.g. id=1"),
        (
            "TEXT",
            "uuid",
            "'123e4567-e89b-12d3-a456-426614174000'; 'x'",
            "NO: 1 of 2 values are texts in another form than most (1 UUIDs, 1 of no known form), e.g. id=2",
        ),
        ("char(32)", "uuid", "", "Uuid(Hex)"),
        ("CHAR(36)", "uuid", "", "Uuid(Hyphens)"),
        ("BLOB", "uuid", "", "Uuid(Bytes)"),
        ("TEXT", "jsonb", "'{\"a\": 1}'; '[]'", "jsonb"),
        ("JSON", "jsonb", "'{\"a\": 1}'; 5", "jsonb with numbers"),
        ("JSON", "json", "'{\"a\": 1, \"a\": 2}'", "json with numbers"),
        (
            "JSON",
            "jsonb",
            "'{\"a\": 1, \"a\": 2}'; '{'",
            "NO: 1 of 2 values do not fit jsonb: JSON with a key twice in one object, e.g. id=1\nNO: 1 of 2 \
             values do not fit jsonb: text that is not JSON, e.g. id=2",
        ),
        ("TEXT", "json", "'{'", "NO: 1 of 1 values do not fit json: text that is not JSON, e.g. id=1"),
    ]);
}

#[test]
fn days_and_times() {
    check(&[
        ("date", "date", "'2024-02-29'", "Date(Iso)"),
        ("TEXT", "date", "'20240229'", "Date(Compact)"),
        (
            "date",
            "date",
            "'2024-02-29 00:00:00'",
            "NO: 1 of 1 values are moments, of which a date keeps no time of day, e.g. id=1",
        ),
        ("date", "date", "'2023-02-29'", "NO: 1 of 1 values are texts of no known form, e.g. id=1"),
        ("date", "date", "", "Date(Iso)"),
        ("time", "time", "'23:59:59'; '01:02:03.500000'", "any time %H:%M:%S.6?"),
        ("time", "time", "'23:59:59'", "any time %H:%M:%S"),
        ("time", "time(3)", "'23:59:59.123'", "any time %H:%M:%S.3 Scale(3)"),
        (
            "time",
            "time(3)",
            "'23:59:59.1234'",
            "NO: 1 of 1 values have more than 3 digits behind the seconds, which time(3) would cut off, e.g. id=1",
        ),
        ("time", "time", "'2000-01-01 23:59:59'", "any time 2000-01-01 %H:%M:%S"),
        ("time", "time", "'2001-01-01 23:59:59'", "NO: 1 of 1 values are texts like %Y-%m-%d %H:%M:%S, e.g. id=1"),
        ("bigint", "interval", "1500000; -1", "Interval(Microseconds)"),
        ("DATETIME", "interval", "'1970-01-01 00:00:01.500000'", "interval %Y-%m-%d %H:%M:%S.6"),
        (
            "DATETIME",
            "interval",
            "'1970-01-01 00:00:01.500000+02:00'",
            "NO: 1 of 1 values are neither microseconds nor moments counted from 1970-01-01, e.g. id=1",
        ),
        ("TEXT", "interval", "'1 day'", "NO: 1 of 1 values are texts of no known form, e.g. id=1"),
        ("bigint", "interval", "", "Interval(Microseconds)"),
    ]);
}

#[test]
fn moments() {
    check(&[
        (
            "datetime",
            "timestamptz",
            "'2024-01-02 03:04:05'; '2024-01-02 03:04:05.123456'",
            "any timestamptz %Y-%m-%d %H:%M:%S.6?",
        ),
        (
            "DATETIME",
            "timestamp",
            "'2024-01-02 03:04:05.123456'; '2024-01-02 03:04:05.000000'",
            "any timestamp %Y-%m-%d %H:%M:%S.6",
        ),
        ("DATETIME", "timestamp", "'2024-01-02 03:04:05'", "any timestamp %Y-%m-%d %H:%M:%S"),
        ("datetime(6)", "timestamp(6)", "'2024-01-02 03:04:05.123456'", "any timestamp %Y-%m-%d %H:%M:%S.6"),
        ("DATETIME", "timestamp(3)", "1704164645123; 1704164645000", "timestamp Ms Scale(3)"),
        (
            "DATETIME",
            "timestamp(3)",
            "1704164645123456",
            "NO: 1 of 1 values have more than 3 digits behind the seconds, which timestamp(3) would cut off, \
             e.g. id=1",
        ),
        ("DATETIME", "timestamp(0)", "1704164645", "timestamp S Scale(0)"),
        ("BIGINT", "timestamptz", "1704164645; 1704164646", "timestamptz S"),
        (
            "BIGINT",
            "timestamptz",
            "1704164645; 1704164646000",
            "NO: 1 of 2 values are integers that count no one unit since 1970, e.g. id=2",
        ),
        ("datetime(3)", "timestamptz(3)", "'2024-01-02 03:04:05.123'", "any timestamptz %Y-%m-%d %H:%M:%S.3 Scale(3)"),
        ("DATETIME", "timestamp(3)", "'2024-01-02T03:04:05.123Z'", "any timestamp %Y-%m-%dT%H:%M:%S.3Z Scale(3)"),
        (
            "DATETIME",
            "timestamp(3)",
            "'2024-01-02 03:04:05.123456'; '2024-01-02 03:04:05.120000'",
            "NO: 1 of 2 values have more than 3 digits behind the seconds, which timestamp(3) would cut off, \
             e.g. id=1",
        ),
        (
            "DATETIME",
            "timestamp(3)",
            "'2024-01-02 03:04:05.123000'; '2024-01-02 03:04:05.120000'",
            "any timestamp %Y-%m-%d %H:%M:%S.6 Scale(3)",
        ),
        ("TEXT", "timestamptz", "'2024-01-02T03:04:05+02:00'", "any timestamptz %Y-%m-%dT%H:%M:%S+02:00"),
        (
            "TEXT",
            "timestamp",
            "'2024-01-02T03:04:05+02:00'",
            "NO: 1 of 1 values have a zone other than UTC, which a timestamp without time zone loses, e.g. id=1",
        ),
        ("TEXT", "timestamp", "'2024-01-02T03:04:05+00:00'", "any timestamp %Y-%m-%dT%H:%M:%S+00:00"),
        (
            "TEXT",
            "timestamptz",
            "'2024-01-02T03:04:05+02:00'; '2024-01-02T03:04:05+01:00'",
            "any timestamptz %Y-%m-%dT%H:%M:%S+02:00",
        ),
        ("TEXT", "timestamptz", "'2024-01-02 03:04'", "any timestamptz %Y-%m-%d %H:%M"),
        ("DATETIME", "timestamp", "'2024-01-02'", "NO: 1 of 1 values are texts like %Y-%m-%d, e.g. id=1"),
        (
            "DATETIME",
            "timestamp",
            "'2024-01-02 03:04:05'; ''",
            "NO: 1 of 2 values are texts in another form than most (1 %Y-%m-%d %H:%M:%S, 1 ''), e.g. id=2",
        ),
        (
            "DATETIME",
            "timestamp",
            "2460311.5",
            "NO: 1 of 1 values are reals (Julian days, or seconds since 1970), e.g. id=1",
        ),
        ("DATETIME", "timestamp", "", "any timestamp %Y-%m-%d %H:%M:%S.6? (warned)"),
        (
            "DATETIME",
            "timestamp!",
            "'2024-01-02 03:04:05'; NULL; NULL",
            "NO: 2 of 3 values are NULL, and the target has NOT NULL, e.g. id=2; id=3",
        ),
        ("VARCHAR", "varchar", "'2024-01-02 03:04:05'", "Text"),
    ]);
}

#[test]
fn the_framework_settles_what_the_values_leave_open() {
    let six = "'2024-01-02 03:04:05.123456'";
    let none = "'2024-01-02 03:04:05'";
    let of = |bookkeeping: &str, to: &str, values: &str| {
        with("datetime", to, values, ColumnChoice::default(), &[bookkeeping])
    };
    for (bookkeeping, to, values, expected) in [
        ("django_migrations", "timestamptz", six, "any timestamptz %Y-%m-%d %H:%M:%S.6?"),
        ("django_migrations", "timestamptz", none, "any timestamptz %Y-%m-%d %H:%M:%S.6?"),
        ("django_migrations", "timestamptz", "'2024-01-02 03:04:05.000000'", "any timestamptz %Y-%m-%d %H:%M:%S.6"),
        ("django_migrations", "timestamptz", "", "any timestamptz %Y-%m-%d %H:%M:%S.6?"),
        ("django_migrations", "time", "'03:04:05'", "any time %H:%M:%S.6?"),
        ("alembic_version", "timestamp", six, "any timestamp %Y-%m-%d %H:%M:%S.6"),
        ("alembic_version", "timestamp", none, "any timestamp %Y-%m-%d %H:%M:%S"),
        ("alembic_version", "timestamp", "", "any timestamp %Y-%m-%d %H:%M:%S.6"),
        ("alembic_version", "interval", "", "interval %Y-%m-%d %H:%M:%S.6"),
        ("ar_internal_metadata", "timestamp(6)", "", "any timestamp %Y-%m-%d %H:%M:%S.6"),
        ("_prisma_migrations", "timestamp(3)", "", "timestamp Ms Scale(3)"),
        ("users", "timestamptz", six, "any timestamptz %Y-%m-%d %H:%M:%S.6"),
    ] {
        assert_eq!(of(bookkeeping, to, values), expected, "{bookkeeping} {to} {values}");
    }
}

#[test]
fn the_operator_settles_it_where_the_values_allow() {
    let form = |form: &str| ColumnChoice { form: Some(form.into()), ..ColumnChoice::default() };
    let zone = |zone: &str| ColumnChoice { assumed_zone: Some(zone.into()), ..ColumnChoice::default() };
    let type_sql = |sql: &str| ColumnChoice { type_sql: Some(sql.into()), ..ColumnChoice::default() };
    let six = "'2024-01-02 03:04:05.123456'";
    for (to, values, choice, expected) in [
        ("timestamp", six, form("%Y-%m-%d %H:%M:%S.6?"), "timestamp %Y-%m-%d %H:%M:%S.6?"),
        ("timestamp", "", form("%Y-%m-%dT%H:%M:%S.3Z"), "timestamp %Y-%m-%dT%H:%M:%S.3Z"),
        (
            "timestamp",
            six,
            form("%Y-%m-%dT%H:%M:%S.6"),
            "NO: 1 of 1 values are written as %Y-%m-%d %H:%M:%S.6, and not as %Y-%m-%dT%H:%M:%S.6, e.g. id=1",
        ),
        ("timestamptz", six, zone("+02:00"), "any timestamptz %Y-%m-%d %H:%M:%S.6 assumed 120"),
        ("timestamptz", six, zone("-03:30"), "any timestamptz %Y-%m-%d %H:%M:%S.6 assumed -210"),
        ("timestamp", six, form("any spelling, else %Y-%m-%dT%H:%M:%S"), "any timestamp %Y-%m-%dT%H:%M:%S"),
        ("timestamp", "", form("any spelling, else %Y-%m-%dT%H:%M:%S"), "any timestamp %Y-%m-%dT%H:%M:%S"),
        (
            "timestamp",
            six,
            form("any spelling, else %Y-%m-%dT%H:%M:%SZ"),
            "NO: 1 of 1 values are of another kind than any spelling, else %Y-%m-%dT%H:%M:%SZ",
        ),
        ("timestamptz", six, zone("CET"), "NO: assumed_zone = \"CET\" is no offset like +02:00"),
        ("timestamptz", six, type_sql("timestamp with time zone"), "any timestamptz %Y-%m-%d %H:%M:%S.6"),
        ("timestamptz", six, type_sql("date"), "t.c: the plan file says date, and the target has timestamptz"),
    ] {
        assert_eq!(with("DATETIME", to, values, choice.clone(), &[]), expected, "{to} {choice:?}");
    }
}

/// Columns of one type, the first with these values and the second with none
fn beside(to: &str, values: &[&str], declared: &str) -> String {
    let columns = [("id", "int8!"), ("a", to), ("b", to)];
    let rows: Vec<[&str; 3]> = values.iter().map(|value| ["1", *value, "NULL"]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
    let table = source_table("t", &[("id", "INTEGER"), ("a", ""), ("b", declared)]);
    let plan = plan(&[(table, &rows)], &catalog(vec![target_table("t", &columns)]), &Choices::default());
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    format!("{}{}", short(&plan.tables[0].columns[2]), if plan.warnings.is_empty() { "" } else { " (warned)" })
}

#[test]
fn other_columns_show_the_form_of_an_empty_one() {
    for (to, values, declared, expected) in [
        ("bool", &["'t'", "'f'"][..], "boolean", "Boolean(Letter)"),
        ("bool", &["'yes'"], "VARCHAR(3)", "Boolean(Yes)"),
        ("bool", &["1"], "VARCHAR(3)", "Boolean(Letter) (warned)"),
        ("uuid", &["'00112233445566778899aabbccddeeff'"], "TEXT", "Uuid(Hex)"),
        ("uuid", &["'00112233445566778899aabbccddeeff'"], "CHAR(36)", "Uuid(Hyphens)"),
        ("uuid", &["x'00112233445566778899aabbccddeeff'"], "TEXT", "Uuid(Hyphens)"),
        ("time", &["'03:04'"], "time", "any time %H:%M"),
        ("timestamp", &["'2024-01-02T03:04:05Z'"], "DATETIME", "any timestamp %Y-%m-%dT%H:%M:%SZ"),
        ("timestamptz", &["1704164645"], "INTEGER", "timestamptz S"),
        ("timestamp", &["1704164645123"], "DATETIME", "timestamp Ms"),
        ("timestamp", &["1704164645123"], "CHAR(0)", "any timestamp %Y-%m-%d %H:%M:%S.6? (warned)"),
        (
            "timestamp",
            &["'2024-01-02T03:04:05'", "'2024-01-02 03:04:05.5'"],
            "DATETIME",
            "any timestamp %Y-%m-%dT%H:%M:%S",
        ),
        ("timestamp", &["NULL"], "INTEGER", "timestamp Ms (warned)"),
        ("timestamp(3)", &["NULL"], "DATETIME", "any timestamp %Y-%m-%d %H:%M:%S.3 Scale(3) (warned)"),
        ("timestamp(0)", &["NULL"], "DATETIME", "any timestamp %Y-%m-%d %H:%M:%S Scale(0) (warned)"),
        ("timestamp", &["NULL"], "DATETIME", "any timestamp %Y-%m-%d %H:%M:%S.6? (warned)"),
    ] {
        assert_eq!(beside(to, values, declared), expected, "{to} {values:?} {declared}");
    }
}

#[test]
fn other_columns_show_whether_zeros_are_left_out() {
    let columns = [("id", "int8!"), ("a", "timestamp"), ("b", "timestamp")];
    let of = |rows: &[&[&str]]| {
        let table = source_table("t", &[("id", "INTEGER"), ("a", "DATETIME"), ("b", "DATETIME")]);
        let plan = plan(&[(table, rows)], &catalog(vec![target_table("t", &columns)]), &Choices::default());
        plan.tables[0].columns[1..].iter().map(short).collect::<Vec<_>>()
    };
    let (none, six) = ("'2024-01-02 03:04:05'", "'2024-01-02 03:04:05.123456'");
    let (omitting, fixed) = ("any timestamp %Y-%m-%d %H:%M:%S.6?", "any timestamp %Y-%m-%d %H:%M:%S.6");
    assert_eq!(of(&[&["1", six, six], &["2", none, six]]), [omitting, omitting]);
    assert_eq!(of(&[&["1", six, none], &["2", none, none]]), [omitting, omitting]);
    let zeros = "'2024-01-02 03:04:05.000000'";
    assert_eq!(of(&[&["1", six, six], &["2", none, zeros]]), [omitting, fixed]);
    assert_eq!(of(&[&["1", six, none]]), [fixed, "any timestamp %Y-%m-%d %H:%M:%S"]);
}
