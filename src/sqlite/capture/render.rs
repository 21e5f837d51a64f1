//! The templates of `triggers/sqlite/`, filled in for one table

use super::closers::closers;
use super::{PREFIX, Trigger};
use crate::model::schema::{Affinity, Key, KeyPart, Table, quote_identifier};
pub(in crate::sqlite) use crate::model::template::fill;

const AFTER_INSERT: &str = include_str!("../../../triggers/sqlite/after_insert.sql");
const AFTER_DELETE: &str = include_str!("../../../triggers/sqlite/after_delete.sql");
const AFTER_UPDATE: &str = include_str!("../../../triggers/sqlite/after_update.sql");
const KEY_CHANGE: &str = include_str!("../../../triggers/sqlite/key_change.sql");
const BEFORE_INSERT: &str = include_str!("../../../triggers/sqlite/before_insert.sql");
const BEFORE_UPDATE: &str = include_str!("../../../triggers/sqlite/before_update.sql");
const VICTIMS: &str = include_str!("../../../triggers/sqlite/victims.sql");

/// The triggers of one table, in the order in which they are created
///
/// `id` is the table's number in the log, `log_limit` the number of entries that the log keeps.
pub fn render_triggers(id: i64, table: &Table, key: &Key, log_limit: u64) -> Vec<Trigger> {
    // One entry must always stay: the log is never empty.
    let limit = log_limit.clamp(1, i64::MAX as u64).to_string();
    let common = [
        ("id", id.to_string()),
        ("table", quote_identifier(&table.name)),
        ("k", log_columns(key.parts.len())),
        ("new", terms("NEW.", key)),
        ("old", terms("OLD.", key)),
        ("limit", limit),
    ];
    let trigger = |suffix: &str, template: &str, more: &[(&str, String)]| {
        let name = format!("{PREFIX}{id}{suffix}");
        let values = [&common[..], more, &[("name", name.clone())]].concat();
        Trigger { name, sql: fill(template, &values) }
    };
    let mut triggers = Vec::new();
    if let Some(closers) = closers(table, key) {
        let insert = victims(id, table, key, &closers.conflicts, &other_than_new(table, key));
        let update = victims(id, table, key, &closers.conflicts, &other_than_old(table, key));
        triggers.push(trigger("bi", BEFORE_INSERT, &[("victims", insert)]));
        triggers.push(trigger("bu", BEFORE_UPDATE, &[("victims", update), ("of", closers.update_of)]));
    }
    triggers.push(trigger("ai", AFTER_INSERT, &[]));
    triggers.push(trigger("ad", AFTER_DELETE, &[]));
    triggers.push(trigger("au", AFTER_UPDATE, &[]));
    triggers.push(trigger("ak", KEY_CHANGE, &[("changed", key_changed(table, key))]));
    triggers
}

/// `k1,k2,..`: the log's columns for a key of this width
pub(super) fn log_columns(width: usize) -> String {
    (1..=width.max(1)).map(|n| format!("k{n}")).collect::<Vec<_>>().join(",")
}

/// The key's terms after a prefix, in key order
fn terms(prefix: &str, key: &Key) -> String {
    key.parts.iter().map(|part| format!("{prefix}{}", part.sql)).collect::<Vec<_>>().join(",")
}

fn victims(id: i64, table: &Table, key: &Key, conflicts: &[String], other: &str) -> String {
    let statement = |conflict: &String| {
        let values = [
            ("id", id.to_string()),
            ("k", log_columns(key.parts.len())),
            ("key", terms("", key)),
            ("from", from(table)),
            ("conflict", conflict.clone()),
            ("other", other.to_string()),
        ];
        fill(VICTIMS, &values)
    };
    conflicts.iter().map(statement).collect::<Vec<_>>().join("\n  ")
}

/// A table called "new" or "old" would otherwise catch every `NEW.` in the statement that reads it
fn from(table: &Table) -> String {
    let name = quote_identifier(&table.name);
    let is_row_name = ["new", "old"].iter().any(|n| table.name.eq_ignore_ascii_case(n));
    if is_row_name { format!("{name} AS _crossfade_row") } else { name }
}

/// True for rows other than the one to be inserted, whose key the AFTER trigger notes
fn other_than_new(table: &Table, key: &Key) -> String {
    match key.parts.first() {
        // A rowid that SQLite is still to choose reads as -1, and a real row -1 may be the victim.
        Some(part) if key.is_rowid() => format!("{0} <> NEW.{0} OR {0} < 0", part.sql),
        _ => differs("", "NEW.", table, key),
    }
}

/// True for rows other than the one that is updated
fn other_than_old(table: &Table, key: &Key) -> String {
    match key.parts.first() {
        Some(part) if key.is_rowid() => format!("{0} <> OLD.{0}", part.sql),
        _ => differs("", "OLD.", table, key),
    }
}

fn key_changed(table: &Table, key: &Key) -> String {
    match key.parts.first() {
        Some(part) if key.is_rowid() => format!("OLD.{0} <> NEW.{0}", part.sql),
        _ => differs("OLD.", "NEW.", table, key),
    }
}

/// Keys differ in class or bytes; at worst true for equal ones, which costs one entry and loses nothing
fn differs(left: &str, right: &str, table: &Table, key: &Key) -> String {
    let part = |part: &KeyPart| {
        let (l, r) = (format!("{left}{}", part.sql), format!("{right}{}", part.sql));
        let text = format!("{l} IS NOT {r} COLLATE BINARY OR typeof({l}) <> typeof({r})");
        match part.column.map(|c| table.columns[c].affinity) {
            // 0.0 and -0.0 are two keys that no SQL expression of old libraries tells apart.
            Some(Affinity::Blob) => format!("{text} OR (typeof({l}) = 'real' AND {l} = 0.0)"),
            _ => text,
        }
    };
    key.parts.iter().map(part).collect::<Vec<_>>().join(" OR ")
}
