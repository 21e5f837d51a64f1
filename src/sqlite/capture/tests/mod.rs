//! Capture against real SQLite: helpers that build a plan from PRAGMAs, a small random generator, and a target that
//! is a map from exact keys to rows

mod fuzz;
mod lifecycle;
mod shapes;
mod unnoticed;

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::*;
use crate::model::key::write_value;
use crate::model::plan::{Mode, Plan, TablePlan};
use crate::model::schema::*;
use crate::model::value::Value;

pub(super) const LIMIT: u64 = 5_000_000;
pub(super) const ID: &str = "0123456789abcdef0123456789abcdef";

/// Splitmix64: the same databases in every run
pub(super) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

pub(super) fn database(sql: &str) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).unwrap();
    conn
}

/// A plan of all tables, in `sqlite_schema` order; only what capture looks at is filled in
pub(super) fn plan_of(conn: &Connection) -> Plan {
    let names =
        strings(conn, "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main' ORDER BY name");
    let tables = names.iter().filter(|n| !n.starts_with("sqlite_") && !n.starts_with("_crossfade_"));
    let tables = tables.enumerate().map(|(n, name)| table_plan(n as i64 + 1, table_of(conn, name))).collect();
    Plan { tables, ..Plan::empty(Mode::Create, "public") }
}

fn table_plan(id: i64, source: Table) -> TablePlan {
    let key = key_of(&source);
    TablePlan { id, target_name: source.name.clone(), ..TablePlan::new(source, key) }
}

pub(super) fn strings(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

pub(super) fn table_of(conn: &Connection, name: &str) -> Table {
    let sql: String = conn
        .query_row("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1", [name], |row| row.get(0))
        .unwrap();
    let (without_rowid, strict): (bool, bool) = conn
        .query_row("SELECT wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1", [name], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let mut primary_key = Vec::new();
    let columns = columns_of(conn, name, strict, &mut primary_key);
    primary_key.sort();
    let primary_key: Vec<usize> = primary_key.into_iter().map(|(_, column)| column).collect();
    let indexes = indexes_of(conn, name);
    let has_key_index = indexes.iter().any(|i| i.origin == IndexOrigin::PrimaryKey);
    let rowid_alias = (primary_key.len() == 1 && !has_key_index && !without_rowid).then(|| primary_key[0]);
    let hidden = |n: &&str| columns.iter().any(|c: &Column| c.name.eq_ignore_ascii_case(n));
    let rowid_name = ["rowid", "_rowid_", "oid"].into_iter().find(|n| !hidden(n) && !without_rowid).map(String::from);
    let foreign_keys = vec![];
    let name = name.into();
    Table { name, sql, without_rowid, strict, columns, primary_key, rowid_alias, rowid_name, indexes, foreign_keys }
}

fn columns_of(conn: &Connection, table: &str, strict: bool, primary_key: &mut Vec<(i64, usize)>) -> Vec<Column> {
    let mut statement = conn
        .prepare("SELECT name, type, \"notnull\", dflt_value, hidden, pk FROM pragma_table_xinfo(?1) ORDER BY cid")
        .unwrap();
    let mut rows = statement.query([table]).unwrap();
    let mut columns = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let declared_type: String = row.get(1).unwrap();
        let is_any = strict && declared_type.eq_ignore_ascii_case("any");
        let pk: i64 = row.get(5).unwrap();
        if pk > 0 {
            primary_key.push((pk, columns.len()));
        }
        columns.push(Column {
            name: row.get(0).unwrap(),
            affinity: if is_any { Affinity::Blob } else { Affinity::of_declared(&declared_type) },
            declared_type,
            not_null: row.get(2).unwrap(),
            default: row.get(3).unwrap(),
            generated: match row.get(4).unwrap() {
                2 => Generated::Virtual,
                3 => Generated::Stored,
                _ => Generated::No,
            },
            collation: "BINARY".into(),
        });
    }
    columns
}

fn indexes_of(conn: &Connection, table: &str) -> Vec<Index> {
    let mut statement = conn
        .prepare(
            "SELECT l.name, l.\"unique\", l.origin, s.sql FROM pragma_index_list(?1) AS l
             LEFT JOIN sqlite_schema AS s ON s.name = l.name AND s.type = 'index' ORDER BY l.seq",
        )
        .unwrap();
    let index = |row: &rusqlite::Row<'_>| {
        let (name, sql): (String, Option<String>) = (row.get(0)?, row.get(3)?);
        let (texts, predicate) = sql.as_deref().map(split_index).unwrap_or_default();
        let origin = match row.get::<_, String>(2)?.as_str() {
            "c" => IndexOrigin::Create,
            "u" => IndexOrigin::Unique,
            _ => IndexOrigin::PrimaryKey,
        };
        Ok(Index { terms: terms_of(conn, &name, &texts), name, sql, unique: row.get(1)?, origin, predicate })
    };
    statement.query_map([table], index).unwrap().map(Result::unwrap).collect()
}

fn terms_of(conn: &Connection, index: &str, texts: &[String]) -> Vec<IndexTerm> {
    let mut statement =
        conn.prepare("SELECT cid, \"desc\", coll FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno").unwrap();
    let mut rows = statement.query([index]).unwrap();
    let mut terms = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let what = match row.get::<_, i64>(0).unwrap() {
            -2 => Term::Expression(texts[terms.len()].clone()),
            -1 => Term::Rowid,
            column => Term::Column(column as usize),
        };
        terms.push(IndexTerm { what, descending: row.get(1).unwrap(), collation: row.get(2).unwrap() });
    }
    terms
}

