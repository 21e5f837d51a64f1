//! Trying a type on every value: what it takes, and what it does not
//!
//! Where the target's schema stands already, the types are given. Each value is encoded as it would be copied, so that
//! the plan knows what the copy would meet.

use super::Tally;
use super::intent::Intent;
use crate::model::mapping::Misfit;
use crate::model::plan::ColumnPlan;
use crate::model::planfile::wanted::Wanted;
use crate::model::schema::Table;
use crate::model::value::Value;

/// Different texts kept that are none of an enum's labels
const UNKNOWN: usize = 5;
/// Bytes of such a text
const UNKNOWN_BYTES: usize = 40;

/// What to look for among the values of a column
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sought {
    pub intent: Intent,
    /// The columns that the target's could be, the likeliest first
    pub trials: Vec<ColumnPlan>,
    /// Digits behind the seconds that the target's column keeps
    pub scale: Option<u8>,
    /// The type that the plan file wants, to be tried beside what the declaration means
    pub wanted: Option<Wanted>,
    /// Characters that texts are declared to have at most
    pub limit: Option<u32>,
}

/// One type that was tried on the values so far
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub column: ColumnPlan,
    /// What was not taken, by the reason
    pub misfits: Vec<(Misfit, Tally)>,
    /// Different texts that are none of the labels
    pub unknown: Vec<String>,
}

impl Sought {
    /// What the source's own declaration asks for
    pub fn declared(table: &Table, column: usize) -> Sought {
        Sought { intent: Intent::of(table, column), ..Sought::default() }
    }
}

impl Trial {
    pub fn new(column: ColumnPlan) -> Trial {
        Trial { column, misfits: Vec::new(), unknown: Vec::new() }
    }

    /// Values that were not taken
    pub fn missed(&self) -> u64 {
        self.misfits.iter().map(|(_, tally)| tally.count).sum()
    }

    /// Tries one value, whose row `key` names if asked
    pub fn add(&mut self, value: Value<'_>, scratch: &mut Vec<u8>, key: &dyn Fn() -> String) {
        scratch.clear();
        let Err(misfit) = self.column.encode(scratch, value) else { return };
        if let (Misfit::Label, Value::Text(text)) = (misfit, value) {
            self.note_unknown(text);
        }
        let at = self.misfits.iter().position(|(known, _)| *known == misfit).unwrap_or_else(|| {
            self.misfits.push((misfit, Tally::default()));
            self.misfits.len() - 1
        });
        self.misfits[at].1.add(key);
    }

    fn note_unknown(&mut self, text: &[u8]) {
        if self.unknown.len() < UNKNOWN
            && text.len() <= UNKNOWN_BYTES
            && let Ok(text) = std::str::from_utf8(text)
            && !self.unknown.iter().any(|known| known == text)
        {
            self.unknown.push(text.to_owned());
        }
    }
}

/// Whether more digits than `kept` stand behind the seconds in a text, and not all of those are zero
pub fn has_more_digits(text: &[u8], kept: u8) -> bool {
    let Some(point) = text.iter().position(|byte| *byte == b'.') else { return false };
    let digits = text[point + 1..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.skip(usize::from(kept)).any(|digit| *digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mapping::Mapping;
    use crate::model::plan::{Check, example_column};
    use crate::model::value::Class;

    fn trial(mapping: Mapping, check: Check) -> Trial {
        Trial::new(ColumnPlan { check, not_null: true, ..example_column("c", mapping) })
    }

    #[test]
    fn every_reason_is_counted_with_its_rows() {
        let mut trial = trial(Mapping::Smallint, Check::None);
        let values =
            [Value::Integer(1), Value::Integer(40_000), Value::Null, Value::Text(b"x"), Value::Integer(-40_000)];
        for (row, value) in values.into_iter().enumerate() {
            trial.add(value, &mut Vec::new(), &|| format!("id={row}"));
        }
        let tally = |count, keys: &[&str]| Tally { count, keys: keys.iter().map(|key| key.to_string()).collect() };
        assert_eq!(
            trial.misfits,
            [
                (Misfit::Range, tally(2, &["id=1", "id=4"])),
                (Misfit::Null, tally(1, &["id=2"])),
                (Misfit::Class(Class::Text), tally(1, &["id=3"])),
            ]
        );
        assert_eq!(trial.missed(), 4);
    }

    #[test]
    fn unknown_labels_are_kept_once_and_not_too_many() {
        let mut trial = trial(Mapping::Text, Check::Labels(vec!["ok".into()]));
        for text in ["ok", "sad", "sad", "a", "b", "c", "d", "e", &"x".repeat(50)] {
            trial.add(Value::Text(text.as_bytes()), &mut Vec::new(), &String::new);
        }
        assert_eq!((trial.unknown.join(" "), trial.missed()), ("sad a b c d".to_owned(), 8));
    }

    #[test]
    fn digits_behind_the_seconds_may_be_zeros() {
        for (text, kept, more) in [
            ("2024-01-02 03:04:05", 0, false),
            ("2024-01-02 03:04:05.120000", 3, false),
            ("2024-01-02 03:04:05.123456", 3, true),
            ("03:04:05.5", 0, true),
            ("03:04:05.0", 0, false),
            ("2024-01-02 03:04:05.123+02:09", 3, false),
        ] {
            assert_eq!(has_more_digits(text.as_bytes(), kept), more, "{text}");
        }
    }
}
