//! Tables made by hand for the planner's tests; the model knows no SQLite

use super::{Found, Proven, Request, make_plan};
use crate::model::choices::Choices;
use crate::model::extensions::Offer;
use crate::model::plan::Notice;
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::schema::{Affinity, Column, ForeignKey, Generated, Index, IndexOrigin, IndexTerm, Table, Term};

/// The plan that nobody interfered with
pub(super) fn create_plan(tables: Vec<(Table, TableProfile)>, skipped: Vec<Notice>, target_schema: &str) -> Proven {
    let choices = Choices::default();
    make_plan(
        Found { tables, skipped, ..Found::default() },
        &Request { target_schema, choices: &choices, offer: &Offer::default() },
    )
}

pub(super) fn column(name: &str, declared: &str) -> Column {
    Column {
        name: name.into(),
        declared_type: declared.into(),
        affinity: Affinity::of_declared(declared),
        not_null: false,
        default: None,
        generated: Generated::No,
        collation: "BINARY".into(),
    }
}

/// A rowid table without any key
pub(super) fn table(name: &str, columns: &[(&str, &str)]) -> Table {
    Table {
        name: name.into(),
        sql: String::new(),
        without_rowid: false,
        strict: false,
        columns: columns.iter().map(|(name, declared)| column(name, declared)).collect(),
        primary_key: Vec::new(),
        rowid_alias: None,
        rowid_name: Some("rowid".into()),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
    }
}

/// A table whose first column is the rowid
pub(super) fn with_alias(name: &str, columns: &[(&str, &str)]) -> Table {
    Table { rowid_alias: Some(0), primary_key: vec![0], ..table(name, columns) }
}

/// A declared PRIMARY KEY that is not the rowid
pub(super) fn with_primary_key(mut table: Table, columns: &[usize], collations: &[&str]) -> Table {
    let mut index = index("sqlite_autoindex_1", true, columns);
    (index.sql, index.origin) = (None, IndexOrigin::PrimaryKey);
    for (term, collation) in index.terms.iter_mut().zip(collations) {
        term.collation = collation.to_string();
    }
    table.indexes.insert(0, index);
    Table { primary_key: columns.to_vec(), ..table }
}

pub(super) fn index(name: &str, unique: bool, columns: &[usize]) -> Index {
    let term = |at: &usize| IndexTerm { what: Term::Column(*at), collation: "BINARY".into(), descending: false };
    Index {
        name: name.into(),
        sql: Some(String::new()),
        unique,
        origin: IndexOrigin::Create,
        predicate: None,
        terms: columns.iter().map(term).collect(),
    }
}

pub(super) fn foreign_key(columns: &[usize], parent: &str, parent_columns: &[&str]) -> ForeignKey {
    ForeignKey {
        columns: columns.to_vec(),
        parent: parent.into(),
        parent_columns: parent_columns.iter().map(|c| c.to_string()).collect(),
        on_update: "NO ACTION".into(),
        on_delete: "CASCADE".into(),
        deferred: false,
    }
}

/// The profile of an empty table
pub(super) fn empty(table: &Table) -> TableProfile {
    TableProfile { columns: vec![ColumnProfile::default(); table.columns.len()], ..TableProfile::default() }
}
