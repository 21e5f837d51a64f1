//! Where one slice of the scan ends and the next one begins, and how a row is named to a person

use rusqlite::{Result, Row};

use crate::model::key::write_value;
use crate::model::schema::{Index, IndexOrigin, Table, Term, quote_identifier};
use crate::model::value::Value;
use crate::sqlite::rows::{column, value_of};

/// Bytes of a row's name in an example
const LONGEST_NAME: usize = 64;

/// The key in whose order a table is read
pub(super) struct Cursor {
    /// The key's terms, qualified
    terms: Vec<String>,
    /// Where they stand in the rows: the key's columns, or the rowid behind all columns
    places: Vec<usize>,
    is_rowid: bool,
}

/// The key of the last row of a slice, as `model::key` writes keys
pub(super) type Last = Vec<u8>;

impl Cursor {
    /// The rowid under any name, or the key of a WITHOUT ROWID table if SQLite compares it as a row value
    pub fn of(table: &Table) -> Option<Cursor> {
        let alias = table.rowid_alias.map(|at| quote_identifier(&table.columns[at].name));
        if let Some(rowid) = alias.or_else(|| table.rowid_name.clone()) {
            let places = vec![table.columns.len()];
            return Some(Cursor { terms: vec![format!("t.{rowid}")], places, is_rowid: true });
        }
        let is_key = |index: &&Index| index.origin == IndexOrigin::PrimaryKey;
        let key = table.indexes.iter().find(is_key).filter(|_| table.without_rowid)?;
        let places = key.terms.iter().take(table.primary_key.len()).map(|term| match term.what {
            // Row values are compared in one direction, and by the collations of their columns.
            Term::Column(at) if !term.descending && term.collation == table.columns[at].collation => Some(at),
            _ => None,
        });
        let places = places.collect::<Option<Vec<usize>>>()?;
        if places.iter().any(|at| !is_builtin(&table.columns[*at].collation)) {
            return None;
        }
        let terms = places.iter().map(|at| format!("t.{}", quote_identifier(&table.columns[*at].name))).collect();
        Some(Cursor { terms, places, is_rowid: false })
    }

    /// All rows in the order of the key, or those behind the one whose key is bound
    pub fn select(&self, columns: &str, more: &str, source: &str, goes_on: bool) -> String {
        let terms = self.terms.join(", ");
        let marks = vec!["?"; self.terms.len()].join(", ");
        let behind = if goes_on { format!(" WHERE ({terms}) > ({marks})") } else { String::new() };
        // NOT INDEXED still allows the key of the table itself. The rowid stands behind the columns.
        let rowid = if self.is_rowid { format!(", {terms}") } else { String::new() };
        format!("SELECT {columns}{rowid}{more} FROM {source} NOT INDEXED{behind} ORDER BY {terms}")
    }

    pub fn last(&self, row: &Row<'_>) -> Result<Last> {
        let mut key = Last::new();
        for at in &self.places {
            write_value(&mut key, value_of(row.get_ref(*at)?));
        }
        Ok(key)
    }
}

fn is_builtin(collation: &str) -> bool {
    ["BINARY", "NOCASE", "RTRIM"].contains(&collation)
}

/// The row by its declared key, or by its rowid: `id=17`
pub(super) fn row_name(table: &Table, row: &Row<'_>) -> String {
    let part = |name: &str, at: usize| format!("{name}={}", shown(column(row, at)));
    let key = &table.primary_key;
    let mut name = match &table.rowid_name {
        _ if !key.is_empty() => key.iter().map(|at| part(&table.columns[*at].name, *at)).collect::<Vec<_>>().join(", "),
        Some(rowid) => part(rowid, table.columns.len()),
        None => return "a row without a key".to_owned(),
    };
    if name.len() > LONGEST_NAME {
        let cut = (0..=LONGEST_NAME - 3).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        name.truncate(cut);
        name.push('…');
    }
    name
}

fn shown(value: Value<'_>) -> String {
    // Cut before it is copied: a key may be a megabyte.
    let head = |bytes: &[u8]| bytes.len().min(LONGEST_NAME);
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => format!("{real:?}"),
        Value::Text(text) => String::from_utf8_lossy(&text[..head(text)]).into_owned(),
        Value::Blob(blob) => {
            let digits: String = blob[..head(blob)].iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{digits}'")
        }
    }
}
