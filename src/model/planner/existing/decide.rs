//! Which conversion holds every value, or which values stand in the way

use super::convert::{MICROSECONDS, Seek, Way};
use super::empty::{Others, empty};
use super::spellings;
use crate::model::convert::forms::{Fraction, IntervalForm, StampForm, TimeForm, TimeLayout, Zone};
use crate::model::mapping::{Mapping, Misfit};
use crate::model::plan::{Check, ColumnPlan, Notice};
use crate::model::planfile::forms::words;
use crate::model::planner::evidence::{stamp_form, time_form, zoned_time_form};
use crate::model::planner::typed::{self, Doubt, Uses};
use crate::model::planner::writer::Writer;
use crate::model::profile::ColumnProfile;
use crate::model::profile::form::TextForm;
use crate::model::profile::intent::Intent;
use crate::model::profile::trial::Trial;
use crate::model::schema::{Affinity, Column};
use crate::model::target::TargetColumn;
use crate::model::words::grouped;

/// A column whose values all fit
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    pub column: ColumnPlan,
    /// What is only assumed, and what to do if it is wrong
    pub warning: Option<(String, String)>,
}

/// Values that do not fit, for one reason
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub count: u64,
    /// What they are, as a predicate
    pub what: String,
    pub keys: Vec<String>,
    pub remedy: String,
}

/// The conversion of a column, or everything that stands in the way of one
pub(super) fn decide(
    seek: &Seek,
    source: &Column,
    profile: &ColumnProfile,
    any_spelling: bool,
    writer: Writer,
    others: &Others,
) -> Result<Decided, Vec<Fault>> {
    let mut faults = Vec::new();
    let decided = if profile.values() == 0 {
        empty(seek, source, any_spelling, writer, others)
    } else {
        held(seek, source, profile, any_spelling, writer, others)
    };
    if seek.template.not_null && profile.nulls > 0 {
        faults.push(Fault {
            count: profile.nulls,
            what: "are NULL, and the target has NOT NULL".into(),
            keys: profile.null_keys.clone(),
            remedy: "give them a value in SQLite, or drop NOT NULL on the target".into(),
        });
    }
    match decided {
        Ok(decided) if faults.is_empty() => Ok(decided),
        Ok(_) => Err(faults),
        Err(more) => {
            faults.extend(more);
            Err(faults)
        }
    }
}

fn held(
    seek: &Seek,
    source: &Column,
    profile: &ColumnProfile,
    any_spelling: bool,
    writer: Writer,
    others: &Others,
) -> Result<Decided, Vec<Fault>> {
    let found = |intent| typed::find(intent, source, profile, Uses::default());
    let alike = |intent| typed::find(intent, source, profile, Uses { any_spelling, ..Uses::default() });
    let type_sql = &seek.template.type_sql;
    let mapping = match seek.way {
        Way::Tried | Way::Computed => return tried(seek, source, profile),
        Way::Boolean => proven(found(Intent::Boolean), type_sql)?,
        Way::Uuid => proven(found(Intent::Uuid), type_sql)?,
        Way::Date => match proven(found(Intent::Date), type_sql)? {
            day @ Mapping::Date(_) => day,
            _ => return Err(vec![all(profile, "are moments, of which a date keeps no time of day", seek)]),
        },
        Way::Time => match proven(alike(Intent::Time), type_sql)? {
            Mapping::Time(form) if form.layout == TimeLayout::Seconds => {
                Mapping::Time(TimeForm { fraction: settled(form.fraction, profile, writer, None), ..form })
            }
            other => other,
        },
        Way::Moment { zoned } => match proven(alike(Intent::Moment), type_sql)? {
            Mapping::Timestamp { form, .. } => moment(form, zoned, seek, profile, writer, others)?,
            Mapping::Moment { form, .. } => match spellings::away(profile).filter(|_| !zoned) {
                Some(fault) => return Err(vec![fault]),
                None => spellings::loosened(moment(form, zoned, seek, profile, writer, others)?, true),
            },
            Mapping::Epoch { unit, .. } => Mapping::Epoch { zoned, unit },
            other => other,
        },
        Way::Interval if profile.integers == profile.values() => MICROSECONDS,
        Way::Interval => match proven(found(Intent::Moment), type_sql)? {
            Mapping::Timestamp { form, .. } if form.zone == Zone::None && profile.texts == profile.values() => {
                Mapping::Interval(IntervalForm::Epoch(form))
            }
            _ => return Err(vec![all(profile, "are neither microseconds nor moments counted from 1970-01-01", seek)]),
        },
    };
    if profile.over_scale.count > 0
        && let Check::Scale(digits) = seek.template.check
    {
        let what = format!("have more than {digits} digits behind the seconds, which {type_sql} would cut off");
        let remedy = "round them in SQLite, or alter the column to keep six digits";
        return Err(vec![of(&profile.over_scale, what, remedy)]);
    }
    let mapping = chosen_form(mapping, seek, profile, any_spelling)?;
    Ok(Decided { column: ColumnPlan { mapping, ..seek.template.clone() }, warning: None })
}

