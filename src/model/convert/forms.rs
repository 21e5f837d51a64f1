//! The forms that a value can be written in: how a column spells its dates, booleans, UUIDs
//!
//! SQLite stores such values as text, integers or blobs, each application in its own spelling. A form is one constant
//! per column, kept in the plan. A value is taken only if writing it again in the column's form gives the same bytes
//! and storage class (I10), so that a form and PostgreSQL's value together are the original.

use serde::{Deserialize, Serialize};

/// How a column writes true and false
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoolForm {
    /// The integers 1 and 0
    ZeroOne,
    /// The texts `1` and `0`
    TextZeroOne,
    /// `t` and `f`
    Letter,
    /// `T` and `F`
    LetterUpper,
    /// `true` and `false`
    Word,
    /// `TRUE` and `FALSE`
    WordUpper,
    /// `y` and `n`
    YesLetter,
    /// `Y` and `N`
    YesLetterUpper,
    /// `yes` and `no`
    Yes,
}

/// Storage class that the numbers of a `numeric(p,s)` column have in SQLite
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalClass {
    Integer,
    Real,
    /// Under NUMERIC affinity: whole numbers are integers, all others are reals
    ByValue,
    /// Decimal text with exactly as many digits behind the point as the column has; any number without a scale given
    Text,
}

/// How a column writes days
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateForm {
    /// `2024-01-02`
    Iso,
    /// `20240102`
    Compact,
}

/// How a column writes times of day
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeForm {
    pub layout: TimeLayout,
    pub fraction: Fraction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeLayout {
    /// `03:04:05`
    Seconds,
    /// `03:04`, always without a fraction
    Minutes,
    /// `2000-01-01 03:04:05`, as Rails does
    Dated,
}

/// How a column writes moments
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StampForm {
    pub layout: Layout,
    pub fraction: Fraction,
    pub zone: Zone,
    /// Minutes east of UTC that texts without a zone mean in a `timestamptz` column; 0 elsewhere
    pub assumed: i16,
}

/// Order and separators of a moment's parts
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `2024-01-02 03:04:05`
    IsoSpace,
    /// `2024-01-02T03:04:05`
    IsoT,
    /// `2024-01-02 03:04`, always without a fraction
    MinutesSpace,
    /// `2024-01-02T03:04`, always without a fraction
    MinutesT,
    /// `20240102030405`
    Compact,
}

/// Digits behind the seconds
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fraction {
    None,
    /// Exactly this many, 1 to 6
    Fixed(u8),
    /// None if they are all zero, else exactly this many, 1 to 6 (Python's `str(datetime)`)
    OmitZero(u8),
}

/// The zone as written behind a moment, in minutes east of UTC; the same for every value of the column
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    None,
    /// `Z`
    Z,
    /// `+02:00`
    Colon(i16),
    /// `+0200`
    Digits(i16),
    /// `+02`; whole hours only
    Hours(i16),
}

/// How the zone is written behind a time of day; the offset itself is that of each value
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneStyle {
    /// `Z`, and no other
    Z,
    /// `+02:00`
    Colon,
    /// `+0200`
    Digits,
    /// `+02`; whole hours only
    Hours,
}

/// What the numbers count that stand for moments, from 1970-01-01 00:00:00 UTC
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochUnit {
    /// Seconds, integers
    S,
    /// Milliseconds, integers
    Ms,
    /// Microseconds, integers
    Us,
    /// Seconds, reals
    SecondsReal,
}

/// How a column writes durations
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalForm {
    /// Integers, as Django does
    Microseconds,
    /// The moment that lies this far behind 1970-01-01, as SQLAlchemy does
    Epoch(StampForm),
}

/// How a column writes UUIDs
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UuidForm {
    /// `123e4567-e89b-12d3-a456-426614174000`
    Hyphens,
    HyphensUpper,
    /// `123e4567e89b12d3a456426614174000`
    Hex,
    HexUpper,
    /// `{123e4567-e89b-12d3-a456-426614174000}`
    Braces,
    BracesUpper,
    /// A blob of 16 bytes
    Bytes,
}

