//! Types that must agree: those of columns without a value, and those on both ends of a foreign key

use std::collections::BTreeMap;

use super::writer::Writer;
use super::{Draft, Notes, foreign_keys, spellings};
use crate::model::convert::forms::{Fraction, Layout, StampForm, TimeForm, TimeLayout, Zone};
use crate::model::mapping::Mapping;
use crate::model::plan::Check;
use crate::model::profile::form::TextForm;
use crate::model::profile::intent::Intent;

/// A column: the table's position among the drafts, and its own in the plan
pub(super) type Place = (usize, usize);

/// Settles what no column can settle by itself
pub(super) fn unify(drafts: &mut [Draft], notes: &mut Notes) {
    settle_fractions(drafts);
    settle_by_framework(drafts);
    follow_the_others(drafts);
    let pairs = pairs(drafts);
    spellings::loosen(drafts, &pairs);
    follow_the_parent(drafts, &pairs);
    // Each round makes at least one column plain, and none is made anything else again.
    while let Some(&(child, parent)) = pairs.iter().find(|pair| disagree(drafts, pair)) {
        for (place, other) in [(child, parent), (parent, child)] {
            warn(drafts, place, other, notes);
        }
        for (table, column) in [child, parent] {
            let plain = plain_mapping(drafts, (table, column));
            set(&mut drafts[table], column, plain);
        }
    }
}

/// Moments whose digits behind the seconds fit two forms: one that writes them always, or never, and one that leaves out
/// zeros. Another column of the same declared type shows which it is, as in files that Python programs write.
fn settle_fractions(drafts: &mut [Draft]) {
    let stamps: Vec<(Place, String, StampForm)> = places(drafts)
        .into_iter()
        .filter_map(|place| match (declared(drafts, place), mapping(drafts, place)) {
            (Some((declared, false)), Mapping::Timestamp { form, .. }) => Some((place, declared, form)),
            _ => None,
        })
        .collect();
    for ((table, column), declared, form) in &stamps {
        let others =
            stamps.iter().filter(|(_, other_declared, _)| other_declared == declared).map(|(_, _, other)| other);
        let same = others.filter(|other| StampForm { fraction: form.fraction, ..**other } == *form);
        let omitting = same.map(|other| other.fraction).find(|fraction| matches!(fraction, Fraction::OmitZero(_)));
        let fits = match (form.fraction, omitting) {
            (Fraction::None, Some(_)) => true,
            (Fraction::Fixed(mine), Some(Fraction::OmitZero(theirs))) => {
                mine == theirs && !has_written_zeros(&drafts[*table], *column)
            }
            _ => false,
        };
        if let (true, Some(fraction)) = (fits, omitting) {
            let form = StampForm { fraction, ..*form };
            set(&mut drafts[*table], *column, Mapping::Timestamp { zoned: form.zone != Zone::None, form });
        }
    }
}

/// The same question where no other column answers it: Django leaves out zeros and else writes six digits, so that its
/// next value may be of the other kind
fn settle_by_framework(drafts: &mut [Draft]) {
    if Writer::of(|table| drafts.iter().any(|draft| draft.plan.source.name == table)) != Writer::Django {
        return;
    }
    let omitting = Fraction::OmitZero(6);
    for (table, column) in places(drafts) {
        let settled = match mapping(drafts, (table, column)) {
            Mapping::Timestamp {
                zoned,
                form: form @ StampForm { fraction: Fraction::None | Fraction::Fixed(6), .. },
            } if matches!(form.layout, Layout::IsoSpace | Layout::IsoT) => {
                Mapping::Timestamp { zoned, form: StampForm { fraction: omitting, ..form } }
            }
            Mapping::Time(
                form @ TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::None | Fraction::Fixed(6) },
            ) => Mapping::Time(TimeForm { fraction: omitting, ..form }),
            _ => continue,
        };
        if !has_written_zeros(&drafts[table], column) {
            set(&mut drafts[table], column, settled);
        }
    }
}

fn has_written_zeros(draft: &Draft, column: usize) -> bool {
    let zeros =
        |form: &TextForm| matches!(form, TextForm::Stamp(_, digits, _) | TextForm::Time(_, digits) if digits.zeros);
    draft.profile_of(column).is_some_and(|profile| profile.forms.iter().any(|(form, _)| zeros(form)))
}

/// A column without a value takes the form in which all others of its declared type are written, if they have but one
fn follow_the_others(drafts: &mut [Draft]) {
    let mut forms: BTreeMap<String, Vec<Mapping>> = BTreeMap::new();
    for place in places(drafts) {
        if let Some((declared, false)) = declared(drafts, place) {
            let seen = forms.entry(declared).or_default();
            let mapping = mapping(drafts, place);
            if !seen.contains(&mapping) {
                seen.push(mapping);
            }
        }
    }
    for (table, column) in places(drafts) {
        let Some((declared, true)) = declared(drafts, (table, column)) else { continue };
        let seen = forms.get(&declared).map(Vec::as_slice).unwrap_or_default();
        let form = if let [form] = seen { Some(*form) } else { spellings::common(seen) };
        // Documents are compared as texts in SQLite: not in a key. Nor are moments there that it spells in several ways;
        // elsewhere they may be.
        if let Some(form) = form
            && !matches!(form, Mapping::Json { .. })
            && (!form.takes_any_spelling() || spellings::is_free(&drafts[table], column))
        {
            set(&mut drafts[table], column, form);
        }
    }
}

