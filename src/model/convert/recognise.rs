//! Which forms a text could have been written in, for the profile of a column
//!
//! The reverse of writing: a form is named only if the encoder takes the text in it. What two forms have in common fits
//! both, such as a fraction that is not zero, or a UUID without letters; the whole column decides between them.

use super::forms::{
    BoolForm, DateForm, ExponentForm, Fraction, Layout, StampForm, TimeForm, TimeLayout, UuidForm, VectorDigits,
    VectorForm, WholeNumbers, Zone,
};
use super::{boolean, json, temporal, uuid};
use crate::model::mapping::Misfit;
use crate::model::value::Value;

pub use super::json::Top;

/// What a text can be read as; one text may be several things
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    pub boolean: Option<BoolForm>,
    pub date: Option<DateForm>,
    pub time: Option<TimeReading>,
    pub stamp: Option<StampReading>,
    /// Two forms if there are no letters in it that tell them apart
    pub uuid: [Option<UuidForm>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeReading {
    pub layout: TimeLayout,
    pub fraction: Digits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampReading {
    pub layout: Layout,
    pub zone: Zone,
    pub fraction: Digits,
}

/// The digits behind the seconds of one text
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    pub count: u8,
    /// There are some, and all of them are zero
    pub zeros: bool,
}

/// Reads a text in every way; no text of more than 48 bytes is any of these things
pub fn recognise(text: &[u8]) -> Readings {
    if text.len() > 48 || text.is_empty() {
        return Readings::default();
    }
    Readings { boolean: boolean_form(text), date: date_form(text), time: time_reading(text), ..longer(text) }
}

fn longer(text: &[u8]) -> Readings {
    Readings { stamp: stamp_reading(text), uuid: uuid_forms(text), ..Readings::default() }
}

fn boolean_form(text: &[u8]) -> Option<BoolForm> {
    use BoolForm::{Letter, LetterUpper, TextZeroOne, Word, WordUpper, Yes, YesLetter, YesLetterUpper};
    let forms = [TextZeroOne, Letter, LetterUpper, Word, WordUpper, YesLetter, YesLetterUpper, Yes];
    forms.into_iter().find(|form| boolean::truth_of_text(text, *form).is_some())
}

fn date_form(text: &[u8]) -> Option<DateForm> {
    [DateForm::Iso, DateForm::Compact].into_iter().find(|form| temporal::date(Value::Text(text), *form).is_ok())
}

fn uuid_forms(text: &[u8]) -> [Option<UuidForm>; 2] {
    let (lower, upper) = match text.len() {
        32 => (UuidForm::Hex, UuidForm::HexUpper),
        36 => (UuidForm::Hyphens, UuidForm::HyphensUpper),
        38 => (UuidForm::Braces, UuidForm::BracesUpper),
        _ => return [None; 2],
    };
    [lower, upper].map(|form| uuid::parse(text, form).map(|_| form))
}

fn time_reading(text: &[u8]) -> Option<TimeReading> {
    let (layout, body) = match text.len() {
        5 => (TimeLayout::Minutes, 5),
        8.. if text.starts_with(b"2000-01-01 ") => (TimeLayout::Dated, 19),
        8.. => (TimeLayout::Seconds, 8),
        _ => return None,
    };
    let (fraction, _) = Digits::read(text.get(body..)?);
    let reading = TimeReading { layout, fraction };
    let form = TimeForm { layout, fraction: fraction.exactly() };
    temporal::time(Value::Text(text), form).is_ok().then_some(reading)
}

fn stamp_reading(text: &[u8]) -> Option<StampReading> {
    let has_seconds = text.get(16) == Some(&b':');
    let (layout, body) = match (text.get(10)?, has_seconds) {
        (b' ', true) => (Layout::IsoSpace, 19),
        (b' ', false) => (Layout::MinutesSpace, 16),
        (b'T', true) => (Layout::IsoT, 19),
        (b'T', false) => (Layout::MinutesT, 16),
        _ => (Layout::Compact, 14),
    };
    let (fraction, rest) = Digits::read(text.get(body..)?);
    let zone = zone(rest)?;
    let form = StampForm { layout, fraction: fraction.exactly(), zone, assumed: 0 };
    temporal::stamp(Value::Text(text), true, form).is_ok().then_some(StampReading { layout, zone, fraction })
}

fn zone(text: &[u8]) -> Option<Zone> {
    let number = |tens: u8, ones: u8| {
        let both = tens.is_ascii_digit() && ones.is_ascii_digit();
        both.then(|| i16::from(tens - b'0') * 10 + i16::from(ones - b'0'))
    };
    let east = |sign: u8, hours: i16, minutes: i16| match sign {
        b'+' => Some(hours * 60 + minutes),
        b'-' => Some(-hours * 60 - minutes),
        _ => None,
    };
    match *text {
        [] => Some(Zone::None),
        [b'Z'] => Some(Zone::Z),
        [sign, a, b] => Some(Zone::Hours(east(sign, number(a, b)?, 0)?)),
        [sign, a, b, c, d] => Some(Zone::Digits(east(sign, number(a, b)?, number(c, d)?)?)),
        [sign, a, b, b':', c, d] => Some(Zone::Colon(east(sign, number(a, b)?, number(c, d)?)?)),
        _ => None,
    }
}

impl Digits {
    /// The fraction at the beginning, and what follows it
    fn read(text: &[u8]) -> (Digits, &[u8]) {
        let digits = text.strip_prefix(b".").unwrap_or_default();
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let zeros = count > 0 && digits[..count].iter().all(|digit| *digit == b'0');
        let rest = if count > 0 { &digits[count..] } else { text };
        (Digits { count: count as u8, zeros }, rest)
    }

    fn exactly(self) -> Fraction {
        if self.count == 0 { Fraction::None } else { Fraction::Fixed(self.count) }
    }
}

/// The fractions of a column's texts, gathered until one form can be named for all of them
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fractions {
    /// A bit for each number of digits that was seen
    counts: u8,
    /// The same, where all of them were zero
    zeros: u8,
}

impl Fractions {
    pub fn add(&mut self, digits: Digits) {
        self.counts |= 1 << digits.count;
        self.zeros |= u8::from(digits.zeros) << digits.count;
    }

    pub fn merge(&mut self, other: Fractions) {
        self.counts |= other.counts;
        self.zeros |= other.zeros;
    }

    /// The form that every text seen so far has
    pub fn form(self) -> Option<Fraction> {
        let only = |counts: u8| counts.is_power_of_two().then(|| counts.trailing_zeros() as u8);
        if let Some(count) = only(self.counts) {
            return Some(Digits { count, zeros: false }.exactly());
        }
        // One number of digits beside none at all, and none of those written out although they are zero
        let count = only(self.counts & !1)?;
        (self.counts & 1 == 1 && self.zeros == 0).then_some(Fraction::OmitZero(count))
    }
}

/// A text that is JSON: what it is at its top, and why `jsonb` does not take it
///
/// `scratch` is used behind what it holds already and is left as it was.
pub fn document(text: &[u8], scratch: &mut Vec<u8>) -> Result<(Top, Option<Misfit>), Misfit> {
    match json::check(text, true, scratch) {
        Ok(top) => Ok((top, None)),
        Err(misfit) => json::check(text, false, scratch).map(|top| (top, Some(misfit))),
    }
}

/// Numbers in a list that could be a vector; whether a [`VectorForm`] fits is for the encoder to say
pub fn dimensions(text: &[u8]) -> Option<u16> {
    let inner = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let usual = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E' | b',' | b' ');
    if inner.is_empty() || !inner.iter().all(usual) {
        return None;
    }
    u16::try_from(1 + inner.iter().filter(|byte| **byte == b',').count()).ok()
}

/// Every form in which a list of numbers may be written, the commonest first
pub fn vector_forms() -> impl Iterator<Item = VectorForm> {
    let digits = [VectorDigits::F32, VectorDigits::F64];
    let wholes = [WholeNumbers::Point, WholeNumbers::Bare];
    let exponents = [ExponentForm::Python, ExponentForm::JavaScript, ExponentForm::Rust];
    (0..24).map(move |number: usize| VectorForm::Json {
        spaced: number.is_multiple_of(2),
        digits: digits[number / 2 % 2],
        whole: wholes[number / 4 % 2],
        exponent: exponents[number / 8],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Option<(Layout, Zone, u8, bool)> {
        let reading = recognise(text.as_bytes()).stamp?;
        Some((reading.layout, reading.zone, reading.fraction.count, reading.fraction.zeros))
    }

    #[test]
    fn moments_are_recognised() {
        for (text, expected) in [
            ("2024-01-02 03:04:05", (Layout::IsoSpace, Zone::None, 0, false)),
            ("2024-01-02T03:04:05.120Z", (Layout::IsoT, Zone::Z, 3, false)),
            ("2024-01-02 03:04:05.000000+00:00", (Layout::IsoSpace, Zone::Colon(0), 6, true)),
            ("2024-01-02 03:04:05-0530", (Layout::IsoSpace, Zone::Digits(-330), 0, false)),
            ("2024-01-02T03:04+02", (Layout::MinutesT, Zone::Hours(120), 0, false)),
            ("2024-01-02 03:04", (Layout::MinutesSpace, Zone::None, 0, false)),
            ("20240102030405", (Layout::Compact, Zone::None, 0, false)),
            ("20240102030405.5Z", (Layout::Compact, Zone::Z, 1, false)),
        ] {
            assert_eq!(stamp(text), Some(expected), "{text}");
        }
        for text in [
            "2024-01-02",
            "2023-02-29 00:00:00",
            "2024-01-02 24:00:00",
            "2024-01-02 23:59:60",
            "0000-01-01 00:00:00",
            "2024-01-02 03:04:05.1234567",
            "2024-01-02 03:04:05.",
            "2024-01-02 03:04:05 UTC",
            "2024-01-02 03:04:05-00:00",
            "2024-01-02 03:04.5",
            "2024-01-02  3:04:05",
            "1704164645",
            "2024-1-2 3:4:5",
            "",
            "2024-01-02t03:04:05z",
        ] {
            assert_eq!(stamp(text), None, "{text}");
        }
    }

    #[test]
    fn other_texts_are_recognised() {
        let of = |text: &str| recognise(text.as_bytes());
        assert_eq!(of("2024-02-29").date, Some(DateForm::Iso));
        assert_eq!(of("20240229").date, Some(DateForm::Compact));
        assert_eq!(of("2023-02-29").date, None);
        assert_eq!(of("03:04").time.map(|t| t.layout), Some(TimeLayout::Minutes));
        assert_eq!(of("03:04:05.25").time.map(|t| (t.layout, t.fraction.count)), Some((TimeLayout::Seconds, 2)));
        let dated = of("2000-01-01 03:04:05");
        assert!(dated.time.is_some_and(|t| t.layout == TimeLayout::Dated) && dated.stamp.is_some());
        assert_eq!(
            (of("1").boolean, of("no").boolean, of("True").boolean),
            (Some(BoolForm::TextZeroOne), Some(BoolForm::Yes), None)
        );
        assert_eq!(of("123e4567-e89b-12d3-a456-426614174000").uuid, [Some(UuidForm::Hyphens), None]);
        assert_eq!(of("123E4567E89B12D3A456426614174000").uuid, [None, Some(UuidForm::HexUpper)]);
        assert_eq!(of("12345678901234567890123456789012").uuid, [Some(UuidForm::Hex), Some(UuidForm::HexUpper)]);
        assert_eq!(of("{123e4567-e89b-12d3-a456-426614174000}").uuid, [Some(UuidForm::Braces), None]);
        assert_eq!(of("123e4567-E89b-12d3-a456-426614174000"), Readings::default());
        assert_eq!(of(&"1".repeat(1000)), Readings::default());
    }

    #[test]
    fn a_column_has_one_fraction_or_none() {
        let form = |seen: &[(u8, bool)]| {
            let mut all = Fractions::default();
            for (count, zeros) in seen {
                let mut one = Fractions::default();
                one.add(Digits { count: *count, zeros: *zeros });
                all.merge(one);
            }
            all.form()
        };
        assert_eq!(form(&[]), None);
        assert_eq!(form(&[(0, false), (0, false)]), Some(Fraction::None));
        assert_eq!(form(&[(6, false), (6, true)]), Some(Fraction::Fixed(6)));
        assert_eq!(form(&[(6, false), (0, false)]), Some(Fraction::OmitZero(6)));
        assert_eq!(form(&[(6, true), (0, false)]), None);
        assert_eq!(form(&[(6, false), (5, false)]), None);
        assert_eq!(form(&[(6, false), (3, false), (0, false)]), None);
    }

    #[test]
    fn documents_say_what_is_wrong_with_them() {
        use crate::model::mapping::JsonFault;
        let mut scratch = Vec::new();
        assert_eq!(document(b"{}", &mut scratch), Ok((Top::Object, None)));
        let nul = Misfit::Json(JsonFault::NulEscape);
        assert_eq!(document(br#"["\u0000"]"#, &mut scratch), Ok((Top::Array, Some(nul))));
        assert_eq!(document(b"{", &mut scratch), Err(Misfit::Json(JsonFault::Syntax)));
        assert_eq!((document(b"-0", &mut scratch).unwrap().0, scratch.len()), (Top::Number, 0));
    }

    #[test]
    fn lists_of_numbers_have_dimensions() {
        assert_eq!(dimensions(b"[1, 2.5,-3e-05]"), Some(3));
        for text in ["", "[]", "1,2", "[a]", "[\"1\"]", "[[1],[2]]", "[null]"] {
            assert_eq!(dimensions(text.as_bytes()), None, "{text}");
        }
        let all: Vec<VectorForm> = vector_forms().collect();
        assert!(all.iter().enumerate().all(|(at, form)| !all[..at].contains(form)) && all.len() == 24);
    }
}
