//! Moments and times of day whose column spells them in several ways
//!
//! Forms tell texts apart; here they are taken together again, where all of them mean a moment and are of one kind: with
//! a zone or without one, a time of day alone or behind Rails' date.

use super::form::TextForm;
use super::{ColumnProfile, Tally};
use crate::model::convert::forms::{Fraction, Layout, StampForm, TimeForm, TimeLayout, Zone};
use crate::model::convert::recognise::Digits;
use crate::model::encode::encode_field;
use crate::model::mapping::Mapping;
use crate::model::value::Value;

/// Texts by what they are, whatever their spelling
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spellings {
    /// Moments without a zone; times of day
    pub bare: Tally,
    /// Moments with a zone that is UTC; times behind Rails' date
    pub marked: Tally,
    /// Moments with another zone
    pub away: Tally,
    /// None of these
    pub others: Tally,
}

/// What all texts of a column are, in whatever spelling
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Bare,
    Marked,
    Away,
}

const PLAIN: StampForm =
    StampForm { layout: Layout::IsoSpace, fraction: Fraction::OmitZero(6), zone: Zone::None, assumed: 0 };
const CLOCK: TimeForm = TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::OmitZero(6) };

impl Spellings {
    pub(super) fn add_moment(&mut self, text: &[u8], scratch: &mut Vec<u8>, key: &dyn Fn() -> String) {
        let in_utc = StampForm { zone: Zone::Z, ..PLAIN };
        let tally = if takes(text, Mapping::Moment { zoned: false, form: PLAIN }, scratch) {
            &mut self.bare
        } else if takes(text, Mapping::Moment { zoned: false, form: in_utc }, scratch) {
            &mut self.marked
        } else if takes(text, Mapping::Moment { zoned: true, form: in_utc }, scratch) {
            &mut self.away
        } else {
            &mut self.others
        };
        tally.add(key);
    }

    pub(super) fn add_time(&mut self, text: &[u8], scratch: &mut Vec<u8>, key: &dyn Fn() -> String) {
        let tally = if takes(text, Mapping::TimeOfDay(CLOCK), scratch) {
            &mut self.bare
        } else if takes(text, Mapping::TimeOfDay(TimeForm { layout: TimeLayout::Dated, ..CLOCK }), scratch) {
            &mut self.marked
        } else {
            &mut self.others
        };
        tally.add(key);
    }

    /// What all texts are, if they are of one kind
    pub fn sort(&self) -> Option<Sort> {
        let counts = [&self.bare, &self.marked, &self.away, &self.others].map(|tally| tally.count > 0);
        match counts {
            [true, false, false, false] => Some(Sort::Bare),
            [false, true, false, false] => Some(Sort::Marked),
            [false, _, true, false] => Some(Sort::Away),
            _ => None,
        }
    }
}

fn takes(text: &[u8], mapping: Mapping, scratch: &mut Vec<u8>) -> bool {
    scratch.clear();
    encode_field(scratch, Value::Text(text), mapping).is_ok()
}

impl ColumnProfile {
    /// The form of moments that most texts have, of those with one that may be mixed with others
    pub fn commonest_stamp(&self) -> Option<StampForm> {
        let seen = self.forms.iter().filter_map(|(form, _)| match *form {
            TextForm::Stamp(layout, digits, zone) if layout != Layout::Compact => Some((layout, digits, zone)),
            _ => None,
        });
        let candidates = seen.flat_map(|(layout, digits, zone)| {
            fractions(digits).map(move |fraction| StampForm { layout, fraction, zone, assumed: 0 })
        });
        self.best(candidates, |form| self.written_as(*form))
    }

    /// The same of times of day
    pub fn commonest_time(&self) -> Option<TimeForm> {
        let seen = self.forms.iter().filter_map(|(form, _)| match *form {
            TextForm::Time(layout, digits) => Some((layout, digits)),
            _ => None,
        });
        let candidates =
            seen.flat_map(|(layout, digits)| fractions(digits).map(move |fraction| TimeForm { layout, fraction }));
        self.best(candidates, |form| self.timed_as(*form))
    }

    /// The first of those that most texts have
    fn best<T: Copy>(&self, candidates: impl Iterator<Item = T>, count: impl Fn(&T) -> u64) -> Option<T> {
        let mut best = None;
        for candidate in candidates {
            let texts = count(&candidate);
            if best.is_none_or(|(most, _)| texts > most) {
                best = Some((texts, candidate));
            }
        }
        best.map(|(_, form)| form)
    }

    /// Texts that the mapping's form would write in the same way
    pub fn spelled_as(&self, mapping: Mapping) -> u64 {
        match mapping {
            Mapping::Moment { form, .. } => self.written_as(form),
            Mapping::TimeOfDay(form) => self.timed_as(form),
            _ => self.texts,
        }
    }

