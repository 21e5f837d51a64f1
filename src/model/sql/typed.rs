//! Expressions with a type: what SQLite holds there, and the SQL by which PostgreSQL holds the same

use crate::model::convert::forms::{BoolForm, DateForm, DecimalClass, Fraction, Layout, UuidForm, Zone};
use crate::model::mapping::Mapping;
use crate::model::plan::{Check, ColumnPlan};
use crate::model::schema::Affinity;

use super::literal::Constant;
use super::scope::Column;

/// An expression on its way: a constant is written only when it is known what it meets
pub(super) enum Term<'a> {
    Constant(Constant),
    Typed(Typed<'a>),
}

/// SQL of PostgreSQL that stands for the same values, NULL included
#[derive(Clone)]
pub(super) struct Typed<'a> {
    pub sql: String,
    /// Needs no parentheses in whatever it is put into
    pub atomic: bool,
    pub kind: Kind,
    /// Only columns and casts have one; it changes what they are compared with
    pub affinity: Option<Affinity>,
    pub collation: Collation,
    /// The column, where it is nothing but one
    pub plan: Option<&'a ColumnPlan>,
}

/// Which values SQLite has there, and the type that PostgreSQL has them in
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Integers in these limits; an integer type
    Integer { low: i128, high: i128 },
    /// Integers, but reals where 64 bits do not hold the result; exact in `numeric`
    Wide,
    /// Reals; `double precision`
    Real,
    /// Integers and reals; `numeric`
    Numeric,
    /// Text; `text`
    Text,
    /// Blobs; `bytea`
    Blob,
    /// 0 and 1; `boolean`
    Truth,
    /// Whatever the column's mapping writes in another way
    Coded(Mapping),
    /// Of which only NULL is the same on both sides
    Opaque,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collation {
    Binary,
    NoCase,
    RightTrim,
    /// Of the application's own
    Foreign,
}

/// Storage classes as comparisons tell them apart
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    Number,
    Text,
    Blob,
}

/// Any integer of SQLite
pub(super) const ANY: Kind = Kind::Integer { low: i64::MIN as i128, high: i64::MAX as i128 };

/// A length, a place in a text
pub(super) const COUNT: Kind = Kind::Integer { low: 0, high: i32::MAX as i128 };

impl<'a> Typed<'a> {
    pub fn column(column: &Column<'a>) -> Typed<'a> {
        let (kind, cast) = kind_of(column.plan);
        Typed {
            sql: format!("{}{cast}", column.sql),
            atomic: true,
            kind,
            affinity: Some(column.affinity),
            collation: Collation::of(column.collation),
            plan: Some(column.plan),
        }
    }

    /// The result of an operator or function; a function's needs no parentheses
    pub fn result(sql: String, atomic: bool, kind: Kind) -> Typed<'a> {
        Typed { sql, atomic, kind, affinity: None, collation: Collation::Binary, plan: None }
    }

    pub fn truth(sql: String) -> Typed<'a> {
        Typed::result(sql, false, Kind::Truth)
    }

    /// In parentheses where it needs them
    pub fn wrapped(&self) -> String {
        if self.atomic { self.sql.clone() } else { format!("({})", self.sql) }
    }

    /// How its values rank in comparisons; `None` if that is not known
    pub fn rank(&self) -> Option<Rank> {
        Some(match self.kind {
            Kind::Integer { .. } | Kind::Wide | Kind::Real | Kind::Numeric | Kind::Truth => Rank::Number,
            Kind::Text => Rank::Text,
            Kind::Blob | Kind::Coded(Mapping::Uuid(UuidForm::Bytes)) => Rank::Blob,
            Kind::Coded(Mapping::Epoch { .. }) => Rank::Number,
            Kind::Coded(_) => Rank::Text,
            Kind::Opaque => return None,
        })
    }

    /// Whether numeric affinity leaves all its values alone
    pub fn is_safe_from_numbers(&self) -> bool {
        let own = self.affinity.is_some_and(is_numeric);
        match (self.rank(), self.kind) {
            (Some(Rank::Text), Kind::Coded(mapping)) => own || never_a_number(mapping),
            // In a column with numeric affinity no text looks like a number.
            (Some(Rank::Text), _) => own,
            (rank, _) => rank.is_some(),
        }
    }
}

impl Constant {
    /// `None` for NULL
    pub fn rank(&self) -> Option<Rank> {
        Some(match self {
            Constant::Null => return None,
            Constant::Integer(_) | Constant::Real(_) => Rank::Number,
            Constant::Text(_) => Rank::Text,
            Constant::Blob(_) => Rank::Blob,
        })
    }
}

