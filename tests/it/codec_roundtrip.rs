//! Every conversion there and back, by random and adversarial values
//!
//! What comes back is identical, but for documents and for moments in any spelling: there SQLite keeps its own.

use crossfade::model::canonical::{comparable, restore};
use crossfade::model::convert::append_parameter;
use crossfade::model::decode::decode_field;
use crossfade::model::encode::encode_field;
use crossfade::model::mapping::Mapping;
use crossfade::model::value::{Class, Value};
use proptest::prelude::*;

use crate::codec_mappings::all;

/// Texts that look like the values of some type, right and wrong ones
fn looks_like_a_value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[0129]{4}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9](:[0-6][0-9](\\.[0-9]{1,7}|\\.000|\\.000000)?)?\
              (Z|[+-]0[0-9](:?[03]0)?)?",
        1 => "[0129]{4}(-?)[01][0-9](-?)[0-3][0-9]([0-2][0-9][0-5][0-9][0-5][0-9](\\.[0-9]{3})?)?",
        1 => "(2000-01-01 )?[0-2][0-9]:[0-5][0-9](:[0-6][0-9](\\.[0-9]{1,7})?)?",
        1 => "\\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\}?",
        1 => "[0-9A-F]{8}-?[0-9A-F]{4}-?[0-9A-F]{4}-?[0-9A-F]{4}-?[0-9A-F]{12}",
        1 => "[0-9a-f]{32}",
        2 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?",
        1 => "([0-9]{1,3}\\.){3}[0-9]{1,3}(/[0-9]{1,2})?",
        1 => "([0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(/[0-9]{1,3})?",
        1 => "::(ffff:)?[0-9]{1,2}\\.0\\.0\\.[01](/128)?",
        2 => json_list(),
        3 => json_document(),
        2 => prop::sample::select(vec!["", "0", "1", "t", "f", "T", "F", "true", "false", "TRUE", "FALSE", "True", "y", "n",
            "Y", "N", "yes", "no", "null", "NULL", "NaN", "inf", "-0", "-0.0", "-0.00", "00", "infinity", "-infinity",
            "epoch", "now", "[]", "{}", "[ ]", " ", "a ", "1.0", "1.00", "0.00", "12.34"]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn json_list() -> impl Strategy<Value = String> {
    let item = prop_oneof![
        "-?[0-9]{1,3}(\\.[0-9]{1,3})?(e-0[5-9]|e\\+[12][0-9]|e-7)?",
        "-?(0|1|42|9223372036854775807|2147483648)(\\.0|\\.5|\\.25)?",
        "null|true|false",
        "\"[a-c,\\]é😀/ ]{0,4}\"",
        "\"(\\\\[nrtbfu\"\\\\/]|\\\\u00(e9|E9|0a|1f|7f|00)|\\\\ud83d\\\\ude00|\\\\ud800){0,2}\"",
        "\"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\"",
    ];
    let separator = prop::sample::select(vec![",", ", ", ",  "]);
    (prop::collection::vec(item, 0..4), separator).prop_map(|(items, with)| format!("[{}]", items.join(with)))
}

/// Documents with odd blanks, odd escapes, odd numbers and repeated keys
pub fn json_document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "true|false|null",
        "\"([a-c ]|é|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-fA-F]{2}|\\\\ud83d\\\\ude0[0-9]|\\\\ud8[0-9]{2}){0,4}\"",
    ];
    let blank = || prop::sample::select(vec!["", "", " ", "\n", "\t "]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let key =
            prop::sample::select(vec!["\"a\"", "\"b\"", "\"bb\"", "\"\\u0061\"", "\"A\"", "\"\"", "\"\\n\"", "\"é\""]);
        let list = (prop::collection::vec(inner.clone(), 0..4), blank())
            .prop_map(|(items, blank)| format!("[{blank}{}{blank}]", items.join(&format!("{blank},"))));
        let member = (key, blank(), inner).prop_map(|(key, blank, value)| format!("{key}{blank}:{blank}{value}"));
        let object = (prop::collection::vec(member, 0..4), blank())
            .prop_map(|(members, blank)| format!("{{{blank}{}{blank}}}", members.join(&format!(",{blank}"))));
        prop_oneof![list, object]
    })
}

