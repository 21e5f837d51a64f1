//! What a table really holds: the counts from which types are chosen
//!
//! Declared types say little in SQLite. One scan of the values decides what PostgreSQL type holds all of them (I10).

use serde::{Deserialize, Serialize};

/// Counts over the values of one column
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub nulls: u64,
    pub integers: u64,
    pub reals: u64,
    pub texts: u64,
    pub blobs: u64,
    /// Smallest integer; 0 while `integers` is 0
    pub int_min: i64,
    /// Largest integer; 0 while `integers` is 0
    pub int_max: i64,
    /// Texts with a NUL byte in them, valid or not
    pub nul_texts: u64,
    /// Texts that are not valid UTF-8
    pub invalid_utf8: u64,
    /// Reals that are `-0.0`
    pub negative_zero: u64,
    /// Reals that are `+Inf` or `-Inf`
    pub infinities: u64,
    /// Bytes of the longest value; 8 for a number
    pub bytes_max: u64,
}

/// Counts over the rows of one table
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableProfile {
    pub rows: u64,
    /// Sum of the bytes of all values
    pub bytes: u64,
    /// In the order of `Table::columns`
    pub columns: Vec<ColumnProfile>,
    /// Rows in which any column of the declared PRIMARY KEY is NULL
    pub null_keys: u64,
}
