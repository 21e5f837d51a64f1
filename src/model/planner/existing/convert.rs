//! From the target's type to what has to be looked for among the source's values

use super::decide::spelled;
use crate::model::choices::ColumnChoice;
use crate::model::convert::forms::{
    DecimalClass, Element, Fraction, IntervalForm, JsonForm, Layout, StampForm, TimeForm, TimeLayout, VectorForm, Zone,
    ZoneStyle,
};
use crate::model::convert::recognise::vector_forms;
use crate::model::mapping::Mapping;
use crate::model::plan::{Check, ColumnPlan};
use crate::model::profile::intent::Intent;
use crate::model::profile::trial::Sought;
use crate::model::schema::{Affinity, Column, Table, quote_identifier};
use crate::model::target::{Kind, TargetColumn};

/// A source column beside the target's, and how its conversion is found
#[derive(Clone, Debug, PartialEq)]
pub struct Seek {
    /// Position in `TargetTable::columns`
    pub target: usize,
    pub(super) way: Way,
    pub(super) sought: Sought,
    /// The plan but for its mapping
    pub(super) template: ColumnPlan,
    /// Minutes east of UTC that moments without a zone mean
    pub(super) assumed: i16,
    /// The form that the operator gave
    pub(super) form: Option<String>,
}

/// How the values tell the form
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The first trial that takes them all
    Tried,
    Boolean,
    Date,
    Time,
    Moment {
        zoned: bool,
    },
    Interval,
    Uuid,
    /// Nothing to find: the target computes it
    Computed,
}

/// What to look for, or why no value could get there
pub(super) fn seek(
    table: &Table,
    at: usize,
    targets: &[TargetColumn],
    target: usize,
    choice: Option<&ColumnChoice>,
) -> Result<Seek, String> {
    let (source, column) = (&table.columns[at], &targets[target]);
    let sql = quote_identifier(&source.name);
    let template = ColumnPlan {
        target_name: column.name.clone(),
        type_sql: column.type_sql.clone(),
        default: column.default.clone(),
        identity: column.identity,
        ..ColumnPlan::new(sql, Some(at), Mapping::Text, column.not_null)
    };
    let assumed = choice.and_then(|choice| choice.assumed_zone.as_deref()).map(zone_minutes).transpose()?.unwrap_or(0);
    let form = choice.and_then(|choice| choice.form.clone());
    if column.generated.is_some() {
        return Ok(Seek { target, way: Way::Computed, sought: Sought::default(), template, assumed, form });
    }
    let mut found = of_kind(&column.kind, source, assumed)?;
    if let Some(wanted) = form.as_ref().filter(|_| found.mappings.iter().any(|mapping| spelled(*mapping).is_some())) {
        found.mappings.retain(|mapping| spelled(*mapping).as_ref() == Some(wanted));
        if found.mappings.is_empty() {
            return Err(format!("{} has no form `{wanted}`", column.type_sql));
        }
    }
    let check = found.check;
    let plan = |mapping: Mapping| ColumnPlan { mapping, check: check.clone(), ..template.clone() };
    let sought = Sought {
        intent: found.intent,
        trials: found.mappings.into_iter().map(plan).collect(),
        scale: if let Check::Scale(digits) = check { Some(digits) } else { None },
        ..Sought::default()
    };
    let template = ColumnPlan { check: check.clone(), ..template.clone() };
    Ok(Seek { target, way: found.way, sought, template, assumed, form })
}

/// What a type asks for
struct Wanted {
    way: Way,
    intent: Intent,
    mappings: Vec<Mapping>,
    check: Check,
}

fn tried(mappings: impl IntoIterator<Item = Mapping>) -> Wanted {
    Wanted { way: Way::Tried, intent: Intent::Plain, mappings: mappings.into_iter().collect(), check: Check::None }
}

fn found(way: Way, intent: Intent) -> Wanted {
    Wanted { way, intent, mappings: Vec::new(), check: Check::None }
}

fn of_kind(kind: &Kind, source: &Column, assumed: i16) -> Result<Wanted, String> {
    match kind {
        Kind::Enum(labels) => Ok(Wanted { check: Check::Labels(labels.clone()), ..tried([Mapping::Text]) }),
        Kind::Array { element, modifier } => array(element, *modifier, assumed),
        Kind::Base { name, modifier } => base(name, *modifier, source),
        Kind::Other => Err("no conversion to this type is known".into()),
    }
}