/// A text, or one that somebody damaged in one place
pub fn text() -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>(), 0..4));
    (looks_like_a_value(), damage).prop_map(|(text, damage)| {
        let mut bytes = text.into_bytes();
        if let Some((index, byte, how)) = damage {
            let at = index.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 => bytes.insert(at, b' '),
                2 => bytes.truncate(at),
                _ if at < bytes.len() => bytes[at] = b'0' + byte % 10,
                _ => {}
            }
        }
        bytes
    })
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        Just(1),
        -2i64..12,
        any::<i64>(),
        any::<i16>().prop_map(i64::from),
        any::<i32>().prop_map(i64::from),
        (any::<i64>(), 0..63u32).prop_map(|(number, by)| number >> by),
        1_600_000_000i64..1_800_000_000,
        prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, 32_768, -32_769, 1 << 31, 9_999_999_999]),
    ]
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("SQLite stores NaN as NULL", |real| !real.is_nan()),
        any::<f32>().prop_filter("not NaN", |real| !real.is_nan()).prop_map(f64::from),
        (any::<i32>(), 0..10i32).prop_map(|(number, scale)| f64::from(number) / 10f64.powi(scale)),
        (0..4_000_000_000_000_000i64).prop_map(|micros| micros as f64 / 1e6),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            5e-324,
            f64::MAX,
            2f64.powi(63),
            -(2f64.powi(63)),
            1e20,
            0.1 + 0.2
        ]),
    ]
}

/// Encodes and decodes under every mapping: a misfit, or the identical value
fn check(value: Value<'_>, mappings: &[Mapping]) -> Result<(), TestCaseError> {
    let mut scratch = b"left over".to_vec();
    for mapping in mappings {
        let mut buffer = b"before".to_vec();
        let taken = encode_field(&mut buffer, value, *mapping).is_ok();
        prop_assert!(buffer.starts_with(b"before"), "{:?} as {:?}", value, mapping);
        let field = &buffer[6..];
        check_parameter(value, *mapping, taken, field)?;
        if !taken {
            prop_assert!(field.is_empty(), "{:?} as {:?} left something behind", value, mapping);
            continue;
        }
        let (length, payload) = field.split_first_chunk::<4>().expect("a length");
        let length = i32::from_be_bytes(*length);
        prop_assert_eq!(length, if value == Value::Null { -1 } else { payload.len() as i32 }, "{:?}", mapping);
        let decoded = decode_field((length >= 0).then_some(payload), *mapping, &mut scratch);
        match decoded {
            Ok(decoded) if decoded.is_identical(&value) => {}
            Ok(decoded) if mapping.takes_any_spelling() => check_moment(value, decoded, *mapping, field)?,
            other => prop_assert!(false, "{:?} as {:?} came back as {:?}", value, mapping, other),
        }
        if let (Value::Text(text), Mapping::Json { binary: true, .. }) = (value, *mapping) {
            check_document(text, *mapping)?;
        }
    }
    Ok(())
}

/// Only arrays and vectors travel in another way as parameters, and those are taken whenever fields are
fn check_parameter(value: Value<'_>, mapping: Mapping, taken: bool, field: &[u8]) -> Result<(), TestCaseError> {
    if value.class() == Class::Null {
        return Ok(());
    }
    let mut parameter = Vec::new();
    let result = append_parameter(&mut parameter, value, mapping);
    let is_literal = matches!(mapping, Mapping::Array { .. } | Mapping::Vector { .. });
    let plain = encode_is_plain(mapping);
    prop_assert!(plain || result.is_ok() == taken, "{:?} as {:?}", value, mapping);
    prop_assert!(plain || is_literal || parameter == field, "{:?} as {:?}", value, mapping);
    if matches!(mapping, Mapping::Vector { .. }) && taken {
        let list = String::from_utf8_lossy(&parameter[4..]).into_owned();
        let numbers = list.trim_matches(['[', ']']).split(',').map(|number| number.parse::<f32>().map(f32::to_bits));
        let floats = field[8..].as_chunks::<4>().0.iter().map(|bytes| Ok(u32::from_be_bytes(*bytes)));
        prop_assert!(numbers.eq(floats), "{:?} as {:?} is {}", value, mapping, list);
    }
    Ok(())
}

/// Mappings that `encode_field` takes before the conversions are asked
fn encode_is_plain(mapping: Mapping) -> bool {
    use Mapping::{Bigint, Bytea, Double, Numeric, Text, Variant};
    matches!(mapping, Bigint | Bytea | Double | Numeric | Text | Variant)
}

