//! Search tables: full-text tables of the source that become tables of their own on the target
//!
//! No trigger can follow them: SQLite takes none on a virtual table, and one on the shadow table that holds the text would
//! make the file unreadable for connections in defensive mode (I11). So they are followed by comparison, whenever the
//! [fingerprint](crate::sqlite::search::fingerprint) of the index has moved.

pub mod words;

use serde::{Deserialize, Serialize};

use super::plan::TablePlan;

/// A full-text table that is followed by comparison
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchPlan {
    /// On the source
    pub name: String,
    /// `fts3`, `fts4` or `fts5`
    pub module: String,
    /// Its `CREATE VIRTUAL TABLE`, byte for byte; drift is noticed by comparing it
    pub sql: String,
    /// How its queries are asked on the target
    pub note: String,
    pub text: SearchText,
    /// What is read of the shadow table that holds the text, or of that with the rows. Its number is below zero: it is never
    /// in the change log
    pub table: TablePlan,
}

/// Where the words come from
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchText {
    /// The text is stored, and PostgreSQL makes words of it
    Stored,
    /// There is no text, and the words are those of the index
    Index(IndexText),
}

/// What the index of a contentless table says
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexText {
    /// Where in its row a word stands
    pub has_places: bool,
    /// The indexed columns, in order
    pub columns: Vec<String>,
}

impl SearchPlan {
    /// Name of one of its shadow tables
    pub fn shadow(&self, what: &str) -> String {
        format!("{}_{what}", self.name)
    }

    pub fn is_fts5(&self) -> bool {
        self.module == "fts5"
    }
}
