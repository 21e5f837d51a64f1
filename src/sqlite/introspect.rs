//! Reads the source's schema: ordinary tables in full, everything else by name and reason
//!
//! Facts come from the PRAGMAs; what they do not say (collations, expressions, deferred foreign keys) from the SQL text.

use std::collections::HashMap;

use rusqlite::{Connection, Row, ToSql};

use super::{fulltext, tokens};
use crate::error::{Error, Result};
use crate::model::fulltext::FullText;
use crate::model::plan::Notice;
use crate::model::schema::{Affinity, Column, ForeignKey, Generated, Index, IndexOrigin, IndexTerm, Table, Term, View};

/// Prefix of everything that crossfade itself puts into the source
const OWN_PREFIX: &str = "_crossfade_";

/// Ends of shadow table names that modules in use make, SQLite's own and common extensions; digits at the end count as
/// part of it. A module that is not in this process cannot say so itself.
const SHADOW_ENDS: &[&str] = &[
    "auxiliary",
    "chunks",
    "config",
    "content",
    "data",
    "docsize",
    "idx",
    "index",
    "info",
    "metadatachunks",
    "metadatatext",
    "node",
    "parent",
    "rowid",
    "rowids",
    "segdir",
    "segments",
    "stat",
    "vector_chunks",
    "vocab",
];

/// The schema of the source at one moment
#[derive(Clone, Debug)]
pub struct Introspection {
    /// In order of creation
    pub tables: Vec<Table>,
    /// In order of creation
    pub views: Vec<View>,
    /// Full-text tables, whose content tables may be among `tables`
    pub fulltext: Vec<FullText>,
    /// Virtual tables of all other modules
    pub virtual_tables: Vec<VirtualTable>,
    /// What is left out, and why; crossfade's own objects are not mentioned
    pub skipped: Vec<Notice>,
    /// `PRAGMA schema_version`: the next change of the schema raises it
    pub schema_version: i64,
}

/// A table that a module keeps in its own way: an R-tree, an index of vectors
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualTable {
    pub name: String,
    pub module: String,
}