fn proven(finding: typed::Finding, type_sql: &str) -> Result<Mapping, Vec<Fault>> {
    finding.mapping.ok_or_else(|| finding.doubt.into_iter().map(|doubt| of_doubt(doubt, type_sql)).collect())
}

fn of_doubt(doubt: Doubt, type_sql: &str) -> Fault {
    let remedy =
        format!("make them alike in SQLite, skip the column, or alter it to a type that holds them (not {type_sql})");
    Fault { count: doubt.count, what: doubt.what, keys: doubt.keys, remedy }
}

fn of(tally: &crate::model::profile::Tally, what: String, remedy: &str) -> Fault {
    Fault { count: tally.count, what, keys: tally.keys.clone(), remedy: remedy.into() }
}

fn all(profile: &ColumnProfile, what: &str, seek: &Seek) -> Fault {
    let remedy = format!("alter the column to a type that holds them (not {}), or skip it", seek.template.type_sql);
    let keys = profile.keys.iter().flatten().take(3).cloned().collect();
    Fault { count: profile.values(), what: what.into(), keys, remedy }
}

/// A moment's text: with the target's idea of zones, and the digits that the values leave open settled
fn moment(
    form: StampForm,
    zoned: bool,
    seek: &Seek,
    profile: &ColumnProfile,
    writer: Writer,
    others: &Others,
) -> Result<Mapping, Vec<Fault>> {
    let away = !matches!(form.zone, Zone::None | Zone::Z | Zone::Colon(0) | Zone::Digits(0) | Zone::Hours(0));
    if away && !zoned {
        return Err(vec![all(profile, "have a zone other than UTC, which a timestamp without time zone loses", seek)]);
    }
    let fraction = settled(form.fraction, profile, writer, Some((form, others)));
    let assumed = if zoned && form.zone == Zone::None { seek.assumed } else { 0 };
    Ok(Mapping::Timestamp { zoned, form: StampForm { fraction, assumed, ..form } })
}

/// Digits behind the seconds that fit two forms, one that leaves zeros out and one that does not: the framework knows,
/// or another column shows it
pub(super) fn settled(
    seen: Fraction,
    profile: &ColumnProfile,
    writer: Writer,
    others: Option<(StampForm, &Others)>,
) -> Fraction {
    let zeros =
        |form: &TextForm| matches!(form, TextForm::Stamp(_, digits, _) | TextForm::Time(_, digits) if digits.zeros);
    let is_open = !profile.forms.iter().any(|(form, _)| zeros(form));
    match (writer, seen, others) {
        (Writer::Django, Fraction::None | Fraction::Fixed(6), _) if is_open => Fraction::OmitZero(6),
        (Writer::Unknown | Writer::Prisma, Fraction::None | Fraction::Fixed(_), Some((form, others))) if is_open => {
            let alike = others
                .stamps
                .iter()
                .filter(|other| StampForm { fraction: seen, ..**other } == StampForm { assumed: 0, ..form });
            let mut omitting = alike.map(|other| other.fraction).filter(|fraction| match (fraction, seen) {
                (Fraction::OmitZero(theirs), Fraction::Fixed(mine)) => *theirs == mine,
                (Fraction::OmitZero(_), _) => true,
                _ => false,
            });
            omitting.next().unwrap_or(seen)
        }
        _ => seen,
    }
}

