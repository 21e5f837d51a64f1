//! A SQLite value, borrowed
//!
//! The five storage classes of <https://www.sqlite.org/datatype3.html>. Text is bytes, not `str`: SQLite stores whatever
//! the application gave it, and invalid UTF-8 must be seen, not repaired.

/// One value as the source stores it, borrowed from the statement that yielded it
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// Storage class of a value, in SQLite's sort order (integer and real share a rank there; here they are told apart)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    Null = 0,
    Integer = 1,
    Real = 2,
    Text = 3,
    Blob = 4,
}

impl Value<'_> {
    /// The storage class of this value
    pub fn class(&self) -> Class {
        match self {
            Value::Null => Class::Null,
            Value::Integer(_) => Class::Integer,
            Value::Real(_) => Class::Real,
            Value::Text(_) => Class::Text,
            Value::Blob(_) => Class::Blob,
        }
    }

    /// Same class and same bytes: the only equality under which nothing is lost (`1` is not `1.0`, `0.0` is not `-0.0`)
    pub fn is_identical(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
            (Value::Text(a), Value::Text(b)) | (Value::Blob(a), Value::Blob(b)) => a == b,
            _ => false,
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Class::Null => "null",
            Class::Integer => "integer",
            Class::Real => "real",
            Class::Text => "text",
            Class::Blob => "blob",
        })
    }
}
