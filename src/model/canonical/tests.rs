//! Which documents are the same, and what comes back to SQLite

use super::*;
use crate::model::convert::forms::{Fraction, Layout, StampForm, TimeForm, TimeLayout, Zone};

const JSONB: Mapping = Mapping::Json { binary: true, numbers: false };

fn canonical(text: &str) -> String {
    let mut scratch = b"left over".to_vec();
    let Value::Text(bytes) = comparable(Value::Text(text.as_bytes()), JSONB, &mut scratch) else { panic!("{text}") };
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn spelling_is_left_out() {
    for (text, expected) in [
        (" { \"b\" : 1 ,\n\t\"a\" : [ true , null ] }\r\n", r#"{"a":[true,null],"b":1}"#),
        (r#"{"bb":1,"a":2,"c":{"z":1,"y":2}}"#, r#"{"a":2,"c":{"y":2,"z":1},"bb":1}"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#"{"\u0061":1}"#, r#"{"a":1}"#),
        (r#"{"a":1,"\u0061":2}"#, r#"{"a":2}"#),
        (r#""\u00e9\/\u000a\n\ud83d\ude00\u007F\"\\""#, "\"é/\\u000a\\u000a😀\u{7f}\\\"\\\\\""),
        ("[ ]", "[]"),
        ("{ }", "{}"),
        ("[{},[]]", "[{},[]]"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn numbers_are_as_numeric_prints_them() {
    for (text, expected) in [
        ("0", "0"),
        ("1.50", "1.50"),
        ("1.50e1", "15.0"),
        ("1.5E+3", "1500"),
        ("15e-1", "1.5"),
        ("1e-3", "0.001"),
        ("-12.5e-1", "-1.25"),
        ("0e5", "0"),
        ("0.00e1", "0.0"),
        ("0.05e1", "0.5"),
        ("0.05e2", "5"),
        ("0.0001e2", "0.01"),
        ("1e20", "100000000000000000000"),
        ("-0", "-0"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn documents_that_differ_stay_apart() {
    let texts = [
        "1",
        "1.0",
        "-1",
        "\"1\"",
        "[1]",
        "[1,2]",
        "[2,1]",
        "{\"a\":1}",
        "{\"A\":1}",
        "{\"a\":null}",
        "{}",
        "[]",
        "null",
        "\"null\"",
        "\"a\"",
        "\"a \"",
        "[[1],2]",
        "[[1,2]]",
        "0",
        "-0",
        "0.0",
        "true",
        "\"\\n\"",
        "\"\\\\n\"",
    ];
    for (at, a) in texts.iter().enumerate() {
        for b in &texts[at + 1..] {
            assert_ne!(canonical(a), canonical(b), "{a} {b}");
        }
    }
}

#[test]
fn what_is_no_document_stays_as_it_is() {
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "nul",
        "01",
        "1.",
        "1e",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"a\nb\"",
        "1 2",
        "1e1001",
        "1e99999999999999999999",
        "{a:1}",
        "[1}",
        "-",
        deep.as_str(),
    ] {
        assert_eq!(canonical(text), text);
    }
    let mut scratch = Vec::new();
    let text = Value::Text(b" 1 ");
    assert_eq!(comparable(text, Mapping::Text, &mut scratch), text);
    assert_eq!(comparable(text, Mapping::Json { binary: false, numbers: false }, &mut scratch), text);
    assert_eq!(comparable(Value::Integer(1), JSONB, &mut scratch), Value::Integer(1));
}

#[test]
fn i10_an_unchanged_document_keeps_its_spelling() {
    let ours = Value::Text(br#"{"b": 1.0e1, "a": "\u00e9"}"#);
    let same = Value::Text(r#"{"a": "é", "b": 10}"#.as_bytes());
    let other = Value::Text(r#"{"a": "é", "b": 11}"#.as_bytes());
    assert_eq!(restore(ours, same, JSONB), ours);
    assert_eq!(restore(ours, other, JSONB), other);
    assert_eq!(restore(Value::Null, same, JSONB), same);
    assert_eq!(restore(ours, same, Mapping::Text), same);
}

const MOMENT: Mapping = Mapping::Moment {
    zoned: true,
    form: StampForm { layout: Layout::IsoSpace, fraction: Fraction::None, zone: Zone::Z, assumed: 0 },
};
const TIME: Mapping = Mapping::TimeOfDay(TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::None });

fn spelled(text: &str, mapping: Mapping) -> String {
    let mut scratch = b"left over".to_vec();
    let Value::Text(bytes) = comparable(Value::Text(text.as_bytes()), mapping, &mut scratch) else { panic!("{text}") };
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn one_moment_has_one_canonical_spelling() {
    for (text, expected) in [
        ("2024-01-02 03:04:05", "2024-01-02 03:04:05.000000"),
        ("2024-01-02T03:04", "2024-01-02 03:04:00.000000"),
        ("2024-01-02T03:04:05.307", "2024-01-02 03:04:05.307000"),
        ("2024-01-02T03:04:05.307000Z", "2024-01-02 03:04:05.307000Z"),
        ("2024-01-02T03:04:05.1+00", "2024-01-02 03:04:05.100000Z"),
        ("2024-01-02 03:04-0000", "2024-01-02 03:04:00.000000Z"),
        ("2024-03-01 00:30+01:00", "2024-02-29 23:30:00.000000Z"),
        ("2023-12-31T23:30:00-00:31", "2024-01-01 00:01:00.000000Z"),
        ("2024-01-01T05:00:00+15:59", "2023-12-31 13:01:00.000000Z"),
        ("1900-02-28 23:59:59.999999-01", "1900-03-01 00:59:59.999999Z"),
    ] {
        assert_eq!(spelled(text, MOMENT), expected, "{text}");
    }
    for (text, expected) in [("03:04", "03:04:00.000000"), ("2000-01-01 23:59:59.5", "2000-01-01 23:59:59.500000")] {
        assert_eq!(spelled(text, TIME), expected, "{text}");
    }
}

#[test]
fn what_is_no_moment_stays_as_it_is() {
    for text in [
        "",
        "2024-01-02",
        "2024-01-02 ",
        "2024-01-02 3:04",
        "2024-01-02  03:04",
        "2024-01-02 03:04:5",
        "2024-01-02 03:04:05.",
        "2024-01-02 03:04:05.1234567",
        "2024-01-02 24:00:00",
        "2024-01-02 23:59:60",
        "2023-02-29 00:00:00",
        "2024-13-01 00:00:00",
        "0000-01-01 00:00:00",
        "0001-01-01 00:00:00+00:01",
        "9999-12-31 23:59:59-00:01",
        "2024-01-02 03:04:05+16",
        "2024-01-02 03:04:05+01:60",
        "2024-01-02 03:04:05 Z",
        "2024-01-02 03:04:05z",
        "2024-01-02t03:04:05",
        "20240102030405",
    ] {
        assert_eq!(spelled(text, MOMENT), text);
    }
    for text in ["24:00", "23:60", "1:00", "2000-01-02 03:04", "03:04Z", "2000-01-01T03:04"] {
        assert_eq!(spelled(text, TIME), text);
    }
    let mut scratch = Vec::new();
    assert_eq!(comparable(Value::Integer(1), MOMENT, &mut scratch), Value::Integer(1));
    assert_eq!(comparable(Value::Text(b"03:04"), Mapping::Text, &mut scratch), Value::Text(b"03:04"));
}

#[test]
fn i10_an_unchanged_moment_keeps_its_spelling() {
    let text = |text: &'static str| Value::Text(text.as_bytes());
    let ours = text("2024-01-02T04:04:05.307+01:00");
    assert_eq!(restore(ours, text("2024-01-02 03:04:05.307000Z"), MOMENT), ours);
    let other = text("2024-01-02 03:04:05.307001Z");
    assert_eq!(restore(ours, other, MOMENT), other);
    // A moment with a zone is never one without.
    let bare = text("2024-01-02 03:04:05.307");
    assert_eq!(restore(ours, bare, MOMENT), bare);
    assert_eq!(restore(text("03:04"), text("03:04:00"), TIME), text("03:04"));
    assert_eq!(restore(text("03:04"), text("2000-01-01 03:04:00"), TIME), text("2000-01-01 03:04:00"));
}