    fn written_as(&self, form: StampForm) -> u64 {
        self.count(|text| match *text {
            TextForm::Stamp(layout, digits, zone) => {
                (layout, zone) == (form.layout, form.zone) && is_of(digits, form.fraction)
            }
            _ => false,
        })
    }

    fn timed_as(&self, form: TimeForm) -> u64 {
        self.count(|text| match *text {
            TextForm::Time(layout, digits) => layout == form.layout && is_of(digits, form.fraction),
            _ => false,
        })
    }

    fn count(&self, is: impl Fn(&TextForm) -> bool) -> u64 {
        self.forms.iter().filter(|(form, _)| is(form)).map(|(_, tally)| tally.count).sum()
    }
}

/// The fractions that a text could be an example of, those with fewer meanings first
fn fractions(digits: Digits) -> impl Iterator<Item = Fraction> {
    let fixed = if digits.count == 0 { Fraction::None } else { Fraction::Fixed(digits.count) };
    let omitting = (digits.count > 0 && !digits.zeros).then_some(Fraction::OmitZero(digits.count));
    std::iter::once(fixed).chain(omitting)
}

fn is_of(digits: Digits, fraction: Fraction) -> bool {
    match fraction {
        Fraction::None => digits.count == 0,
        Fraction::Fixed(count) => digits.count == count,
        Fraction::OmitZero(count) => digits.count == 0 || (digits.count == count && !digits.zeros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(texts: &[(&str, u64)]) -> ColumnProfile {
        let mut profile = ColumnProfile::default();
        for (text, count) in texts {
            let form = TextForm::of(text.as_bytes(), true).unwrap();
            profile.forms.push((form, Tally { count: *count, keys: Vec::new() }));
            profile.texts += count;
        }
        profile
    }

    fn commonest(texts: &[(&str, u64)]) -> (StampForm, u64) {
        let profile = profile(texts);
        let form = profile.commonest_stamp().unwrap();
        (form, profile.texts - profile.spelled_as(Mapping::Moment { zoned: true, form }))
    }

    #[test]
    fn most_texts_decide() {
        let plain = |fraction| StampForm { fraction, ..PLAIN };
        let (none, three, six) = ("2024-01-02 03:04:05", "2024-01-02 03:04:05.307", "2024-01-02 03:04:05.307000");
        assert_eq!(commonest(&[(none, 1), (three, 9), (six, 5)]), (plain(Fraction::OmitZero(3)), 5));
        assert_eq!(commonest(&[(none, 1), (three, 5), (six, 9)]), (plain(Fraction::OmitZero(6)), 5));
        assert_eq!(commonest(&[(six, 9), (three, 8)]), (plain(Fraction::Fixed(6)), 8));
        let zeros = "2024-01-02 03:04:05.000";
        assert_eq!(commonest(&[(none, 1), (three, 2), (zeros, 9)]), (plain(Fraction::Fixed(3)), 1));
        let t = "2024-01-02T03:04:05Z";
        let zulu = StampForm { layout: Layout::IsoT, fraction: Fraction::None, zone: Zone::Z, assumed: 0 };
        assert_eq!(commonest(&[(t, 2), ("2024-01-02 03:04:05+02:00", 1)]), (zulu, 1));
        let compact = [("20240102030405", 9), (none, 1)];
        assert_eq!(commonest(&compact), (plain(Fraction::None), 9));
        let times = profile(&[("03:04", 2), ("03:04:05.5", 3), ("03:04:05", 1)]);
        let form = times.commonest_time().unwrap();
        assert_eq!(form, TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::OmitZero(1) });
        assert_eq!(times.texts - times.spelled_as(Mapping::TimeOfDay(form)), 2);
    }

    #[test]
    fn texts_are_sorted_by_what_they_are() {
        let sort = |texts: &[&str]| {
            let mut spellings = Spellings::default();
            texts.iter().for_each(|text| spellings.add_moment(text.as_bytes(), &mut Vec::new(), &String::new));
            spellings.sort()
        };
        assert_eq!(sort(&["2024-01-02 03:04", "2024-01-02T03:04:05.1"]), Some(Sort::Bare));
        assert_eq!(sort(&["2024-01-02 03:04Z", "2024-01-02T03:04:05.1+00"]), Some(Sort::Marked));
        assert_eq!(sort(&["2024-01-02 03:04Z", "2024-01-02T03:04:05.1+01"]), Some(Sort::Away));
        assert_eq!(sort(&["2024-01-02 03:04Z", "2024-01-02T03:04:05.1"]), None);
        assert_eq!(sort(&["2024-01-02 03:04", "2024-01-02"]), None);
        assert_eq!(sort(&[]), None);
        let mut times = Spellings::default();
        for text in ["03:04", "2000-01-01 03:04:05", "24:00"] {
            times.add_time(text.as_bytes(), &mut Vec::new(), &String::new);
        }
        assert_eq!([&times.bare, &times.marked, &times.others].map(|tally| tally.count), [1, 1, 1]);
    }
}
