//! Rows written to real files: the same by class and bytes, or refused

mod checkpoints;
mod kinds;
mod random;
mod refusals;

use rusqlite::Connection;

use super::*;
use crate::model::key::{KeyRef, write_value};
use crate::model::schema::quote_identifier;
use crate::sqlite::fence::{close, take_back};
use crate::sqlite::fixture::File;
use crate::sqlite::rows::value_of;

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A file that follows, and its applier
pub(super) fn following(script: &str) -> (File, SourceApplier) {
    let file = File::wal(script);
    let applier = follow(&file);
    (file, applier)
}

pub(super) fn follow(file: &File) -> SourceApplier {
    close(&file.path(), "one", PATIENCE).unwrap().0.settle("2026-11-21 20:15:00").unwrap();
    SourceApplier::open(&file.path()).unwrap()
}

/// Takes a column out of the plan of the file's first table
pub(super) fn leave_out(file: &mut File, term: &str) {
    let table = &mut file.plan.tables[0];
    table.columns.retain(|column| column.source_sql != term);
    let places = table.key.parts.iter().map(|part| part.column);
    table.key_columns = places.map(|key| table.columns.iter().position(|c| c.source_column == key).unwrap()).collect();
}

/// A key and the copied columns of its row, in the form of model/key.rs; none to delete it
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

pub(super) fn packed(values: &[Value<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.iter().for_each(|value| write_value(&mut bytes, *value));
    bytes
}

/// Key and copied columns of all rows of a table
pub(super) fn image(connection: &Connection, table: &TablePlan) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
    let columns: Vec<&str> = table.copied_columns().map(|(_, column)| column.source_sql.as_str()).collect();
    let keys: Vec<&str> = table.key.parts.iter().map(|part| part.sql.as_str()).collect();
    let sql = format!("SELECT {}, {} FROM {}", keys.join(","), columns.join(","), quote_identifier(&table.source.name));
    let mut statement = connection.prepare(&sql).unwrap();
    let width = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut image = std::collections::BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<Value<'_>> = (0..width).map(|at| value_of(row.get_ref(at).unwrap())).collect();
        image.insert(packed(&values[..keys.len()]), packed(&values[keys.len()..]));
    }
    image
}

/// One cycle as the engine does it: again, with the keys deleted first, where values collide
pub(super) fn cycle(applier: &mut SourceApplier, table: &TablePlan, changes: &[Change]) -> Vec<Applied> {
    for deleted_first in [false, true] {
        applier.begin().unwrap();
        let number = applier.cycle().unwrap();
        if deleted_first {
            for (key, _) in changes {
                let key: Vec<Value<'_>> = KeyRef(key).parts().collect();
                applier.delete_first(table, &key).unwrap();
            }
        }
        let write = |(key, row): &Change| {
            let key: Vec<Value<'_>> = KeyRef(key).parts().collect();
            let row: Option<Vec<Value<'_>>> = row.as_ref().map(|row| KeyRef(row).parts().collect());
            applier.write(table, &key, row.as_deref()).unwrap()
        };
        let applied: Vec<Applied> = changes.iter().map(write).collect();
        if !applied.contains(&Applied::Collision) {
            applier.commit(number + 1).unwrap();
            return applied;
        }
        applier.rollback().unwrap();
    }
    panic!("a collision although the keys were deleted first");
}

/// One row, its key first
pub(super) fn put(applier: &mut SourceApplier, table: &TablePlan, key: &[Value<'_>], row: &[Value<'_>]) -> Applied {
    cycle(applier, table, &[(packed(key), Some(packed(row)))]).remove(0)
}

#[test]
fn i6_a_cycle_is_one_transaction_with_its_number() {
    let (file, mut applier) = following("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'a')");
    let table = file.table("t");
    let (key, row) = ([Value::Integer(2)], [Value::Integer(2), Value::Text(b"b")]);
    applier.begin().unwrap();
    assert_eq!(applier.cycle().unwrap(), 0);
    assert_eq!(applier.write(table, &key, Some(&row)).unwrap(), Applied::Inserted);
    assert_eq!(file.value::<i64>("SELECT count(*) FROM t"), 1, "readers go on, and see nothing of it yet");
    applier.rollback().unwrap();
    applier.begin().unwrap();
    assert_eq!(applier.write(table, &key, Some(&row)).unwrap(), Applied::Inserted);
    assert_eq!(applier.write(table, &key, Some(&row)).unwrap(), Applied::Unchanged);
    assert_eq!(applier.write(table, &[Value::Integer(1)], None).unwrap(), Applied::Deleted);
    assert_eq!(applier.write(table, &[Value::Integer(1)], None).unwrap(), Applied::Unchanged);
    applier.commit(7).unwrap();
    assert_eq!(SourceApplier::open(&file.path()).unwrap().cycle().unwrap(), 7);
    assert_eq!(file.value::<String>("SELECT group_concat(id || v) FROM t"), "2b");
    assert_eq!(file.value::<i64>("SELECT count(*) FROM _crossfade_log WHERE t > 0"), 0, "nothing of it is logged");
}

