//! Columns in which one moment has several spellings
//!
//! PostgreSQL keeps the moment, SQLite its spelling, as with documents in `jsonb`. It is for columns that nothing tells
//! rows apart by: two spellings are two keys in SQLite, and one on PostgreSQL.
//!
//! Which columns of a created schema? Those whose values are spelled in several ways already, and those where it is to be
//! expected. A later value in another spelling would be quarantined under an exact form, and would stand in the way of
//! the cutover, since the plan of a migration under way does not change; on the other hand only an exact form lets CHECKs,
//! views and predicates over the column be translated, as they compare texts. So values that are all alike are believed,
//! unless the DEFAULT, or the framework that writes the file, writes another spelling than they have, or has done so in
//! other columns of the declaration. Where there are no values, nothing is proven, and any spelling is taken.

use super::Draft;
use super::choose::uses;
use super::typed::{self, Doubt, Uses};
use super::unify::{Place, declared, mapping, places, set};
use super::writer::Writer;
use crate::model::choices::Defaults;
use crate::model::convert::forms::{TimeLayout, Zone};
use crate::model::decode::decode_field;
use crate::model::encode::encode_field;
use crate::model::mapping::Mapping;
use crate::model::profile::ColumnProfile;
use crate::model::profile::form::TextForm;
use crate::model::profile::intent::Intent;
use crate::model::profile::spellings::Sort;
use crate::model::schema::Column;
use crate::model::value::Value;

/// Moments in several spellings, all with a zone or all without one
pub(super) fn moment(profile: &ColumnProfile, uses: Uses) -> Option<Mapping> {
    let sort = profile.spellings.sort().filter(|_| uses.any_spelling)?;
    let form = profile.commonest_stamp()?;
    Some(Mapping::Moment { zoned: sort != Sort::Bare, form })
}

/// Times of day in several spellings, all behind Rails' date or none
pub(super) fn time(profile: &ColumnProfile, uses: Uses) -> Option<Mapping> {
    profile.spellings.sort().filter(|_| uses.any_spelling)?;
    profile.commonest_time().map(Mapping::TimeOfDay)
}

/// What stands in the way, where the spelling does not
pub(super) fn doubt(profile: &ColumnProfile, uses: Uses, wanted: &'static str, times: bool) -> Option<Doubt> {
    let seen = &profile.spellings;
    let is_one = |form: &TextForm| matches!(form, TextForm::Stamp(..) | TextForm::Time(..));
    let is_mixed = profile.forms.iter().filter(|(form, _)| is_one(form)).count() > 1;
    let marked = seen.marked.count + seen.away.count;
    if !uses.any_spelling || !is_mixed {
        return None;
    }
    let few_bare = seen.bare.count < marked;
    let (count, tally, what) = match (seen.others.count, times) {
        (0, _) if seen.bare.count.min(marked) == 0 => return None,
        (0, true) if few_bare => (seen.bare.count, &seen.bare, "are times of day among others behind a date"),
        (0, true) => (marked, &seen.marked, "are times of day behind a date among others without one"),
        (0, false) if few_bare => (seen.bare.count, &seen.bare, "are moments without a zone among others with one"),
        (0, false) => {
            let example = if seen.marked.count == 0 { &seen.away } else { &seen.marked };
            (marked, example, "are moments with a zone among others without one")
        }
        (others, true) => (others, &seen.others, "are texts that are no times of day"),
        (others, false) => (others, &seen.others, "are texts that are no moments"),
    };
    Some(Doubt { count, what: what.to_owned(), keys: tally.keys.clone(), wanted })
}

/// What takes the texts of all these columns; `None` if they are not of one kind
pub(super) fn common(mappings: &[Mapping]) -> Option<Mapping> {
    let loose = |mapping: &Mapping| {
        if mapping.takes_any_spelling() { Some(*mapping) } else { mapping.in_any_spelling() }
    };
    let kind = |mapping: &Mapping| match loose(mapping)? {
        Mapping::Moment { zoned, form } => Some((zoned, form.zone != Zone::None)),
        Mapping::TimeOfDay(form) => Some((false, form.layout == TimeLayout::Dated)),
        _ => None,
    };
    let (first, others) = mappings.split_first()?;
    let alike = kind(first).is_some() && others.iter().all(|other| kind(other) == kind(first));
    loose(first).filter(|_| alike)
}

