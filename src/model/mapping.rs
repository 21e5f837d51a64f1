//! From what a column holds to the PostgreSQL type that holds all of it
//!
//! Every mapping round-trips: decoding what was encoded gives the same value *and* storage class (I10). What a mapping
//! cannot hold exactly is a [`Misfit`], never a conversion. The exceptions are named at [`Mapping::Json`] and
//! [`Mapping::Moment`].

use serde::{Deserialize, Serialize};

use super::convert::forms::{
    BoolForm, DateForm, DecimalClass, Element, EpochUnit, Fraction, IntervalForm, JsonForm, Layout, StampForm,
    TimeForm, UuidForm, VectorForm, ZoneStyle,
};

/// PostgreSQL type of a column together with the conversion to and from it
///
/// Small and `Copy`, because it is looked at for every value; what needs the heap stands beside it in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapping {
    /// `bigint`: integers
    Bigint,
    /// `double precision`: reals
    Double,
    /// `numeric`: integers (scale 0) and reals (scale 1 or more) mixed; the scale keeps the storage class
    Numeric,
    /// `text`: valid UTF-8 without NUL; also varchar, citext, enums and domains over them, which travel as text
    Text,
    /// `bytea`: blobs
    Bytea,
    /// `jsonb`: anything; see `variant.rs` for the representation
    Variant,
    /// `smallint`: integers of 16 bits
    Smallint,
    /// `integer`: integers of 32 bits
    Integer,
    /// `real`: reals that 32 bits hold exactly
    Float4,
    /// `double precision`: integers up to 2^53 on either side, and nothing else
    DoubleInteger,
    /// `boolean`
    Boolean(BoolForm),
    /// `numeric(precision,scale)`; without limits if the precision is 0. The scale may be negative, or above the precision
    Decimal { precision: u16, scale: i16, class: DecimalClass },
    /// `date`
    Date(DateForm),
    /// `time`
    Time(TimeForm),
    /// `timetz`, which keeps the offset of each value
    ZonedTime { form: TimeForm, zone: ZoneStyle },
    /// `timestamp`, or `timestamptz` if zoned
    Timestamp { zoned: bool, form: StampForm },
    /// `timestamp`, or `timestamptz` if zoned, from texts in any spelling of the moment: PostgreSQL keeps the moment and
    /// SQLite its spelling, and both sides are compared by `canonical.rs`. A moment that PostgreSQL alone has is written
    /// in the form, which also says whether the texts have a zone: all of them, or none
    Moment { zoned: bool, form: StampForm },
    /// `time`, in the same manner; the form says whether the texts have Rails' date
    TimeOfDay(TimeForm),
    /// `timestamp`, or `timestamptz` if zoned, from numbers
    Epoch { zoned: bool, unit: EpochUnit },
    /// `interval`
    Interval(IntervalForm),
    /// `uuid`
    Uuid(UuidForm),
    /// `json`, which keeps the bytes, or `jsonb` if binary, which keeps the document: SQLite keeps its spelling, and
    /// both sides are compared by `canonical.rs`. With `numbers` the column has NUMERIC affinity, so that a document
    /// that is a number is stored as one
    Json { binary: bool, numbers: bool },
    /// `inet`, or `cidr`: text as PostgreSQL prints it
    Inet { cidr: bool },
    /// `char(n)`: text without blanks at its end
    Padded,
    /// `vector(n)` of pgvector; with 0 dimensions any number of them
    Vector { dimensions: u16, form: VectorForm },
    /// An array of one dimension, from JSON text
    Array { element: Element, form: JsonForm },
}

/// A value that the column cannot hold exactly
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The value's storage class is not one the type takes
    Class(super::value::Class),
    /// NULL where the target has NOT NULL
    Null,
    /// Text with a NUL byte, which no PostgreSQL text type holds
    NulInText,
    /// Text that is not valid UTF-8
    InvalidUtf8,
    /// Text that is not valid UTF-16 in a database of that encoding
    InvalidUtf16,
    /// A real that `numeric` cannot give back: negative zero
    NegativeZero,
    /// An infinity where only finite numbers go
    Infinite,
    /// A number outside the type's range or precision
    Range,
    /// Text, or a blob, that is not written as the column's other values are
    Form,
    /// Text that is no exact moment or time of day, or one of another kind than the column's: with a zone or without
    NoMoment,
    /// More characters than `varchar(n)` or `char(n)` takes
    Characters,
    /// Blanks at the end, which `char(n)` does not keep
    TrailingBlanks,
    /// Text that is no label of the enum
    Label,
    /// More digits behind the seconds than the column keeps
    Scale,
    /// A duration finer than the last field that the column keeps
    Finer,
    /// Text that `json` or `jsonb` does not hold
    Json(JsonFault),
    /// A vector with another number of dimensions
    Dimensions,
    /// PostgreSQL takes at most 1 GiB in one field
    TooLong,
    /// PostgreSQL takes at most 1 GiB in one row
    RowTooLong,
}

