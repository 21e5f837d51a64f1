//! The type that the file asks for, and the conversions that it could be
//!
//! Where the file names no form, the first value that shows one decides which conversions are tried on all of them.

use super::forms::{self, DATES, DECIMALS};
use super::types::{Kind, TypeName};
use crate::model::choices::ColumnChoice;
use crate::model::convert::forms::{
    BoolForm, DateForm, DecimalClass, Fraction, IntervalForm, Layout, StampForm, TimeForm, TimeLayout, UuidForm,
    VectorForm, Zone,
};
use crate::model::convert::recognise::{StampReading, recognise};
use crate::model::mapping::Mapping;
use crate::model::plan::{Check, ColumnPlan};
use crate::model::profile::count::epoch_window;
use crate::model::schema::Affinity;
use crate::model::value::Value;

/// A column as the file wants it
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub kind: Kind,
    /// As written in DDL
    pub type_sql: String,
    pub check: Check,
    /// The conversion, where the file names the form
    pub given: Option<Mapping>,
    /// Minutes east of UTC that moments without a zone mean
    assumed: Option<i16>,
    affinity: Affinity,
    /// Values that mean the same moment may be one
    any_spelling: bool,
}

/// What is wrong with what the file says, and what would be right
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub message: String,
    pub remedy: String,
}

impl Wanted {
    /// Reads type, form and zone of a column with this affinity; `None` if the file leaves the type to the planner
    ///
    /// # Errors
    /// Words that mean nothing, or do not go together.
    pub fn new(choice: &ColumnChoice, affinity: Affinity) -> Result<Option<Wanted>, Fault> {
        let Some(type_sql) = &choice.type_sql else {
            let alone = choice.form.is_some() || choice.assumed_zone.is_some();
            return if alone {
                Err(fault("a form or zone is given without a type", "name the type as well"))
            } else {
                Ok(None)
            };
        };
        let TypeName { kind, sql, check } = TypeName::parse(type_sql).ok_or_else(|| {
            fault(
                &format!("there is no type `{}` that values could go to", shown(type_sql)),
                "name one of PostgreSQL's types, as in DDL",
            )
        })?;
        let assumed = choice.assumed_zone.as_deref().map(|zone| assumed_zone(zone, kind)).transpose()?;
        let numbers = affinity == Affinity::Numeric;
        let form = choice.form.as_deref().map(|words| {
            let read = forms::read(kind, words, numbers);
            let message = || format!("type {sql} has no form `{}`", shown(words));
            read.ok_or_else(|| fault(&message(), &forms::known(kind)))
        });
        let given = form.transpose()?.map(|mapping| settle_zone(mapping, assumed)).transpose()?;
        Ok(Some(Wanted { kind, type_sql: sql, check, given, assumed, affinity, any_spelling: false }))
    }

    /// The same for a column by which nothing tells rows apart, or one by which something does
    pub fn in_any_spelling(self, any_spelling: bool) -> Wanted {
        Wanted { any_spelling, ..self }
    }

    /// The mapping, and the looser one behind it where that is allowed
    fn and_any_spelling(&self, mut mappings: Vec<Mapping>) -> Vec<Mapping> {
        // The first of those with digits behind the seconds: the profile knows which one most values have.
        let loose = mappings.iter().rev().find_map(|mapping| mapping.in_any_spelling());
        mappings.extend(loose.filter(|_| self.any_spelling));
        mappings
    }

