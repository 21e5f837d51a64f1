//! From the target's type to what has to be looked for among the source's values

use crate::model::choices::ColumnChoice;
use crate::model::convert::forms::{DecimalClass, Element, IntervalForm, JsonForm, VectorForm};
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

/// `0x7FFF` for all fields, and six digits: what an interval without a modifier keeps too
const WHOLE_INTERVAL: i32 = 0x7fff_0006;

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
    let found = of_kind(&column.kind, source)?;
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

fn of_kind(kind: &Kind, source: &Column) -> Result<Wanted, String> {
    match kind {
        Kind::Enum(labels) => Ok(Wanted { check: Check::Labels(labels.clone()), ..tried([Mapping::Text]) }),
        Kind::Array { element, modifier } => array(element, *modifier),
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
        "numeric" => numeric(modifier, source)?,
        "text" | "citext" => tried([Mapping::Text]),
        "varchar" => Wanted { check: characters(modifier), ..tried([Mapping::Text]) },
        "bpchar" => Wanted { check: characters(modifier), ..tried([Mapping::Padded]) },
        "bytea" => tried([Mapping::Bytea]),
        "inet" => tried([Mapping::Inet { cidr: false }]),
        "cidr" => tried([Mapping::Inet { cidr: true }]),
        "json" => tried([Mapping::Json { binary: false, numbers }]),
        "jsonb" => tried([Mapping::Json { binary: true, numbers }]),
        "vector" => vector(modifier)?,
        "bool" => found(Way::Boolean, Intent::Boolean),
        "date" => found(Way::Date, Intent::Date),
        "time" => Wanted { check: scale(modifier), ..found(Way::Time, Intent::Time) },
        "timestamp" => Wanted { check: scale(modifier), ..found(Way::Moment { zoned: false }, Intent::Moment) },
        "timestamptz" => Wanted { check: scale(modifier), ..found(Way::Moment { zoned: true }, Intent::Moment) },
        "interval" if modifier < 0 || modifier == WHOLE_INTERVAL => found(Way::Interval, Intent::Plain),
        "interval" => return Err("an interval with fields or fewer digits cuts values off".into()),
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

fn numeric(modifier: i32, source: &Column) -> Result<Wanted, String> {
    let limits = (modifier >= 4).then(|| {
        let packed = modifier - 4;
        // The scale has 11 bits and a sign.
        (((packed >> 16) & 0xffff) as u16, ((packed & 0x7ff) ^ 1024) - 1024)
    });
    let (precision, scale) = match limits {
        None => (0, 0),
        Some((precision, scale)) => {
            let scale = u16::try_from(scale).map_err(|_| "a numeric with a negative scale rounds values".to_owned())?;
            (precision, scale)
        }
    };
    let decimal = |class| Mapping::Decimal { precision, scale, class };
    let intent = if limits.is_some() { Intent::Decimal { precision, scale } } else { Intent::Plain };
    let by_value = if limits.is_none() { Mapping::Numeric } else { decimal(DecimalClass::ByValue) };
    // The affinity says which classes can come at all.
    let wanted = match source.affinity {
        Affinity::Text => tried([decimal(DecimalClass::Text)]),
        Affinity::Real if limits.is_some() => tried([decimal(DecimalClass::Real)]),
        Affinity::Real | Affinity::Integer => tried([by_value]),
        Affinity::Numeric => tried([by_value, decimal(DecimalClass::Text)]),
        Affinity::Blob => tried([by_value, decimal(DecimalClass::Real), decimal(DecimalClass::Text)]),
    };
    Ok(Wanted { intent, ..wanted })
}

fn array(element: &str, modifier: i32) -> Result<Wanted, String> {
    let element = match element {
        "int4" => Element::Integer,
        "int8" => Element::Bigint,
        "text" => Element::Text,
        // An array travels with a cast, and a cast would cut its elements.
        "varchar" if modifier >= 0 => {
            return Err("arrays of varchar(n) are not converted; arrays of varchar are".into());
        }
        "varchar" => Element::Varchar,
        "bool" => Element::Boolean,
        "float8" => Element::Double,
        "uuid" => Element::Uuid,
        _ => return Err("no conversion to arrays of this type is known".into()),
    };
    // As Python's json writes by default, as JavaScript does, and the two mixtures
    let forms = [(true, true), (false, false), (true, false), (false, true)];
    Ok(tried(forms.map(|(spaced, ascii)| Mapping::Array { element, form: JsonForm { spaced, ascii } })))
}

fn vector(modifier: i32) -> Result<Wanted, String> {
    let dimensions = u16::try_from(modifier).map_err(|_| "a vector without dimensions is not converted".to_owned())?;
    let forms = std::iter::once(VectorForm::BlobLe).chain(vector_forms());
    Ok(tried(forms.map(|form| Mapping::Vector { dimensions, form })))
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
