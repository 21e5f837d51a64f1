//! Which texts are moments, days and times, and which only look like them

use super::*;

const PLAIN: StampForm = StampForm { layout: Layout::IsoSpace, fraction: Fraction::None, zone: Zone::None, assumed: 0 };

fn moment(text: &str, zoned: bool, form: StampForm) -> Option<i64> {
    stamp(Value::Text(text.as_bytes()), zoned, form).ok()
}

fn day(text: &str, form: DateForm) -> Option<i32> {
    date(Value::Text(text.as_bytes()), form).ok()
}

fn clock(text: &str, layout: TimeLayout, fraction: Fraction) -> Option<i64> {
    time(Value::Text(text.as_bytes()), TimeForm { layout, fraction }).ok()
}

#[test]
fn days_are_those_of_the_calendar() {
    for (text, days) in [
        ("2000-01-01", 0),
        ("1999-12-31", -1),
        ("2000-02-29", 59),
        ("2000-03-01", 60),
        ("1970-01-01", -10_957),
        ("2024-02-29", 8825),
        ("2400-02-29", 146_156),
        ("0001-01-01", -730_119),
        ("9999-12-31", 2_921_939),
    ] {
        assert_eq!(day(text, DateForm::Iso), Some(days), "{text}");
        assert_eq!(day(&text.replace('-', ""), DateForm::Compact), Some(days), "{text}");
    }
}

#[test]
fn days_that_do_not_exist_are_misfits() {
    for text in [
        "",
        "2023-02-29",
        "1900-02-29",
        "2100-02-29",
        "2024-02-30",
        "2024-04-31",
        "2024-00-10",
        "2024-13-01",
        "2024-01-00",
        "2024-01-32",
        "0000-01-01",
        "10000-01-01",
        "-001-01-01",
        "2024-1-01",
        "2024-01-1",
        "24-01-01",
        "2024/01/01",
        "2024-01-01 ",
        " 2024-01-01",
        "2024-01-01T",
        "20240101",
        "+024-01-01",
        "2024-01- 1",
        "2024-01-01 00:00:00",
        "2024-01-0\u{0661}",
    ] {
        assert_eq!(day(text, DateForm::Iso), None, "{text}");
    }
    assert_eq!(day("2024-01-01", DateForm::Compact), None);
    assert_eq!(day("2024011", DateForm::Compact), None);
}

#[test]
fn times_end_before_midnight() {
    let plain = |text| clock(text, TimeLayout::Seconds, Fraction::None);
    assert_eq!(plain("00:00:00"), Some(0));
    assert_eq!(plain("23:59:59"), Some(86_399 * SECOND));
    for text in ["24:00:00", "23:60:00", "23:59:60", "3:04:05", "03:04", "03:04:05.0", "03:04:05Z", "03-04-05", ""] {
        assert_eq!(plain(text), None, "{text}");
    }
    assert_eq!(clock("03:04", TimeLayout::Minutes, Fraction::None), Some(11_040 * SECOND));
    assert_eq!(clock("03:04:00", TimeLayout::Minutes, Fraction::None), None);
    assert_eq!(clock("2000-01-01 23:59:59.5", TimeLayout::Dated, Fraction::Fixed(1)), Some(86_399_500_000));
    assert_eq!(clock("2000-01-02 23:59:59.5", TimeLayout::Dated, Fraction::Fixed(1)), None);
}

#[test]
fn fractions_have_the_digits_of_the_form() {
    let of = |text: &str, fraction| clock(&format!("00:00:01{text}"), TimeLayout::Seconds, fraction);
    assert_eq!(of(".123456", Fraction::Fixed(6)), Some(1_123_456));
    assert_eq!(of(".000000", Fraction::Fixed(6)), Some(1_000_000));
    assert_eq!(of(".120", Fraction::Fixed(3)), Some(1_120_000));
    assert_eq!(of("", Fraction::OmitZero(6)), Some(1_000_000));
    assert_eq!(of(".000001", Fraction::OmitZero(6)), Some(1_000_001));
    for (text, fraction) in [
        ("", Fraction::Fixed(3)),
        (".", Fraction::Fixed(1)),
        (".12", Fraction::Fixed(3)),
        (".1234", Fraction::Fixed(3)),
        (".1234567", Fraction::Fixed(6)),
        (".1234567", Fraction::Fixed(7)),
        (".", Fraction::Fixed(0)),
        (".000000", Fraction::OmitZero(6)),
        (".123", Fraction::OmitZero(6)),
        (",123", Fraction::Fixed(3)),
        (".12a", Fraction::Fixed(3)),
        (".+12", Fraction::Fixed(3)),
        (".1", Fraction::None),
    ] {
        assert_eq!(of(text, fraction), None, "{text} {fraction:?}");
    }
}

