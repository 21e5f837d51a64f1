//! Columns without a value: the declaration's DEFAULT, the framework and the other columns tell what will come

use super::FoundTable;
use super::convert::{MICROSECONDS, Seek, Way};
use super::decide::{Decided, Fault, chosen_form, doubt_of, plain, settled, spelled};
use super::spellings;
use crate::model::convert::forms::{
    BoolForm, DateForm, EpochUnit, Fraction, IntervalForm, Layout, StampForm, TimeForm, TimeLayout, UuidForm, Zone,
};
use crate::model::mapping::Mapping;
use crate::model::plan::Check;
use crate::model::planner::typed::{self, Uses};
use crate::model::planner::writer::Writer;
use crate::model::profile::ColumnProfile;
use crate::model::profile::intent::Intent;
use crate::model::schema::{Affinity, Column};

/// Forms of the columns that show one, each once
#[derive(Clone, Debug, Default)]
pub(super) struct Others {
    booleans: Vec<BoolForm>,
    uuids: Vec<UuidForm>,
    times: Vec<TimeForm>,
    pub stamps: Vec<StampForm>,
    /// Of moments in any spelling, the commonest of each column
    spelled: Vec<StampForm>,
    epochs: Vec<EpochUnit>,
}

/// The forms in which all columns with values are written
pub(super) fn other_forms(found: &[FoundTable], writer: Writer) -> Others {
    let mut others = Others::default();
    for found in found {
        for (at, seek) in found.matched.columns.iter().enumerate() {
            let (column, profile) = (&found.matched.source.columns[at], &found.profile.columns[at]);
            let intent = match seek.as_ref().map(|seek| seek.way) {
                Some(Way::Boolean) => Intent::Boolean,
                Some(Way::Uuid) => Intent::Uuid,
                Some(Way::Time) => Intent::Time,
                Some(Way::Moment { .. }) => Intent::Moment,
                _ => continue,
            };
            let uses = Uses { any_spelling: true, ..Uses::default() };
            if profile.values() > 0
                && let Some(mapping) = typed::find(intent, column, profile, uses).mapping
            {
                others.add(mapping, profile, writer);
            }
        }
    }
    others
}

impl Others {
    fn add(&mut self, mapping: Mapping, profile: &ColumnProfile, writer: Writer) {
        match mapping {
            Mapping::Boolean(form) => note(&mut self.booleans, form),
            Mapping::Uuid(form) => note(&mut self.uuids, form),
            Mapping::Time(form) => note(&mut self.times, form),
            Mapping::Timestamp { form, .. } => {
                let fraction = settled(form.fraction, profile, writer, None);
                note(&mut self.stamps, StampForm { fraction, ..form });
                note(&mut self.spelled, StampForm { fraction, ..form });
            }
            Mapping::Moment { form, .. } => note(&mut self.spelled, form),
            Mapping::Epoch { unit, .. } => note(&mut self.epochs, unit),
            _ => {}
        }
    }
}

fn note<T: PartialEq>(seen: &mut Vec<T>, form: T) {
    if !seen.contains(&form) {
        seen.push(form);
    }
}

/// The form that all columns have which show one
fn only<T: Copy>(seen: &[T]) -> Option<T> {
    if let [form] = seen { Some(*form) } else { None }
}

impl Others {
    /// One of the forms in which moments are written, if all have a zone or none has one
    fn alike(&self) -> Option<StampForm> {
        let first = self.spelled.first()?;
        let alike = |form: &StampForm| (form.zone == Zone::None) == (first.zone == Zone::None);
        self.spelled.iter().all(|form| form.layout != Layout::Compact && alike(form)).then_some(*first)
    }
}

