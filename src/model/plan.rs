//! The plan: what will be created on the target, and every refusal and warning
//!
//! A plan is made once, from the schema and the profile of the stored values, and kept in the target; a restart goes on
//! from the stored plan and only checks that the source still fits it.

mod moved;
mod objects;

use serde::{Deserialize, Serialize};

use super::convert;
use super::encode::encode_field;
use super::mapping::{Mapping, Misfit};
use super::schema::{Affinity, Column, Generated, Key, Table};
use super::search::SearchPlan;
use super::value::Value;

pub use moved::follow;
pub use objects::*;

/// Everything that will happen, decided before anything is touched
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub mode: Mode,
    /// Schema on the target that the tables go to
    pub target_schema: String,
    /// Extensions of the server that the target's schema needs, created before the tables
    pub extensions: Vec<ExtensionPlan>,
    pub tables: Vec<TablePlan>,
    /// Full-text tables that become tables, and are followed by comparison
    #[serde(default)]
    pub search_tables: Vec<SearchPlan>,
    /// Created last, each after those that it reads
    pub views: Vec<ViewPlan>,
    /// Triggers on the target that are switched while we follow, and put back at the end
    pub triggers: Vec<TriggerPlan>,
    /// Made from a part of the rows only: more values may turn out not to fit
    pub sampled: bool,
    /// Digest of the choices that it was made with; `None` without a plan file
    pub choices_digest: Option<String>,
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

/// Who makes the target's schema
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// We do, from the source's
    #[default]
    Create,
    /// The application's own migrations have made it, and its types decide
    Existing,
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
    /// Name of the sequence behind the column with an identity, unquoted
    #[serde(default)]
    pub sequence: Option<String>,
    /// What to do with rows that the target has before the copy
    pub policy: Policy,
    pub conflict: Conflict,
    /// Columns that the target computes and the source does not have; nothing is copied to them or compared in them
    pub added: Vec<AddedColumn>,
    pub checks: Vec<CheckPlan>,
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
    /// The type as written in DDL: `numeric(10,2)`, `"public"."mood"`
    pub type_sql: String,
    pub check: Check,
    pub not_null: bool,
    /// DEFAULT of the target, as SQL
    pub default: Option<String>,
    /// The expression from which the target computes the column; it is then not copied
    pub generated: Option<String>,
    pub identity: Option<Identity>,
}

/// What the target's column demands beside its type's format
///
/// Never left to the server: an assignment cuts digits and blanks off in silence, and an explicit cast cuts text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    None,
    /// At most this many characters
    Chars(u32),
    /// One of the labels of an enum
    Labels(Vec<String>),
    /// At most this many digits behind the seconds
    Scale(u8),
    /// Durations in whole steps of so many microseconds
    Step(i64),
    /// The same of every element of an array
    Elements(Box<Check>),
}

/// Whether the target numbers rows by itself where no value is given
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    ByDefault,
    Always,
}

/// How a column's values travel as elements of an array parameter
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The element's type
    pub sql: &'static str,
    pub oid: u32,
    /// The type to which the statement casts the element; `None` where assignment and comparison do it themselves
    pub cast: Option<String>,
}

/// What to do with rows that the target has before the copy
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    #[default]
    Refuse,
    /// They go when capture is installed
    Truncate,
    /// They stay; a row of the source takes the place of one with its key
    Merge,
}

/// How a row takes the place of the one with its key
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// `ON CONFLICT` over the key's unique index
    #[default]
    OnKey,
    /// Deleted and inserted: no index of the target is able to arbitrate
    DeleteInsert,
}

impl Plan {
    /// A plan of nothing
    pub fn empty(mode: Mode, target_schema: &str) -> Plan {
        Plan {
            mode,
            target_schema: target_schema.to_owned(),
            extensions: Vec::new(),
            tables: Vec::new(),
            search_tables: Vec::new(),
            views: Vec::new(),
            triggers: Vec::new(),
            sampled: false,
            choices_digest: None,
            skipped: Vec::new(),
            warnings: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// The table with this number in the change log
    pub fn table(&self, id: i64) -> Option<&TablePlan> {
        self.tables.iter().find(|t| t.id == id)
    }

    /// The search table with this number
    pub fn search_table(&self, id: i64) -> Option<&SearchPlan> {
        self.search_tables.iter().find(|search| search.table.id == id)
    }

    /// The source's name of the table, or of the search table, with this number
    pub fn name_of(&self, id: i64) -> Option<&str> {
        let name = self.table(id).map(|table| table.source.name.as_str());
        name.or_else(|| self.search_table(id).map(|search| search.name.as_str()))
    }
}

impl TablePlan {
    /// A table of which only source and key are known
    pub fn new(source: Table, key: Key) -> TablePlan {
        TablePlan {
            id: 0,
            source,
            key,
            target_name: String::new(),
            columns: Vec::new(),
            key_columns: Vec::new(),
            key_constraint: String::new(),
            sequence: None,
            policy: Policy::Refuse,
            conflict: Conflict::OnKey,
            added: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            row_count: 0,
            byte_count: 0,
        }
    }

    /// Has any unique index beside the key, so that applying rows one by one could collide on the way
    pub fn has_secondary_unique(&self) -> bool {
        self.indexes.iter().any(|i| i.unique)
    }

    /// The columns that are copied and compared, each with its position in `columns`; the target computes the others
    pub fn copied_columns(&self) -> impl Iterator<Item = (usize, &ColumnPlan)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.is_copied())
    }

