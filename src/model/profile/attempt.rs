//! Trying the type that the plan file wants on every value
//!
//! The encoder is the judge, as it is for every row later. What was chosen by nobody is counted all the same: the plan
//! says what the evidence would choose.

use super::Tally;
use crate::model::mapping::{Mapping, Misfit};
use crate::model::plan::ColumnPlan;
use crate::model::planfile::wanted::Wanted;
use crate::model::value::Value;

/// A wanted type on its way through the values of a column
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub wanted: Wanted,
    /// The conversions still worth trying; none before a value shows what to try
    tried: Vec<Tried>,
    /// Values that came before that
    strange: Refused,
}

#[derive(Clone, Debug, PartialEq)]
struct Tried {
    column: ColumnPlan,
    refused: Refused,
}

/// Values that do not fit, and why the first of them does not
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refused {
    pub tally: Tally,
    pub first: Option<Misfit>,
}

impl Attempt {
    pub fn new(wanted: Wanted) -> Attempt {
        Attempt { wanted, tried: Vec::new(), strange: Refused::default() }
    }

    /// Tries one value, whose row `key` names if asked
    pub fn add(&mut self, value: Value<'_>, scratch: &mut Vec<u8>, key: &dyn Fn() -> String) {
        if value == Value::Null {
            return;
        }
        if self.tried.is_empty() {
            let columns = self.wanted.candidates(value).into_iter().map(|mapping| self.wanted.column(mapping));
            self.tried = columns.map(|column| Tried { column, refused: Refused::default() }).collect();
        }
        if self.tried.is_empty() {
            let usual = self.wanted.column(self.wanted.usual());
            scratch.clear();
            let misfit = usual.encode(scratch, value).err().unwrap_or(Misfit::Form);
            self.strange.add(misfit, key);
            return;
        }
        for tried in &mut self.tried {
            scratch.clear();
            let taken = tried.column.encode(scratch, value);
            let plausible = self.wanted.is_plausible(value, tried.column.mapping);
            if let Err(misfit) = taken.and(if plausible { Ok(()) } else { Err(Misfit::Range) }) {
                tried.refused.add(misfit, key);
            }
        }
        // What has failed cannot become the type while another has not.
        if self.tried.len() > 1 && self.tried.iter().any(|tried| tried.refused.tally.count == 0) {
            self.tried.retain(|tried| tried.refused.tally.count == 0);
        }
    }

    /// The conversion that takes every value, or what stands in its way
    pub fn result(&self) -> Result<Mapping, Refused> {
        // Of two that fail alike, the one that says more about why.
        let best = self.tried.iter().min_by_key(|Tried { refused, .. }| {
            (refused.tally.count, matches!(refused.first, Some(Misfit::Form | Misfit::Class(_))))
        });
        let strange = &self.strange;
        match best {
            None if strange.tally.count == 0 => Ok(self.wanted.usual()),
            None => Err(strange.clone()),
            Some(best) if best.refused.tally.count + strange.tally.count == 0 => Ok(best.column.mapping),
            Some(best) => Err(strange.and(&best.refused)),
        }
    }
}

impl Refused {
    fn add(&mut self, misfit: Misfit, key: &dyn Fn() -> String) {
        self.first = self.first.or(Some(misfit));
        self.tally.add(key);
    }

    fn and(&self, later: &Refused) -> Refused {
        let keys = self.tally.keys.iter().chain(&later.tally.keys).take(super::EXAMPLES).cloned().collect();
        let tally = Tally { count: self.tally.count + later.tally.count, keys };
        Refused { tally, first: self.first.or(later.first) }
    }
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
