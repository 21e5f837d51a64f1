//! What is asked of every row beside its values: is a text no UTF-16, has the row a parent

use rusqlite::Row;

use crate::error::Result;
use crate::model::schema::{ForeignKey, Table, Term, TextOrder, quote_identifier};
use crate::sqlite::connection::text_order;
use crate::sqlite::utf16::unsound_term;

/// Terms of the select; a row says NULL for what is as it should be
#[derive(Default)]
pub(super) struct Terms {
    sql: Vec<String>,
    /// Columns whose texts are asked about, in the order of the terms
    pub texts: Vec<usize>,
    /// Foreign keys whose parents are asked for, in the order of the terms behind those
    pub keys: Vec<usize>,
}

impl Terms {
    /// For a table of a database with these tables
    pub fn of(conn: &rusqlite::Connection, table: &Table, all: &[Table]) -> Result<Terms> {
        let mut terms = Terms::default();
        if text_order(conn)? != TextOrder::Utf8 {
            terms.texts = (0..table.columns.len()).collect();
            let names = table.columns.iter().map(|column| format!("t.{}", quote_identifier(&column.name)));
            terms.sql = names.map(|name| format!("CASE WHEN {} THEN 1 END", unsound_term(&name))).collect();
        }
        for (at, key) in table.foreign_keys.iter().enumerate() {
            if let Some(term) = orphan_term(table, key, all) {
                terms.keys.push(at);
                terms.sql.push(term);
            }
        }
        Ok(terms)
    }

    /// What follows the other terms of the select
    pub fn sql(&self) -> String {
        self.sql.iter().map(|term| format!(", {term}")).collect()
    }

    /// Whether the row says yes to a term, the first of which is the row's column `first`
    pub fn holds(row: &Row<'_>, first: usize, term: usize) -> rusqlite::Result<bool> {
        Ok(row.get_ref(first + term)? != rusqlite::types::ValueRef::Null)
    }
}

/// Says 1 for a row without a parent; `None` where no index would find the parent
fn orphan_term(table: &Table, key: &ForeignKey, all: &[Table]) -> Option<String> {
    let parent = all.iter().find(|other| other.name.eq_ignore_ascii_case(&key.parent))?;
    let find = |name: &String| parent.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
    let columns: Vec<usize> = match key.parent_columns.is_empty() {
        true => parent.primary_key.clone(),
        false => key.parent_columns.iter().map(find).collect::<Option<_>>()?,
    };
    if columns.is_empty() || columns.len() != key.columns.len() || !is_indexed(parent, &columns) {
        return None;
    }
    let child = |at: &usize| format!("t.{}", quote_identifier(&table.columns[*at].name));
    let present = key.columns.iter().map(|at| format!("{} IS NOT NULL", child(at)));
    // The parent's column stands first: its collation is the one that counts.
    let same = columns.iter().zip(&key.columns);
    let same = same.map(|(to, from)| format!("p.{} = {}", quote_identifier(&parent.columns[*to].name), child(from)));
    Some(format!(
        "CASE WHEN {} AND NOT EXISTS (SELECT 1 FROM main.{} AS p WHERE {}) THEN 1 END",
        present.collect::<Vec<_>>().join(" AND "),
        quote_identifier(&parent.name),
        same.collect::<Vec<_>>().join(" AND ")
    ))
}

/// The columns are the rowid, or the first terms of an index that SQLite can search for them
fn is_indexed(parent: &Table, columns: &[usize]) -> bool {
    if parent.rowid_alias.is_some_and(|alias| columns == [alias]) {
        return true;
    }
    parent.indexes.iter().filter(|index| index.predicate.is_none()).any(|index| {
        let first: Vec<usize> = (index.terms.iter().take(columns.len()))
            .filter_map(|term| match term.what {
                Term::Column(at) if term.collation == parent.columns[at].collation => Some(at),
                _ => None,
            })
            .collect();
        columns.iter().all(|at| first.contains(at))
    })
}