/// The form that the operator gave, if the values allow it; else any spelling, if that is allowed
pub(super) fn chosen_form(
    mapping: Mapping,
    seek: &Seek,
    profile: &ColumnProfile,
    any_spelling: bool,
) -> Result<Mapping, Vec<Fault>> {
    let Some(wanted) = &seek.form else { return Ok(spellings::loosened(mapping, any_spelling)) };
    if let Some(chosen) = spellings::chosen(mapping, seek, any_spelling) {
        return chosen.map_err(|fault| vec![Fault { count: profile.values(), ..fault }]);
    }
    let mut candidates = alternatives(mapping, profile).into_iter();
    match (spelled(mapping), candidates.find(|candidate| spelled(*candidate).as_deref() == Some(wanted))) {
        (None, _) => Ok(mapping),
        (Some(_), Some(candidate)) => Ok(candidate),
        (Some(seen), None) => Err(vec![all(profile, &format!("are written as {seen}, and not as {wanted}"), seek)]),
    }
}

/// The form as the plan file writes it, where there is a choice of forms
pub(super) fn spelled(mapping: Mapping) -> Option<String> {
    match mapping {
        Mapping::Timestamp { form, .. } | Mapping::Interval(IntervalForm::Epoch(form)) => Some(stamp_form(form)),
        Mapping::Time(form) => Some(time_form(form)),
        Mapping::ZonedTime { form, zone } => Some(zoned_time_form(form, zone)),
        Mapping::Moment { .. } | Mapping::TimeOfDay(_) => words(mapping),
        _ => None,
    }
}

/// The forms that fit the same texts
fn alternatives(mapping: Mapping, profile: &ColumnProfile) -> Vec<Mapping> {
    let zeros =
        |form: &TextForm| matches!(form, TextForm::Stamp(_, digits, _) | TextForm::Time(_, digits) if digits.zeros);
    let has_zeros = profile.forms.iter().any(|(form, _)| zeros(form));
    let fractions = |seen: Fraction| -> Vec<Fraction> {
        match seen {
            Fraction::None => std::iter::once(seen).chain((1..=6).map(Fraction::OmitZero)).collect(),
            Fraction::OmitZero(digits) if profile.forms.iter().all(|(form, _)| has_digits(form)) => {
                vec![seen, Fraction::Fixed(digits)]
            }
            Fraction::Fixed(digits) if !has_zeros => vec![seen, Fraction::OmitZero(digits)],
            _ => vec![seen],
        }
    };
    match mapping {
        Mapping::Timestamp { zoned, form } => {
            let with = |fraction| Mapping::Timestamp { zoned, form: StampForm { fraction, ..form } };
            fractions(form.fraction).into_iter().map(with).collect()
        }
        Mapping::Time(form) => {
            fractions(form.fraction).into_iter().map(|fraction| Mapping::Time(TimeForm { fraction, ..form })).collect()
        }
        other => vec![other],
    }
}

fn has_digits(form: &TextForm) -> bool {
    matches!(form, TextForm::Stamp(_, digits, _) | TextForm::Time(_, digits) if digits.count > 0)
}

/// The first trial that takes every value, or why the best of them does not
fn tried(seek: &Seek, source: &Column, profile: &ColumnProfile) -> Result<Decided, Vec<Fault>> {
    // NULL is told for all types alike.
    let missed = |trial: &Trial| trial.missed() - if seek.template.not_null { profile.nulls } else { 0 };
    let count = |trial: &Trial, of: fn(&Misfit) -> bool| {
        trial.misfits.iter().filter(|(misfit, _)| of(misfit)).map(|(_, tally)| tally.count).sum::<u64>()
    };
    // Of trials that miss as many values, the one that says most about why.
    let best = profile.trials.iter().min_by_key(|trial| {
        let of_class = count(trial, |misfit| matches!(misfit, Misfit::Class(_)));
        (missed(trial), of_class, count(trial, |misfit| *misfit == Misfit::Form))
    });
    let Some(best) = best else { return Ok(plain(seek, Mapping::Text)) };
    if missed(best) == 0 {
        let both = profile.trials.iter().take(2).filter(|trial| missed(trial) == 0).count() == 2;
        let warning = doubt_of(best.column.mapping, both, source);
        return Ok(Decided { column: best.column.clone(), warning });
    }
    let reasons = best.misfits.iter().filter(|(misfit, _)| *misfit != Misfit::Null);
    Err(reasons.map(|(misfit, tally)| of(tally, what(*misfit, best, seek), &remedy(*misfit, best, profile))).collect())
}

