//! The plan: what will be created on the target, and every refusal and warning
//!
//! A plan is made once, from the schema and the profile of the stored values, and kept in the target; a restart goes on
//! from the stored plan and only checks that the source still fits it.

use serde::{Deserialize, Serialize};

use super::mapping::Mapping;
use super::schema::{Key, Table};

/// Everything that will happen, decided before anything is touched
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Schema on the target that the tables go to
    pub target_schema: String,
    pub tables: Vec<TablePlan>,
    /// Objects of the source that are left out on purpose: views, virtual and shadow tables, triggers
    pub skipped: Vec<Notice>,
    /// Lossless but worth reading: what the target will not enforce or represents in another way
    pub warnings: Vec<Notice>,
    /// Reasons not to start; all of them at once
    pub refusals: Vec<Notice>,
}

/// One line for the operator: the object, what about it, and what to do
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Table, column or index concerned, as the user knows it
    pub object: String,
    pub message: String,
    pub remedy: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TablePlan {
    /// Number of the table in the change log's `t` column; rises with every (re-)installation, never reused
    pub id: i64,
    pub source: Table,
    pub key: Key,
    /// Name on the target, unquoted
    pub target_name: String,
    /// In target order; the hidden rowid, if it is the key, comes last
    pub columns: Vec<ColumnPlan>,
    /// The key's columns as positions in `columns`, in key order
    pub key_columns: Vec<usize>,
    /// Constraint name of the key on the target, unquoted
    pub key_constraint: String,
    pub indexes: Vec<IndexPlan>,
    pub foreign_keys: Vec<ForeignKeyPlan>,
    /// Rows when the plan was made
    pub row_count: u64,
    /// Approximate bytes of those rows' values
    pub byte_count: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnPlan {
    /// The source term as SQL: a quoted column name, or the unquoted rowid name
    pub source_sql: String,
    /// Position in `Table::columns`; `None` for the hidden rowid
    pub source_column: Option<usize>,
    pub target_name: String,
    pub mapping: Mapping,
    pub not_null: bool,
}

/// A secondary index, created after the copy
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexPlan {
    /// Name on the target, unquoted
    pub name: String,
    pub unique: bool,
    /// Positions in `TablePlan::columns`, and whether descending
    pub columns: Vec<(usize, bool)>,
}

/// A foreign key, added NOT VALID after the copy and then validated
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignKeyPlan {
    /// Constraint name on the target, unquoted
    pub name: String,
    /// Positions in `TablePlan::columns`
    pub columns: Vec<usize>,
    /// Target name of the parent table, unquoted
    pub parent_name: String,
    /// Target names of the parent's columns, unquoted
    pub parent_columns: Vec<String>,
    pub on_update: String,
    pub on_delete: String,
    pub deferred: bool,
}

impl Plan {
    /// The table with this number in the change log
    pub fn table(&self, id: i64) -> Option<&TablePlan> {
        self.tables.iter().find(|t| t.id == id)
    }
}

impl TablePlan {
    /// Has any unique index beside the key, so that applying rows one by one could collide on the way
    pub fn has_secondary_unique(&self) -> bool {
        self.indexes.iter().any(|i| i.unique)
    }
}