fn base(name: &str, modifier: i32, source: &Column) -> Result<Wanted, String> {
    let numbers = source.affinity == Affinity::Numeric;
    let wanted = match name {
        "int2" => tried([Mapping::Smallint]),
        "int4" => tried([Mapping::Integer]),
        "int8" => tried([Mapping::Bigint]),
        "float4" => tried([Mapping::Float4]),
        "float8" => match source.affinity {
            Affinity::Real => tried([Mapping::Double]),
            Affinity::Integer => tried([Mapping::DoubleInteger, Mapping::Double]),
            _ => tried([Mapping::Double, Mapping::DoubleInteger]),
        },
        "numeric" => numeric(modifier, source),
        "text" | "citext" => tried([Mapping::Text]),
        "varchar" => Wanted { check: characters(modifier), ..tried([Mapping::Text]) },
        "bpchar" => Wanted { check: characters(modifier), ..tried([Mapping::Padded]) },
        "bytea" => tried([Mapping::Bytea]),
        "inet" => tried([Mapping::Inet { cidr: false }]),
        "cidr" => tried([Mapping::Inet { cidr: true }]),
        "json" => tried([Mapping::Json { binary: false, numbers }]),
        "jsonb" => tried([Mapping::Json { binary: true, numbers }]),
        "vector" => vector(modifier),
        "bool" => found(Way::Boolean, Intent::Boolean),
        "date" => found(Way::Date, Intent::Date),
        "time" => Wanted { check: scale(modifier), ..found(Way::Time, Intent::Time) },
        "timestamp" => Wanted { check: scale(modifier), ..found(Way::Moment { zoned: false }, Intent::Moment) },
        "timestamptz" => Wanted { check: scale(modifier), ..found(Way::Moment { zoned: true }, Intent::Moment) },
        "timetz" => Wanted { check: scale(modifier), ..tried(zoned_times()) },
        "interval" => interval(modifier, source)?,
        "uuid" => found(Way::Uuid, Intent::Uuid),
        "tsvector" => return Err("a tsvector is computed, and not copied".into()),
        _ => return Err("no conversion to this type is known".into()),
    };
    Ok(wanted)
}

/// Lengths are kept with four bytes of a header that was once there
fn characters(modifier: i32) -> Check {
    u32::try_from(modifier - 4).map_or(Check::None, Check::Chars)
}

fn scale(modifier: i32) -> Check {
    u8::try_from(modifier).ok().filter(|digits| *digits < 6).map_or(Check::None, Check::Scale)
}

fn numeric(modifier: i32, source: &Column) -> Wanted {
    let (precision, scale) = limits(modifier).unwrap_or((0, 0));
    let decimal = |class| Mapping::Decimal { precision, scale, class };
    let limited = precision > 0;
    let intent = if limited { Intent::Decimal { precision, scale } } else { Intent::Plain };
    let by_value = if limited { decimal(DecimalClass::ByValue) } else { Mapping::Numeric };
    // The affinity says which classes can come at all.
    let wanted = match source.affinity {
        Affinity::Text => tried([decimal(DecimalClass::Text)]),
        Affinity::Real if limited => tried([decimal(DecimalClass::Real)]),
        Affinity::Real | Affinity::Integer => tried([by_value]),
        Affinity::Numeric => tried([by_value, decimal(DecimalClass::Text)]),
        Affinity::Blob => tried([by_value, decimal(DecimalClass::Real), decimal(DecimalClass::Text)]),
    };
    Wanted { intent, ..wanted }
}

/// Precision and scale of a `numeric`; the scale has 11 bits and a sign
fn limits(modifier: i32) -> Option<(u16, i16)> {
    let packed = modifier - 4;
    (packed >= 0).then(|| (((packed >> 16) & 0xffff) as u16, (((packed & 0x7ff) ^ 1024) - 1024) as i16))
}

fn array(element: &str, modifier: i32, assumed: i16) -> Result<Wanted, String> {
    // As Python's json writes by default, as JavaScript does, and the two mixtures
    let texts = [(true, true), (false, false), (true, false), (false, true)];
    let elements: Vec<Element> = match element {
        "int2" => vec![Element::Smallint],
        "int4" => vec![Element::Integer],
        "int8" => vec![Element::Bigint],
        "float4" => vec![Element::Float4],
        "float8" => vec![Element::Double],
        "numeric" => {
            let (precision, scale) = limits(modifier).unwrap_or((0, 0));
            [false, true].map(|quoted| Element::Numeric { precision, scale, quoted }).into()
        }
        "text" => vec![Element::Text],
        "varchar" => vec![Element::Varchar],
        "bpchar" => vec![Element::Padded],
        "bool" => vec![Element::Boolean],
        "date" => vec![Element::Date],
        "timestamp" => stamps().map(|form| Element::Timestamp { zoned: false, form }).collect(),
        "timestamptz" => zoned_stamps(assumed).map(|form| Element::Timestamp { zoned: true, form }).collect(),
        "uuid" => vec![Element::Uuid],
        "json" | "jsonb" => {
            return Err(format!(
                "a list of {element} would lose which NULL is JSON's: one jsonb column holds the list"
            ));
        }
        _ => return Err(format!("no conversion to arrays of {element} is known: a jsonb column holds such lists")),
    };
    let check = match element {
        "varchar" | "bpchar" => characters(modifier),
        "timestamp" | "timestamptz" => scale(modifier),
        _ => Check::None,
    };
    let check = if check == Check::None { check } else { Check::Elements(Box::new(check)) };
    let mappings = elements.into_iter().flat_map(|element| {
        texts.map(|(spaced, ascii)| Mapping::Array { element, form: JsonForm { spaced, ascii } }).into_iter().take(
            // Only strings have characters to escape.
            if matches!(element, Element::Text | Element::Varchar | Element::Padded) { 4 } else { 2 },
        )
    });
    Ok(Wanted { check, ..tried(mappings) })
}

