//! The statements of one table, made once
//!
//! `OR ABORT` stands in each that writes: a conflict clause in the table's own definition would otherwise remove other rows
//! without a word, or leave this one out.

use rusqlite::{CachedStatement, Connection};

use crate::error::Result;
use crate::model::mapping::Mapping;
use crate::model::plan::TablePlan;
use crate::model::schema::{Affinity, Generated, quote_identifier};
use crate::model::value::Value;
use crate::sqlite::connection::classify;
use crate::sqlite::rows::{Parameter, key_term, qualified, select_all_sql};
use crate::sqlite::utf16::is_utf16;

/// One table's statements and what its columns do to values
#[derive(Debug)]
pub struct TableWriter {
    pub plan: TablePlan,
    pub columns: Vec<Copied>,
    pub utf16: bool,
    /// The row with a key, all planned columns of it
    pub select: String,
    pub insert: String,
    /// `None` for a table that is nothing but its key
    pub update: Option<String>,
    delete: String,
    pub kept: Option<Kept>,
}

/// A copied column, in the order in which its values come
#[derive(Debug)]
pub struct Copied {
    /// Position in the plan's columns
    pub index: usize,
    pub name: String,
    pub affinity: Affinity,
    pub mapping: Mapping,
    pub is_key: bool,
    /// SQLite computes it, and takes no value for it
    pub is_computed: bool,
}

/// What is kept of rows that are deleted only to be written again: columns that the plan leaves out, and documents, whose
/// spelling PostgreSQL does not know
#[derive(Debug)]
pub struct Kept {
    create: String,
    fill: String,
    of_key: String,
    forget: String,
    /// The documents of a row
    pub documents: Option<String>,
    /// As `insert`, with the columns that the plan leaves out from what was kept
    pub insert: Option<String>,
}

impl Copied {
    pub fn is_document(&self) -> bool {
        matches!(self.mapping, Mapping::Json { binary: true, .. })
    }

    /// A document that is written, and not computed
    pub fn is_spelled(&self) -> bool {
        self.is_document() && !self.is_computed
    }

    /// An UPDATE sets it
    pub fn is_set(&self) -> bool {
        !self.is_key && !self.is_computed
    }
}

impl TableWriter {
    pub fn new(plan: &TablePlan) -> TableWriter {
        let name = quote_identifier(&plan.source.name);
        let columns = copied(plan);
        let all: Vec<&str> = plan.copied_columns().map(|(_, column)| column.source_sql.as_str()).collect();
        // Marks keep the places of their values.
        let given = columns.iter().zip(&all).zip(1..).filter(|((column, _), _)| !column.is_computed);
        let (terms, marks): (Vec<&str>, Vec<String>) = given.map(|((_, term), n)| (*term, format!("?{n}"))).unzip();
        let set: Vec<String> = (columns.iter().zip(&all).filter(|(column, _)| column.is_set()))
            .zip(1..)
            .map(|((_, term), n)| format!("{term} = ?{n}"))
            .collect();
        let update =
            format!("UPDATE OR ABORT main.{name} AS t SET {} WHERE {}", set.join(", "), exact_key(plan, set.len() + 1));
        TableWriter {
            utf16: is_utf16(plan),
            select: format!("{} WHERE {}", select_all_sql(plan), exact_key(plan, 1)),
            insert: format!("INSERT OR ABORT INTO main.{name}({}) VALUES({})", terms.join(", "), marks.join(", ")),
            update: (!set.is_empty()).then_some(update),
            delete: format!("DELETE FROM main.{name} AS t WHERE {}", exact_key(plan, 1)),
            kept: kept(plan, &columns, &all, &terms, &marks),
            plan: plan.clone(),
            columns,
        }
    }

    /// Deletes the row with exactly this key, if it is there
    pub fn delete(&self, connection: &Connection, key: &[Value<'_>]) -> Result<bool> {
        let mut statement = self.prepare(connection, &self.delete)?;
        bind(&mut statement, 1, key)
            .and_then(|()| statement.raw_execute())
            .map(|count| count > 0)
            .map_err(|e| self.failed(e))
    }

    pub fn delete_all(&self, connection: &Connection) -> Result<u64> {
        let sql = format!("DELETE FROM main.{}", quote_identifier(&self.plan.source.name));
        connection.execute(&sql, []).map(|count| count as u64).map_err(|e| self.failed(e))
    }

    /// Makes room in the TEMP database, which is a file where it is long
    pub fn create_kept(&self, connection: &Connection) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        connection.execute_batch(&kept.create).map_err(|e| self.failed(e))
    }

    pub fn keep(&self, connection: &Connection, key: &[Value<'_>]) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let mut statement = self.prepare(connection, &kept.of_key)?;
        bind(&mut statement, 1, key).and_then(|()| statement.raw_execute()).map(drop).map_err(|e| self.failed(e))
    }

    pub fn keep_all(&self, connection: &Connection) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        connection.execute(&kept.fill, []).map(drop).map_err(|e| self.failed(e))
    }

    pub fn forget_kept(&self, connection: &Connection) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        connection.execute(&kept.forget, []).map(drop).map_err(|e| self.failed(e))
    }

    /// Whether SQLite takes the statements at all
    pub fn check(&self, connection: &Connection) -> Result<()> {
        let statements = [Some(&self.select), Some(&self.insert), self.update.as_ref(), Some(&self.delete)];
        statements.into_iter().flatten().try_for_each(|sql| self.prepare(connection, sql).map(drop))
    }

    pub fn prepare<'c>(&self, connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>> {
        connection.prepare_cached(sql).map_err(|e| self.failed(e))
    }

    pub fn failed(&self, error: rusqlite::Error) -> crate::error::Error {
        let operation = format!("write to table `{}` of the source", self.plan.source.name);
        match error {
            // Its own text would repeat the whole statement.
            rusqlite::Error::SqlInputError { msg, .. } => {
                crate::error::Error::source_side(format!("cannot {operation}")).caused_by(msg)
            }
            other => classify(other, &operation),
        }
    }
}

