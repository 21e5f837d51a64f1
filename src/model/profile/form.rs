//! The form of one text, as it is counted and shown
//!
//! One text may be read in several forms, and often leaves its column's form open: `03:04:05.000` has three digits,
//! whether its column leaves out zeros or not, and a UUID of digits only has no case. So a [`TextForm`] says what was
//! seen, and the column's form is decided over all of them.

use std::fmt;

use crate::model::convert::forms::{BoolForm, DateForm, Layout, TimeLayout, UuidForm, Zone};
use crate::model::convert::recognise::{Digits, Readings, recognise};

/// What one text shows of its column's form
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    Empty,
    Boolean(BoolForm),
    Date(DateForm),
    Time(TimeLayout, Digits),
    Stamp(Layout, Digits, Zone),
    /// `versioned`: version and variant are those of a UUID that some generator made
    Uuid {
        form: UuidForm,
        caseless: bool,
        versioned: bool,
    },
}

impl TextForm {
    /// The form of a text, if it has one; `times` decides what a time of day with Rails' date before it is
    pub fn of(text: &[u8], times: bool) -> Option<TextForm> {
        if text.is_empty() {
            return Some(TextForm::Empty);
        }
        let Readings { boolean, date, time, stamp, uuid } = recognise(text);
        let time = time.filter(|time| times || time.layout != TimeLayout::Dated);
        boolean
            .map(TextForm::Boolean)
            .or(date.map(TextForm::Date))
            .or(time.map(|time| TextForm::Time(time.layout, time.fraction)))
            .or(stamp.map(|stamp| TextForm::Stamp(stamp.layout, stamp.fraction, stamp.zone)))
            .or_else(|| of_uuid(text, uuid))
    }
}

fn of_uuid(text: &[u8], forms: [Option<UuidForm>; 2]) -> Option<TextForm> {
    let form = forms[0].or(forms[1])?;
    let mut digits = text.iter().filter(|byte| byte.is_ascii_hexdigit());
    let (version, variant) = (digits.nth(12), digits.nth(3));
    let versioned =
        matches!(version, Some(b'1'..=b'8')) && matches!(variant, Some(b'8' | b'9' | b'a' | b'b' | b'A' | b'B'));
    Some(TextForm::Uuid { form, caseless: forms[0].is_some() && forms[1].is_some(), versioned })
}

/// As the plan shows it: dates and times in the words of strftime, digits behind the seconds as their number
impl fmt::Display for TextForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TextForm::Empty => f.write_str("''"),
            TextForm::Boolean(form) => f.write_str(boolean_words(form)),
            TextForm::Date(DateForm::Iso) => f.write_str("%Y-%m-%d"),
            TextForm::Date(DateForm::Compact) => f.write_str("%Y%m%d"),
            TextForm::Time(layout, digits) => write!(f, "{}{}", time_words(layout), digits_words(digits)),
            TextForm::Stamp(layout, digits, zone) => {
                write!(f, "{}{}", stamp_words(layout), digits_words(digits))?;
                write_zone(f, zone)
            }
            TextForm::Uuid { form, .. } => f.write_str(uuid_words(form)),
        }
    }
}

fn digits_words(digits: Digits) -> String {
    if digits.count == 0 { String::new() } else { format!(".{}", digits.count) }
}

pub fn boolean_words(form: BoolForm) -> &'static str {
    match form {
        BoolForm::ZeroOne => "0 or 1",
        BoolForm::TextZeroOne => "'0' or '1'",
        BoolForm::Letter => "t or f",
        BoolForm::LetterUpper => "T or F",
        BoolForm::Word => "true or false",
        BoolForm::WordUpper => "TRUE or FALSE",
        BoolForm::YesLetter => "y or n",
        BoolForm::YesLetterUpper => "Y or N",
        BoolForm::Yes => "yes or no",
    }
}

pub fn time_words(layout: TimeLayout) -> &'static str {
    match layout {
        TimeLayout::Seconds => "%H:%M:%S",
        TimeLayout::Minutes => "%H:%M",
        TimeLayout::Dated => "2000-01-01 %H:%M:%S",
    }
}

