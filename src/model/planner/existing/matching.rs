//! Which table and column of the target each of the source goes to: by name

use std::collections::{BTreeMap, BTreeSet};

use super::convert::{Seek, seek};
use super::uniqueness::{Probe, probes};
use super::{column_object, note};
use crate::model::bookkeeping;
use crate::model::choices::{Choices, ColumnChoice, TableChoice};
use crate::model::plan::Notice;
use crate::model::planner::{Notes, has_own_prefix, notice};
use crate::model::profile::trial::Sought;
use crate::model::schema::{Generated, Table, quote_identifier};
use crate::model::target::{Catalog, TargetTable};

/// The source's bookkeeping of migrations, by table: each row as one text
pub type Revisions = BTreeMap<String, BTreeSet<String>>;

/// A table on both sides
pub struct MatchedTable {
    pub source: Table,
    /// Position in `Catalog::tables`
    pub target: usize,
    /// For each column of the source: where it goes; `None` for one that is skipped or refused
    pub columns: Vec<Option<Seek>>,
    /// Where the target may take rows for one another that the source tells apart
    pub probes: Vec<Probe>,
}

/// What is told besides the matched tables
#[derive(Default)]
pub struct Matched {
    pub skipped: Vec<Notice>,
    pub(super) notes: Notes,
}

impl MatchedTable {
    /// What to look for in each column of the source
    pub fn sought(&self) -> Vec<Sought> {
        let of_column = |seek: &Option<Seek>| seek.as_ref().map(Seek::sought).unwrap_or_default();
        self.columns.iter().map(of_column).collect()
    }
}

/// Matches everything; what cannot be is refused
pub fn match_tables(
    tables: Vec<Table>,
    catalog: &Catalog,
    choices: &Choices,
    revisions: &Revisions,
) -> (Vec<MatchedTable>, Matched) {
    let mut left = Matched::default();
    refuse_unknown_choices(&tables, choices, &mut left.notes);
    let none = TableChoice::default();
    let mut matched: Vec<MatchedTable> = Vec::new();
    for table in tables {
        let choice = choices.tables.get(&table.name).unwrap_or(&none);
        if choice.skip {
            left.skipped.push(notice(&table.name, "skipped, as the plan file says: neither copied nor followed", None));
        } else if let Some(known) = find_bookkeeping(&table) {
            compare(known, &table, catalog, revisions, &mut left);
        } else if let Some(target) = find_table(&table, choice, catalog, &mut left.notes) {
            if let Some(other) = matched.iter().find(|other| other.target == target) {
                let message = format!("goes to {}, like {}", catalog.tables[target].name, other.source.name);
                left.notes.refuse(&table.name, &message, "rename or skip one of them in the plan file");
                continue;
            }
            matched.push(columns(table, target, choice, catalog, &mut left.notes));
        }
    }
    (matched, left)
}

/// A misspelt name would otherwise choose nothing, in silence
fn refuse_unknown_choices(tables: &[Table], choices: &Choices, notes: &mut Notes) {
    for (name, choice) in &choices.tables {
        let Some(table) = tables.iter().find(|table| table.name == *name) else {
            notes.refuse(name, "the plan file names this table, and the source has none", "correct the plan file");
            continue;
        };
        for column in choice.columns.keys().filter(|name| table.columns.iter().all(|c| c.name != **name)) {
            let object = format!("{name}.{column}");
            notes.refuse(&object, "the plan file names this column, and the source has none", "correct the plan file");
        }
    }
}

fn find_bookkeeping(table: &Table) -> Option<&'static bookkeeping::Known> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    bookkeeping::find(&table.name, &columns)
}