/// The restore law: whatever spelling of the document comes back, SQLite keeps its own
fn check_document(text: &[u8], mapping: Mapping) -> Result<(), TestCaseError> {
    let mut scratch = Vec::new();
    let other = match comparable(Value::Text(text), mapping, &mut scratch) {
        Value::Text(canonical) => canonical.to_vec(),
        _ => Vec::new(),
    };
    let kept = restore(Value::Text(text), Value::Text(&other), mapping);
    prop_assert!(kept.is_identical(&Value::Text(text)), "{:?} became {:?}", text, other);
    // The canonical text is a document itself, and the same one.
    let taken = encode_field(&mut Vec::new(), Value::Text(&other), mapping);
    prop_assert!(taken.is_ok(), "{:?} is canonical and refused: {:?}", String::from_utf8_lossy(&other), taken);
    // `serde_json` holds numbers as doubles.
    let parse = |text: &[u8]| match serde_json::from_slice::<serde_json::Value>(text) {
        Err(error) if !error.to_string().contains("out of range") => panic!("{error}: {text:?}"),
        parsed => parsed.ok(),
    };
    if let (Some(known), Some(again)) = (parse(text), parse(&other)) {
        prop_assert!(is_same(&known, &again), "{} and {}", known, again);
    }
    Ok(())
}

/// The same law for moments: what comes back is another spelling of the same one, and SQLite keeps its own
fn check_moment(ours: Value<'_>, theirs: Value<'_>, mapping: Mapping, field: &[u8]) -> Result<(), TestCaseError> {
    prop_assert!(restore(ours, theirs, mapping).is_identical(&ours), "{:?} became {:?}", ours, theirs);
    prop_assert!(restore(theirs, ours, mapping).is_identical(&theirs), "{:?} became {:?}", theirs, ours);
    let (mut spelling, mut again) = (Vec::new(), Vec::new());
    for same in [theirs, comparable(ours, mapping, &mut spelling)] {
        // Both are spellings of the column's kind, and of the same moment.
        again.clear();
        let taken = encode_field(&mut again, same, mapping);
        prop_assert!(taken.is_ok() && again == field, "{:?} is not {:?} as {:?}: {:?}", same, ours, mapping, taken);
    }
    Ok(())
}

/// Another moment, even the next microsecond, is never taken for the same one
fn check_neighbours(text: &[u8], mappings: &[Mapping]) -> Result<(), TestCaseError> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for mapping in mappings.iter().filter(|mapping| mapping.takes_any_spelling()) {
        let mut field = Vec::new();
        if encode_field(&mut field, Value::Text(text), *mapping).is_err() {
            continue;
        }
        let micros = i64::from_be_bytes(*field.last_chunk().expect("microseconds"));
        for step in [-86_400_000_000, -3_600_000_000, -1, 1, 1000, 60_000_000] {
            let mut scratch = Vec::new();
            let near = (micros + step).to_be_bytes();
            let Ok(other) = decode_field(Some(&near), *mapping, &mut scratch) else { continue };
            prop_assert!(
                restore(Value::Text(text), other, *mapping).is_identical(&other),
                "{:?} for {:?}",
                text,
                other
            );
            let same = comparable(Value::Text(text), *mapping, &mut ours).is_identical(&comparable(
                other,
                *mapping,
                &mut theirs,
            ));
            prop_assert!(!same, "{:?} and {:?}", text, other);
        }
    }
    Ok(())
}

/// Equality that takes 1 and 1.0 for the same number, and forgives the last digit, which `serde_json` may get wrong
fn is_same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
            (a - b).abs() <= a.abs() * 1e-14
        }
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(config(800))]

    #[test]
    fn i10_texts_come_back_identical_or_not_at_all(text in text()) {
        check(Value::Text(&text), &all())?;
        check(Value::Blob(&text), &all())?;
        check_neighbours(&text, &all())?;
    }

    #[test]
    fn i10_bytes_come_back_identical_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        check(Value::Text(&bytes), &all())?;
        check(Value::Blob(&bytes), &all())?;
    }

    #[test]
    fn i10_integers_come_back_identical_or_not_at_all(integer in integer()) {
        check(Value::Integer(integer), &all())?;
    }

    #[test]
    fn i10_reals_come_back_identical_or_not_at_all(real in real()) {
        check(Value::Real(real), &all())?;
    }
}

#[test]
fn i10_null_is_null_everywhere() {
    check(Value::Null, &all()).unwrap();
}