pub fn stamp_words(layout: Layout) -> &'static str {
    match layout {
        Layout::IsoSpace => "%Y-%m-%d %H:%M:%S",
        Layout::IsoT => "%Y-%m-%dT%H:%M:%S",
        Layout::MinutesSpace => "%Y-%m-%d %H:%M",
        Layout::MinutesT => "%Y-%m-%dT%H:%M",
        Layout::Compact => "%Y%m%d%H%M%S",
    }
}

pub fn uuid_words(form: UuidForm) -> &'static str {
    match form {
        UuidForm::Hyphens => "UUIDs",
        UuidForm::HyphensUpper => "UUIDs in upper case",
        UuidForm::Hex => "UUIDs without hyphens",
        UuidForm::HexUpper => "UUIDs in upper case without hyphens",
        UuidForm::Braces => "UUIDs in braces",
        UuidForm::BracesUpper => "UUIDs in upper case in braces",
        UuidForm::Bytes => "16 bytes",
    }
}

/// The zone as it is written behind the seconds
pub fn write_zone(f: &mut impl fmt::Write, zone: Zone) -> fmt::Result {
    let parts = |east: i16| (if east < 0 { '-' } else { '+' }, east.abs() / 60, east.abs() % 60);
    match zone {
        Zone::None => Ok(()),
        Zone::Z => f.write_char('Z'),
        Zone::Colon(east) => {
            let (sign, hours, minutes) = parts(east);
            write!(f, "{sign}{hours:02}:{minutes:02}")
        }
        Zone::Digits(east) => {
            let (sign, hours, minutes) = parts(east);
            write!(f, "{sign}{hours:02}{minutes:02}")
        }
        Zone::Hours(east) => {
            let (sign, hours, _) = parts(east);
            write!(f, "{sign}{hours:02}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        TextForm::of(text.as_bytes(), false).map(|form| form.to_string())
    }

    #[test]
    fn every_form_has_its_words() {
        for (text, form) in [
            ("", "''"),
            ("1", "'0' or '1'"),
            ("false", "true or false"),
            ("N", "Y or N"),
            ("2024-02-29", "%Y-%m-%d"),
            ("20240229", "%Y%m%d"),
            ("23:59", "%H:%M"),
            ("23:59:59", "%H:%M:%S"),
            ("23:59:59.120", "%H:%M:%S.3"),
            ("2000-01-01 03:04:05", "%Y-%m-%d %H:%M:%S"),
            ("2024-01-02T03:04:05.123456", "%Y-%m-%dT%H:%M:%S.6"),
            ("2024-01-02 03:04", "%Y-%m-%d %H:%M"),
            ("2024-01-02T03:04Z", "%Y-%m-%dT%H:%MZ"),
            ("20240102030405", "%Y%m%d%H%M%S"),
            ("2024-01-02T03:04:05.123456+02:00", "%Y-%m-%dT%H:%M:%S.6+02:00"),
            ("2024-01-02 03:04:05-0330", "%Y-%m-%d %H:%M:%S-0330"),
            ("2024-01-02 03:04:05+14", "%Y-%m-%d %H:%M:%S+14"),
            ("123e4567-e89b-12d3-a456-426614174000", "UUIDs"),
            ("123E4567E89B12D3A456426614174000", "UUIDs in upper case without hyphens"),
            ("{123e4567-e89b-12d3-a456-426614174000}", "UUIDs in braces"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(form), "{text}");
        }
        assert_eq!([shown("abc"), shown("2023-02-29"), shown(" ")], [None, None, None]);
    }

    #[test]
    fn what_one_text_leaves_open_is_said() {
        let uuid = |text: &[u8]| match TextForm::of(text, false) {
            Some(TextForm::Uuid { form, caseless, versioned }) => (form, caseless, versioned),
            other => panic!("{other:?}"),
        };
        assert_eq!(uuid(b"11111111111141118111111111111111"), (UuidForm::Hex, true, true));
        assert_eq!(uuid(b"a1111111111141117111111111111111"), (UuidForm::Hex, false, false));
        assert_eq!(uuid(b"A1111111-1111-0111-8111-111111111111"), (UuidForm::HyphensUpper, false, false));
        assert_eq!(uuid(b"{a1111111-1111-4111-8111-111111111111}"), (UuidForm::Braces, false, true));
        let dated = TextForm::of(b"2000-01-01 03:04:05", true);
        assert!(matches!(dated, Some(TextForm::Time(TimeLayout::Dated, _))), "{dated:?}");
    }
}
