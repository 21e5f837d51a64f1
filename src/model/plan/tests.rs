//! What a column asks of its values

use super::*;
use crate::model::convert::forms::{Element, JsonForm};

fn with(mapping: Mapping, type_sql: &str, check: Check) -> ColumnPlan {
    ColumnPlan { type_sql: type_sql.into(), check, ..example_column("c", mapping) }
}

fn cast(column: &ColumnPlan) -> Option<String> {
    column.wire().cast
}

#[test]
fn only_what_assignment_cannot_do_is_cast() {
    let labels = Check::Labels(vec!["sad".into()]);
    assert_eq!(cast(&with(Mapping::Text, "\"public\".\"mood\"", labels)).unwrap(), "\"public\".\"mood\"");
    assert_eq!(cast(&with(Mapping::Text, "public.citext", Check::None)).unwrap(), "public.citext");
    let ints = Mapping::Array { element: Element::Integer, form: JsonForm { spaced: false, ascii: false } };
    let wire = example_column("c", ints).wire();
    assert_eq!(wire, Wire { sql: "text", oid: 25, cast: Some("integer[]".into()) });
    assert_eq!(cast(&with(Mapping::Padded, "char(3)", Check::Chars(3))).unwrap(), "bpchar");
    // A cast to any of these would cut what does not fit, in silence.
    for type_sql in ["text", "varchar(9)", "\"public\".\"name\""] {
        assert_eq!(cast(&with(Mapping::Text, type_sql, Check::Chars(9))), None, "{type_sql}");
    }
    assert_eq!(cast(&with(Mapping::Numeric, "numeric(10,2)", Check::None)), None);
}

#[test]
fn a_value_that_fails_the_check_leaves_the_buffer_alone() {
    let cases = [
        (Check::Chars(2), "\u{e9}\u{1f600}", "abc", Misfit::Characters),
        (Check::Labels(vec!["ok".into(), "sad".into()]), "sad", "Sad", Misfit::Label),
    ];
    for (check, good, bad, misfit) in cases {
        let column = with(Mapping::Text, "x", check);
        let mut buffer = vec![9];
        assert_eq!(column.encode(&mut buffer, Value::Text(bad.as_bytes())), Err(misfit));
        assert_eq!(column.encode_parameter(&mut buffer, Value::Text(bad.as_bytes())), Err(misfit));
        assert_eq!(column.encode(&mut buffer, Value::Integer(1)), Err(Misfit::Class(Value::Integer(1).class())));
        assert_eq!(buffer, [9]);
        let mut plain = vec![9];
        column.encode(&mut buffer, Value::Text(good.as_bytes())).unwrap();
        encode_field(&mut plain, Value::Text(good.as_bytes()), Mapping::Text).unwrap();
        column.encode(&mut buffer, Value::Null).unwrap();
        encode_field(&mut plain, Value::Null, Mapping::Text).unwrap();
        assert_eq!(buffer, plain);
    }
}

#[test]
fn digits_behind_the_seconds_are_counted_in_what_is_written() {
    let admits = |digits, microseconds: i64| {
        let field = [&8u32.to_be_bytes()[..], &microseconds.to_be_bytes()].concat();
        Check::Scale(digits).admit(Value::Text(b""), &field)
    };
    assert_eq!([admits(3, -1_000), admits(0, 2_000_000), admits(6, 1)], [Ok(()); 3]);
    assert_eq!([admits(3, -1), admits(0, 2_100_000), admits(5, 1)], [Err(Misfit::Scale); 3]);
}

#[test]
fn limits_of_an_array_are_those_of_its_elements() {
    let list = |element| Mapping::Array { element, form: JsonForm { spaced: false, ascii: false } };
    let column = with(list(Element::Varchar), "varchar(2)[]", Check::Elements(Box::new(Check::Chars(2))));
    assert_eq!(cast(&column).unwrap(), "varchar[]", "a cast with a limit would cut");
    for (text, expected) in [
        (r#"["ab",null,"","\u0001\u0002"]"#, Ok(())),
        (r#"["éé","☃"]"#, Ok(())),
        (r#"["ab","abc"]"#, Err(Misfit::Characters)),
        (r#"["ab ",null]"#, Err(Misfit::Characters)),
        ("[]", Ok(())),
    ] {
        for encode in [ColumnPlan::encode, ColumnPlan::encode_parameter] {
            let mut buffer = vec![9];
            assert_eq!(encode(&column, &mut buffer, Value::Text(text.as_bytes())), expected, "{text}");
            assert!(expected.is_ok() || buffer == [9], "{text}");
        }
    }
}

#[test]
fn durations_are_whole_steps_whatever_their_days() {
    let interval = Mapping::Interval(crate::model::convert::forms::IntervalForm::Microseconds);
    let column = with(interval, "interval day to minute", Check::Step(60_000_000));
    let encode = |micros| column.encode(&mut Vec::new(), Value::Integer(micros));
    assert_eq!([encode(0), encode(-60_000_000), encode(86_460_000_000)], [Ok(()); 3]);
    assert_eq!([encode(1), encode(86_400_000_001), encode(-59_000_000)], [Err(Misfit::Finer); 3]);
    let zoned = Mapping::ZonedTime {
        form: crate::model::convert::forms::TimeForm {
            layout: crate::model::convert::forms::TimeLayout::Seconds,
            fraction: crate::model::convert::forms::Fraction::Fixed(6),
        },
        zone: crate::model::convert::forms::ZoneStyle::Colon,
    };
    let column = with(zoned, "timetz(3)", Check::Scale(3));
    let encode = |text: &str| column.encode(&mut Vec::new(), Value::Text(text.as_bytes()));
    assert_eq!(encode("03:04:05.123000+02:00"), Ok(()));
    assert_eq!(encode("03:04:05.123400+02:00"), Err(Misfit::Scale));
}

#[test]
fn null_is_a_misfit_only_where_the_target_says_not_null() {
    let mut column = example_column("c", Mapping::Bigint);
    let mut buffer = Vec::new();
    column.encode(&mut buffer, Value::Null).unwrap();
    column.not_null = true;
    assert_eq!(column.encode(&mut buffer, Value::Null), Err(Misfit::Null));
    assert_eq!(column.encode_parameter(&mut buffer, Value::Null), Err(Misfit::Null));
    assert_eq!(buffer, [0xff; 4]);
}

#[test]
fn what_the_target_computes_is_not_copied() {
    let mut columns = ["a", "b", "c"].map(|name| example_column(name, Mapping::Bigint));
    columns[1].generated = Some("a + 1".into());
    let table = example_table(columns.into(), vec![2]);
    let copied: Vec<_> = table.copied_columns().map(|(at, c)| (at, c.target_name.as_str())).collect();
    assert_eq!(copied, [(0, "a"), (2, "c")]);
    assert_eq!(table.key_plans().map(|c| c.target_name.as_str()).collect::<Vec<_>>(), ["c"]);
}