/// The ways in which programs write moments into JSON, those first that take more
fn stamps() -> impl Iterator<Item = StampForm> {
    let fractions = [Fraction::Fixed(3), Fraction::Fixed(6), Fraction::OmitZero(6), Fraction::OmitZero(3)];
    let pairs = [Layout::IsoT, Layout::IsoSpace].into_iter().flat_map(move |layout| fractions.map(|f| (layout, f)));
    pairs.map(|(layout, fraction)| StampForm { layout, fraction, zone: Zone::None, assumed: 0 })
}

fn zoned_stamps(assumed: i16) -> impl Iterator<Item = StampForm> {
    let zones = [Zone::Z, Zone::Colon(0), Zone::None];
    stamps().flat_map(move |form| {
        zones.map(|zone| StampForm { zone, assumed: if zone == Zone::None { assumed } else { 0 }, ..form })
    })
}

fn zoned_times() -> impl Iterator<Item = Mapping> {
    // The first takes times without a fraction too.
    let omitted = [6, 5, 4, 3, 2, 1].map(Fraction::OmitZero);
    let exact = [6, 5, 4, 3, 2, 1].map(Fraction::Fixed);
    let seconds = exact.into_iter().chain(omitted).map(|fraction| (TimeLayout::Seconds, fraction));
    let forms = seconds.chain([(TimeLayout::Minutes, Fraction::None)]);
    forms.flat_map(|(layout, fraction)| {
        ZoneStyle::ALL.map(|zone| Mapping::ZonedTime { form: TimeForm { layout, fraction }, zone })
    })
}

/// The steps that an interval's modifier leaves: bits for the fields in its upper half, digits behind the seconds in
/// the lower (PostgreSQL's `timestamp.h` and `datetime.h`)
fn interval(modifier: i32, source: &Column) -> Result<Wanted, String> {
    const MINUTE: i64 = 60_000_000;
    const BITS: [(i32, i64); 3] = [(12, 0), (11, MINUTE), (10, 60 * MINUTE)];
    let (fields, digits) = ((modifier >> 16) & 0x7fff, modifier & 0xffff);
    let finest = BITS.into_iter().find(|(bit, _)| fields & (1 << bit) != 0);
    let step = match finest {
        _ if modifier < 0 => 1,
        Some((_, 0)) => 10i64.pow(6 - digits.clamp(0, 6) as u32),
        Some((_, step)) => step,
        None if fields & (1 << 3) != 0 => 1440 * MINUTE,
        None => return Err("an interval of years and months holds no durations: they have no fixed length".into()),
    };
    if step == 1 {
        return Ok(found(Way::Interval, Intent::Plain));
    }
    let fractions =
        [6, 5, 4, 3, 2, 1].map(Fraction::Fixed).into_iter().chain([Fraction::OmitZero(6), Fraction::OmitZero(3)]);
    let epochs = fractions.flat_map(|fraction| {
        [Layout::IsoSpace, Layout::IsoT].map(|layout| {
            Mapping::Interval(IntervalForm::Epoch(StampForm { layout, fraction, zone: Zone::None, assumed: 0 }))
        })
    });
    let mut mappings: Vec<Mapping> = epochs.chain([MICROSECONDS]).collect();
    if source.affinity == Affinity::Integer {
        mappings.rotate_right(1);
    }
    Ok(Wanted { check: Check::Step(step), ..tried(mappings) })
}

fn vector(modifier: i32) -> Wanted {
    // Without a modifier each vector has dimensions of its own.
    let dimensions = u16::try_from(modifier).unwrap_or(0);
    let forms = std::iter::once(VectorForm::BlobLe).chain(vector_forms());
    tried(forms.map(|form| Mapping::Vector { dimensions, form }))
}

/// `+02:00` in minutes
fn zone_minutes(zone: &str) -> Result<i16, String> {
    let error = || format!("assumed_zone = \"{zone}\" is no offset like +02:00");
    let (east, rest) = match zone.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(error()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(error)?;
    let number = |text: &str| text.parse::<i16>().ok().filter(|_| text.len() == 2);
    match (number(hours), number(minutes)) {
        (Some(hours @ 0..=15), Some(minutes @ 0..=59)) => Ok(east * (hours * 60 + minutes)),
        _ => Err(error()),
    }
}

impl Seek {
    /// What is to be looked for among the values
    pub fn sought(&self) -> Sought {
        self.sought.clone()
    }

    /// The column is copied, and not computed by the target
    pub fn is_copied(&self) -> bool {
        self.way != Way::Computed
    }
}

/// Microseconds, as Django writes durations
pub(super) const MICROSECONDS: Mapping = Mapping::Interval(IntervalForm::Microseconds);
