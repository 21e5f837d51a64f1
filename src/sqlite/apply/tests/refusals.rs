//! What SQLite would store as something else, or does not take at all

use super::*;

fn refused(applied: Applied) -> (String, String) {
    match applied {
        Applied::Refused { column, reason } => (column, reason),
        other => panic!("{other:?}"),
    }
}

/// The column's affinity decides what becomes of a value; a value that stays is written
#[test]
fn i10_a_value_that_sqlite_would_change_is_refused() {
    let infinity = f64::INFINITY;
    let cases: &[(&str, Value<'_>, bool)] = &[
        ("INTEGER", Value::Integer(5), true),
        ("INTEGER", Value::Text(b"12"), false),
        ("INTEGER", Value::Text(b" 1e3 "), false),
        ("INTEGER", Value::Text(b"\x0b12\x0c"), false),
        ("INTEGER", Value::Text(b"12abc"), true),
        ("INTEGER", Value::Text(b"0x1F"), true),
        ("INTEGER", Value::Text(b"2026-11-21"), true),
        ("INTEGER", Value::Text(b"1-2"), true),
        ("INTEGER", Value::Text(b"1_0"), true),
        ("INTEGER", Value::Real(1.0), false),
        ("INTEGER", Value::Real(1.5), true),
        ("INTEGER", Value::Real(1e300), true),
        ("INTEGER", Value::Blob(b"12"), true),
        ("NUMERIC", Value::Text(b"9223372036854775808"), false),
        ("NUMERIC", Value::Real(-0.0), false),
        ("DATETIME", Value::Text(b"2026-11-21 20:15:00"), true),
        ("DATETIME", Value::Text(b"2026"), false),
        ("DECIMAL(10,2)", Value::Text(b"1.50"), false),
        ("REAL", Value::Integer(1), false),
        ("REAL", Value::Real(1.0), true),
        ("REAL", Value::Real(0.0), true),
        ("REAL", Value::Real(-0.0), false),
        ("REAL", Value::Real(infinity), true),
        ("REAL", Value::Real(f64::NAN), false),
        ("REAL", Value::Text(b"1.5"), false),
        ("TEXT", Value::Integer(1), false),
        ("TEXT", Value::Real(1.5), false),
        ("TEXT", Value::Text(b"12"), true),
        ("TEXT", Value::Text(b"with \0 inside"), true),
        ("TEXT", Value::Text(b"not \xff UTF-8"), true),
        ("TEXT", Value::Text("\u{fffe}\u{ffff}\u{1fffe}".as_bytes()), true),
        ("", Value::Real(-0.0), true),
        ("", Value::Real(f64::NAN), false),
        ("BLOB", Value::Text(b"12"), true),
    ];
    for (declared, value, fits) in cases {
        let (file, mut applier) = following(&format!("CREATE TABLE t(id INTEGER PRIMARY KEY, v {declared}, w)"));
        let table = file.table("t");
        let row = [Value::Integer(1), *value, Value::Null];
        for old in [false, true] {
            if old {
                let other = [Value::Integer(1), Value::Null, Value::Integer(7)];
                put(&mut applier, table, &row[..1], &other);
            }
            let applied = put(&mut applier, table, &row[..1], &row);
            if *fits {
                assert!(matches!(applied, Applied::Inserted | Applied::Updated), "{declared} {value:?}: {applied:?}");
                assert_eq!(image(&file.app(), table)[&packed(&row[..1])], packed(&row), "{declared} {value:?}");
            } else {
                let (column, reason) = refused(applied);
                assert_eq!(column, "v", "{declared} {value:?}: {reason}");
                assert!(reason.starts_with("SQLite would"), "{reason}");
                let left = file.value::<i64>("SELECT count(*) FROM t WHERE v IS NULL AND w = 7");
                assert_eq!(left, i64::from(old), "nothing of it is written");
            }
        }
    }
}

#[test]
fn i10_a_key_that_sqlite_would_change_is_refused() {
    let (file, mut applier) = following("CREATE TABLE t(id TEXT NOT NULL PRIMARY KEY, v)");
    let row = [Value::Integer(1), Value::Null];
    let (column, _) = refused(put(&mut applier, file.table("t"), &row[..1], &row));
    assert_eq!((column.as_str(), file.value::<i64>("SELECT count(*) FROM t")), ("id", 0));
    let (file, mut applier) = following("CREATE TABLE t(id INT NOT NULL PRIMARY KEY, v)");
    let row = [Value::Text(b"12"), Value::Null];
    let (column, _) = refused(put(&mut applier, file.table("t"), &row[..1], &row));
    assert_eq!((column.as_str(), file.value::<i64>("SELECT count(*) FROM t")), ("id", 0));
}

/// Bytes that are no text have no UTF-16, and SQLite puts other characters in their place
#[test]
fn i10_texts_that_utf16_does_not_hold_are_refused() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let script = format!("PRAGMA encoding = '{encoding}';; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)");
        let (file, mut applier) = following(&script);
        let table = file.table("t");
        for (text, fits) in [
            ("größe \u{1f600} \0 x".as_bytes(), true),
            ("\u{fffd}\u{feff}".as_bytes(), true),
            ("a\u{fffe}\u{ffff}".as_bytes(), true),
            (b"\xff", false),
            (b"half \xed\xa0\x80", false),
        ] {
            let row = [Value::Integer(1), Value::Text(text)];
            let applied = put(&mut applier, table, &row[..1], &row);
            match fits {
                true => assert_eq!(image(&file.app(), table)[&packed(&row[..1])], packed(&row), "{text:?}"),
                false => {
                    let stored = image(&file.app(), table).remove(&packed(&row[..1]));
                    assert!(matches!(applied, Applied::Refused { .. }), "{text:?}: {applied:?} {stored:?}");
                }
            }
        }
    }
}

