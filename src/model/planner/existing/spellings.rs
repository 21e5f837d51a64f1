//! Moments and times of day that a column of the target takes in any spelling
//!
//! All of them, where nothing tells rows apart by the column: no SQL has to be translated here, which an exact form would
//! serve, and a later value in another spelling fits instead of waiting in the quarantine.

use super::convert::Seek;
use super::decide::Fault;
use crate::model::convert::forms::{StampForm, TimeLayout, Zone};
use crate::model::mapping::Mapping;
use crate::model::planfile::forms::in_any_spelling;
use crate::model::planner::choose::may_have_any_spelling;
use crate::model::planner::evidence::ANY_SPELLING;
use crate::model::profile::ColumnProfile;
use crate::model::schema::Table;
use crate::model::target::{TargetIndex, TargetTable};

/// Nothing tells rows apart by the column on either side, and no foreign key ties it to another
pub(super) fn are_free(source: &Table, at: usize, target: &TargetTable, place: usize) -> bool {
    let name = &target.columns[place].name;
    // Which columns an expression is over is not known here.
    let holds = |index: &TargetIndex| {
        index.columns.contains(&Some(place)) || index.expressions.iter().any(|sql| sql.contains(name.as_str()))
    };
    let is_unique = target.indexes.iter().any(|index| index.unique && holds(index));
    let is_tied = target.foreign_keys.iter().any(|key| key.columns.contains(name));
    !is_unique && !is_tied && may_have_any_spelling(source, at)
}

/// The form that the operator gave, where it takes any spelling; `None` if it is no such form
pub(super) fn chosen(mapping: Mapping, seek: &Seek, any_spelling: bool) -> Option<Result<Mapping, Fault>> {
    let wanted = seek.form.as_deref().filter(|words| words.starts_with(ANY_SPELLING))?;
    let times = matches!(mapping, Mapping::Time(_) | Mapping::TimeOfDay(_));
    let is_of_kind = times || matches!(mapping, Mapping::Timestamp { .. } | Mapping::Moment { .. });
    let found = in_any_spelling(wanted, times).filter(|_| is_of_kind).and_then(|given| settle(given, mapping));
    Some(
        match found {
            Some(found) if any_spelling => Ok(found),
            Some(_) => Err("rows are told apart by it, or a foreign key is over it: it needs one spelling".to_owned()),
            None => Err(format!("are of another kind than {wanted}")),
        }
        .map_err(|what| Fault {
            count: 0,
            what,
            keys: Vec::new(),
            remedy: "remove `form` from the plan file".into(),
        }),
    )
}

/// The form that was given, for values of the kind that were seen: with a zone or without, behind a date or not
fn settle(given: Mapping, seen: Mapping) -> Option<Mapping> {
    match (given, seen) {
        (
            Mapping::Moment { form, .. },
            Mapping::Timestamp { zoned, form: like } | Mapping::Moment { zoned, form: like },
        ) => {
            let alike = (form.zone == Zone::None) == (like.zone == Zone::None);
            alike.then_some(Mapping::Moment { zoned, form: StampForm { assumed: like.assumed, ..form } })
        }
        (Mapping::TimeOfDay(form), Mapping::Time(like) | Mapping::TimeOfDay(like)) => {
            ((form.layout == TimeLayout::Dated) == (like.layout == TimeLayout::Dated)).then_some(given)
        }
        _ => None,
    }
}

/// In any spelling, if that is allowed
pub(super) fn loosened(mapping: Mapping, any_spelling: bool) -> Mapping {
    mapping.in_any_spelling().filter(|_| any_spelling).unwrap_or(mapping)
}

/// Moments in another zone than UTC, which a `timestamp` would forget
pub(super) fn away(profile: &ColumnProfile) -> Option<Fault> {
    let away = &profile.spellings.away;
    (away.count > 0).then(|| Fault {
        count: away.count,
        what: "have a zone other than UTC, which a timestamp without time zone loses".into(),
        keys: away.keys.clone(),
        remedy: "alter the column to timestamptz".into(),
    })
}

#[cfg(test)]
#[path = "spellings_tests.rs"]
mod tests;