/// Reads the schema of `main`; the caller holds a read transaction, so that all of it is of one moment
pub fn introspect(conn: &Connection) -> Result<Introspection> {
    let schema_version = conn.query_row("PRAGMA main.schema_version", [], |row| row.get(0));
    let schema_version = schema_version.map_err(failed("cannot read the schema version"))?;
    let facts = list_facts(conn)?;
    let objects = list_objects(conn)?;
    let unknown = tables_of_unknown_modules(conn, &objects)?;
    let (mut tables, mut views, mut fulltext, mut skipped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut virtual_tables = Vec::new();
    for object in objects.iter().filter(|o| !has_prefix(&o.name, OWN_PREFIX)) {
        if object.kind == "view" {
            views.push(View { name: object.name.clone(), sql: object.sql.clone() });
            continue;
        }
        let fact = facts.get(&object.name);
        if let Some(found) = module_of(object).and_then(|_| fulltext::parse(&object.name, &object.sql)) {
            fulltext.push(found);
            continue;
        }
        virtual_tables.extend(module_of(object).map(|module| VirtualTable { name: object.name.clone(), module }));
        match reason_to_skip(object, fact, &unknown) {
            Some(notice) => skipped.push(notice),
            None => tables.push(read_table(conn, object, fact)?),
        }
    }
    Ok(Introspection { tables, views, fulltext, virtual_tables, skipped, schema_version })
}

/// Names of all ordinary tables but our own: those on which triggers can stand and do no harm. One on a shadow table
/// would lock connections out that are in defensive mode; and where it refuses an UPDATE in the middle of FTS5's own work,
/// SQLite 3.40 crashes, in the application
pub fn ordinary_tables(conn: &Connection) -> Result<Vec<String>> {
    let facts = list_facts(conn)?;
    let objects = list_objects(conn)?;
    let unknown = tables_of_unknown_modules(conn, &objects)?;
    let is_ordinary = |o: &&Object| {
        let is_table = o.kind == "table" && !has_prefix(&o.name, OWN_PREFIX);
        is_table && reason_to_skip(o, facts.get(&o.name), &unknown).is_none()
    };
    Ok(objects.iter().filter(is_ordinary).map(|o| o.name.clone()).collect())
}

/// A row of `sqlite_schema` that is not an index
struct Object {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

/// A row of `PRAGMA table_list`
struct Facts {
    kind: String,
    without_rowid: bool,
    strict: bool,
}

fn list_objects(conn: &Connection) -> Result<Vec<Object>> {
    let sql = "SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_schema \
               WHERE type IN ('table', 'view', 'trigger') ORDER BY rowid";
    collect(conn, sql, &[], |row| {
        Ok(Object { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    })
}

fn list_facts(conn: &Connection) -> Result<HashMap<String, Facts>> {
    let sql = "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'";
    let rows = collect(conn, sql, &[], |row| {
        Ok((row.get(0)?, Facts { kind: row.get(1)?, without_rowid: row.get(2)?, strict: row.get(3)? }))
    })?;
    Ok(rows.into_iter().collect())
}

/// Names of virtual tables whose module this process does not have: SQLite cannot tell their shadow tables
fn tables_of_unknown_modules(conn: &Connection, objects: &[Object]) -> Result<Vec<String>> {
    let known: Vec<String> = collect(conn, "SELECT name FROM pragma_module_list", &[], |row| row.get(0))?;
    let modules = objects.iter().filter_map(|o| Some((o, module_of(o)?)));
    let unknown = modules.filter(|(_, module)| !known.iter().any(|k| k.eq_ignore_ascii_case(module)));
    Ok(unknown.map(|(object, _)| object.name.clone()).collect())
}

fn module_of(object: &Object) -> Option<String> {
    let is_virtual = object.kind == "table" && has_prefix(&object.sql, "CREATE VIRTUAL TABLE");
    is_virtual.then(|| tokens::virtual_table_module(&object.sql)).flatten()
}

fn reason_to_skip(object: &Object, facts: Option<&Facts>, unknown: &[String]) -> Option<Notice> {
    let notice = |message: &str| Some(Notice { object: object.name.clone(), message: message.into(), remedy: None });
    if object.kind == "trigger" {
        let object = format!("{} on {}", object.name, object.table);
        let message = "application triggers stay on SQLite; the target gets the rows they wrote".into();
        return Some(Notice { object, message, remedy: None });
    }
    if object.name.eq_ignore_ascii_case("sqlite_sequence") {
        return notice("SQLite keeps this table for itself; the target's sequences go on from its numbers");
    }
    if has_prefix(&object.name, "sqlite_") {
        return notice("SQLite keeps this table for itself");
    }
    if let Some(module) = module_of(object) {
        return notice(&format!("virtual table of module {module}: its content stays on SQLite"));
    }
    if facts.is_some_and(|f| f.kind == "shadow") {
        return notice("shadow table: it belongs to a virtual table");
    }
    let owner = unknown.iter().find(|owner| looks_like_shadow(&object.name, owner))?;
    Some(Notice {
        object: object.name.clone(),
        message: format!("taken for a shadow table of the virtual table {owner}, whose module is not known here"),
        remedy: Some("if it is a table of the application, rename it so that it does not begin like that".into()),
    })
}

/// A table that is not among [`Introspection::tables`]: the shadow of a virtual one
pub fn shadow_table(conn: &Connection, name: &str) -> Result<Option<Table>> {
    let objects = list_objects(conn)?;
    let object = objects.iter().find(|object| object.kind == "table" && object.name.eq_ignore_ascii_case(name));
    object.map(|object| read_table(conn, object, list_facts(conn)?.get(&object.name))).transpose()
}

/// Only names that modules are known to use: to copy a shadow table in vain does no harm, to forget a real table does
fn looks_like_shadow(name: &str, owner: &str) -> bool {
    let end = has_prefix(name, owner).then(|| &name[owner.len()..]).and_then(|rest| rest.strip_prefix('_'));
    let end = end.map(|end| end.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase());
    end.is_some_and(|end| SHADOW_ENDS.contains(&end.as_str()))
}

fn read_table(conn: &Connection, object: &Object, facts: Option<&Facts>) -> Result<Table> {
    let strict = facts.is_some_and(|f| f.strict);
    let without_rowid = facts.is_some_and(|f| f.without_rowid);
    let (columns, primary_key) = read_columns(conn, object, strict)?;
    let indexes = read_indexes(conn, &object.name)?;
    let foreign_keys = read_foreign_keys(conn, object, &columns)?;
    let key_has_index = indexes.iter().any(|i| i.origin == IndexOrigin::PrimaryKey);
    let is_alias = primary_key.len() == 1 && !key_has_index && !without_rowid;
    let hidden = |name: &&str| columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    let rowid_name = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !hidden(name)).filter(|_| !without_rowid);
    Ok(Table {
        name: object.name.clone(),
        sql: object.sql.clone(),
        without_rowid,
        strict,
        rowid_alias: is_alias.then(|| primary_key[0]),
        rowid_name: rowid_name.map(str::to_string),
        columns,
        primary_key,
        indexes,
        foreign_keys,
    })
}

/// The columns, generated ones included, and the positions of the declared PRIMARY KEY in key order
fn read_columns(conn: &Connection, object: &Object, strict: bool) -> Result<(Vec<Column>, Vec<usize>)> {
    let collations = tokens::column_collations(&object.sql);
    let sql = "SELECT name, type, \"notnull\", dflt_value, hidden, pk FROM pragma_table_xinfo(?1, 'main') ORDER BY cid";
    let rows = collect(conn, sql, &[&object.name], |row| {
        let name: String = row.get(0)?;
        let declared_type: String = row.get(1)?;
        let collation = collations.iter().find(|(column, _)| column.eq_ignore_ascii_case(&name));
        let column = Column {
            affinity: affinity(&declared_type, strict),
            not_null: row.get(2)?,
            default: row.get(3)?,
            generated: match row.get(4)? {
                2 => Generated::Virtual,
                3 => Generated::Stored,
                _ => Generated::No,
            },
            collation: collation.map_or("BINARY".into(), |(_, collation)| normal_collation(collation)),
            name,
            declared_type,
        };
        Ok((column, row.get::<_, i64>(5)?))
    })?;
    let mut key: Vec<(i64, usize)> =
        rows.iter().enumerate().filter(|(_, (_, rank))| *rank > 0).map(|(at, (_, rank))| (*rank, at)).collect();
    key.sort_unstable();
    Ok((rows.into_iter().map(|(column, _)| column).collect(), key.into_iter().map(|(_, at)| at).collect()))
}

/// In a STRICT table `ANY` converts nothing; everywhere else the word means NUMERIC
fn affinity(declared: &str, strict: bool) -> Affinity {
    if strict && declared.eq_ignore_ascii_case("ANY") { Affinity::Blob } else { Affinity::of_declared(declared) }
}

/// Built-in collations in upper case; names of others as they are
fn normal_collation(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    if ["BINARY", "NOCASE", "RTRIM"].contains(&upper.as_str()) { upper } else { name.to_string() }
}

/// All indexes in order of creation; `index_list` gives the newest first
fn read_indexes(conn: &Connection, table: &str) -> Result<Vec<Index>> {
    let sql = "SELECT l.name, l.\"unique\", l.origin, s.sql FROM pragma_index_list(?1, 'main') l \
               LEFT JOIN main.sqlite_schema s ON s.type = 'index' AND s.name = l.name ORDER BY l.seq DESC";
    let mut indexes = collect(conn, sql, &[&table], |row| {
        let origin: String = row.get(2)?;
        Ok(Index {
            name: row.get(0)?,
            sql: row.get(3)?,
            unique: row.get(1)?,
            origin: match origin.as_str() {
                "pk" => IndexOrigin::PrimaryKey,
                "u" => IndexOrigin::Unique,
                _ => IndexOrigin::Create,
            },
            predicate: None,
            terms: Vec::new(),
        })
    })?;
    for index in &mut indexes {
        let (texts, predicate) = index.sql.as_deref().map(tokens::index_parts).unwrap_or_default();
        index.predicate = predicate;
        index.terms = read_terms(conn, &index.name, &texts)?;
    }
    Ok(indexes)
}

fn read_terms(conn: &Connection, index: &str, texts: &[String]) -> Result<Vec<IndexTerm>> {
    let sql = "SELECT seqno, cid, coll, \"desc\" FROM pragma_index_xinfo(?1, 'main') WHERE key ORDER BY seqno";
    collect(conn, sql, &[&index], |row| {
        let what = match row.get::<_, i64>(1)? {
            -2 => Term::Expression(texts.get(row.get::<_, u32>(0)? as usize).cloned().unwrap_or_default()),
            -1 => Term::Rowid,
            column => Term::Column(column as usize),
        };
        let collation: Option<String> = row.get(2)?;
        let collation = collation.map_or("BINARY".into(), |name| normal_collation(&name));
        Ok(IndexTerm { what, collation, descending: row.get(3)? })
    })
}

/// All foreign keys in order of declaration; SQLite numbers them from the last one
fn read_foreign_keys(conn: &Connection, object: &Object, columns: &[Column]) -> Result<Vec<ForeignKey>> {
    let sql = "SELECT id, \"from\", \"table\", \"to\", on_update, on_delete \
               FROM pragma_foreign_key_list(?1, 'main') ORDER BY id DESC, seq";
    let rows = collect(conn, sql, &[&object.name], |row| {
        let from: String = row.get(1)?;
        let key = ForeignKey {
            columns: columns.iter().position(|c| c.name.eq_ignore_ascii_case(&from)).into_iter().collect(),
            parent: row.get(2)?,
            parent_columns: row.get::<_, Option<String>>(3)?.into_iter().collect(),
            on_update: row.get(4)?,
            on_delete: row.get(5)?,
            deferred: false,
        };
        Ok((row.get::<_, i64>(0)?, key))
    })?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    for (id, key) in rows {
        match keys.last_mut() {
            Some((last, whole)) if *last == id => {
                whole.columns.extend(key.columns);
                whole.parent_columns.extend(key.parent_columns);
            }
            _ => keys.push((id, key)),
        }
    }
    let deferred = tokens::deferred_foreign_keys(&object.sql);
    let flags = deferred.into_iter().chain(std::iter::repeat(false));
    Ok(keys.into_iter().zip(flags).map(|((_, key), deferred)| ForeignKey { deferred, ..key }).collect())
}

fn collect<T>(
    conn: &Connection,
    sql: &str,
    parameters: &[&dyn ToSql],
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let rows = conn.prepare(sql).and_then(|mut statement| statement.query_map(parameters, read)?.collect());
    rows.map_err(failed("cannot read the schema of the source"))
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// An error of the source while doing `what`; a lock held by another connection goes away by itself
pub(super) fn failed(what: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Error {
    let error = Error::source_side(what);
    move |cause| {
        let code = cause.sqlite_error_code();
        let locked = [rusqlite::ErrorCode::DatabaseBusy, rusqlite::ErrorCode::DatabaseLocked];
        let error = if code.is_some_and(|c| locked.contains(&c)) { error.transient() } else { error };
        error.caused_by(cause)
    }
}

#[cfg(test)]
#[path = "introspect_tests.rs"]
mod tests;
