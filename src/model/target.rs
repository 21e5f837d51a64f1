//! The target's schema as its own migrations have made it
//!
//! Facts only, read in one transaction; what they mean for a plan is decided in `planner::existing`.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Identity;

/// What stands in the schema that the tables are in
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    pub schema: String,
    /// The role that we are
    pub role: String,
    pub database: String,
    pub tables: Vec<TargetTable>,
    /// Relations that are no tables that could be written to, each with the word for what it is
    pub others: BTreeMap<String, &'static str>,
    /// Bookkeeping of migrations by table, each row as one text
    pub bookkeeping: BTreeMap<String, BTreeSet<String>>,
    /// The right to keep triggers silent
    pub can_silence: bool,
    /// The right to make a schema for our own tables, or it stands already
    pub can_keep_state: bool,
    /// The right to make temporary tables
    pub can_stage: bool,
}

/// A table, or a partitioned one
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetTable {
    pub name: String,
    pub partitioned: bool,
    /// Other tables inherit from it, without being its partitions
    pub inherited: bool,
    /// In the order of the table
    pub columns: Vec<TargetColumn>,
    pub indexes: Vec<TargetIndex>,
    pub foreign_keys: Vec<TargetForeignKey>,
    /// Tables with foreign keys to this one; with their schema where it is another one
    pub referrers: Vec<String>,
    pub triggers: Vec<TargetTrigger>,
    /// Rows, as far as they were counted
    pub rows: u64,
    /// There are more of them than were counted
    pub more_rows: bool,
    /// Rights on the table that we lack, as in GRANT
    pub missing: Vec<&'static str>,
    pub owner: String,
    /// We are its owner, or a member of the role that is
    pub owned: bool,
    /// Policies hide rows from us
    pub row_security: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TargetColumn {
    pub name: String,
    pub kind: Kind,
    /// As the server writes it with an empty search path: `numeric(10,2)`, `public.mood`
    pub type_sql: String,
    pub not_null: bool,
    /// DEFAULT, as SQL
    pub default: Option<String>,
    /// The expression it is generated from, as SQL
    pub generated: Option<String>,
    pub identity: Option<Identity>,
    /// Texts that are equal under its collation need not have the same bytes
    pub folds: bool,
}

/// A type as far as conversions tell them apart; a domain is the type under it
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Name in `pg_type`, and the modifier, -1 for none
    Base { name: String, modifier: i32 },
    /// Its labels in order
    Enum(Vec<String>),
    /// Of elements of a base type
    Array { element: String, modifier: i32 },
    /// Composite and range types, arrays of enums, and their kin
    Other,
}

/// An index, with or without a constraint
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetIndex {
    pub name: String,
    pub unique: bool,
    /// Positions in `TargetTable::columns`; `None` for an expression
    pub columns: Vec<Option<usize>>,
    /// The expressions, as SQL, in the order in which they come
    pub expressions: Vec<String>,
    /// WHERE, as SQL
    pub predicate: Option<String>,
    /// Can decide an ON CONFLICT: checked at once, and valid
    pub arbitrates: bool,
    /// Two NULLs are the same
    pub nulls_equal: bool,
}

/// A foreign key of a table; to which table, by its columns' names
#[derive(Clone, Debug, PartialEq)]
pub struct TargetForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    /// Schema of the other table if it is another one
    pub parent_schema: Option<String>,
    pub parent: String,
    pub parent_columns: Vec<String>,
    pub on_update: String,
    pub on_delete: String,
    pub deferred: bool,
}

/// A trigger that somebody made; those of constraints are not among them
#[derive(Clone, Debug, PartialEq)]
pub struct TargetTrigger {
    pub name: String,
    /// `pg_trigger.tgenabled`
    pub enabled: char,
    /// FOR EACH ROW, BEFORE
    pub row_before: bool,
    /// Acts on INSERT or UPDATE
    pub writes: bool,
    /// Name of its function
    pub function: String,
    pub arguments: Vec<String>,
}

impl TargetTable {
    pub fn column(&self, name: &str) -> Option<&TargetColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl TargetColumn {
    /// Gets a value where none is given
    pub fn fills_itself(&self) -> bool {
        !self.not_null || self.default.is_some() || self.generated.is_some() || self.identity.is_some()
    }
}

impl TargetIndex {
    /// The columns, if there are only columns and every row is in it
    pub fn plain_columns(&self) -> Option<Vec<usize>> {
        if self.predicate.is_some() { None } else { self.columns.iter().copied().collect() }
    }
}

impl TargetTrigger {
    /// The column that it fills, where its function says so
    pub fn fills(&self) -> Option<&str> {
        let known = ["tsvector_update_trigger", "tsvector_update_trigger_column"].contains(&self.function.as_str());
        self.arguments.first().filter(|_| known && self.row_before && self.writes).map(String::as_str)
    }
}