/// From before a rollback fences the other side: what is brought over then goes into the transaction that holds it
#[test]
fn the_lock_is_held_until_something_is_committed() {
    let (file, mut applier) = following("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    let app = file.app();
    app.busy_timeout(Duration::ZERO).unwrap();
    let is_free = || app.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
    applier.hold().unwrap();
    applier.hold().unwrap();
    assert!(!is_free());
    put(&mut applier, file.table("t"), &[Value::Integer(1)], &[Value::Integer(1), Value::Text(b"a")]);
    assert!(is_free(), "a commit lets go of it");
    assert_eq!(file.value::<i64>("SELECT count(*) FROM t"), 1);
    applier.hold().unwrap();
    applier.rollback().unwrap();
    assert!(is_free());
    // What SQLite ended by itself is begun anew.
    applier.hold().unwrap();
    applier.connection.execute_batch("ROLLBACK").unwrap();
    applier.hold().unwrap();
    assert!(!is_free());
    drop(applier);
    assert!(is_free());
    let mut applier = SourceApplier::open(&file.path()).unwrap();
    app.execute_batch("BEGIN IMMEDIATE").unwrap();
    applier.wait_at_most(Duration::from_millis(50));
    let error = applier.hold().unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("for 0.1 s"), "{error}");
}

#[test]
fn i8_nothing_is_written_where_no_fence_stands() {
    let file = File::wal("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    let mut applier = SourceApplier::open(&file.path()).unwrap();
    let error = applier.begin().unwrap_err();
    assert!(error.to_string().contains("accepts writes"), "{error}");
    file.app().execute_batch("INSERT INTO t VALUES(1, 1)").expect("the lock is let go again");
    drop(close(&file.path(), "one", PATIENCE).unwrap());
    applier.begin().expect("a fence of a switch that is under way is one too");
    applier.commit(1).unwrap();
    take_back(&file.path(), "one").unwrap();
    applier.begin().unwrap_err();
}

/// Migrations of a stray application pass a fence of triggers
#[test]
fn i8_a_table_that_came_since_is_fenced_too() {
    let (file, mut applier) = following("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    applier.begin().unwrap();
    applier.commit(1).unwrap();
    file.app().execute_batch("CREATE TABLE later(a); INSERT INTO later VALUES(1)").unwrap();
    for end in ["ROLLBACK", "COMMIT"] {
        applier.begin().unwrap();
        if end == "COMMIT" { applier.commit(2).unwrap() } else { applier.rollback().unwrap() }
    }
    file.app().execute_batch("INSERT INTO later VALUES(2)").unwrap_err();
}

/// Rows of a table without key or index are known by a number that VACUUM changes
#[test]
fn rows_that_vacuum_has_renumbered_are_not_written_to() {
    let (file, mut applier) = following("CREATE TABLE t(v); INSERT INTO t VALUES('a'), ('b'), ('c')");
    let table = file.table("t");
    let row = |rowid, text| (packed(&[Value::Integer(rowid)]), packed(&[Value::Text(text), Value::Integer(rowid)]));
    let (key, _) = row(1, b"a");
    assert_eq!(cycle(&mut applier, table, &[(key, None)]), [Applied::Deleted]);
    file.app().execute_batch("VACUUM").unwrap();
    let error = applier.begin().unwrap_err();
    assert!(error.to_string().contains("renumbered"), "{error}");
    assert_eq!(applier.cycle().unwrap(), -1);
    applier.begin_repair().unwrap();
    assert_eq!(applier.empty(table).unwrap(), 2);
    for (key, row) in [row(2, b"b"), row(3, b"c")] {
        let (key, row): (Vec<_>, Vec<_>) = (KeyRef(&key).parts().collect(), KeyRef(&row).parts().collect());
        assert_eq!(applier.write(table, &key, Some(&row)).unwrap(), Applied::Inserted);
    }
    applier.commit(9).unwrap();
    applier.begin().unwrap();
    assert_eq!(applier.cycle().unwrap(), 9);
    assert_eq!(file.value::<String>("SELECT group_concat(rowid || v) FROM t"), "2b,3c");
}