#[test]
fn constraints_that_no_order_satisfies_are_refused_by_column() {
    let (file, mut applier) = following(
        "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE t(id INTEGER PRIMARY KEY, n TEXT NOT NULL ON CONFLICT REPLACE
         DEFAULT 'd', u UNIQUE ON CONFLICT REPLACE, c CHECK(c > 0) REFERENCES p(id)); INSERT INTO t VALUES(1, 'n', 'u', 1)",
    );
    let table = file.table("t");
    let row = |id, n, u, c| [Value::Integer(id), n, u, c];
    let null = row(2, Value::Null, Value::Null, Value::Null);
    let (column, reason) = refused(put(&mut applier, table, &null[..1], &null));
    assert_eq!((column.as_str(), reason.as_str()), ("n", "NOT NULL constraint failed: t.n"));
    // The other row is touched by nobody, so that it must not go, whatever the table says.
    let twice = row(2, Value::Text(b"n"), Value::Text(b"u"), Value::Null);
    let (column, reason) = refused(put(&mut applier, table, &twice[..1], &twice));
    assert_eq!((column.as_str(), reason.as_str()), ("", "UNIQUE constraint failed: t.u"));
    let unchecked = row(3, Value::Text(b"n"), Value::Null, Value::Integer(-5));
    assert_eq!(
        put(&mut applier, table, &unchecked[..1], &unchecked),
        Applied::Inserted,
        "CHECK and parents are let be"
    );
    assert_eq!(file.value::<String>("SELECT group_concat(id || n) FROM t"), "1n,3n");
    let (file, mut applier) = following("CREATE TABLE t(id INTEGER PRIMARY KEY, i INT, a ANY) STRICT");
    let wrong = [Value::Integer(1), Value::Text(b"x"), Value::Null];
    let (column, reason) = refused(put(&mut applier, file.table("t"), &wrong[..1], &wrong));
    assert_eq!((column.as_str(), reason.as_str()), ("i", "cannot store TEXT value in INT column t.i"));
    let any = [Value::Integer(1), Value::Integer(1), Value::Text(b"12")];
    assert_eq!(put(&mut applier, file.table("t"), &any[..1], &any), Applied::Inserted);
    assert_eq!(file.value::<String>("SELECT typeof(a) || a FROM t"), "text12");
}

#[test]
fn tables_that_need_functions_of_the_application_are_named() {
    let (file, applier) =
        following("CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(id INTEGER PRIMARY KEY, v)");
    assert_eq!(unwritable(&applier.connection, &file.plan), []);
    let application = file.app();
    // As an application leaves it that has a function of its own
    application
        .execute_batch(
            "CREATE INDEX i ON t(lower(v)); PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, 'lower', 'own') WHERE name = 'i'; PRAGMA writable_schema = RESET",
        )
        .unwrap();
    let notices = unwritable(&SourceApplier::open(&file.path()).unwrap().connection, &file.plan);
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].object, "t");
    assert!(notices[0].message.contains("unknown function: own()"), "{}", notices[0].message);
}
