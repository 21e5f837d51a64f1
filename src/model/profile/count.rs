//! Counting one column's values as they come by; nothing is allocated per value

use super::attempt::Attempt;
use super::form::TextForm;
use super::intent::Intent;
use super::trial::{Sought, Trial, has_more_digits};
use super::vectors::{Vectors, is_meant};
use super::{ColumnProfile, MAX_FORMS, Tally, note};
use crate::model::convert::forms::{DecimalClass, EpochUnit};
use crate::model::encode::encode_field;
use crate::model::mapping::Mapping;
use crate::model::numeric::Decimal;
use crate::model::schema::{Affinity, Table};
use crate::model::value::{Class, Value};

/// Windows of the years 1973 to 2099, in each unit
const SECONDS_FROM: i64 = 100_000_000;
const SECONDS_TO: i64 = 4_100_000_000;
const MILLISECONDS_FROM: i64 = SECONDS_FROM * 1000;
const MILLISECONDS_TO: i64 = SECONDS_TO * 1000;
const MICROSECONDS_FROM: i64 = MILLISECONDS_FROM * 1000;
const MICROSECONDS_TO: i64 = MILLISECONDS_TO * 1000;

/// Whether a moment, counted in the unit whose window it is in, lies between two that a column with so many digits
/// behind the seconds keeps
fn is_between(moment: i64, scale: u8) -> bool {
    let digits: u32 = match moment {
        MILLISECONDS_FROM..=MILLISECONDS_TO => 3,
        MICROSECONDS_FROM..=MICROSECONDS_TO => 6,
        _ => 0,
    };
    moment % 10i64.pow(digits.saturating_sub(u32::from(scale))) != 0
}

/// The unit in which a number would be a moment of those years
pub fn epoch_window(integer: i64) -> Option<EpochUnit> {
    match integer {
        SECONDS_FROM..=SECONDS_TO => Some(EpochUnit::S),
        MILLISECONDS_FROM..=MILLISECONDS_TO => Some(EpochUnit::Ms),
        MICROSECONDS_FROM..=MICROSECONDS_TO => Some(EpochUnit::Us),
        _ => None,
    }
}

/// Counts of one column on their way, and what to look for
pub struct Counter {
    pub profile: ColumnProfile,
    intent: Intent,
    /// Digits behind the seconds that the target's column keeps
    scale: Option<u8>,
    /// Characters that texts are declared to have at most
    limit: Option<u32>,
    /// NUMERIC affinity: a document that is a number is stored as one
    numbers: bool,
    /// Declared or named as a column of vectors, so that values that are none are counted too
    vectors: bool,
    /// Where a value is encoded to see whether it can be; no longer than the longest value
    scratch: Vec<u8>,
}

impl Counter {
    /// Looks for what the declaration asks for
    pub fn new(table: &Table, column: usize) -> Counter {
        Counter::seeking(table, column, Sought::declared(table, column))
    }

    pub fn seeking(table: &Table, column: usize, sought: Sought) -> Counter {
        let Sought { intent, trials, scale, wanted, limit } = sought;
        let numbers = table.columns[column].affinity == Affinity::Numeric;
        let trials = trials.into_iter().map(Trial::new).collect();
        let vectors = is_meant(&table.columns[column]);
        let attempt = wanted.map(Attempt::new);
        let profile = ColumnProfile { trials, vectors: Some(Vectors::default()), attempt, ..ColumnProfile::default() };
        Counter { profile, intent, scale, limit, numbers, vectors, scratch: Vec::new() }
    }

    /// Counts one value, whose row `key` names if asked; returns its bytes
    pub fn add(&mut self, value: Value<'_>, key: &dyn Fn() -> String) -> u64 {
        let bytes = match value {
            Value::Null => {
                self.profile.nulls += 1;
                note(&mut self.profile.null_keys, key);
                0
            }
            Value::Integer(integer) => self.integer(integer, key),
            Value::Real(real) => self.real(real, key),
            Value::Text(text) => self.text(text, key),
            Value::Blob(blob) => self.blob(blob, key),
        };
        let profile = &mut self.profile;
        profile.bytes_max = profile.bytes_max.max(bytes);
        if let Some(at) = (value.class() as usize).checked_sub(Class::Integer as usize) {
            note(&mut profile.keys[at], key);
        }
        if let (Some(vectors), true) = (&mut self.profile.vectors, value != Value::Null) {
            vectors.add(value, &mut self.scratch, key);
            // The first value that is none settles it for a column that nobody takes for one of vectors.
            if !self.vectors && vectors.others.count > 0 {
                self.profile.vectors = None;
            }
        }
        if self.intent == Intent::Json && value != Value::Null {
            self.document(value, key);
        }
        for trial in &mut self.profile.trials {
            trial.add(value, &mut self.scratch, key);
        }
        if let Some(attempt) = &mut self.profile.attempt {
            attempt.add(value, &mut self.scratch, key);
        }
        bytes
    }