/// Why a text is not a document that the type holds
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// Not JSON
    Syntax,
    /// `\u0000`
    NulEscape,
    /// Half of a surrogate pair
    LoneSurrogate,
    /// A key that occurs twice in one object
    DuplicateKey,
    /// Negative zero, or a number beyond what `numeric` holds
    Number,
    /// Nested too deeply
    Depth,
}

impl Mapping {
    /// Digits behind the seconds that SQLite's form shows, for times and moments; PostgreSQL's types hold six
    pub fn second_digits(self) -> Option<u8> {
        let fraction = match self {
            Mapping::Time(form) | Mapping::TimeOfDay(form) | Mapping::ZonedTime { form, .. } => form.fraction,
            Mapping::Timestamp { form, .. } | Mapping::Moment { form, .. } => form.fraction,
            Mapping::Epoch { unit: EpochUnit::S, .. } => Fraction::None,
            Mapping::Epoch { unit: EpochUnit::Ms, .. } => Fraction::Fixed(3),
            _ => return None,
        };
        Some(match fraction {
            Fraction::None => 0,
            Fraction::Fixed(digits) | Fraction::OmitZero(digits) => digits,
        })
    }

    /// The type in which an element travels: of array parameters and of casts
    pub fn sql(self) -> &'static str {
        match self {
            Mapping::Bigint => "bigint",
            Mapping::Double | Mapping::DoubleInteger => "double precision",
            Mapping::Numeric | Mapping::Decimal { .. } => "numeric",
            // An array of arrays cannot be unnested, so that arrays travel as their literals; and so do vectors, whose
            // type has another object identifier in every database.
            Mapping::Text | Mapping::Padded | Mapping::Array { .. } | Mapping::Vector { .. } => "text",
            Mapping::Bytea => "bytea",
            Mapping::Variant | Mapping::Json { binary: true, .. } => "jsonb",
            Mapping::Smallint => "smallint",
            Mapping::Integer => "integer",
            Mapping::Float4 => "real",
            Mapping::Boolean(_) => "boolean",
            Mapping::Date(_) => "date",
            Mapping::Time(_) | Mapping::TimeOfDay(_) => "time",
            Mapping::ZonedTime { .. } => "timetz",
            Mapping::Timestamp { zoned, .. } | Mapping::Moment { zoned, .. } | Mapping::Epoch { zoned, .. } => {
                if zoned { "timestamptz" } else { "timestamp" }
            }
            Mapping::Interval(_) => "interval",
            Mapping::Uuid(_) => "uuid",
            Mapping::Json { binary: false, .. } => "json",
            Mapping::Inet { cidr: false } => "inet",
            Mapping::Inet { cidr: true } => "cidr",
        }
    }

    /// Object identifier of that type in `pg_type`, fixed for built-in types
    pub fn oid(self) -> u32 {
        match self {
            Mapping::Bigint => 20,
            Mapping::Double | Mapping::DoubleInteger => 701,
            Mapping::Numeric | Mapping::Decimal { .. } => 1700,
            Mapping::Text | Mapping::Padded | Mapping::Array { .. } | Mapping::Vector { .. } => 25,
            Mapping::Bytea => 17,
            Mapping::Variant | Mapping::Json { binary: true, .. } => 3802,
            Mapping::Smallint => 21,
            Mapping::Integer => 23,
            Mapping::Float4 => 700,
            Mapping::Boolean(_) => 16,
            Mapping::Date(_) => 1082,
            Mapping::Time(_) | Mapping::TimeOfDay(_) => 1083,
            Mapping::ZonedTime { .. } => 1266,
            Mapping::Timestamp { zoned, .. } | Mapping::Moment { zoned, .. } | Mapping::Epoch { zoned, .. } => {
                if zoned { 1184 } else { 1114 }
            }
            Mapping::Interval(_) => 1186,
            Mapping::Uuid(_) => 2950,
            Mapping::Json { binary: false, .. } => 114,
            Mapping::Inet { cidr: false } => 869,
            Mapping::Inet { cidr: true } => 650,
        }
    }

    /// The same type for texts in any spelling, where the form is one of those that may be mixed
    pub fn in_any_spelling(self) -> Option<Mapping> {
        match self {
            Mapping::Timestamp { zoned, form } if form.layout != Layout::Compact => {
                Some(Mapping::Moment { zoned, form })
            }
            Mapping::Time(form) => Some(Mapping::TimeOfDay(form)),
            _ => None,
        }
    }

    /// Texts that SQLite tells apart may be one value on PostgreSQL, so that they are neither keys nor unique
    pub fn takes_any_spelling(self) -> bool {
        matches!(self, Mapping::Moment { .. } | Mapping::TimeOfDay(_))
    }

    /// The type as written in DDL, where nothing else is asked for
    pub fn type_sql(self) -> String {
        match self {
            Mapping::Decimal { precision: precision @ 1.., scale, .. } => format!("numeric({precision},{scale})"),
            // `character` alone would be `character(1)`.
            Mapping::Padded => "bpchar".to_owned(),
            Mapping::Vector { dimensions: 0, .. } => "vector".to_owned(),
            Mapping::Vector { dimensions, .. } => format!("vector({dimensions})"),
            Mapping::Array { element, .. } => format!("{}[]", element.sql()),
            other => other.sql().to_owned(),
        }
    }
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Misfit::Class(class) => return write!(f, "a value of class {class}"),
            Misfit::Null => "NULL where the target has NOT NULL",
            Misfit::NulInText => "text with a NUL byte",
            Misfit::InvalidUtf8 => "text that is not valid UTF-8",
            Misfit::InvalidUtf16 => "text that is not valid UTF-16",
            Misfit::NegativeZero => "negative zero",
            Misfit::Infinite => "an infinite number",
            Misfit::Range => "a number outside the range of the type",
            Misfit::Form => "a value that is not written as the others of its column",
            Misfit::NoMoment => "text that is no moment of the column's kind",
            Misfit::Characters => "text with more characters than the type takes",
            Misfit::TrailingBlanks => "text with blanks at its end",
            Misfit::Label => "text that is no label of the enum",
            Misfit::Scale => "more digits behind the seconds than the type keeps",
            Misfit::Finer => "a duration finer than the type keeps",
            Misfit::Json(fault) => return fault.fmt(f),
            Misfit::Dimensions => "a vector with another number of dimensions",
            Misfit::TooLong => "a value of 1 GiB or more",
            Misfit::RowTooLong => "a row of 1 GiB or more",
        })
    }
}