    /// The conversion for a column without a value
    pub fn usual(&self) -> Mapping {
        let stamp = StampForm {
            layout: Layout::IsoSpace,
            fraction: Fraction::None,
            zone: if self.kind == (Kind::Timestamp { zoned: true }) && self.assumed.is_none() {
                Zone::Z
            } else {
                Zone::None
            },
            assumed: self.assumed.unwrap_or(0),
        };
        match (self.given, self.kind) {
            (Some(given), _) => given,
            (None, Kind::Boolean) => Mapping::Boolean(BoolForm::ZeroOne),
            (None, Kind::Date) => Mapping::Date(DateForm::Iso),
            (None, Kind::Time) => {
                let time = Mapping::Time(TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::None });
                self.loosened(time)
            }
            (None, Kind::Timestamp { zoned }) => self.loosened(Mapping::Timestamp { zoned, form: stamp }),
            (None, Kind::Interval) => Mapping::Interval(IntervalForm::Microseconds),
            (None, Kind::Uuid) => Mapping::Uuid(UuidForm::Hyphens),
            (None, Kind::Vector(dimensions)) => Mapping::Vector { dimensions, form: VectorForm::BlobLe },
            (None, Kind::Array(element)) => {
                let form = crate::model::convert::forms::JsonForm { spaced: true, ascii: false };
                Mapping::Array { element, form }
            }
            (None, Kind::Decimal { precision, scale }) => {
                Mapping::Decimal { precision, scale, class: classes(self.affinity)[0] }
            }
            (None, kind) => self.only(kind).unwrap_or(Mapping::Text),
        }
    }

    fn loosened(&self, exact: Mapping) -> Mapping {
        exact.in_any_spelling().filter(|_| self.any_spelling).unwrap_or(exact)
    }

    /// Types with one conversion, whatever the values look like
    fn only(&self, kind: Kind) -> Option<Mapping> {
        let numbers = self.affinity == Affinity::Numeric;
        Some(match kind {
            Kind::Smallint => Mapping::Smallint,
            Kind::Integer => Mapping::Integer,
            Kind::Bigint => Mapping::Bigint,
            Kind::Numeric => Mapping::Numeric,
            Kind::Float4 => Mapping::Float4,
            Kind::Double => Mapping::Double,
            Kind::Text => Mapping::Text,
            Kind::Padded => Mapping::Padded,
            Kind::Bytea => Mapping::Bytea,
            Kind::Json => Mapping::Json { binary: false, numbers },
            Kind::Jsonb => Mapping::Json { binary: true, numbers },
            Kind::Inet { cidr } => Mapping::Inet { cidr },
            _ => return None,
        })
    }

    /// The conversions that the type could stand for, now that this value of the column is seen, the likeliest first; none
    /// if it shows nothing
    pub fn candidates(&self, value: Value<'_>) -> Vec<Mapping> {
        if let Some(given) = self.given {
            return vec![given];
        }
        match self.kind {
            Kind::Boolean => BoolForm::ALL.map(Mapping::Boolean).to_vec(),
            Kind::Date => DATES.map(Mapping::Date).to_vec(),
            Kind::Uuid => UuidForm::ALL.map(Mapping::Uuid).to_vec(),
            Kind::Double => vec![Mapping::Double, Mapping::DoubleInteger],
            Kind::Numeric => {
                let text = Mapping::Decimal { precision: 0, scale: 0, class: DecimalClass::Text };
                vec![Mapping::Numeric, text]
            }
            Kind::Decimal { precision, scale } => {
                classes(self.affinity).iter().map(|&class| Mapping::Decimal { precision, scale, class }).collect()
            }
            Kind::Time => self.and_any_spelling(times(value)),
            Kind::Timestamp { zoned } => self.and_any_spelling(self.moments(value, zoned)),
            Kind::Interval => intervals(value),
            Kind::Array(element) => forms::arrays().map(|form| Mapping::Array { element, form }).collect(),
            Kind::Vector(dimensions) => forms::vectors().map(|form| Mapping::Vector { dimensions, form }).collect(),
            kind => self.only(kind).into_iter().collect(),
        }
    }

    fn moments(&self, value: Value<'_>, zoned: bool) -> Vec<Mapping> {
        match value {
            Value::Integer(moment) => {
                epoch_window(moment).map(|unit| Mapping::Epoch { zoned, unit }).into_iter().collect()
            }
            Value::Text(text) => {
                let Some(stamp) = recognise(text).stamp else { return Vec::new() };
                // A zone is written, or assumed, or not asked for.
                let fits = match stamp.zone {
                    Zone::None => zoned == self.assumed.is_some(),
                    _ => zoned && self.assumed.is_none(),
                };
                let assumed = self.assumed.unwrap_or(0);
                let forms = stamps(stamp).map(|form| Mapping::Timestamp { zoned, form: StampForm { assumed, ..form } });
                if fits { forms.collect() } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    /// Whether the value means what it is taken for; the type alone would hold any number as a moment
    pub fn is_plausible(&self, value: Value<'_>, mapping: Mapping) -> bool {
        match (value, mapping) {
            (Value::Integer(moment), Mapping::Epoch { unit, .. }) if self.given.is_none() => {
                epoch_window(moment) == Some(unit)
            }
            _ => true,
        }
    }

    /// The column as it would be with this conversion
    pub fn column(&self, mapping: Mapping) -> ColumnPlan {
        let column = ColumnPlan::new(String::new(), None, mapping, false);
        ColumnPlan { type_sql: self.type_sql.clone(), check: self.check.clone(), ..column }
    }

    /// As one writes it in the file
    pub fn shown(&self) -> String {
        match self.given.and_then(forms::words) {
            Some(form) => format!("{} with form `{form}`", self.type_sql),
            None => self.type_sql.clone(),
        }
    }
}

/// Classes in which numbers of `numeric(p,s)` are stored, the likeliest first
fn classes(affinity: Affinity) -> [DecimalClass; 4] {
    let likeliest = match affinity {
        Affinity::Text => DecimalClass::Text,
        Affinity::Real => DecimalClass::Real,
        Affinity::Integer | Affinity::Numeric | Affinity::Blob => DecimalClass::ByValue,
    };
    let mut classes = DECIMALS;
    let at = classes.iter().position(|class| *class == likeliest).unwrap_or(0);
    classes[..=at].rotate_right(1);
    classes
}

fn times(value: Value<'_>) -> Vec<Mapping> {
    let Value::Text(text) = value else { return Vec::new() };
    let Some(reading) = recognise(text).time else { return Vec::new() };
    let layout = reading.layout;
    let fractions = forms::fractions().filter(|f| layout != TimeLayout::Minutes || *f == Fraction::None);
    fractions.map(|fraction| Mapping::Time(TimeForm { layout, fraction })).collect()
}

fn stamps(reading: StampReading) -> impl Iterator<Item = StampForm> {
    let StampReading { layout, zone, .. } = reading;
    let minutes = matches!(layout, Layout::MinutesSpace | Layout::MinutesT);
    let fractions = forms::fractions().filter(move |f| !minutes || *f == Fraction::None);
    fractions.map(move |fraction| StampForm { layout, fraction, zone, assumed: 0 })
}

fn intervals(value: Value<'_>) -> Vec<Mapping> {
    match value {
        Value::Integer(_) => vec![Mapping::Interval(IntervalForm::Microseconds)],
        Value::Text(text) => {
            let stamp = recognise(text).stamp.filter(|stamp| stamp.zone == Zone::None);
            stamp.into_iter().flat_map(stamps).map(|form| Mapping::Interval(IntervalForm::Epoch(form))).collect()
        }
        _ => Vec::new(),
    }
}

fn assumed_zone(words: &str, kind: Kind) -> Result<i16, Fault> {
    if kind != (Kind::Timestamp { zoned: true }) {
        return Err(fault("assumed_zone is for timestamptz alone", "leave it out, or make the type timestamptz"));
    }
    match forms::zone(words) {
        Some(Zone::Z) => Ok(0),
        Some(Zone::Colon(east)) => Ok(east),
        _ => {
            let message = format!("`{}` is no constant offset from UTC", shown(words));
            Err(fault(&message, "write it as `+02:00`; the name of a zone would not lead back to the same text"))
        }
    }
}

/// Moments in `timestamptz` need a zone: that of the texts, or one that is assumed
fn settle_zone(mapping: Mapping, assumed: Option<i16>) -> Result<Mapping, Fault> {
    match (mapping, assumed) {
        (Mapping::Timestamp { zoned: true, form: form @ StampForm { zone: Zone::None, .. } }, Some(assumed)) => {
            Ok(Mapping::Timestamp { zoned: true, form: StampForm { assumed, ..form } })
        }
        (Mapping::Moment { zoned: true, form: form @ StampForm { zone: Zone::None, .. } }, Some(assumed)) => {
            Ok(Mapping::Moment { zoned: true, form: StampForm { assumed, ..form } })
        }
        (
            Mapping::Timestamp { zoned: true, form: StampForm { zone: Zone::None, .. } }
            | Mapping::Moment { zoned: true, form: StampForm { zone: Zone::None, .. } },
            None,
        ) => Err(fault(
            "moments of this form have no zone, which timestamptz needs",
            "add assumed_zone = \"+00:00\", or make the type timestamp",
        )),
        (_, Some(_)) => Err(fault("assumed_zone is given, and the form has a zone already", "leave it out")),
        (mapping, None) => Ok(mapping),
    }
}

/// What somebody wrote, without anything that could steer a terminal or fill it
fn shown(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    short.escape_debug().to_string()
}

fn fault(message: &str, remedy: &str) -> Fault {
    Fault { message: message.to_owned(), remedy: remedy.to_owned() }
}