/// What later values may do although all so far fit; `both` if the first two forms take them all
pub(super) fn doubt_of(mapping: Mapping, both: bool, source: &Column) -> Option<(String, String)> {
    match mapping {
        Mapping::Double | Mapping::DoubleInteger | Mapping::Float4 if source.affinity == Affinity::Numeric => {
            let message = "SQLite stores whole numbers here as integers and others as reals, which this type cannot tell \
                           apart: rows with the other kind are quarantined";
            Some((message.into(), "alter the column to numeric on the target, or declare it REAL in SQLite".into()))
        }
        Mapping::ZonedTime { form, zone } if both => {
            let form = zoned_time_form(form, zone);
            let message =
                format!("has no value yet, so that its form is a guess ({form}): rows with another are quarantined");
            Some((message, "give the column's `form` in the plan file, or plan again once there are values".into()))
        }
        Mapping::Interval(IntervalForm::Epoch(form)) if both => {
            let message = format!(
                "has no value yet, so that its form is a guess ({}): rows with another are quarantined",
                stamp_form(form)
            );
            Some((message, "give the column's `form` in the plan file, or plan again once there are values".into()))
        }
        Mapping::Array { .. } if both => {
            let message = "no list shows how its elements are set apart: \", \" is assumed, as Python's json writes; rows with \
                           others are quarantined";
            Some((message.into(), "plan again once there are lists of two and more".into()))
        }
        _ => None,
    }
}

fn what(misfit: Misfit, trial: &Trial, seek: &Seek) -> String {
    let type_sql = &seek.template.type_sql;
    match (misfit, trial.column.mapping) {
        (Misfit::Characters, _) => format!("have more characters than {type_sql} takes"),
        (Misfit::Range, _) => format!("do not fit {type_sql} exactly"),
        (Misfit::Label, _) if trial.unknown.is_empty() => format!("are no labels of {type_sql}"),
        (Misfit::Label, _) => format!("are no labels of {type_sql} ({})", trial.unknown.join(", ")),
        (Misfit::Class(class), _) => format!("are of class {class}, which {type_sql} cannot give back"),
        (Misfit::Form, Mapping::Inet { .. }) => format!("are not written as PostgreSQL writes {type_sql}"),
        (Misfit::Form, Mapping::Array { .. }) => format!("are no JSON lists for {type_sql}, all in one spelling"),
        (Misfit::Form, Mapping::Decimal { scale, .. }) => {
            format!("are not written with exactly {} digits behind the point", scale.max(0))
        }
        (Misfit::Form, Mapping::ZonedTime { .. }) => {
            "are not times of day with an offset from UTC, all in one spelling".to_owned()
        }
        (other, _) => format!("do not fit {type_sql}: {other}"),
    }
}

fn remedy(misfit: Misfit, trial: &Trial, profile: &ColumnProfile) -> String {
    let numbers = matches!(trial.column.mapping, Mapping::Smallint | Mapping::Integer);
    match misfit {
        Misfit::Characters => {
            format!("shorten them in SQLite, or widen the column: the longest has {} characters", profile.chars_max)
        }
        Misfit::Range if numbers => "correct them in SQLite, or alter the column to bigint".into(),
        Misfit::Range if trial.column.mapping == Mapping::Float4 => "alter the column to double precision".into(),
        Misfit::Range if profile.whole_max + profile.scale_max > 0 => format!(
            "correct them in SQLite, or give the column more digits (seen: {} before the point, {} behind it)",
            profile.whole_max, profile.scale_max
        ),
        Misfit::Label => "add the labels with ALTER TYPE ... ADD VALUE, or correct them in SQLite".into(),
        _ => "correct them in SQLite, alter the column to a type that holds them, or skip it".into(),
    }
}

pub(super) fn plain(seek: &Seek, mapping: Mapping) -> Decided {
    Decided { column: ColumnPlan { mapping, ..seek.template.clone() }, warning: None }
}

impl Fault {
    /// One refusal: what, how many, which rows, and what to do
    pub fn notice(&self, object: &str, profile: &ColumnProfile, target: &TargetColumn) -> Notice {
        let examples = if self.keys.is_empty() { String::new() } else { format!(", e.g. {}", self.keys.join("; ")) };
        let total = grouped(profile.values() + profile.nulls);
        let message = format!("{} of {total} values {}{examples}", grouped(self.count), self.what);
        Notice {
            object: format!("{object} -> {} {}", target.name, target.type_sql),
            message,
            remedy: Some(self.remedy.clone()),
        }
    }
}