    /// The columns that are compared, each with its position in `columns`: those that are copied, and, where the schema is
    /// ours, those that the target computes because it was certain to come to what SQLite computes. Expressions of a
    /// schema that stands are its own
    pub fn compared_columns(&self, mode: Mode) -> impl Iterator<Item = (usize, &ColumnPlan)> {
        let is_compared = move |column: &ColumnPlan| column.is_copied() || mode == Mode::Create;
        self.columns.iter().enumerate().filter(move |(_, column)| is_compared(column))
    }

    /// Columns of the source that can be written to and are not copied
    pub fn left_out(&self) -> impl Iterator<Item = &Column> {
        let is_copied = |at: usize| self.copied_columns().any(|(_, column)| column.source_column == Some(at));
        let columns = self.source.columns.iter().enumerate();
        columns
            .filter(move |(at, column)| column.generated == Generated::No && !is_copied(*at))
            .map(|(_, column)| column)
    }

    /// The key's columns, in key order
    pub fn key_plans(&self) -> impl Iterator<Item = &ColumnPlan> {
        self.key_columns.iter().map(|&index| &self.columns[index])
    }

    /// SQLite's affinity of a column of this table; the hidden rowid is an integer
    pub fn affinity(&self, column: &ColumnPlan) -> Affinity {
        column.source_column.map_or(Affinity::Integer, |index| self.source.columns[index].affinity)
    }
}

impl ColumnPlan {
    /// A column with nothing asked of it but its mapping
    pub fn new(source_sql: String, source_column: Option<usize>, mapping: Mapping, not_null: bool) -> ColumnPlan {
        ColumnPlan {
            source_sql,
            source_column,
            target_name: String::new(),
            mapping,
            type_sql: mapping.type_sql(),
            check: Check::None,
            not_null,
            default: None,
            generated: None,
            identity: None,
        }
    }

    /// Its values come from the source, and are not computed by the target
    pub fn is_copied(&self) -> bool {
        self.generated.is_none()
    }

    pub fn wire(&self) -> Wire {
        Wire { sql: self.mapping.sql(), oid: self.mapping.oid(), cast: self.cast() }
    }

    /// Text becomes varchar, char, and a domain over them, by assignment; to these it must not be cast, as a cast cuts
    /// what is too long. An enum is not assigned text at all, and citext would be compared as text, without its index
    fn cast(&self) -> Option<String> {
        let needed = match self.mapping {
            // Without limits, which the encoder has checked.
            Mapping::Array { element, .. } => return Some(format!("{}[]", element.sql())),
            // Without the dimensions, which the encoder has compared.
            Mapping::Vector { .. } => return Some(without_typmod(&self.type_sql).to_owned()),
            Mapping::Text => matches!(self.check, Check::Labels(_)) || self.is_citext() || self.is_words(),
            // Compared as text, char(n) could not use its index; without a length nothing is cut.
            Mapping::Padded => return Some("bpchar".to_owned()),
            _ => false,
        };
        needed.then(|| self.type_sql.clone())
    }

    /// Words that we bring, as a `tsvector`; they travel as their text, in both directions
    pub fn is_words(&self) -> bool {
        self.mapping == Mapping::Text && self.type_sql == "tsvector"
    }

    /// `citext`, with or without a schema and quotes
    pub fn is_citext(&self) -> bool {
        let name = self.type_sql.rsplit('.').next().unwrap_or_default();
        self.mapping == Mapping::Text && name.trim_matches('"') == "citext"
    }