fn compare(
    known: &'static bookkeeping::Known,
    table: &Table,
    catalog: &Catalog,
    revisions: &Revisions,
    left: &mut Matched,
) {
    let names: Vec<&str> = catalog.bookkeeping.keys().map(String::as_str).collect();
    let none = BTreeSet::new();
    let source = revisions.get(&table.name).unwrap_or(&none);
    match by_name(&table.name, &names) {
        Ok(Some(at)) => {
            let verdict = bookkeeping::compare(known, &table.name, source, &catalog.bookkeeping[names[at]]);
            note(verdict, &mut left.skipped, &mut left.notes);
        }
        // A lock says nothing about the schema.
        Ok(None) if known.columns.is_empty() => {}
        Ok(None) if is_hidden(&table.name, catalog) => {
            let role = quote_identifier(&catalog.role);
            let message = format!("the role {} lacks SELECT on it, so that it cannot be compared", catalog.role);
            let on = format!("{}.{}", quote_identifier(&catalog.schema), quote_identifier(&table.name));
            left.notes.refuse(&table.name, &message, &format!("GRANT SELECT ON {on} TO {role};"));
        }
        Ok(None) => {
            let message = "bookkeeping of migrations that the target does not have";
            let remedy = "run the application's migrations on the target, or skip the table in the plan file";
            left.notes.refuse(&table.name, message, remedy);
        }
        Err(message) => left.notes.refuse(&table.name, &message, "drop the one that is not the application's"),
    }
}

/// The target has the table, and we may not read it
fn is_hidden(name: &str, catalog: &Catalog) -> bool {
    catalog.tables.iter().any(|table| table.name == name && table.missing.contains(&"SELECT"))
}

/// Exactly, or else in any case if there is but one
fn by_name(wanted: &str, names: &[&str]) -> Result<Option<usize>, String> {
    if let Some(at) = names.iter().position(|name| *name == wanted) {
        return Ok(Some(at));
    }
    let alike: Vec<usize> = (0..names.len()).filter(|at| names[*at].eq_ignore_ascii_case(wanted)).collect();
    match alike.as_slice() {
        [] => Ok(None),
        [at] => Ok(Some(*at)),
        several => {
            let names: Vec<&str> = several.iter().map(|at| names[*at]).collect();
            Err(format!("the target has several of this name: {}", names.join(", ")))
        }
    }
}

fn find_table(table: &Table, choice: &TableChoice, catalog: &Catalog, notes: &mut Notes) -> Option<usize> {
    if has_own_prefix(&table.name) {
        notes.refuse(&table.name, "its name begins like crossfade's own objects", "rename the table");
        return None;
    }
    let wanted = choice.rename.as_deref().unwrap_or(&table.name);
    let names: Vec<&str> = catalog.tables.iter().map(|table| table.name.as_str()).collect();
    match by_name(wanted, &names) {
        Ok(Some(at)) => {
            refuse_unusable(table, &catalog.tables[at], notes);
            Some(at)
        }
        Ok(None) => {
            refuse_missing(table, wanted, catalog, notes);
            None
        }
        Err(message) => {
            notes.refuse(&table.name, &message, "say which with `rename` in the plan file");
            None
        }
    }
}

fn refuse_missing(table: &Table, wanted: &str, catalog: &Catalog, notes: &mut Notes) {
    let other = catalog.others.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    match other {
        Some((name, what)) => {
            let message = format!("{name} is {what} on the target, to which nothing can be copied");
            notes.refuse(&table.name, &message, "rename or skip the table in the plan file");
        }
        None => {
            let message = format!("the schema {} has no table {wanted}", catalog.schema);
            let remedy = "run the application's migrations on the target; or rename or skip the table in the plan file";
            notes.refuse(&table.name, &message, remedy);
        }
    }
}

fn refuse_unusable(table: &Table, target: &TargetTable, notes: &mut Notes) {
    if target.inherited {
        let message = format!("other tables inherit from {}, so that their rows are among its own", target.name);
        notes.refuse(&table.name, &message, "skip the table, or end the inheritance");
    }
    if target.row_security {
        let message = format!("row level security hides rows of {} from us", target.name);
        notes.refuse(&table.name, &message, "connect as the owner, or as a role with BYPASSRLS");
    }
}

