//! From what a column holds to the PostgreSQL type that holds all of it
//!
//! Every mapping round-trips: decoding what was encoded gives the same value *and* storage class (I10). What a mapping
//! cannot hold exactly is a [`Misfit`], never a conversion.

use serde::{Deserialize, Serialize};

/// PostgreSQL type of a column together with the conversion to and from it
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapping {
    /// `bigint`: integers
    Bigint,
    /// `double precision`: reals
    Double,
    /// `numeric`: integers (scale 0) and reals (scale 1 or more) mixed; the scale keeps the storage class
    Numeric,
    /// `text`: valid UTF-8 without NUL
    Text,
    /// `bytea`: blobs
    Bytea,
    /// `jsonb`: anything; see `variant.rs` for the representation
    Variant,
}

/// A value that the column's mapping cannot hold exactly
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The value's storage class is not one the type takes
    Class(super::value::Class),
    /// Text with a NUL byte, which no PostgreSQL text type holds
    NulInText,
    /// Text that is not valid UTF-8
    InvalidUtf8,
    /// A real that `numeric` cannot give back: negative zero
    NegativeZero,
    /// PostgreSQL takes at most 1 GiB in one field
    TooLong,
}

impl Mapping {
    /// The type as written in DDL and in casts
    pub fn sql(self) -> &'static str {
        match self {
            Mapping::Bigint => "bigint",
            Mapping::Double => "double precision",
            Mapping::Numeric => "numeric",
            Mapping::Text => "text",
            Mapping::Bytea => "bytea",
            Mapping::Variant => "jsonb",
        }
    }

    /// Object identifier of the type in `pg_type`; fixed for built-in types
    pub fn oid(self) -> u32 {
        match self {
            Mapping::Bigint => 20,
            Mapping::Double => 701,
            Mapping::Numeric => 1700,
            Mapping::Text => 25,
            Mapping::Bytea => 17,
            Mapping::Variant => 3802,
        }
    }
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Misfit::Class(class) => write!(f, "a value of class {class}"),
            Misfit::NulInText => f.write_str("text with a NUL byte"),
            Misfit::InvalidUtf8 => f.write_str("text that is not valid UTF-8"),
            Misfit::NegativeZero => f.write_str("negative zero"),
            Misfit::TooLong => f.write_str("a value of 1 GiB or more"),
        }
    }
}
