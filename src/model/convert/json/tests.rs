//! Which texts are documents, for either type

use super::*;
use crate::model::mapping::JsonFault;

fn fault(text: &str, binary: bool) -> Option<Misfit> {
    let mut scratch = b"left".to_vec();
    let result = check(text.as_bytes(), binary, &mut scratch);
    assert_eq!(scratch, b"left", "{text}");
    result.err()
}

fn field(value: Value<'_>, binary: bool, numbers: bool) -> Result<String, Misfit> {
    let mut buffer = Vec::new();
    append(&mut buffer, value, binary, numbers)?;
    assert_eq!(buffer[..4], (buffer.len() as u32 - 4).to_be_bytes());
    Ok(String::from_utf8(buffer.split_off(4)).unwrap())
}

const VALID: [&str; 30] = [
    "{}",
    "[]",
    "\"\"",
    "0",
    "-1",
    "1.5",
    "1e5",
    "1E+5",
    "1.25e-3",
    "true",
    "false",
    "null",
    " [ ] ",
    "\t{\r\n}",
    r#"{"a":1}"#,
    r#"{ "a" : [ 1 , 2 , { "b" : null } ] }"#,
    r#"{"a":1,"A":1,"":1}"#,
    r#""\"\\\/\b\f\n\r\t\u00e9""#,
    r#""\ud83d\ude00""#,
    "\"\u{7f}\u{e9}\u{1f600}\u{2028}\"",
    "[[[[]]]]",
    "0.0",
    "0e5",
    "-0.5",
    "[1,2]",
    "[true,false,null]",
    r#"{"a":{"a":{"a":1}}}"#,
    r#"[{"a":1},{"a":1}]"#,
    "10",
    r#""null""#,
];

#[test]
fn both_types_take_documents() {
    for text in VALID {
        assert_eq!((fault(text, false), fault(text, true)), (None, None), "{text}");
    }
}

#[test]
fn neither_type_takes_what_is_not_json() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "]",
        "}",
        "{]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{,}",
        "{1:1}",
        "01",
        "00",
        "-",
        "+1",
        ".5",
        "5.",
        "1e",
        "1e+",
        "0x10",
        "1.e5",
        "--1",
        "NaN",
        "Infinity",
        "-Infinity",
        "tru",
        "True",
        "nul",
        "truefalse",
        "1 2",
        "{} {}",
        "[1]x",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\U0041\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\u{1f}\"",
        "// c\n1",
        "/* c */1",
        "\u{feff}1",
        "\u{a0}1",
        "1\u{b}",
        "\"\\",
        "[\"\\u00\"]",
    ] {
        assert_eq!(fault(text, false), Some(Misfit::Json(JsonFault::Syntax)), "{text}");
        assert!(fault(text, true).is_some(), "{text}");
    }
}