/// Binds values from parameter `first` on
pub fn bind(statement: &mut CachedStatement<'_>, first: usize, values: &[Value<'_>]) -> rusqlite::Result<()> {
    values.iter().zip(first..).try_for_each(|(value, n)| statement.raw_bind_parameter(n, Parameter(*value)))
}

/// Binds a row's values to the marks of their places, but for what SQLite computes
pub fn bind_row(statement: &mut CachedStatement<'_>, columns: &[Copied], row: &[Value<'_>]) -> rusqlite::Result<()> {
    let given = columns.iter().zip(row).zip(1..).filter(|((column, _), _)| !column.is_computed);
    given.into_iter().try_for_each(|((_, value), n)| statement.raw_bind_parameter(n, Parameter(*value)))
}

/// The condition that a row has exactly the key that begins at parameter `first`: by native comparison, so that the key's
/// index is used, and by class and bytes, for it takes 1.0 for 1 and, under NOCASE, `ABC` for `abc`
fn exact_key(table: &TablePlan, first: usize) -> String {
    let part = |(part, n)| {
        let native = format!("{} = ?{n}", key_term(table, part));
        let term = qualified(&part.sql);
        match table.key.is_rowid() {
            true => native,
            false => format!("{native} AND typeof({term}) = typeof(?{n}) AND {term} COLLATE BINARY = ?{n}"),
        }
    };
    table.key.parts.iter().zip(first..).map(part).collect::<Vec<_>>().join(" AND ")
}

fn copied(plan: &TablePlan) -> Vec<Copied> {
    let column = |(index, planned): (usize, &crate::model::plan::ColumnPlan)| {
        let source = planned.source_column.map(|at| &plan.source.columns[at]);
        Copied {
            index,
            name: source.map_or_else(|| planned.source_sql.clone(), |column| column.name.clone()),
            affinity: source.map_or(Affinity::Integer, |column| column.affinity),
            mapping: planned.mapping,
            is_key: plan.key_columns.contains(&index),
            is_computed: source.is_some_and(|column| column.generated != Generated::No),
        }
    };
    plan.copied_columns().map(column).collect()
}

fn kept(plan: &TablePlan, columns: &[Copied], all_terms: &[&str], terms: &[&str], marks: &[String]) -> Option<Kept> {
    let left_out: Vec<String> = plan.left_out().map(|column| quote_identifier(&column.name)).collect();
    let documents: Vec<&str> =
        columns.iter().zip(all_terms).filter(|(column, _)| column.is_spelled()).map(|(_, term)| *term).collect();
    if left_out.is_empty() && documents.is_empty() {
        return None;
    }
    let keys: Vec<String> = (1..=plan.key.parts.len()).map(|n| format!("k{n}")).collect();
    let places: Vec<String> = (1..=left_out.len()).map(|n| format!("o{n}")).collect();
    let spellings: Vec<String> = (1..=documents.len()).map(|n| format!("d{n}")).collect();
    let name = format!("temp._crossfade_kept_{}", plan.id);
    let all = [&keys[..], &places, &spellings].concat().join(", ");
    let key_terms = plan.key.parts.iter().map(|part| part.sql.as_str());
    let source = key_terms.chain(left_out.iter().map(String::as_str)).chain(documents.iter().copied());
    // The same to SQLite under another spelling: what the plan leaves out goes along.
    let collated =
        plan.key.parts.iter().zip(&keys).map(|(p, k)| format!("{k} COLLATE {}", quote_identifier(&p.collation)));
    let declared: Vec<String> = collated.chain(places.iter().chain(&spellings).cloned()).collect();
    let fill = format!(
        "INSERT OR REPLACE INTO {name}({all}) SELECT {} FROM main.{} AS t",
        source.map(qualified).collect::<Vec<_>>().join(", "),
        quote_identifier(&plan.source.name)
    );
    let condition =
        |first: usize| keys.iter().zip(first..).map(|(k, n)| format!("{k} = ?{n}")).collect::<Vec<_>>().join(" AND ");
    let insert = format!(
        "INSERT OR ABORT INTO main.{}({}) SELECT {} FROM {name} WHERE {}",
        quote_identifier(&plan.source.name),
        terms.iter().copied().chain(left_out.iter().map(String::as_str)).collect::<Vec<_>>().join(", "),
        marks.iter().chain(&places).map(String::as_str).collect::<Vec<_>>().join(", "),
        condition(columns.len() + 1)
    );
    Some(Kept {
        create: format!(
            "CREATE TEMP TABLE IF NOT EXISTS _crossfade_kept_{}({}, PRIMARY KEY({}))",
            plan.id,
            declared.join(", "),
            keys.join(", ")
        ),
        of_key: format!("{fill} WHERE {}", exact_key(plan, 1)),
        fill,
        forget: format!("DELETE FROM {name}"),
        documents: (!documents.is_empty())
            .then(|| format!("SELECT {} FROM {name} WHERE {}", spellings.join(", "), condition(1))),
        insert: (!left_out.is_empty()).then_some(insert),
    })
}