    fn integer(&mut self, integer: i64, key: &dyn Fn() -> String) -> u64 {
        let profile = &mut self.profile;
        let first = profile.integers == 0;
        profile.int_min = if first { integer } else { profile.int_min.min(integer) };
        profile.int_max = if first { integer } else { profile.int_max.max(integer) };
        profile.integers += 1;
        match self.intent {
            Intent::Boolean if !(0..=1).contains(&integer) => profile.no_booleans.add(key),
            Intent::Date | Intent::Moment => {
                if self.scale.is_some_and(|scale| is_between(integer, scale)) {
                    profile.over_scale.add(key);
                }
                let epochs = &mut profile.epochs;
                let tally = match epoch_window(integer) {
                    Some(EpochUnit::S) => &mut epochs.seconds,
                    Some(EpochUnit::Ms) => &mut epochs.milliseconds,
                    Some(EpochUnit::Us) => &mut epochs.microseconds,
                    _ => &mut epochs.none,
                };
                tally.add(key);
            }
            Intent::Decimal { .. } => {
                let digits = integer.unsigned_abs().checked_ilog10().map_or(0, |power| power + 1);
                self.number(Value::Integer(integer), 0, digits, key);
            }
            _ => {}
        }
        8
    }

    fn real(&mut self, real: f64, key: &dyn Fn() -> String) -> u64 {
        let profile = &mut self.profile;
        profile.reals += 1;
        profile.infinities += real.is_infinite() as u64;
        profile.negative_zero += (real == 0.0 && real.is_sign_negative()) as u64;
        if let Intent::Decimal { .. } = self.intent {
            let decimal = Decimal::of(real);
            let scale = decimal.as_ref().map_or(0, |decimal| decimal.scale() as u32);
            let whole = decimal.map_or(0, |decimal| (decimal.exponent + 1).max(0) as u32);
            self.number(Value::Real(real), scale, whole, key);
        }
        8
    }

    fn number(&mut self, value: Value<'_>, scale: u32, whole: u32, key: &dyn Fn() -> String) {
        let Intent::Decimal { precision, scale: declared } = self.intent else { return };
        let mapping = Mapping::Decimal { precision, scale: declared, class: DecimalClass::ByValue };
        if !self.takes(value, mapping) {
            self.profile.beyond.add(key);
        }
        let profile = &mut self.profile;
        profile.scale_max = profile.scale_max.max(scale);
        profile.whole_max = profile.whole_max.max(whole);
    }

    fn text(&mut self, text: &[u8], key: &dyn Fn() -> String) -> u64 {
        let profile = &mut self.profile;
        profile.texts += 1;
        let nul = text.contains(&0);
        let characters = std::str::from_utf8(text).map(|text| text.chars().count());
        profile.nul_texts += nul as u64;
        profile.invalid_utf8 += characters.is_err() as u64;
        if nul || characters.is_err() {
            note(&mut profile.odd_keys, key);
        }
        if self.scale.is_some_and(|scale| has_more_digits(text, scale)) {
            profile.over_scale.add(key);
        }
        let characters = characters.unwrap_or(0) as u64;
        profile.chars_max = profile.chars_max.max(characters);
        if self.limit.is_some_and(|limit| characters > u64::from(limit)) {
            profile.too_long.add(key);
        }
        self.form(text).add(key);
        let spellings = &mut self.profile.spellings;
        match self.intent {
            Intent::Date | Intent::Moment => spellings.add_moment(text, &mut self.scratch, key),
            Intent::Time => spellings.add_time(text, &mut self.scratch, key),
            _ => {}
        }
        text.len() as u64
    }

    /// The tally of the text's form
    fn form(&mut self, text: &[u8]) -> &mut Tally {
        let form = TextForm::of(text, self.intent == Intent::Time);
        let profile = &mut self.profile;
        let Some(form) = form else { return &mut profile.formless };
        let at = profile.forms.iter().position(|(known, _)| *known == form);
        let at = at.or_else(|| {
            profile.forms.push((form, Tally::default()));
            Some(profile.forms.len() - 1).filter(|at| *at < MAX_FORMS)
        });
        match at {
            Some(at) => &mut profile.forms[at].1,
            None => {
                profile.forms.pop();
                &mut profile.formless
            }
        }
    }

    fn blob(&mut self, blob: &[u8], key: &dyn Fn() -> String) -> u64 {
        self.profile.blobs += 1;
        if blob.len() == 16 {
            self.profile.blobs_of_16 += 1;
        } else {
            self.profile.other_blobs.add(key);
        }
        blob.len() as u64
    }

    fn document(&mut self, value: Value<'_>, key: &dyn Fn() -> String) {
        let numbers = self.numbers;
        if self.takes(value, Mapping::Json { binary: true, numbers }) {
            self.profile.documents += 1;
        } else if self.takes(value, Mapping::Json { binary: false, numbers }) {
            self.profile.spelled_documents.add(key);
        } else {
            self.profile.no_documents.add(key);
        }
    }

    /// Whether the encoder takes the value: the one judge of what a type holds
    fn takes(&mut self, value: Value<'_>, mapping: Mapping) -> bool {
        self.scratch.clear();
        encode_field(&mut self.scratch, value, mapping).is_ok()
    }
}