/// The conversion of a column without a value
pub(super) fn empty(
    seek: &Seek,
    source: &Column,
    any_spelling: bool,
    writer: Writer,
    others: &Others,
) -> Result<Decided, Vec<Fault>> {
    let (mapping, is_guess) = match seek.way {
        Way::Tried | Way::Computed => {
            let first = likeliest(seek);
            let warning = doubt_of(first, seek.sought.trials.len() > 1, source);
            return Ok(Decided { warning, ..plain(seek, first) });
        }
        Way::Boolean => empty_boolean(source, others),
        Way::Date => (Mapping::Date(DateForm::Iso), false),
        Way::Time => match (writer, only(&others.times)) {
            (Writer::Unknown | Writer::Rails, Some(form)) => (Mapping::Time(form), false),
            _ => (Mapping::Time(empty_time(writer)), writer == Writer::Unknown),
        },
        Way::Moment { zoned } => empty_moment(zoned, seek, source, any_spelling, writer, others),
        Way::Interval if source.affinity == Affinity::Integer => (MICROSECONDS, false),
        Way::Interval => {
            (Mapping::Interval(IntervalForm::Epoch(iso(Fraction::Fixed(6), 0))), writer == Writer::Unknown)
        }
        Way::Uuid => (Mapping::Uuid(empty_uuid(source, others)), false),
    };
    let profile = ColumnProfile::default();
    let mapping = match &seek.form {
        Some(wanted) => grid(mapping)
            .into_iter()
            .find(|candidate| spelled(*candidate).as_ref() == Some(wanted))
            .map_or_else(|| chosen_form(mapping, seek, &profile, any_spelling), Ok)?,
        None => spellings::loosened(mapping, any_spelling),
    };
    let warning = (is_guess && seek.form.is_none()).then(|| {
        let form = match mapping {
            Mapping::Epoch { .. } => "milliseconds since 1970".to_owned(),
            other => spelled(other).unwrap_or_else(|| "t or f".to_owned()),
        };
        let others = match mapping {
            Mapping::Moment { form, .. } if form.zone == Zone::None => "moments with a zone",
            Mapping::Moment { .. } => "moments without a zone",
            Mapping::TimeOfDay(_) => "times behind a date",
            _ => "another",
        };
        let message =
            format!("has no value yet, so that its form is a guess ({form}): rows with {others} are quarantined");
        (message, "give the column's `form` in the plan file, or plan again once there are values".into())
    });
    Ok(Decided { warning, ..plain(seek, mapping) })
}

/// The trial to begin with: the first, but for times of day with an offset one that takes them with and without digits
/// behind the seconds
fn likeliest(seek: &Seek) -> Mapping {
    let mappings = || seek.sought.trials.iter().map(|trial| trial.mapping);
    let takes_both = |mapping: &Mapping| {
        matches!(mapping, Mapping::ZonedTime { form: TimeForm { fraction: Fraction::OmitZero(6), .. }, .. })
    };
    mappings().find(takes_both).or_else(|| mappings().next()).unwrap_or(Mapping::Text)
}

/// Every form of a moment or a time that the operator may give where no value shows one
fn grid(like: Mapping) -> Vec<Mapping> {
    let exact = (1..=6).map(Fraction::Fixed).chain((1..=6).map(Fraction::OmitZero));
    let fractions: Vec<Fraction> = std::iter::once(Fraction::None).chain(exact).collect();
    let stamps = |assumed: i16| -> Vec<StampForm> {
        let layouts = [Layout::IsoSpace, Layout::IsoT, Layout::MinutesSpace, Layout::MinutesT, Layout::Compact];
        let zones = [Zone::None, Zone::Z, Zone::Colon(0), Zone::Digits(0), Zone::Hours(0)];
        let pairs = layouts.iter().flat_map(|layout| zones.iter().map(move |zone| (*layout, *zone)));
        let all = pairs.flat_map(|(layout, zone)| {
            fractions.iter().map(move |fraction| StampForm { layout, fraction: *fraction, zone, assumed })
        });
        all.collect()
    };
    match like {
        Mapping::Timestamp { zoned, form } => {
            stamps(form.assumed).into_iter().map(|form| Mapping::Timestamp { zoned, form }).collect()
        }
        Mapping::Interval(IntervalForm::Epoch(_)) => {
            let plain = stamps(0).into_iter().filter(|form| form.zone == Zone::None);
            plain.map(|form| Mapping::Interval(IntervalForm::Epoch(form))).collect()
        }
        Mapping::Time(_) => {
            let layouts = [TimeLayout::Seconds, TimeLayout::Minutes, TimeLayout::Dated];
            let all = layouts.iter().flat_map(|layout| fractions.iter().map(move |fraction| (*layout, *fraction)));
            all.map(|(layout, fraction)| Mapping::Time(TimeForm { layout, fraction })).collect()
        }
        other => vec![other],
    }
}

