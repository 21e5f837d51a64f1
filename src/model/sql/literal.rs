//! Constants: what SQLite makes of them, and how PostgreSQL gets the same value
//!
//! A constant stays a value of SQLite until it is known what it meets: a column in whose form it has to be written, or an
//! affinity that changes its class (<https://www.sqlite.org/datatype3.html>, section 4.2).

use crate::model::convert::forms::{
    DateForm, DecimalClass, Fraction, Layout, StampForm, TimeForm, TimeLayout, UuidForm, Zone,
};
use crate::model::decode::decode_field;
use crate::model::encode::encode_field;
use crate::model::mapping::{Mapping, Misfit};
use crate::model::plan::ColumnPlan;
use crate::model::schema::{Affinity, quote_literal};
use crate::model::value::Value;

use super::Reason;

/// A constant of SQLite
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// Digits up to which every library reads and writes decimals alike
const SURE_DIGITS: usize = 15;
/// Whole numbers up to here are doubles too
pub(super) const SURE_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Whether a whole number is a double too
pub(super) fn is_sure(whole: i64) -> bool {
    whole.unsigned_abs() <= SURE_WHOLE as u64
}

impl Constant {
    /// A number as SQLite writes it in SQL, negated or not
    pub fn number(text: &str, negative: bool) -> Result<Constant, Reason> {
        let text = text.replace('_', "");
        if let Some(digits) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
            let bits = u64::from_str_radix(digits, 16).map_err(|_| Reason::new("a hexadecimal number"))? as i64;
            let value = if negative { bits.checked_neg() } else { Some(bits) };
            return value.map(Constant::Integer).ok_or_else(|| Reason::new("a hexadecimal number"));
        }
        let signed = if negative { format!("-{text}") } else { text };
        match signed.parse::<i64>() {
            Ok(whole) => Ok(Constant::Integer(whole)),
            Err(_) => real(&signed).map(Constant::Real),
        }
    }

    pub fn value(&self) -> Value<'_> {
        match self {
            Constant::Null => Value::Null,
            Constant::Integer(whole) => Value::Integer(*whole),
            Constant::Real(real) => Value::Real(*real),
            Constant::Text(text) => Value::Text(text.as_bytes()),
            Constant::Blob(bytes) => Value::Blob(bytes),
        }
    }

    /// What the constant becomes when the affinity is applied to it, as before a comparison and when it is stored
    pub fn under(self, affinity: Option<Affinity>) -> Result<Constant, Reason> {
        match (affinity, self) {
            (Some(Affinity::Text), Constant::Integer(whole)) => Ok(Constant::Text(whole.to_string())),
            (Some(Affinity::Text), Constant::Real(_)) => Err(Reason::new("a real number as text")),
            (Some(Affinity::Integer | Affinity::Numeric | Affinity::Real), Constant::Text(text)) => numeric(text),
            (_, other) => Ok(other),
        }
    }

    /// What the constant becomes in a column
    pub fn stored(self, affinity: Affinity) -> Result<Constant, Reason> {
        match (affinity, self.under(Some(affinity))?) {
            (Affinity::Real, Constant::Integer(whole)) if is_sure(whole) => Ok(Constant::Real(whole as f64)),
            (Affinity::Real, Constant::Integer(_)) => Err(Reason::new("a number with more digits than reals have")),
            (Affinity::Integer | Affinity::Numeric, Constant::Real(real)) if real == real.trunc() => {
                if real.abs() <= SURE_WHOLE {
                    Ok(Constant::Integer(real as i64))
                } else {
                    Err(Reason::new("a number with more digits than reals have"))
                }
            }
            (_, other) => Ok(other),
        }
    }
}

/// A decimal that reads as the same double everywhere
fn real(text: &str) -> Result<f64, Reason> {
    let digits: String =
        text.split(['e', 'E']).next().unwrap_or_default().matches(|c: char| c.is_ascii_digit()).collect();
    let number: f64 = text.parse().map_err(|_| Reason::new(format!("the number {text}")))?;
    let sure =
        digits.trim_matches('0').len() <= SURE_DIGITS && (number == 0.0 || (1e-22..=1e22).contains(&number.abs()));
    if !sure || number.to_bits() == (-0.0f64).to_bits() {
        return Err(Reason::new(format!("{text}, which not every library reads as the same real number")));
    }
    Ok(number)
}

/// Text under numeric affinity: a number if all of it is one
fn numeric(text: String) -> Result<Constant, Reason> {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    if !is_number(trimmed) {
        return Ok(Constant::Text(text));
    }
    match trimmed.parse::<i64>() {
        Ok(whole) => Ok(Constant::Integer(whole)),
        Err(_) => real(trimmed).map(Constant::Real),
    }
}

/// `[+-]digits[.digits][e[+-]digits]`, with digits on one side of the point at least
pub(super) fn is_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    !(whole.is_empty() && fraction.is_empty())
        && digits(whole)
        && digits(fraction)
        && !exponent.is_empty()
        && digits(exponent)
}

/// What the column has for the constant
pub(super) enum Fit {
    /// SQL of that very value
    Sql(String),
    /// No value of the column is ever equal to it
    Never,
}

/// The constant as the column holds it: encoded by its mapping, and written as PostgreSQL reads it
pub(super) fn in_column(constant: &Constant, plan: &ColumnPlan) -> Result<Fit, Reason> {
    let mut field = Vec::new();
    let encoded = plan.encode(&mut field, constant.value());
    fit(encoded, &field, plan.mapping)
}