impl Collation {
    pub fn of(name: &str) -> Collation {
        match name.to_ascii_uppercase().as_str() {
            "BINARY" => Collation::Binary,
            "NOCASE" => Collation::NoCase,
            "RTRIM" => Collation::RightTrim,
            _ => Collation::Foreign,
        }
    }
}

pub(super) fn is_numeric(affinity: Affinity) -> bool {
    matches!(affinity, Affinity::Integer | Affinity::Real | Affinity::Numeric)
}

/// What a column's values are, and the cast to the type that its kind has
fn kind_of(plan: &ColumnPlan) -> (Kind, &'static str) {
    let integers = |low: i128, high: i128| Kind::Integer { low, high };
    match plan.mapping {
        Mapping::Bigint => (ANY, ""),
        Mapping::Smallint => (integers(i16::MIN.into(), i16::MAX.into()), "::bigint"),
        Mapping::Integer => (integers(i32::MIN.into(), i32::MAX.into()), "::bigint"),
        Mapping::DoubleInteger => (integers(-(1 << 53), 1 << 53), "::bigint"),
        Mapping::Double => (Kind::Real, ""),
        Mapping::Float4 => (Kind::Real, "::double precision"),
        Mapping::Numeric => (Kind::Numeric, ""),
        Mapping::Decimal { class: DecimalClass::Text, precision: 0, .. } => (Kind::Opaque, ""),
        // The digits behind the point are the same in all texts, so that equal numbers are equal texts.
        Mapping::Decimal { class: DecimalClass::Text, .. } => (Kind::Coded(plan.mapping), ""),
        Mapping::Decimal { .. } => (Kind::Numeric, ""),
        Mapping::Text if is_plain_text(plan) => (Kind::Text, ""),
        Mapping::Bytea => (Kind::Blob, ""),
        Mapping::Boolean(BoolForm::ZeroOne) => (Kind::Truth, ""),
        Mapping::Boolean(_)
        | Mapping::Date(_)
        | Mapping::Time(_)
        | Mapping::Timestamp { .. }
        | Mapping::Epoch { .. }
        | Mapping::Uuid(_) => (Kind::Coded(plan.mapping), ""),
        _ => (Kind::Opaque, ""),
    }
}

/// Neither `citext`, nor an enum, nor a domain, which compare or convert in their own ways
fn is_plain_text(plan: &ColumnPlan) -> bool {
    let base = plan.type_sql.split('(').next().unwrap_or_default();
    matches!(base, "text" | "varchar" | "character varying") && !matches!(plan.check, Check::Labels(_))
}

/// Whether no text of the form looks like a number
fn never_a_number(mapping: Mapping) -> bool {
    match mapping {
        Mapping::Boolean(form) => !matches!(form, BoolForm::TextZeroOne | BoolForm::ZeroOne),
        Mapping::Date(form) => form == DateForm::Iso,
        Mapping::Time(_) => true,
        Mapping::Timestamp { form, .. } => form.layout != Layout::Compact,
        Mapping::Uuid(form) => !matches!(form, UuidForm::Hex | UuidForm::HexUpper | UuidForm::Bytes),
        _ => false,
    }
}

/// Whether texts of the form are ordered as the values are
pub(super) fn keeps_order(mapping: Mapping) -> bool {
    match mapping {
        Mapping::Boolean(_) | Mapping::Date(_) | Mapping::Uuid(_) | Mapping::Epoch { .. } => true,
        // A fraction is longer than none, and a point comes behind `+` and `-`, but before `Z`.
        Mapping::Time(_) => true,
        Mapping::Timestamp { form, .. } => !(matches!(form.fraction, Fraction::OmitZero(_)) && form.zone == Zone::Z),
        _ => false,
    }
}

/// Characters that every text of the form has
pub(super) fn constant_length(mapping: Mapping) -> Option<u32> {
    match mapping {
        Mapping::Uuid(form) => Some(match form {
            UuidForm::Hyphens | UuidForm::HyphensUpper => 36,
            UuidForm::Hex | UuidForm::HexUpper => 32,
            UuidForm::Braces | UuidForm::BracesUpper => 38,
            UuidForm::Bytes => 16,
        }),
        Mapping::Date(DateForm::Iso) => Some(10),
        Mapping::Date(DateForm::Compact) => Some(8),
        _ => None,
    }
}