#[test]
fn jsonb_refuses_what_it_would_change() {
    for (text, why) in [
        (r#""\u0000""#, JsonFault::NulEscape),
        (r#"{"\u0000":1}"#, JsonFault::NulEscape),
        (r#""\ud800""#, JsonFault::LoneSurrogate),
        (r#""\udc00""#, JsonFault::LoneSurrogate),
        (r#""\ud800\ud800""#, JsonFault::LoneSurrogate),
        (r#""\ud800\u0041""#, JsonFault::LoneSurrogate),
        (r#""\ud800x""#, JsonFault::LoneSurrogate),
        (r#""\ude00\ud83d""#, JsonFault::LoneSurrogate),
        (r#"{"a":1,"a":2}"#, JsonFault::DuplicateKey),
        (r#"{"a":1,"a":1}"#, JsonFault::DuplicateKey),
        (r#"{"a":1,"b":{"c":1,"d":2,"c":3}}"#, JsonFault::DuplicateKey),
        (r#"{"a":1,"\u0061":2}"#, JsonFault::DuplicateKey),
        (r#"{"\n":1,"\u000A":2}"#, JsonFault::DuplicateKey),
        (r#"{"\ud83d\ude00":1,"x":0,"😀":2}"#, JsonFault::DuplicateKey),
        ("-0", JsonFault::Number),
        ("[-0.00]", JsonFault::Number),
        ("-0e3", JsonFault::Number),
        ("1e1001", JsonFault::Number),
        ("1e-1001", JsonFault::Number),
        ("1e99999999999999999999", JsonFault::Number),
        ("1e-99999999999999999999", JsonFault::Number),
    ] {
        assert_eq!(fault(text, false), None, "{text}");
        assert_eq!(fault(text, true), Some(Misfit::Json(why)), "{text}");
    }
    assert_eq!(fault("1e1000", true).or(fault("1E-1000", true)), None);
    let long = |whole: usize, fraction: usize| format!("{}.{}", "1".repeat(whole), "1".repeat(fraction));
    assert_eq!(fault(&long(131_072, 16_383), true), None);
    assert!(fault(&long(131_073, 1), true).is_some() && fault(&long(1, 16_384), true).is_some());
}

#[test]
fn many_keys_are_compared_too() {
    let object = |extra: &str| {
        let keys: Vec<String> = (0..1000).map(|n| format!(r#""k{n}":{{"x":{n}}}"#)).collect();
        format!("{{{}{extra}}}", keys.join(","))
    };
    assert_eq!(fault(&object(""), true), None);
    assert_eq!(fault(&object(r#","k1000":0"#), true), None);
    assert_eq!(fault(&object(r#","k500":0"#), true), Some(Misfit::Json(JsonFault::DuplicateKey)));
    assert_eq!(fault(&object(r#","\u006b7":0"#), true), Some(Misfit::Json(JsonFault::DuplicateKey)));
}

#[test]
fn depth_is_limited_for_both() {
    for (open, close) in [("[", "]"), ("{\"a\":[", "]}")] {
        let nested = |levels: usize| format!("{}{}", open.repeat(levels), close.repeat(levels));
        let most = 1000 / open.matches(['[', '{']).count();
        for binary in [false, true] {
            assert_eq!(fault(&nested(most), binary), None);
            assert_eq!(fault(&nested(most + 1), binary), Some(Misfit::Json(JsonFault::Depth)));
        }
    }
    assert_eq!(fault(&"[".repeat(1_000_000), false), Some(Misfit::Json(JsonFault::Depth)));
}

#[test]
fn fields_hold_the_text_of_the_source() {
    assert_eq!(field(Value::Text(b" {\"a\" : 1}"), false, false).unwrap(), " {\"a\" : 1}");
    assert_eq!(field(Value::Text(b" {\"a\" : 1}"), true, false).unwrap(), "\u{1} {\"a\" : 1}");
    assert_eq!(field(Value::Text(b"[\0]"), false, false), Err(Misfit::NulInText));
    assert_eq!(field(Value::Text(b"\"\xff\""), false, false), Err(Misfit::InvalidUtf8));
    assert!(matches!(field(Value::Blob(b"1"), true, true), Err(Misfit::Class(_))));
    assert!(matches!(field(Value::Integer(1), true, false), Err(Misfit::Class(_))));
}

#[test]
fn numbers_of_numeric_affinity_are_documents() {
    assert_eq!(field(Value::Integer(-7), false, true).unwrap(), "-7");
    assert_eq!(field(Value::Real(0.5), true, true).unwrap(), "\u{1}0.5");
    assert_eq!(field(Value::Real(-1e20), false, true).unwrap(), "-100000000000000000000.0");
    assert_eq!(field(Value::Real(1.5e-7), false, true).unwrap(), "0.00000015");
    assert_eq!(field(Value::Text(b"5"), false, true), Err(Misfit::Form));
    assert!(field(Value::Text(b"\"5\""), false, true).is_ok());
    assert_eq!(field(Value::Real(f64::INFINITY), true, true), Err(Misfit::Infinite));
    for real in [5.0, -0.0, 1e15] {
        assert!(matches!(field(Value::Real(real), true, true), Err(Misfit::Class(_))), "{real}");
    }
}