/// The constant as values of the mapping are held
pub(super) fn in_form(constant: &Constant, mapping: Mapping) -> Result<Fit, Reason> {
    let mut field = Vec::new();
    let encoded = encode_field(&mut field, constant.value(), mapping);
    fit(encoded, &field, mapping)
}

fn fit(encoded: Result<(), Misfit>, field: &[u8], mapping: Mapping) -> Result<Fit, Reason> {
    match encoded {
        Err(Misfit::Class(_)) => Err(Reason::new("a constant of another storage class than the column's values")),
        Err(_) => Ok(Fit::Never),
        Ok(()) => match literal(&field[4..], mapping) {
            Some(sql) => Ok(Fit::Sql(sql)),
            None => Err(Reason::new(format!("a constant of type {}", mapping.type_sql()))),
        },
    }
}

/// A field of the binary format as a literal
fn literal(field: &[u8], mapping: Mapping) -> Option<String> {
    let mut scratch = Vec::new();
    // The payload is the document's text, behind the version of the format if it is `jsonb`.
    if matches!(mapping, Mapping::Json { .. } | Mapping::Variant) {
        let text = if mapping.sql() == "jsonb" { field.get(1..)? } else { field };
        return Some(format!("{}::{}", quote_literal(std::str::from_utf8(text).ok()?), mapping.sql()));
    }
    let plain = plain_form(mapping)?;
    let typed = |text: &[u8]| Some(format!("{}::{}", quote_literal(std::str::from_utf8(text).ok()?), plain.sql()));
    match decode_field(Some(field), plain, &mut scratch).ok()? {
        Value::Integer(whole) => Some(integer(whole)),
        Value::Real(real) => Some(double(real)),
        Value::Blob(bytes) => Some(blob(bytes)),
        Value::Text(text) => match plain {
            Mapping::Boolean(_) => Some(if text == b"true" { "true" } else { "false" }.to_owned()),
            Mapping::Text => Some(quote_literal(std::str::from_utf8(text).ok()?)),
            Mapping::Decimal { .. } => {
                let text = std::str::from_utf8(text).ok()?;
                Some(if text.starts_with('-') { format!("({text})") } else { text.to_owned() })
            }
            _ => typed(text),
        },
        Value::Null => None,
    }
}

/// The form in which PostgreSQL reads a value of the mapping's type without fail
fn plain_form(mapping: Mapping) -> Option<Mapping> {
    let zone = |zoned| if zoned { Zone::Colon(0) } else { Zone::None };
    let stamp = |zoned| Mapping::Timestamp {
        zoned,
        form: StampForm { layout: Layout::IsoSpace, fraction: Fraction::OmitZero(6), zone: zone(zoned), assumed: 0 },
    };
    Some(match mapping {
        Mapping::Boolean(_) => Mapping::Boolean(crate::model::convert::forms::BoolForm::Word),
        Mapping::Numeric | Mapping::Decimal { .. } => {
            Mapping::Decimal { precision: 0, scale: 0, class: DecimalClass::Text }
        }
        Mapping::Date(_) => Mapping::Date(DateForm::Iso),
        Mapping::Time(_) | Mapping::TimeOfDay(_) => {
            Mapping::Time(TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::OmitZero(6) })
        }
        Mapping::Timestamp { zoned, .. } | Mapping::Moment { zoned, .. } | Mapping::Epoch { zoned, .. } => stamp(zoned),
        Mapping::Uuid(_) => Mapping::Uuid(UuidForm::Hyphens),
        Mapping::Bigint
        | Mapping::Smallint
        | Mapping::Integer
        | Mapping::Double
        | Mapping::Float4
        | Mapping::DoubleInteger
        | Mapping::Text
        | Mapping::Inet { .. }
        | Mapping::Bytea => mapping,
        _ => return None,
    })
}

/// A whole number; the sign of a negative one would bind less tightly than a cast
pub(super) fn integer(whole: i64) -> String {
    if whole < 0 { format!("({whole})") } else { whole.to_string() }
}

/// A double, by its shortest decimal, which is read as the same one
pub(super) fn double(real: f64) -> String {
    let text = match real {
        f64::INFINITY => "'Infinity'".to_owned(),
        f64::NEG_INFINITY => "'-Infinity'".to_owned(),
        _ if real != 0.0 && !(1e-6..1e15).contains(&real.abs()) => format!("'{real:?}'"),
        _ => decimal(real),
    };
    format!("{text}::double precision")
}

/// The same number as `numeric`
pub(super) fn decimal(real: f64) -> String {
    let text = format!("{real}");
    if real < 0.0 { format!("({text})") } else { text }
}

pub(super) fn blob(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("'\\x{digits}'::bytea")
}

/// The beginning of a day in a column of moments that are written with the day in front; `None` if it is no day, or the
/// column no such column
pub(super) fn midnight(mapping: Mapping, day: &str) -> Option<String> {
    let Mapping::Timestamp { zoned, form } = mapping else { return None };
    let mut field = Vec::new();
    let is_day = encode_field(&mut field, Value::Text(day.as_bytes()), Mapping::Date(DateForm::Iso)).is_ok();
    if !is_day || form.layout == Layout::Compact {
        return None;
    }
    let east = match form.zone {
        Zone::None if zoned => form.assumed,
        Zone::None => return Some(format!("'{day} 00:00:00'::timestamp")),
        _ if !zoned => return None,
        Zone::Z => 0,
        Zone::Colon(minutes) | Zone::Digits(minutes) | Zone::Hours(minutes) => minutes,
    };
    let (sign, minutes) = (if east < 0 { '-' } else { '+' }, east.unsigned_abs());
    Some(format!("'{day} 00:00:00{sign}{:02}:{:02}'::timestamptz", minutes / 60, minutes % 60))
}
