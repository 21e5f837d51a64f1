//! Which types take which values

use super::*;
use crate::model::choices::ColumnChoice;
use crate::model::planfile::forms::words;
use crate::model::schema::Affinity;

#[derive(Clone, Copy)]
enum V {
    N,
    I(i64),
    R(f64),
    T(&'static str),
    B(&'static [u8]),
}
use V::{B, I, N, R, T};

fn wanted(type_sql: &str, form: Option<&str>, zone: Option<&str>, affinity: Affinity) -> Wanted {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let choice = ColumnChoice {
        type_sql: Some(type_sql.into()),
        form: text(form),
        assumed_zone: text(zone),
        ..ColumnChoice::default()
    };
    Wanted::new(&choice, affinity).unwrap().unwrap()
}

fn tried(wanted: Wanted, values: &[V]) -> Result<String, (u64, String, Option<Misfit>)> {
    let mut attempt = Attempt::new(wanted);
    for (row, value) in values.iter().enumerate() {
        let value = match *value {
            N => Value::Null,
            I(integer) => Value::Integer(integer),
            R(real) => Value::Real(real),
            T(text) => Value::Text(text.as_bytes()),
            B(blob) => Value::Blob(blob),
        };
        attempt.add(value, &mut Vec::new(), &|| format!("{row}"));
    }
    let refused = |refused: Refused| (refused.tally.count, refused.tally.keys.join(" "), refused.first);
    attempt.result().map(|mapping| words(mapping).unwrap_or_default()).map_err(refused)
}

fn of(type_sql: &str, values: &[V]) -> Result<String, (u64, String, Option<Misfit>)> {
    tried(wanted(type_sql, None, None, Affinity::Blob), values)
}

const DAY: V = T("2024-01-02 03:04:05");

#[test]
fn the_values_show_the_form() {
    for (type_sql, values, form) in [
        ("boolean", &[I(1), N, I(0)][..], "0 or 1"),
        ("boolean", &[T("N"), T("Y")], "Y or N"),
        ("date", &[T("20240102")], "%Y%m%d"),
        ("uuid", &[T("123E4567E89B42D3A456426614174000")], "UUIDs in upper case without hyphens"),
        ("uuid", &[B(&[7; 16])], "16 bytes"),
        ("timestamp", &[DAY, T("2024-01-02 03:04:05.5")], "%Y-%m-%d %H:%M:%S.1?"),
        ("timestamp", &[T("2024-01-02 03:04:05.500")], "%Y-%m-%d %H:%M:%S.3"),
        ("timestamp", &[DAY], "%Y-%m-%d %H:%M:%S"),
        ("timestamp(3)", &[T("2024-01-02 03:04:05.500000")], "%Y-%m-%d %H:%M:%S.6"),
        ("timestamptz", &[T("2024-01-02T03:04:05+02:00")], "%Y-%m-%dT%H:%M:%S+02:00"),
        ("timestamptz", &[I(1_700_000_000_000)], "milliseconds since 1970"),
        ("timestamp", &[I(1_700_000_000)], "seconds since 1970"),
        ("time", &[T("03:04"), T("23:59")], "%H:%M"),
        ("interval", &[I(5)], "microseconds"),
        ("interval", &[T("1970-01-02 00:00:00.000000")], "%Y-%m-%d %H:%M:%S.6"),
        ("numeric(4,2)", &[I(7), R(7.25)], "integers and reals"),
        ("numeric(4,2)", &[R(7.0), R(7.25)], "reals"),
        ("numeric(4,2)", &[T("7.25"), T("7.00")], "texts"),
        ("numeric", &[T("7.250")], "texts"),
        ("double precision", &[I(7)], "integers"),
        ("int[]", &[T("[1, 2]"), T("[]")], "JSON, spaced"),
        ("text[]", &[T("[\"a\",\"\\u00e9\"]")], "JSON, ASCII"),
        ("vector(2)", &[B(&[0, 0, 128, 63, 0, 0, 0, 64])], "32-bit floats"),
        ("jsonb", &[T("{}")], "documents"),
    ] {
        assert_eq!(of(type_sql, values).as_deref(), Ok(form), "{type_sql}");
    }
}

#[test]
fn what_does_not_fit_is_counted_with_its_rows() {
    use crate::model::value::Class;
    for (type_sql, values, count, keys, first) in [
        ("integer", &[I(1), I(3_000_000_000), T("x"), I(-3_000_000_000)][..], 3, "1 2 3", Misfit::Range),
        ("varchar(2)", &[T("ab"), T("abc"), T("äö")], 1, "1", Misfit::Characters),
        ("char(3)", &[T("ab "), T("abc")], 1, "0", Misfit::TrailingBlanks),
        ("text", &[T("a\0b"), I(1)], 2, "0 1", Misfit::NulInText),
        ("date", &[T("2024-01-02"), T(""), T("20240102")], 2, "1 2", Misfit::Form),
        ("timestamp", &[T(""), DAY, T("soon")], 2, "0 2", Misfit::Form),
        ("timestamp", &[T("2024-01-02 03:04:05Z")], 1, "0", Misfit::Form),
        ("timestamptz", &[DAY], 1, "0", Misfit::Form),
        ("timestamptz", &[I(1_700_000_000), I(7)], 1, "1", Misfit::Range),
        ("timestamp(0)", &[T("2024-01-02 03:04:05.5")], 1, "0", Misfit::Scale),
        ("numeric(3,1)", &[R(1.25), R(1.5)], 1, "0", Misfit::Range),
        ("boolean", &[I(0), I(2)], 1, "1", Misfit::Range),
        ("bytea", &[T("x")], 1, "0", Misfit::Class(Class::Text)),
        ("uuid", &[T("x")], 1, "0", Misfit::Form),
    ] {
        let result = of(type_sql, values);
        let (refused, rows, misfit) = result.expect_err(type_sql);
        assert_eq!((refused, rows.as_str()), (count, keys), "{type_sql}");
        assert_eq!(
            misfit.map(|misfit| std::mem::discriminant(&misfit)),
            Some(std::mem::discriminant(&first)),
            "{type_sql} {misfit:?}"
        );
    }
}

/// All six digits, and none of them a written zero: only the file can say whether zeros would be left out
#[test]
fn a_form_that_is_named_is_the_only_one_tried() {
    let values = [T("2024-01-02 03:04:05.000001"), T("2024-01-02 03:04:05.123456")];
    let form = |words: &'static str, more: &[V]| {
        tried(wanted("timestamp", Some(words), None, Affinity::Numeric), &[&values, more].concat())
    };
    assert_eq!(form("%Y-%m-%d %H:%M:%S.6", &[]).as_deref(), Ok("%Y-%m-%d %H:%M:%S.6"));
    assert_eq!(form("%Y-%m-%d %H:%M:%S.6?", &[]).as_deref(), Ok("%Y-%m-%d %H:%M:%S.6?"));
    assert_eq!(form("%Y-%m-%d %H:%M:%S.6?", &[DAY]).as_deref(), Ok("%Y-%m-%d %H:%M:%S.6?"));
    assert_eq!(form("%Y-%m-%d %H:%M:%S.6", &[DAY]), Err((1, "2".into(), Some(Misfit::Form))));
    assert_eq!(form("%Y-%m-%d %H:%M:%S.3", &[]), Err((2, "0 1".into(), Some(Misfit::Form))));
}

#[test]
fn a_zone_may_be_assumed_where_none_is_written() {
    let zoned = |zone, values: &[V]| tried(wanted("timestamptz", None, Some(zone), Affinity::Numeric), values);
    assert_eq!(zoned("+02:00", &[DAY]).as_deref(), Ok("%Y-%m-%d %H:%M:%S"));
    assert!(zoned("+02:00", &[T("2024-01-02 03:04:05Z")]).is_err());
    let choice = |type_sql: &str, form: Option<&str>, zone: Option<&str>| ColumnChoice {
        type_sql: Some(type_sql.into()),
        form: form.map(str::to_owned),
        assumed_zone: zone.map(str::to_owned),
        ..ColumnChoice::default()
    };
    for (choice, named) in [
        (choice("timestamp", None, Some("+02:00")), "timestamptz alone"),
        (choice("timestamptz", None, Some("Europe/Berlin")), "no constant offset"),
        (choice("timestamptz", None, Some("+2")), "no constant offset"),
        (choice("timestamptz", Some("%Y-%m-%d %H:%M:%S"), None), "no zone"),
        (choice("timestamptz", Some("%Y-%m-%d %H:%M:%SZ"), Some("+00:00")), "a zone already"),
        (choice("timestamp", Some("%d.%m.%Y"), None), "no form `%d.%m.%Y`"),
        (choice("datetime", None, None), "no type `datetime`"),
        (ColumnChoice { type_sql: None, ..choice("", Some("x"), None) }, "without a type"),
    ] {
        let fault = Wanted::new(&choice, Affinity::Numeric).unwrap_err();
        assert!(fault.message.contains(named), "{fault:?}");
    }
}

#[test]
fn without_a_value_the_usual_form_is_taken() {
    assert_eq!(of("boolean", &[N]).as_deref(), Ok("0 or 1"));
    assert_eq!(of("timestamp", &[]).as_deref(), Ok("%Y-%m-%d %H:%M:%S"));
    assert_eq!(of("timestamptz", &[]).as_deref(), Ok("%Y-%m-%d %H:%M:%SZ"));
    assert_eq!(tried(wanted("numeric(5,2)", None, None, Affinity::Text), &[]).as_deref(), Ok("texts"));
}

#[test]
fn moments_may_be_spelled_in_several_ways_where_nothing_tells_rows_apart() {
    let of = |type_sql: &str, zone, free: bool, values: &[V]| {
        tried(wanted(type_sql, None, zone, Affinity::Numeric).in_any_spelling(free), values)
    };
    let mixed = [DAY, T("2024-01-02T03:04:05.5"), T("2024-01-02 03:04")];
    let any = |form: &str| Ok(format!("any spelling, else {form}"));
    assert_eq!(of("timestamp", None, true, &mixed), any("%Y-%m-%d %H:%M:%S.6?"));
    assert_eq!(of("timestamptz", Some("+02:00"), true, &mixed), any("%Y-%m-%d %H:%M:%S.6?"));
    assert_eq!(of("timestamp", None, true, &[DAY, DAY]).as_deref(), Ok("%Y-%m-%d %H:%M:%S"));
    assert_eq!(of("timestamp", None, true, &[]), any("%Y-%m-%d %H:%M:%S"));
    assert!(of("timestamp", None, false, &mixed).is_err() && of("timestamptz", None, true, &mixed).is_err());
    assert!(of("timestamp", None, true, &[DAY, T("2024-01-02 03:04:05Z")]).is_err());
    assert_eq!(of("time", None, true, &[T("03:04"), T("03:04:05")]), any("%H:%M"));
    assert!(of("timestamp(0)", None, true, &mixed).is_err());
}
