//! The plan: what will be created on the target, and every refusal and warning
//!
//! A plan is made once, from the schema and the profile of the stored values, and kept in the target; a restart goes on
//! from the stored plan and only checks that the source still fits it.

use serde::{Deserialize, Serialize};

use super::convert;
use super::encode::encode_field;
use super::mapping::{Mapping, Misfit};
use super::schema::{Key, Table};
use super::value::Value;

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
    /// The type as written in DDL: `numeric(10,2)`, `"public"."mood"`
    pub type_sql: String,
    pub check: Check,
    pub not_null: bool,
    /// DEFAULT of the target, as SQL
    pub default: Option<String>,
    /// The expression from which the target computes the column; it is then neither copied nor compared
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

    /// The columns that are copied and compared, each with its position in `columns`; the target computes the others
    pub fn copied_columns(&self) -> impl Iterator<Item = (usize, &ColumnPlan)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.is_copied())
    }

    /// The key's columns, in key order
    pub fn key_plans(&self) -> impl Iterator<Item = &ColumnPlan> {
        self.key_columns.iter().map(|&index| &self.columns[index])
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
            Mapping::Array { .. } => true,
            Mapping::Text => matches!(self.check, Check::Labels(_)) || self.is_citext(),
            // Compared as text, char(n) could not use its index; without a length nothing is cut.
            Mapping::Padded => return Some("bpchar".to_owned()),
            _ => false,
        };
        needed.then(|| self.type_sql.clone())
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
            Mapping::Array { .. } if !matches!(value, Value::Null) => {
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
                // `time` and `timestamp` travel as microseconds since a whole second.
                let microseconds = field.last_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes));
                let step = 10i64.pow(6u32.saturating_sub(u32::from(*digits)));
                if microseconds % step == 0 { Ok(()) } else { Err(Misfit::Scale) }
            }
            (Check::None | Check::Chars(_) | Check::Labels(_), _) => Ok(()),
        }
    }
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
    TablePlan {
        id: 1,
        source,
        key: Key::new(super::schema::KeyKind::PrimaryKey, Vec::new()),
        target_name: "t".into(),
        columns,
        key_columns,
        key_constraint: "k".into(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        row_count: 0,
        byte_count: 0,
    }
}

/// A column of that name and type, for tests
#[cfg(test)]
pub(crate) fn example_column(name: &str, mapping: Mapping) -> ColumnPlan {
    let source_sql = super::schema::quote_identifier(name);
    ColumnPlan { target_name: name.into(), ..ColumnPlan::new(source_sql, None, mapping, false) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::convert::forms::{Element, JsonForm};

    fn with(mapping: Mapping, type_sql: &str, check: Check) -> ColumnPlan {
        ColumnPlan { type_sql: type_sql.into(), check, ..example_column("c", mapping) }
    }

    fn cast(column: &ColumnPlan) -> Option<String> {
        column.wire().cast
    }

    #[test]
    fn only_what_assignment_cannot_do_is_cast() {
        let labels = Check::Labels(vec!["sad".into()]);
        assert_eq!(cast(&with(Mapping::Text, "\"public\".\"mood\"", labels)).unwrap(), "\"public\".\"mood\"");
        assert_eq!(cast(&with(Mapping::Text, "public.citext", Check::None)).unwrap(), "public.citext");
        let ints = Mapping::Array { element: Element::Integer, form: JsonForm { spaced: false, ascii: false } };
        let wire = example_column("c", ints).wire();
        assert_eq!(wire, Wire { sql: "text", oid: 25, cast: Some("integer[]".into()) });
        assert_eq!(cast(&with(Mapping::Padded, "char(3)", Check::Chars(3))).unwrap(), "bpchar");
        // A cast to any of these would cut what does not fit, in silence.
        for type_sql in ["text", "varchar(9)", "\"public\".\"name\""] {
            assert_eq!(cast(&with(Mapping::Text, type_sql, Check::Chars(9))), None, "{type_sql}");
        }
        assert_eq!(cast(&with(Mapping::Numeric, "numeric(10,2)", Check::None)), None);
    }

    #[test]
    fn a_value_that_fails_the_check_leaves_the_buffer_alone() {
        let cases = [
            (Check::Chars(2), "\u{e9}\u{1f600}", "abc", Misfit::Characters),
            (Check::Labels(vec!["ok".into(), "sad".into()]), "sad", "Sad", Misfit::Label),
        ];
        for (check, good, bad, misfit) in cases {
            let column = with(Mapping::Text, "x", check);
            let mut buffer = vec![9];
            assert_eq!(column.encode(&mut buffer, Value::Text(bad.as_bytes())), Err(misfit));
            assert_eq!(column.encode_parameter(&mut buffer, Value::Text(bad.as_bytes())), Err(misfit));
            assert_eq!(column.encode(&mut buffer, Value::Integer(1)), Err(Misfit::Class(Value::Integer(1).class())));
            assert_eq!(buffer, [9]);
            let mut plain = vec![9];
            column.encode(&mut buffer, Value::Text(good.as_bytes())).unwrap();
            encode_field(&mut plain, Value::Text(good.as_bytes()), Mapping::Text).unwrap();
            column.encode(&mut buffer, Value::Null).unwrap();
            encode_field(&mut plain, Value::Null, Mapping::Text).unwrap();
            assert_eq!(buffer, plain);
        }
    }

    #[test]
    fn digits_behind_the_seconds_are_counted_in_what_is_written() {
        let admits = |digits, microseconds: i64| {
            let field = [&8u32.to_be_bytes()[..], &microseconds.to_be_bytes()].concat();
            Check::Scale(digits).admit(Value::Text(b""), &field)
        };
        assert_eq!([admits(3, -1_000), admits(0, 2_000_000), admits(6, 1)], [Ok(()); 3]);
        assert_eq!([admits(3, -1), admits(0, 2_100_000), admits(5, 1)], [Err(Misfit::Scale); 3]);
    }

    #[test]
    fn null_is_a_misfit_only_where_the_target_says_not_null() {
        let mut column = example_column("c", Mapping::Bigint);
        let mut buffer = Vec::new();
        column.encode(&mut buffer, Value::Null).unwrap();
        column.not_null = true;
        assert_eq!(column.encode(&mut buffer, Value::Null), Err(Misfit::Null));
        assert_eq!(column.encode_parameter(&mut buffer, Value::Null), Err(Misfit::Null));
        assert_eq!(buffer, [0xff; 4]);
    }

    #[test]
    fn what_the_target_computes_is_not_copied() {
        let mut columns = ["a", "b", "c"].map(|name| example_column(name, Mapping::Bigint));
        columns[1].generated = Some("a + 1".into());
        let table = example_table(columns.into(), vec![2]);
        let copied: Vec<_> = table.copied_columns().map(|(at, c)| (at, c.target_name.as_str())).collect();
        assert_eq!(copied, [(0, "a"), (2, "c")]);
        assert_eq!(table.key_plans().map(|c| c.target_name.as_str()).collect::<Vec<_>>(), ["c"]);
    }
}
