//! The source's schema as SQLite reports it, and the key that identifies each table's rows

use serde::{Deserialize, Serialize};

/// One ordinary table of the source (virtual, shadow and `sqlite_%` tables never become a `Table`)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub name: String,
    /// The `CREATE TABLE` text of `sqlite_schema`, byte for byte; drift is noticed by comparing it
    pub sql: String,
    pub without_rowid: bool,
    pub strict: bool,
    pub columns: Vec<Column>,
    /// Columns of the declared PRIMARY KEY, in key order; empty if there is none
    pub primary_key: Vec<usize>,
    /// The column that is another name for the rowid, if any (`INTEGER PRIMARY KEY`)
    pub rowid_alias: Option<usize>,
    /// The first of `rowid`, `_rowid_`, `oid` that no column hides; `None` if all are hidden or the table has no rowid
    pub rowid_name: Option<String>,
    pub indexes: Vec<Index>,
    pub foreign_keys: Vec<ForeignKey>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// As declared, `""` if the column has no type
    pub declared_type: String,
    pub affinity: Affinity,
    pub not_null: bool,
    /// The DEFAULT expression's text
    pub default: Option<String>,
    pub generated: Generated,
    /// Upper case for the built-in collations: `BINARY`, `NOCASE`, `RTRIM`
    pub collation: String,
}

/// Column affinity, by the rules of <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generated {
    No,
    Virtual,
    Stored,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    pub name: String,
    /// `None` for the automatic indexes of UNIQUE and PRIMARY KEY constraints
    pub sql: Option<String>,
    pub unique: bool,
    pub origin: IndexOrigin,
    /// Text of the WHERE predicate of a partial index, verbatim
    pub predicate: Option<String>,
    /// Key terms only, in index order
    pub terms: Vec<IndexTerm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexOrigin {
    /// `CREATE INDEX`
    Create,
    /// A UNIQUE constraint
    Unique,
    /// A PRIMARY KEY constraint that is not a rowid alias
    PrimaryKey,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexTerm {
    pub what: Term,
    pub collation: String,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Term {
    Column(usize),
    Rowid,
    /// The expression's text, verbatim, without COLLATE and ASC/DESC of the index term itself
    Expression(String),
}

/// A view of the source
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub name: String,
    /// The `CREATE VIEW` text of `sqlite_schema`
    pub sql: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignKey {
    pub columns: Vec<usize>,
    pub parent: String,
    /// Empty: the parent's PRIMARY KEY
    pub parent_columns: Vec<String>,
    /// As in `PRAGMA foreign_key_list`: `NO ACTION`, `CASCADE`, ...
    pub on_update: String,
    pub on_delete: String,
    /// Declared `DEFERRABLE INITIALLY DEFERRED`
    pub deferred: bool,
}

/// How a table's rows are identified in the change log and on the target
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub kind: KeyKind,
    pub parts: Vec<KeyPart>,
    /// How the source orders text under BINARY
    #[serde(default)]
    pub text_order: TextOrder,
}

/// The encoding of a database decides how its BINARY collation orders text: by the bytes as they are stored
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextOrder {
    #[default]
    Utf8,
    Utf16Le,
    Utf16Be,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyKind {
    /// `INTEGER PRIMARY KEY`: a column that is the rowid
    RowidAlias,
    /// The hidden rowid, for tables without any usable key; the target gets a column for it
    Rowid,
    /// The declared PRIMARY KEY
    PrimaryKey,
    /// A UNIQUE index whose columns are all NOT NULL
    UniqueIndex,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyPart {
    /// The column, or `None` for the hidden rowid
    pub column: Option<usize>,
    /// The term as SQL: a quoted column name, or the unquoted rowid name. Works after `NEW.` and `OLD.` too
    pub sql: String,
    /// The collation of the index that enforces the key; `BINARY` for rowids
    pub collation: String,
}

impl Key {
    /// A key in a database whose encoding is UTF-8, or not yet known
    pub fn new(kind: KeyKind, parts: Vec<KeyPart>) -> Key {
        Key { kind, parts, text_order: TextOrder::Utf8 }
    }

    /// The key is always an integer that SQLite compares as one: rowid or its alias
    pub fn is_rowid(&self) -> bool {
        matches!(self.kind, KeyKind::RowidAlias | KeyKind::Rowid)
    }
}

impl Affinity {
    /// The affinity of a declared type in an ordinary (not STRICT) table
    pub fn of_declared(declared: &str) -> Affinity {
        let upper = declared.to_ascii_uppercase();
        if upper.contains("INT") {
            Affinity::Integer
        } else if ["CHAR", "CLOB", "TEXT"].iter().any(|t| upper.contains(t)) {
            Affinity::Text
        } else if upper.is_empty() || upper.contains("BLOB") {
            Affinity::Blob
        } else if ["REAL", "FLOA", "DOUB"].iter().any(|t| upper.contains(t)) {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }
}

/// Double-quotes an identifier; the same rule holds for SQLite and PostgreSQL
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Single-quotes a string literal for SQLite, or for PostgreSQL under `standard_conforming_strings`
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