/// Nothing tells rows apart by the column
pub(super) fn is_free(draft: &Draft, column: usize) -> bool {
    let (plan, at) = (&draft.plan, draft.plan.columns[column].source_column);
    at.is_some_and(|at| uses(&plan.source, at, &plan.key, &Defaults::default()).any_spelling)
}

/// Lets columns have any spelling where that is to be expected although no value shows it
pub(super) fn loosen(drafts: &mut [Draft], pairs: &[(Place, Place)]) {
    let writer = Writer::of(|table| drafts.iter().any(|draft| draft.plan.source.name == table));
    let is_parent = |place: &Place| pairs.iter().any(|(_, parent)| parent == place);
    let exact: Vec<(Place, Mapping)> = places(drafts)
        .into_iter()
        .filter(|place| is_free(&drafts[place.0], place.1) && !is_parent(place))
        .filter_map(|place| Some((place, mapping(drafts, place).in_any_spelling()?)))
        .collect();
    for ((table, column), loose) in &exact {
        if is_unproven(&drafts[*table], *column, *loose, writer) {
            set(&mut drafts[*table], *column, *loose);
        }
    }
    if writer == Writer::Unknown {
        return;
    }
    let is_loose = |place: &Place| mapping(drafts, *place).takes_any_spelling();
    let of_declaration = |place: Place| declared(drafts, place).map(|(declared, _)| declared);
    let mixed: Vec<String> = places(drafts).into_iter().filter(is_loose).filter_map(of_declaration).collect();
    for ((table, column), loose) in exact {
        if declared(drafts, (table, column)).is_some_and(|(declared, _)| mixed.contains(&declared)) {
            set(&mut drafts[table], column, loose);
        }
    }
}

/// The column has no value, or something writes another spelling than its values have
fn is_unproven(draft: &Draft, column: usize, loose: Mapping, writer: Writer) -> bool {
    let Some(at) = draft.plan.columns[column].source_column else { return false };
    let exact = draft.plan.columns[column].mapping;
    let takes = |text: &str, mapping| encode_field(&mut Vec::new(), Value::Text(text.as_bytes()), mapping).is_ok();
    let mut written = by_default(Intent::of(&draft.plan.source, at), &draft.plan.source.columns[at]);
    written.extend(by_framework(writer, exact).iter().map(|text| text.to_string()));
    let is_empty = draft.profile_of(column).is_none_or(|profile| profile.values() == 0);
    is_empty || written.iter().any(|text| !takes(text, exact) && takes(text, loose))
}

/// Texts that the DEFAULT makes, as far as it shows them
fn by_default(intent: Intent, column: &Column) -> Vec<String> {
    let Some(mapping) = typed::of_default(intent, column) else {
        let literal = column.default.as_deref().and_then(|sql| sql.strip_prefix('\'')?.strip_suffix('\''));
        return literal.map(str::to_owned).into_iter().collect();
    };
    let text = |micros: i64| match decode_field(Some(&micros.to_be_bytes()), mapping, &mut Vec::new()) {
        Ok(Value::Text(text)) => String::from_utf8(text.to_vec()).ok(),
        _ => None,
    };
    // Those of them that the form can show: whole seconds, a millisecond, a microsecond.
    [0, 1000, 1].into_iter().filter_map(text).collect()
}

/// Texts as the framework's own code writes them
fn by_framework(writer: Writer, mapping: Mapping) -> &'static [&'static str] {
    match (writer, mapping) {
        (Writer::Django, Mapping::Timestamp { .. }) => &["2024-01-02 03:04:05", "2024-01-02 03:04:05.000001"],
        (Writer::Django, Mapping::Time(_)) => &["03:04:05", "03:04:05.000001"],
        (Writer::SqlAlchemy | Writer::Rails, Mapping::Timestamp { .. }) => &["2024-01-02 03:04:05.000000"],
        (Writer::SqlAlchemy, Mapping::Time(_)) => &["03:04:05.000000"],
        (Writer::Rails, Mapping::Time(_)) => &["2000-01-01 03:04:05", "2000-01-01 03:04:05.000001"],
        _ => &[],
    }
}
