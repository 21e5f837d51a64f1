//! Which lists become arrays, and what is sent for them

use super::*;
use crate::model::convert::forms::{Fraction, Layout};

const PLAIN: JsonForm = JsonForm { spaced: false, ascii: false };
const PYTHON: JsonForm = JsonForm { spaced: true, ascii: true };

fn literal(text: &str, element: Element, form: JsonForm) -> Result<String, Misfit> {
    let mut buffer = Vec::new();
    append_literal(&mut buffer, Value::Text(text.as_bytes()), element, form)?;
    assert_eq!(buffer[..4], (buffer.len() as u32 - 4).to_be_bytes());
    let binary = append(&mut Vec::new(), Value::Text(text.as_bytes()), element, form);
    assert_eq!(binary, Ok(()), "{text}");
    Ok(String::from_utf8(buffer.split_off(4)).unwrap())
}

#[test]
fn lists_become_literals() {
    for (text, element, form, expected) in [
        ("[]", Element::Text, PLAIN, "{}"),
        ("[1,-2,null,0]", Element::Integer, PLAIN, "{1,-2,NULL,0}"),
        (
            "[9223372036854775807, -9223372036854775808]",
            Element::Bigint,
            PYTHON,
            "{9223372036854775807,-9223372036854775808}",
        ),
        ("[true,false]", Element::Boolean, PLAIN, "{t,f}"),
        ("[1.0, 1e-05, -0.0]", Element::Double, PYTHON, "{1e0,1e-5,-0e0}"),
        (r#"["a","","null","é,]\"\\"]"#, Element::Text, PLAIN, r#"{"a","","null","é,]\"\\"}"#),
        (r#"["\u00e9\ud83d\ude00\u007f", "\n\u0001"]"#, Element::Varchar, PYTHON, "{\"é😀\u{7f}\",\"\n\u{1}\"}"),
        (r#"["123e4567-e89b-12d3-a456-426614174000"]"#, Element::Uuid, PLAIN, "{123e4567-e89b-12d3-a456-426614174000}"),
        ("[-32768,7]", Element::Smallint, PLAIN, "{-32768,7}"),
        ("[0.5, -1.0, 16777216.0]", Element::Float4, PYTHON, "{5e-1,-1e0,1.6777216e7}"),
        ("[1.50,-2,0.0]", number(0, 0, false), PLAIN, "{1.50,-2,0.0}"),
        (r#"["1.50","-0.25"]"#, number(4, 2, true), PLAIN, "{1.50,-0.25}"),
        ("[300,-100]", number(3, -2, false), PLAIN, "{300,-100}"),
        (r#"["ab"," c",""]"#, Element::Padded, PLAIN, r#"{"ab"," c",""}"#),
        (r#"["2024-02-29",null]"#, Element::Date, PLAIN, "{2024-02-29,NULL}"),
        (r#"["2024-01-02T03:04:05.5Z"]"#, stamp(true, Zone::Z, 0), PLAIN, r#"{"2024-01-02T03:04:05.5Z"}"#),
        (r#"["2024-01-02T03:04:05"]"#, stamp(false, Zone::None, 0), PLAIN, r#"{"2024-01-02T03:04:05"}"#),
        (r#"["2024-01-02T03:04:05"]"#, stamp(true, Zone::None, -150), PLAIN, r#"{"2024-01-02T03:04:05-02:30"}"#),
    ] {
        assert_eq!(literal(text, element, form).as_deref(), Ok(expected), "{text}");
    }
}

fn number(precision: u16, scale: i16, quoted: bool) -> Element {
    Element::Numeric { precision, scale, quoted }
}

fn stamp(zoned: bool, zone: Zone, assumed: i16) -> Element {
    let (layout, fraction) = (Layout::IsoT, Fraction::OmitZero(1));
    Element::Timestamp { zoned, form: StampForm { layout, fraction, zone, assumed } }
}

#[test]
fn elements_that_the_type_would_change_are_misfits() {
    for (text, element, misfit) in [
        ("[32768]", Element::Smallint, Misfit::Form),
        ("[0.1]", Element::Float4, Misfit::Form),
        ("[1e39]", Element::Float4, Misfit::Form),
        ("[1.505]", number(4, 2, false), Misfit::Form),
        ("[1.5]", number(4, 2, false), Misfit::Form),
        ("[100.00]", number(4, 2, false), Misfit::Range),
        ("[1e2]", number(0, 0, false), Misfit::Form),
        ("[-0]", number(0, 0, false), Misfit::NegativeZero),
        ("[\"1\"]", number(0, 0, false), Misfit::Form),
        ("[1]", number(0, 0, true), Misfit::Form),
        ("[150]", number(3, -2, false), Misfit::Range),
        ("[\"NaN\"]", number(0, 0, true), Misfit::Form),
        ("[\"a \"]", Element::Padded, Misfit::TrailingBlanks),
        ("[\"2023-02-29\"]", Element::Date, Misfit::Form),
        ("[2024]", Element::Date, Misfit::Form),
        ("[\"2024-01-02T03:04:05.0Z\"]", stamp(true, Zone::Z, 0), Misfit::Form),
        ("[\"2024-01-02T03:04:05\"]", stamp(true, Zone::Z, 0), Misfit::Form),
    ] {
        for append in [append, append_literal] {
            let result = append(&mut Vec::new(), Value::Text(text.as_bytes()), element, PLAIN);
            assert_eq!(result, Err(misfit), "{text} {element:?}");
        }
    }
}

#[test]
fn other_spellings_are_misfits() {
    for (text, element, form) in [
        ("", Element::Text, PLAIN),
        ("[", Element::Text, PLAIN),
        ("[ ]", Element::Text, PLAIN),
        ("[] ", Element::Text, PLAIN),
        ("{}", Element::Text, PLAIN),
        ("null", Element::Text, PLAIN),
        ("[1, 2]", Element::Integer, PLAIN),
        ("[1,2]", Element::Integer, PYTHON),
        ("[1,]", Element::Integer, PLAIN),
        ("[,1]", Element::Integer, PLAIN),
        ("[1,2", Element::Integer, PLAIN),
        ("[1]2]", Element::Integer, PLAIN),
        ("[01]", Element::Integer, PLAIN),
        ("[-0]", Element::Integer, PLAIN),
        ("[+1]", Element::Integer, PLAIN),
        ("[1.0]", Element::Integer, PLAIN),
        ("[2147483648]", Element::Integer, PLAIN),
        ("[9223372036854775808]", Element::Bigint, PLAIN),
        ("[\"1\"]", Element::Integer, PLAIN),
        ("[1]", Element::Double, PLAIN),
        ("[NaN]", Element::Double, PLAIN),
        ("[True]", Element::Boolean, PLAIN),
        ("[[1]]", Element::Integer, PLAIN),
        ("[[]]", Element::Text, PLAIN),
        ("[{}]", Element::Text, PLAIN),
        ("[a]", Element::Text, PLAIN),
        ("[\"a]", Element::Text, PLAIN),
        ("[\"a\"b]", Element::Text, PLAIN),
        ("[\"\\/\"]", Element::Text, PLAIN),
        ("[\"\\u0041\"]", Element::Text, PLAIN),
        ("[\"\\u00e9\"]", Element::Text, PLAIN),
        ("[\"\\u000a\"]", Element::Text, PLAIN),
        ("[\"\\u001F\"]", Element::Text, PLAIN),
        ("[\"\\u0020\"]", Element::Text, PLAIN),
        ("[\"\t\"]", Element::Text, PLAIN),
        ("[\"é\"]", Element::Text, PYTHON),
        ("[\"\u{7f}\"]", Element::Text, PYTHON),
        ("[\"\\u00E9\"]", Element::Text, PYTHON),
        ("[\"\\\"]", Element::Text, PYTHON),
        ("[\"123E4567-e89b-12d3-a456-426614174000\"]", Element::Uuid, PLAIN),
    ] {
        for append in [append, append_literal] {
            let result = append(&mut Vec::new(), Value::Text(text.as_bytes()), element, form);
            assert_eq!(result, Err(Misfit::Form), "{text} {element:?}");
        }
    }
    let nul = append(&mut Vec::new(), Value::Text(b"[\"\\u0000\"]"), Element::Text, PYTHON);
    assert_eq!(nul, Err(Misfit::NulInText));
    for lone in ["[\"\\ud800\"]", "[\"\\udc00\"]", "[\"\\ud800\\ud800\"]", "[\"\\ud800\\u0041\"]"] {
        assert!(append(&mut Vec::new(), Value::Text(lone.as_bytes()), Element::Text, PYTHON).is_err(), "{lone}");
    }
    assert!(append(&mut Vec::new(), Value::Blob(b"[]"), Element::Text, PLAIN).is_err());
}

#[test]
fn fields_are_as_array_recv_wants_them() {
    let mut buffer = vec![9];
    append(&mut buffer, Value::Text(b"[\"a\",null]"), Element::Text, PLAIN).unwrap();
    let expected = b"\x09\0\0\0\x1d\0\0\0\x01\0\0\0\x01\0\0\0\x19\0\0\0\x02\0\0\0\x01\0\0\0\x01a\xff\xff\xff\xff";
    assert_eq!(buffer, expected);
    buffer.clear();
    append(&mut buffer, Value::Text(b"[]"), Element::Bigint, PLAIN).unwrap();
    assert_eq!(buffer, b"\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\x14");
}