pub(super) fn places(drafts: &[Draft]) -> Vec<Place> {
    let columns = |(table, draft): (usize, &Draft)| (0..draft.choices.len()).map(move |at| (table, at));
    drafts.iter().enumerate().flat_map(columns).collect()
}

/// The declared type of a column that is meant to be more than its storage class, and whether its form is open
pub(super) fn declared(drafts: &[Draft], (table, column): Place) -> Option<(String, bool)> {
    let draft = &drafts[table];
    let at = draft.plan.columns[column].source_column?;
    let intent = Intent::of(&draft.plan.source, at);
    let of_form = matches!(intent, Intent::Boolean | Intent::Date | Intent::Moment | Intent::Time | Intent::Uuid);
    let is_open = draft.choices[column].is_open;
    let is_empty = draft.profile_of(column).is_none_or(|profile| profile.values() == 0);
    let declared = draft.plan.source.columns[at].declared_type.to_ascii_uppercase();
    (of_form && is_open == is_empty).then_some((declared, is_open))
}

/// Both ends of every foreign key, column by column
fn pairs(drafts: &[Draft]) -> Vec<(Place, Place)> {
    let mut pairs = Vec::new();
    for (child_at, child) in drafts.iter().enumerate() {
        for key in &child.plan.source.foreign_keys {
            let parent = drafts.iter().position(|d| d.plan.source.name.eq_ignore_ascii_case(&key.parent));
            let Some(parent_at) = parent else { continue };
            let Ok(columns) = foreign_keys::parent_columns(&drafts[parent_at].plan, key) else { continue };
            for (from, to) in key.columns.iter().zip(columns) {
                if let Some(from) = child.plan.column_of(*from) {
                    pairs.push(((child_at, from), (parent_at, to)));
                }
            }
        }
    }
    pairs
}

/// Keys that are all NULL say nothing against the type of what they would refer to
fn follow_the_parent(drafts: &mut [Draft], pairs: &[(Place, Place)]) {
    // A chain of empty tables hands the type on from link to link; a column follows once.
    let mut settled = false;
    while !settled {
        settled = true;
        for &(child, parent) in pairs {
            for (place, other) in [(child, parent), (parent, child)] {
                settled &= !follow(drafts, place, other);
            }
        }
    }
}

/// Whether the column, without a value, took over the other's type just now
fn follow(drafts: &mut [Draft], (table, column): Place, other: Place) -> bool {
    let is_empty = drafts[table].profile_of(column).is_some_and(|profile| profile.values() == 0);
    let (mine, theirs) = (mapping(drafts, (table, column)), mapping(drafts, other));
    let plain = plain_mapping(drafts, (table, column));
    let follows = is_empty && mine == plain && mine != theirs && plain == plain_mapping(drafts, other);
    if follows {
        set(&mut drafts[table], column, theirs);
    }
    follows
}

/// Different types that would be the same without any form
fn disagree(drafts: &[Draft], (child, parent): &(Place, Place)) -> bool {
    mapping(drafts, *child) != mapping(drafts, *parent)
        && plain_mapping(drafts, *child) == plain_mapping(drafts, *parent)
}

fn warn(drafts: &[Draft], place: Place, other: Place, notes: &mut Notes) {
    let (mapping, plain) = (mapping(drafts, place), plain_mapping(drafts, place));
    let profile = drafts[place.0].profile_of(place.1);
    if mapping == plain || profile.is_some_and(|profile| super::chosen::differs(profile, plain)) {
        return;
    }
    let message = format!(
        "would be {}, but stays {} like {}, to which a foreign key ties it",
        mapping.type_sql(),
        plain.type_sql(),
        name(drafts, other)
    );
    notes.warn(&name(drafts, place), &message, None);
}

fn name(drafts: &[Draft], (table, column): Place) -> String {
    let plan = &drafts[table].plan;
    format!("{}.{}", plan.source.name, plan.source_name(column))
}

pub(super) fn mapping(drafts: &[Draft], (table, column): Place) -> Mapping {
    drafts[table].plan.columns[column].mapping
}

/// The hidden rowid has no choice
fn plain_mapping(drafts: &[Draft], (table, column): Place) -> Mapping {
    drafts[table].choices.get(column).map_or(Mapping::Bigint, |choice| choice.plain)
}

pub(super) fn set(draft: &mut Draft, column: usize, mapping: Mapping) {
    let column = &mut draft.plan.columns[column];
    (column.mapping, column.type_sql, column.check) = (mapping, mapping.type_sql(), Check::None);
}

#[cfg(test)]
#[path = "unify_tests.rs"]
mod tests;