fn iso(fraction: Fraction, assumed: i16) -> StampForm {
    StampForm { layout: Layout::IsoSpace, fraction, zone: Zone::None, assumed }
}

fn empty_boolean(source: &Column, others: &Others) -> (Mapping, bool) {
    // TEXT affinity makes a text of every integer; any other leaves 't' what it is, as old Rails has it.
    let is_text = source.affinity == Affinity::Text;
    match only(&others.booleans) {
        Some(form) if !(is_text && form == BoolForm::ZeroOne) => (Mapping::Boolean(form), false),
        _ if is_text => (Mapping::Boolean(BoolForm::Letter), true),
        _ => (Mapping::Boolean(BoolForm::ZeroOne), false),
    }
}

fn empty_time(writer: Writer) -> TimeForm {
    match writer {
        Writer::Rails => TimeForm { layout: TimeLayout::Dated, fraction: Fraction::OmitZero(6) },
        Writer::SqlAlchemy => TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::Fixed(6) },
        _ => TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::OmitZero(6) },
    }
}

/// What moments will look like, and whether that is a guess
fn empty_moment(
    zoned: bool,
    seek: &Seek,
    source: &Column,
    any_spelling: bool,
    writer: Writer,
    others: &Others,
) -> (Mapping, bool) {
    let assumed = if zoned { seek.assumed } else { 0 };
    let text = |form: StampForm| {
        let assumed = if form.zone == Zone::None { assumed } else { 0 };
        Mapping::Timestamp { zoned, form: StampForm { assumed, ..form } }
    };
    if let Some(Mapping::Timestamp { form, .. }) = typed::of_default(Intent::Moment, source) {
        return (text(form), false);
    }
    // TEXT affinity makes a text of every integer.
    let epochs = if source.affinity == Affinity::Text { &[] } else { others.epochs.as_slice() };
    let form = match writer {
        _ if source.affinity == Affinity::Integer => {
            let (unit, is_guess) = only(epochs).map_or((EpochUnit::Ms, true), |unit| (unit, false));
            return (Mapping::Epoch { zoned, unit }, is_guess);
        }
        Writer::Prisma if source.affinity != Affinity::Text => {
            return (Mapping::Epoch { zoned, unit: EpochUnit::Ms }, false);
        }
        Writer::SqlAlchemy | Writer::Rails => iso(Fraction::Fixed(6), assumed),
        Writer::Django => iso(Fraction::OmitZero(6), assumed),
        Writer::Unknown | Writer::Prisma => {
            match (only(&others.stamps).or(others.alike().filter(|_| any_spelling)), epochs) {
                (Some(form), []) => form,
                (None, [unit]) if others.stamps.is_empty() => return (Mapping::Epoch { zoned, unit: *unit }, false),
                _ => return (text(iso(likely_fraction(&seek.template.check), assumed)), true),
            }
        }
    };
    (text(form), false)
}

/// As many digits as the target keeps; where it keeps all, both of the commonest ways are taken
fn likely_fraction(check: &Check) -> Fraction {
    match check {
        Check::Scale(0) => Fraction::None,
        Check::Scale(digits) => Fraction::Fixed(*digits),
        _ => Fraction::OmitZero(6),
    }
}

fn empty_uuid(source: &Column, others: &Others) -> UuidForm {
    let declared = source.declared_type.to_ascii_uppercase().replace(' ', "");
    let is_blob = source.affinity == Affinity::Blob && !declared.is_empty();
    match only(&others.uuids) {
        _ if declared.ends_with("(32)") => UuidForm::Hex,
        _ if is_blob || declared.starts_with("BINARY") => UuidForm::Bytes,
        Some(form) if form != UuidForm::Bytes && !declared.ends_with("(36)") => form,
        _ => UuidForm::Hyphens,
    }
}