/// Terms and predicate of a tidy CREATE INDEX: ` ON t(term, term)[ WHERE predicate]`
fn split_index(sql: &str) -> (Vec<String>, Option<String>) {
    let list = &sql[sql.find(" ON ").unwrap()..];
    let list = &list[list.find('(').unwrap() + 1..];
    let (mut depth, mut start, mut terms) = (1, 0, Vec::new());
    for (at, c) in list.char_indices() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 || (depth == 1 && c == ',') {
            let term = list[start..at].trim().trim_end_matches(" DESC");
            terms.push(term.split(" COLLATE ").next().unwrap().trim().to_string());
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    (terms, list[start..].split_once(" WHERE ").map(|(_, predicate)| predicate.to_string()))
}

pub(super) fn key_of(table: &Table) -> Key {
    let part = |collation: &str, column: usize| KeyPart {
        column: Some(column),
        sql: quote_identifier(&table.columns[column].name),
        collation: collation.into(),
    };
    if let Some(alias) = table.rowid_alias {
        return Key::new(KeyKind::RowidAlias, vec![part("BINARY", alias)]);
    }
    let usable = |i: &&Index| {
        let not_null = |t: &IndexTerm| matches!(t.what, Term::Column(c) if table.columns[c].not_null);
        i.unique && i.predicate.is_none() && i.terms.iter().all(not_null)
    };
    let mut indexes: Vec<&Index> = table.indexes.iter().filter(usable).collect();
    indexes.sort_by_key(|i| i.origin != IndexOrigin::PrimaryKey);
    let Some(index) = indexes.first() else {
        let sql = table.rowid_name.clone().unwrap();
        return Key::new(KeyKind::Rowid, vec![KeyPart { column: None, sql, collation: "BINARY".into() }]);
    };
    let is_primary = index.origin == IndexOrigin::PrimaryKey;
    let column = |t: &IndexTerm| match t.what {
        Term::Column(c) => part(&t.collation, c),
        _ => unreachable!("filtered above"),
    };
    let kind = if is_primary { KeyKind::PrimaryKey } else { KeyKind::UniqueIndex };
    Key::new(kind, index.terms.iter().map(column).collect())
}

/// A value's class and bytes
pub(super) fn exact(buffer: &mut Vec<u8>, value: ValueRef<'_>) {
    let value = match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(v) => Value::Integer(v),
        ValueRef::Real(v) => Value::Real(v),
        ValueRef::Text(v) => Value::Text(v),
        ValueRef::Blob(v) => Value::Blob(v),
    };
    write_value(buffer, value);
}

/// Rows of a query: the first `key` columns exactly, and all of them exactly
pub(super) fn rows(conn: &Connection, sql: &str, key: usize) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut statement = conn.prepare(sql).unwrap();
    let width = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let (mut k, mut all) = (Vec::new(), Vec::new());
        (0..width).for_each(|c| exact(&mut all, row.get_ref(c).unwrap()));
        (0..key).for_each(|c| exact(&mut k, row.get_ref(c).unwrap()));
        found.insert(k, all);
    }
    found
}

/// A target that follows the log: every logged key is looked up by its exact identity, then written or deleted
#[derive(Default)]
pub(super) struct Target {
    pub checkpoint: i64,
    tables: BTreeMap<i64, BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Target {
    /// The target after a snapshot
    pub fn new(conn: &Connection, plan: &Plan, checkpoint: i64) -> Target {
        let tables = plan.tables.iter().map(|t| (t.id, source_rows(conn, t))).collect();
        Target { checkpoint, tables }
    }

    /// One cycle; afterwards, tables whose rows differ from the source
    pub fn follow(&mut self, conn: &Connection, plan: &Plan) -> usize {
        let mut diverged = 0;
        for table in &plan.tables {
            let source = source_rows(conn, table);
            let target = self.tables.entry(table.id).or_default();
            for key in touched(conn, table, self.checkpoint) {
                match source.get(&key) {
                    Some(row) => target.insert(key, row.clone()),
                    None => target.remove(&key),
                };
            }
            if *target != source {
                diverged += 1;
                *target = source;
            }
        }
        self.checkpoint = conn.query_row(&format!("SELECT max(seq) FROM {LOG}"), [], |row| row.get(0)).unwrap();
        diverged
    }
}

fn source_rows(conn: &Connection, table: &TablePlan) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let key: Vec<&str> = table.key.parts.iter().map(|p| p.sql.as_str()).collect();
    let sql = format!("SELECT {}, * FROM {}", key.join(","), quote_identifier(&table.source.name));
    rows(conn, &sql, key.len())
}

pub(super) fn touched(conn: &Connection, table: &TablePlan, after: i64) -> Vec<Vec<u8>> {
    let width = table.key.parts.len();
    let columns = render::log_columns(width);
    let sql = format!("SELECT {columns} FROM {LOG} WHERE t = {} AND seq > {after}", table.id);
    rows(conn, &sql, width).into_keys().collect()
}