impl std::fmt::Display for JsonFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            JsonFault::Syntax => "text that is not JSON",
            JsonFault::NulEscape => r"JSON with the escape \u0000",
            JsonFault::LoneSurrogate => "JSON with half of a surrogate pair",
            JsonFault::DuplicateKey => "JSON with a key twice in one object",
            JsonFault::Number => "JSON with a number that PostgreSQL does not give back",
            JsonFault::Depth => "JSON that is nested too deeply",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both are handed about for every value
    #[test]
    fn mappings_and_misfits_stay_small() {
        assert!(size_of::<Mapping>() <= 16, "{}", size_of::<Mapping>());
        assert!(size_of::<Misfit>() <= 8, "{}", size_of::<Misfit>());
    }

    #[test]
    fn limits_are_written_only_where_there_are_some() {
        let decimal = |precision| Mapping::Decimal { precision, scale: 2, class: DecimalClass::ByValue };
        assert_eq!((decimal(10).type_sql().as_str(), decimal(0).type_sql().as_str()), ("numeric(10,2)", "numeric"));
        let array = Mapping::Array { element: Element::Double, form: JsonForm { spaced: false, ascii: false } };
        assert_eq!((array.type_sql().as_str(), array.sql(), array.oid()), ("double precision[]", "text", 25));
        assert_eq!(Mapping::Text.type_sql(), "text");
    }
}