/// Matches the columns, and looks for those that are on one side only
fn columns(table: Table, at: usize, choice: &TableChoice, catalog: &Catalog, notes: &mut Notes) -> MatchedTable {
    let target = &catalog.tables[at];
    let mut seeks: Vec<Option<Seek>> = Vec::with_capacity(table.columns.len());
    let mut taken: BTreeMap<usize, String> = BTreeMap::new();
    for position in 0..table.columns.len() {
        let name = &table.columns[position].name;
        let choice = choice.columns.get(name);
        let Some(found) = find_column(&table, position, target, choice, notes) else {
            seeks.push(None);
            continue;
        };
        let object = column_object(&table, position);
        if let Some(other) = taken.insert(found, name.clone()) {
            let message = format!("goes to {}, like {other}", target.columns[found].name);
            notes.refuse(&object, &message, "rename or skip one of them in the plan file");
        }
        seeks.push(conversion(&table, position, target, found, choice, notes));
    }
    let probes = probes(&table, target, &seeks);
    MatchedTable { source: table, target: at, columns: seeks, probes }
}

/// The target's column; `None` for one that is skipped, left out, or refused
fn find_column(
    table: &Table,
    at: usize,
    target: &TargetTable,
    choice: Option<&ColumnChoice>,
    notes: &mut Notes,
) -> Option<usize> {
    let (column, object) = (&table.columns[at], column_object(table, at));
    if choice.is_some_and(|choice| choice.skip) {
        notes.warn(&object, "skipped, as the plan file says: its values stay on SQLite", None);
        return None;
    }
    let wanted = choice.and_then(|choice| choice.rename.as_deref()).unwrap_or(&column.name);
    let names: Vec<&str> = target.columns.iter().map(|column| column.name.as_str()).collect();
    match by_name(wanted, &names) {
        Ok(Some(found)) => return Some(found),
        Ok(None) if column.generated != Generated::No => {
            notes.warn(&object, "computed by SQLite, and not on the target: left out", None);
        }
        Ok(None) => {
            let message = format!("{} has no column {wanted} on the target", target.name);
            notes.refuse(&object, &message, "add the column there, or rename or skip it in the plan file");
        }
        Err(message) => notes.refuse(&object, &message, "say which with `rename` in the plan file"),
    }
    None
}

/// Whether two spellings mean one type; the server's own always has the schema
fn is_same_type(chosen: &str, there: &str) -> bool {
    let (chosen, there) = (plain_type(chosen), plain_type(there));
    chosen == there || there.rsplit_once('.').is_some_and(|(_, name)| name == chosen)
}

/// In the shortest of PostgreSQL's spellings
fn plain_type(sql: &str) -> String {
    let lower = sql.to_ascii_lowercase().replace('"', "");
    let lower = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    let (base, zoned) = match (lower.strip_suffix(" with time zone"), lower.strip_suffix(" without time zone")) {
        (Some(base), _) => (base, "tz"),
        (_, Some(base)) => (base, ""),
        _ => (lower.as_str(), ""),
    };
    let end = base.find(['(', '[']).unwrap_or(base.len());
    let (name, limits) = base.split_at(end);
    let name = match name.trim_end() {
        "character varying" => "varchar",
        "character" | "char" => "bpchar",
        "double precision" => "float8",
        "real" => "float4",
        "integer" | "int" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "boolean" => "bool",
        "decimal" => "numeric",
        other => other,
    };
    format!("{name}{zoned}{}", limits.replace(' ', ""))
}

/// What to look for in a column, or the reason why nothing of it could be copied
fn conversion(
    table: &Table,
    at: usize,
    target: &TargetTable,
    found: usize,
    choice: Option<&ColumnChoice>,
    notes: &mut Notes,
) -> Option<Seek> {
    let (object, there) = (column_object(table, at), &target.columns[found]);
    let chosen = choice.and_then(|choice| choice.type_sql.as_deref());
    if let Some(chosen) = chosen.filter(|chosen| !is_same_type(chosen, &there.type_sql)) {
        let message = format!("the plan file says {chosen}, and the target has {}", there.type_sql);
        notes.refuse(&object, &message, "the target's type decides: correct the plan file, or alter the column");
    }
    match seek(table, at, &target.columns, found, choice) {
        Ok(seek) => Some(seek),
        Err(why) => {
            let object = format!("{object} -> {} {}", there.name, there.type_sql);
            notes.refuse(&object, &why, "skip the column in the plan file, or alter its type on the target");
            None
        }
    }
}
