//! The same for lists, vectors, durations and times with an offset

use super::{check, with};
use crate::model::choices::ColumnChoice;

#[test]
fn lists() {
    check(&[
        ("TEXT", "int4[]", "'[1, 2]'; '[]'", "Integer[] spaced=true ascii=true"),
        ("TEXT", "int4[]", "'[1,2]'; '[]'", "Integer[] spaced=false ascii=false"),
        (
            "TEXT",
            "int4[]",
            "'[1, 2]'; '[1,2]'",
            "NO: 1 of 2 values are no JSON lists for int4[], all in one spelling, e.g. id=2",
        ),
        ("TEXT", "text[]", "'[\"a\", \"\\u00e9\"]'", "Text[] spaced=true ascii=true"),
        ("TEXT", "text[]", "'[\"a\",\"é\"]'", "Text[] spaced=false ascii=false"),
        ("TEXT", "text[]", "'a,b'", "NO: 1 of 1 values are no JSON lists for text[], all in one spelling, e.g. id=1"),
        ("TEXT", "uuid[]", "'[\"123e4567-e89b-12d3-a456-426614174000\"]'", "Uuid[] spaced=true ascii=true (warned)"),
        ("TEXT", "bool[]", "'[true, null]'", "Boolean[] spaced=true ascii=true"),
        ("TEXT", "float8[]", "'[1.5, 2.0]'", "Double[] spaced=true ascii=true"),
        ("TEXT", "varchar[]", "'[\"x\"]'", "Varchar[] spaced=true ascii=true (warned)"),
        ("TEXT", "varchar(3)[]", "'[\"äöü\", \"x\"]'", "Varchar[] spaced=true ascii=false Elements(Chars(3))"),
        (
            "TEXT",
            "varchar(3)[]",
            "'[\"x\", \"abcd\"]'",
            "NO: 1 of 1 values have more characters than varchar(3)[] takes, e.g. id=1",
        ),
        ("TEXT", "bpchar(3)[]", "'[\"x\", \"abc\"]'", "Padded[] spaced=true ascii=true Elements(Chars(3))"),
        (
            "TEXT",
            "bpchar(3)[]",
            "'[\"x \"]'",
            "NO: 1 of 1 values do not fit bpchar(3)[]: text with blanks at its end, e.g. id=1",
        ),
        ("TEXT", "int2[]", "'[1, -32768]'", "Smallint[] spaced=true ascii=true"),
        ("TEXT", "float4[]", "'[0.5,2.0]'", "Float4[] spaced=false ascii=false"),
        (
            "TEXT",
            "float4[]",
            "'[0.1]'",
            "NO: 1 of 1 values are no JSON lists for float4[], all in one spelling, e.g. id=1",
        ),
        (
            "TEXT",
            "numeric[]",
            "'[1, 2.50]'",
            "Numeric { precision: 0, scale: 0, quoted: false }[] spaced=true ascii=true",
        ),
        (
            "TEXT",
            "numeric[]",
            "'[\"1\",\"2.50\"]'",
            "Numeric { precision: 0, scale: 0, quoted: true }[] spaced=false ascii=false",
        ),
        (
            "TEXT",
            "numeric(4,2)[]",
            "'[1.50, 2.00]'",
            "Numeric { precision: 4, scale: 2, quoted: false }[] spaced=true ascii=true",
        ),
        (
            "TEXT",
            "numeric(4,2)[]",
            "'[1.5, 2.00]'",
            "NO: 1 of 1 values are no JSON lists for numeric(4,2)[], all in one spelling, e.g. id=1",
        ),
        ("TEXT", "date[]", "'[\"2024-02-29\", null]'", "Date[] spaced=true ascii=true"),
        (
            "TEXT",
            "timestamp[]",
            "'[\"2024-01-02T03:04:05\", \"2024-01-02T03:04:05.000001\"]'",
            "timestamp[] %Y-%m-%dT%H:%M:%S.6? spaced=true",
        ),
        (
            "TEXT",
            "timestamp(3)[]",
            "'[\"2024-01-02 03:04:05.120\", null]'",
            "timestamp[] %Y-%m-%d %H:%M:%S.3 spaced=true Elements(Scale(3))",
        ),
        (
            "TEXT",
            "timestamptz[]",
            "'[\"2024-01-02T03:04:05.123Z\",\"2024-01-02T03:04:05.000Z\"]'",
            "timestamptz[] %Y-%m-%dT%H:%M:%S.3Z spaced=false",
        ),
        (
            "TEXT",
            "timestamptz[]",
            "'[\"2024-01-02T03:04:05+02:00\"]'",
            "NO: 1 of 1 values are no JSON lists for timestamptz[], all in one spelling, e.g. id=1",
        ),
        (
            "TEXT",
            "jsonb[]",
            "'[{}]'",
            "NO: a list of jsonb would lose which NULL is JSON's: one jsonb column holds the list",
        ),
        (
            "TEXT",
            "inet[]",
            "'[\"::1\"]'",
            "NO: no conversion to arrays of inet is known: a jsonb column holds such lists",
        ),
        ("TEXT", "int4[]", "", "Integer[] spaced=true ascii=true (warned)"),
    ]);
}