    /// Appends the value as a field of COPY BINARY if the column takes it; a [`Misfit`] leaves the buffer as it was
    #[inline]
    pub fn encode(&self, buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
        if matches!(value, Value::Null) && self.not_null {
            return Err(Misfit::Null);
        }
        match self.check {
            Check::None => encode_field(buffer, value, self.mapping),
            _ => self.encode_checked(buffer, value),
        }
    }

    /// As [`ColumnPlan::encode`], as an element of an array parameter
    #[inline]
    pub fn encode_parameter(&self, buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
        match self.mapping {
            Mapping::Array { .. } | Mapping::Vector { .. } if !matches!(value, Value::Null) => {
                if self.check != Check::None {
                    let start = buffer.len();
                    self.encode_checked(buffer, value)?;
                    buffer.truncate(start);
                }
                convert::append_parameter(buffer, value, self.mapping)
            }
            _ => self.encode(buffer, value),
        }
    }

    #[inline(never)]
    fn encode_checked(&self, buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
        let start = buffer.len();
        encode_field(buffer, value, self.mapping)?;
        let fits = match value {
            Value::Null => Ok(()),
            value => self.check.admit(value, &buffer[start..]),
        };
        if fits.is_err() {
            buffer.truncate(start);
        }
        fits
    }
}

/// `"x"."vector"(3)` as `"x"."vector"`
fn without_typmod(type_sql: &str) -> &str {
    type_sql.strip_suffix(')').and_then(|sql| Some(sql.rsplit_once('(')?.0)).unwrap_or(type_sql)
}

impl Check {
    /// Whether a value that is not NULL, and `field` as which it was written, meet the demand
    fn admit(&self, value: Value<'_>, field: &[u8]) -> Result<(), Misfit> {
        match (self, value) {
            (Check::Chars(limit), Value::Text(bytes)) => {
                // Valid UTF-8 by now: every byte but the continuing ones begins a character.
                let count = bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
                if count > *limit as usize { Err(Misfit::Characters) } else { Ok(()) }
            }
            (Check::Labels(labels), Value::Text(bytes)) => {
                let known = labels.iter().any(|label| label.as_bytes() == bytes);
                known.then_some(()).ok_or(Misfit::Label)
            }
            (Check::Scale(digits), _) => {
                let step = 10i64.pow(6u32.saturating_sub(u32::from(*digits)));
                if microseconds(field) % step == 0 { Ok(()) } else { Err(Misfit::Scale) }
            }
            (Check::Step(step), _) => {
                if microseconds(field) % step == 0 {
                    Ok(())
                } else {
                    Err(Misfit::Finer)
                }
            }
            (Check::Elements(check), _) => {
                elements(field).try_for_each(|element| check.admit(Value::Text(&element[4..]), element))
            }
            (Check::None | Check::Chars(_) | Check::Labels(_), _) => Ok(()),
        }
    }
}

/// The first word of what travels as microseconds since a whole second: times, moments, durations without their days
fn microseconds(field: &[u8]) -> i64 {
    field.get(4..).and_then(<[u8]>::first_chunk::<8>).map_or(0, |bytes| i64::from_be_bytes(*bytes))
}

/// The elements of an array that are not NULL, as fields; see `convert::array` for the layout
fn elements(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = field.get(24..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let length = i32::from_be_bytes(*rest.first_chunk::<4>()?);
            let (element, after) = rest.split_at_checked(4 + usize::try_from(length).unwrap_or(0))?;
            rest = after;
            if length >= 0 {
                return Some(element);
            }
        }
    })
}

/// A table of these columns, for tests that need no source
#[cfg(test)]
pub(crate) fn example_table(columns: Vec<ColumnPlan>, key_columns: Vec<usize>) -> TablePlan {
    let source = Table {
        name: "t".into(),
        sql: String::new(),
        without_rowid: false,
        strict: false,
        columns: Vec::new(),
        primary_key: Vec::new(),
        rowid_alias: None,
        rowid_name: None,
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
    };
    let key = Key::new(super::schema::KeyKind::PrimaryKey, Vec::new());
    let (target_name, key_constraint) = ("t".into(), "k".into());
    TablePlan { id: 1, target_name, columns, key_columns, key_constraint, ..TablePlan::new(source, key) }
}

/// A column of that name and type, for tests
#[cfg(test)]
pub(crate) fn example_column(name: &str, mapping: Mapping) -> ColumnPlan {
    let source_sql = super::schema::quote_identifier(name);
    ColumnPlan { target_name: name.into(), ..ColumnPlan::new(source_sql, None, mapping, false) }
}

#[cfg(test)]
mod tests;