/// How a column writes vectors
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorForm {
    /// A blob of 32-bit floats, little endian
    BlobLe,
    /// A JSON array of numbers
    Json { spaced: bool, digits: VectorDigits, whole: WholeNumbers, exponent: ExponentForm },
}

/// Which shortest decimal the numbers of a vector's text are
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorDigits {
    /// That of the 32-bit float
    F32,
    /// That of the same number as a 64-bit float
    F64,
}

/// How whole numbers are written among fractions
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WholeNumbers {
    /// `1.0`
    Point,
    /// `1`
    Bare,
}

/// Where very small and very large numbers get an exponent, and how it looks
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExponentForm {
    /// `1e-05`
    Python,
    /// `0.00001`, but `1e-7`
    JavaScript,
    /// Never
    Rust,
}

/// Element type of a PostgreSQL array
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    Smallint,
    Integer,
    Bigint,
    /// Numbers that 32 bits hold exactly
    Float4,
    Double,
    /// `numeric(precision,scale)`, with no limits if the precision is 0: digits as PostgreSQL prints them, bare or as
    /// strings
    Numeric {
        precision: u16,
        scale: i16,
        quoted: bool,
    },
    Text,
    Varchar,
    /// `char(n)`: strings without blanks at their end
    Padded,
    Boolean,
    /// `"2024-01-02"`
    Date,
    /// `timestamp`, or `timestamptz` if zoned
    Timestamp {
        zoned: bool,
        form: StampForm,
    },
    /// Lower case with hyphens
    Uuid,
}

/// How a column writes its JSON arrays
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JsonForm {
    /// `, ` between elements instead of `,`
    pub spaced: bool,
    /// Characters beyond ASCII are written as `\uXXXX`
    pub ascii: bool,
}

impl Element {
    /// The element type as written in DDL, without limits
    pub fn sql(self) -> &'static str {
        match self {
            Element::Smallint => "smallint",
            Element::Integer => "integer",
            Element::Bigint => "bigint",
            Element::Float4 => "real",
            Element::Double => "double precision",
            Element::Numeric { .. } => "numeric",
            Element::Text => "text",
            Element::Varchar => "varchar",
            Element::Padded => "bpchar",
            Element::Boolean => "boolean",
            Element::Date => "date",
            Element::Timestamp { zoned: false, .. } => "timestamp",
            Element::Timestamp { zoned: true, .. } => "timestamptz",
            Element::Uuid => "uuid",
        }
    }

    /// Object identifier of the element type, which `array_recv` compares
    pub fn oid(self) -> u32 {
        match self {
            Element::Smallint => 21,
            Element::Integer => 23,
            Element::Bigint => 20,
            Element::Float4 => 700,
            Element::Double => 701,
            Element::Numeric { .. } => 1700,
            Element::Text => 25,
            Element::Varchar => 1043,
            Element::Padded => 1042,
            Element::Boolean => 16,
            Element::Date => 1082,
            Element::Timestamp { zoned: false, .. } => 1114,
            Element::Timestamp { zoned: true, .. } => 1184,
            Element::Uuid => 2950,
        }
    }
}

impl BoolForm {
    /// Every one
    pub const ALL: [BoolForm; 9] = [
        BoolForm::ZeroOne,
        BoolForm::TextZeroOne,
        BoolForm::Letter,
        BoolForm::LetterUpper,
        BoolForm::Word,
        BoolForm::WordUpper,
        BoolForm::YesLetter,
        BoolForm::YesLetterUpper,
        BoolForm::Yes,
    ];
}

impl ZoneStyle {
    /// Every one
    pub const ALL: [ZoneStyle; 4] = [ZoneStyle::Colon, ZoneStyle::Z, ZoneStyle::Digits, ZoneStyle::Hours];
}

impl UuidForm {
    /// Every one
    pub const ALL: [UuidForm; 7] = [
        UuidForm::Hyphens,
        UuidForm::HyphensUpper,
        UuidForm::Hex,
        UuidForm::HexUpper,
        UuidForm::Braces,
        UuidForm::BracesUpper,
        UuidForm::Bytes,
    ];
}