#[test]
fn vectors() {
    check(&[
        (
            "TEXT",
            "vector(3)",
            "'[1.0, 2.5, -3.0]'",
            "Vector { dimensions: 3, form: Json { spaced: true, digits: F32, whole: Point, exponent: Python } }",
        ),
        ("BLOB", "vector(1)", "x'0000803f'", "Vector { dimensions: 1, form: BlobLe }"),
        (
            "TEXT",
            "vector(2)",
            "'[1.0, 2.5, -3.0]'",
            "NO: 1 of 1 values do not fit vector(2): a vector with another number of dimensions, e.g. id=1",
        ),
        (
            "TEXT",
            "vector",
            "'[1.0]'; '[1.0, 2.0]'",
            "Vector { dimensions: 0, form: Json { spaced: true, digits: F32, whole: Point, exponent: Python } }",
        ),
        ("BLOB", "vector", "x'0000803f'; x'0000803f0000803f'", "Vector { dimensions: 0, form: BlobLe }"),
    ]);
}

#[test]
fn times_with_an_offset() {
    check(&[
        (
            "time",
            "timetz",
            "'23:59:59'",
            "NO: 1 of 1 values are not times of day with an offset from UTC, all in one spelling, e.g. id=1",
        ),
        ("time", "timetz", "'23:59:59+02:00'; '23:59:59.500000-05:30'", "timetz %H:%M:%S.6?+hh:mm"),
        ("time", "timetz(3)", "'23:59:59.123Z'", "timetz %H:%M:%S.3Z Scale(3)"),
        (
            "time",
            "timetz(2)",
            "'23:59:59.123Z'",
            "NO: 1 of 1 values do not fit timetz(2): more digits behind the seconds than the type keeps, e.g. id=1",
        ),
        ("time", "timetz", "'23:59+02'", "timetz %H:%M+hh"),
        (
            "time",
            "timetz",
            "'23:59:59+02'; '23:59:59Z'",
            "NO: 1 of 2 values are not times of day with an offset from UTC, all in one spelling, e.g. id=1",
        ),
        ("time", "timetz", "", "timetz %H:%M:%S.6?+hh:mm (warned)"),
    ]);
}

#[test]
fn durations_with_limits() {
    check(&[
        ("bigint", "interval(3)", "1500000; -1000", "Interval(Microseconds) Step(1000)"),
        (
            "bigint",
            "interval(3)",
            "1",
            "NO: 1 of 1 values do not fit interval(3): a duration finer than the type keeps, e.g. id=1",
        ),
        ("bigint", "interval day to second", "1; -86400000001", "Interval(Microseconds)"),
        (
            "bigint",
            "interval day to minute",
            "60000000; 1",
            "NO: 1 of 2 values do not fit interval day to minute: a duration finer than the type keeps, e.g. id=2",
        ),
        ("bigint", "interval hour", "3600000000", "Interval(Microseconds) Step(3600000000)"),
        (
            "bigint",
            "interval day",
            "86400000000; 3600000000",
            "NO: 1 of 2 values do not fit interval day: a duration finer than the type keeps, e.g. id=2",
        ),
        (
            "bigint",
            "interval year to month",
            "0",
            "NO: an interval of years and months holds no durations: they have no fixed length",
        ),
        ("DATETIME", "interval(0)", "'1970-01-02 00:00:01.000000'", "interval %Y-%m-%d %H:%M:%S.6 Step(1000000)"),
        (
            "DATETIME",
            "interval(0)",
            "'1970-01-02 00:00:01.500000'",
            "NO: 1 of 1 values do not fit interval(0): a duration finer than the type keeps, e.g. id=1",
        ),
        ("DATETIME", "interval(0)", "", "interval %Y-%m-%d %H:%M:%S.6 Step(1000000) (warned)"),
    ]);
}

#[test]
fn the_form_of_a_time_with_an_offset_may_be_given() {
    let given = |form: &str, values| {
        with("time", "timetz", values, ColumnChoice { form: Some(form.into()), ..ColumnChoice::default() }, &[])
    };
    assert_eq!(given("%H:%M:%S.3Z", ""), "timetz %H:%M:%S.3Z");
    assert_eq!(given("%H:%M:%S.3?+hhmm", "'23:59:59+0200'"), "timetz %H:%M:%S.3?+hhmm");
    assert_eq!(given("%H", ""), "NO: timetz has no form `%H`");
}