#[test]
fn layouts_keep_their_separators() {
    let expected = Some((8767 * 86_400 + 11_045) * SECOND);
    for (text, layout) in [
        ("2024-01-02 03:04:05", Layout::IsoSpace),
        ("2024-01-02T03:04:05", Layout::IsoT),
        ("20240102030405", Layout::Compact),
    ] {
        assert_eq!(moment(text, false, StampForm { layout, ..PLAIN }), expected, "{text}");
        for other in [Layout::IsoSpace, Layout::IsoT, Layout::Compact, Layout::MinutesSpace, Layout::MinutesT] {
            let taken = moment(text, false, StampForm { layout: other, ..PLAIN }).is_some();
            assert_eq!(taken, other == layout, "{text} {other:?}");
        }
    }
    let minutes = StampForm { layout: Layout::MinutesT, ..PLAIN };
    assert_eq!(moment("2024-01-02T03:04", false, minutes), expected.map(|micros| micros - 5 * SECOND));
    for text in ["2024-01-02  03:04:05", "2024-01-02t03:04:05", "2024-02-30 03:04:05", "2024-01-02", "now"] {
        assert_eq!(moment(text, false, PLAIN), None, "{text}");
    }
}

#[test]
fn zones_are_constant_and_move_the_moment() {
    let zoned = |zone| StampForm { zone, ..PLAIN };
    let utc = moment("2024-01-02 03:04:05", true, PLAIN).unwrap();
    let hour = 3600 * SECOND;
    for (suffix, zone, offset) in [
        ("Z", Zone::Z, 0),
        ("+00:00", Zone::Colon(0), 0),
        ("+02:00", Zone::Colon(120), 2 * hour),
        ("-05:30", Zone::Colon(-330), -5 * hour - hour / 2),
        ("-0030", Zone::Digits(-30), -hour / 2),
        ("+14", Zone::Hours(840), 14 * hour),
    ] {
        let text = format!("2024-01-02 03:04:05{suffix}");
        assert_eq!(moment(&text, true, zoned(zone)), Some(utc - offset), "{suffix}");
        assert_eq!(moment(&text, true, PLAIN), None, "{suffix}");
        assert_eq!(moment("2024-01-02 03:04:05", true, zoned(zone)), None, "{suffix}");
    }
    for (suffix, zone) in [
        ("z", Zone::Z),
        ("-00:00", Zone::Colon(0)),
        ("+0000", Zone::Colon(0)),
        ("+02:00", Zone::Colon(60)),
        ("+02:00", Zone::Colon(-120)),
        ("+02:00 ", Zone::Colon(120)),
        (" +02:00", Zone::Colon(120)),
        ("+2:00", Zone::Colon(120)),
        ("+05", Zone::Hours(330)),
        ("+05:30", Zone::Hours(330)),
    ] {
        assert_eq!(moment(&format!("2024-01-02 03:04:05{suffix}"), true, zoned(zone)), None, "{suffix} {zone:?}");
    }
}

#[test]
fn texts_without_a_zone_mean_the_assumed_one_only_in_timestamptz() {
    let form = StampForm { assumed: 60, ..PLAIN };
    let utc = moment("2024-01-02 03:04:05", true, PLAIN).unwrap();
    assert_eq!(moment("2024-01-02 03:04:05", true, form), Some(utc - 3600 * SECOND));
    assert_eq!(moment("2024-01-02 03:04:05", false, form), Some(utc));
}

#[test]
fn numbers_count_from_1970() {
    let of = |value, unit| {
        let mut buffer = Vec::new();
        append_epoch(&mut buffer, value, unit).map(|()| i64::from_be_bytes(buffer[4..].try_into().unwrap()))
    };
    assert_eq!(of(Value::Integer(946_684_800), EpochUnit::S), Ok(0));
    assert_eq!(of(Value::Integer(946_684_800_001), EpochUnit::Ms), Ok(1000));
    assert_eq!(of(Value::Integer(0), EpochUnit::Us), Ok(-EPOCH));
    assert_eq!(of(Value::Real(946_684_800.25), EpochUnit::SecondsReal), Ok(250_000));
    assert_eq!(of(Value::Real(1_700_000_000.123_456), EpochUnit::SecondsReal), Ok(753_315_200_123_456));
    // One of the doubles between two microseconds
    assert_eq!(of(Value::Real(1_700_000_000.123_456f64.next_up()), EpochUnit::SecondsReal), Err(Misfit::Range));
    for real in [-0.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, 1e-7, 9.3e12] {
        assert_eq!(of(Value::Real(real), EpochUnit::SecondsReal), Err(Misfit::Range), "{real:?}");
    }
    for (number, unit) in [(i64::MAX, EpochUnit::S), (i64::MIN, EpochUnit::Us), (9_300_000_000_000, EpochUnit::S)] {
        assert_eq!(of(Value::Integer(number), unit), Err(Misfit::Range));
    }
    assert!(matches!(of(Value::Real(1.0), EpochUnit::S), Err(Misfit::Class(_))));
    assert!(matches!(of(Value::Integer(1), EpochUnit::SecondsReal), Err(Misfit::Class(_))));
    assert!(matches!(of(Value::Text(b"1"), EpochUnit::S), Err(Misfit::Class(_))));
}
