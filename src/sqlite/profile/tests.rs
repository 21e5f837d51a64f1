//! The scan: every value once, in slices that let writers in

use super::*;
use crate::model::profile::ColumnProfile;
use crate::sqlite::introspect::introspect;

/// Every slice ends after two rows
const HASTY: Pace = Pace { slice: Duration::ZERO, gap: Duration::ZERO, rows: 2 };

fn open(sql: &str) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).unwrap();
    conn
}

fn read(conn: &Connection, pace: Pace) -> (TableProfile, u64) {
    let tables = introspect(conn).unwrap().tables;
    let terms = Terms::of(conn, &tables[0], &tables).unwrap();
    let mut told = 0;
    let counts = Counts::new(&tables[0], declared(&tables[0]), terms);
    let (profile, _) = profile_at(conn, counts, pace, &mut |rows| told += rows).unwrap();
    (profile, told)
}

#[test]
fn every_class_is_counted_by_value() {
    let conn = open(
        "CREATE TABLE t(v);
         INSERT INTO t VALUES (NULL), (5), (-7), (9223372036854775807), (1.5), (9e999), (-9e999), ('abc'), (''),
           (x'00ff'), (CAST(x'61ff' AS TEXT)), (CAST(x'610062' AS TEXT)), (CAST(x'00c3' AS TEXT));",
    );
    conn.execute("INSERT INTO t VALUES (?1)", [-0.0f64]).unwrap();
    let (profile, told) = read(&conn, PACE);
    let expected = ColumnProfile {
        nulls: 1,
        integers: 3,
        reals: 4,
        texts: 5,
        blobs: 1,
        int_min: -7,
        int_max: i64::MAX,
        nul_texts: 2,
        invalid_utf8: 2,
        negative_zero: 1,
        infinities: 2,
        bytes_max: 8,
        ..ColumnProfile::default()
    };
    let plain = ColumnProfile {
        chars_max: 0,
        keys: Default::default(),
        odd_keys: Vec::new(),
        forms: Vec::new(),
        formless: Default::default(),
        other_blobs: Default::default(),
        null_keys: Vec::new(),
        ..profile.columns[0].clone()
    };
    assert_eq!([plain], [expected]);
    assert_eq!((profile.rows, told, profile.bytes), (14, 14, 7 * 8 + 3 + 2 + 2 + 3 + 2));
}

#[test]
fn slices_miss_no_row_and_count_none_twice() {
    let conn = open(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); CREATE INDEX i ON t(v, id);
         INSERT INTO t VALUES (-9223372036854775808, 'a'), (-1, 'b'), (0, 'c'), (7, 'd'), (9223372036854775807, 'e');",
    );
    let (profile, told) = read(&conn, HASTY);
    assert_eq!((profile.rows, told, profile.columns[1].texts), (5, 5, 5));
    assert_eq!((profile.columns[0].int_min, profile.columns[0].int_max), (i64::MIN, i64::MAX));
    assert_eq!(profile, read(&conn, PACE).0);
}

#[test]
fn a_slice_ends_its_transaction_so_that_a_writer_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("CREATE TABLE t(v); INSERT INTO t VALUES (1), (2), (3), (4)").unwrap();
    writer.busy_timeout(Duration::ZERO).unwrap();
    let reader = Connection::open(&path).unwrap();
    let table = introspect(&reader).unwrap().tables.remove(0);
    let counts = Counts::new(&table, declared(&table), Terms::default());
    assert_eq!(profile_at(&reader, counts, HASTY, &mut |_| {}).unwrap().0.rows, 4);
    // In rollback-journal mode even a statement that was not reset would refuse this.
    writer.execute_batch("INSERT INTO t VALUES (5)").unwrap();
}

#[test]
fn null_keys_are_rows() {
    let conn = open(
        "CREATE TABLE t(a, b, c, PRIMARY KEY(a, b));
         INSERT INTO t VALUES (NULL, NULL, 1), (1, NULL, 2), (1, 2, NULL);",
    );
    assert_eq!(read(&conn, HASTY).0.null_keys, 2);
    let conn = open("CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, NULL)");
    assert_eq!(read(&conn, PACE).0.null_keys, 0);
}

#[test]
fn tables_without_a_reachable_rowid_take_one_scan() {
    for sql in [
        "CREATE TABLE t(a TEXT PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES ('x', 1), ('y', 2), ('z', 3)",
        "CREATE TABLE t(rowid, _rowid_, oid); INSERT INTO t VALUES (1, 2, 3), (1, 2, 3), (1, 2, 3)",
        "CREATE TABLE \"t \"\"\"(\"rowid\", \"a b\" AS (1)); INSERT INTO \"t \"\"\"(rowid) VALUES (1), (1), (1)",
    ] {
        assert_eq!(read(&open(sql), HASTY).0.rows, 3, "{sql}");
    }
}

#[test]
fn a_column_that_is_gone_is_no_string() {
    let conn = open("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 2)");
    let table = introspect(&conn).unwrap().tables.remove(0);
    conn.execute_batch("ALTER TABLE t DROP COLUMN b").unwrap();
    assert!(profile(&conn, &table, &[], None, &mut |_| {}).is_err());
}

#[test]
fn a_table_that_is_gone_is_an_error_with_its_name() {
    let conn = open("CREATE TABLE gone(a)");
    let table = introspect(&conn).unwrap().tables.remove(0);
    conn.execute_batch("DROP TABLE gone").unwrap();
    let error = profile(&conn, &table, &[], None, &mut |_| {}).unwrap_err();
    assert!(error.summary().contains("gone"), "{}", error.summary());
}

#[test]
fn a_key_without_a_rowid_is_read_in_slices_too() {
    for sql in [
        "CREATE TABLE t(a TEXT, b INT, v, PRIMARY KEY(a, b)) WITHOUT ROWID; CREATE INDEX i ON t(v, b, a);
         INSERT INTO t VALUES ('x', 1, 1), ('x', 2, 2), ('X', 1, 3), ('y', -5, 4), ('', 0, 5)",
        "CREATE TABLE t(a TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID;
         INSERT INTO t VALUES ('b', 1), ('A', 2), ('c', 3), ('D', 4), (x'00', 5)",
        "CREATE TABLE t(a PRIMARY KEY, v) WITHOUT ROWID;
         INSERT INTO t VALUES (1, 1), (1.5, 2), ('1', 3), (x'31', 4), (CAST(x'ff' AS TEXT), 5)",
    ] {
        let conn = open(sql);
        let table = introspect(&conn).unwrap().tables.remove(0);
        assert!(Cursor::of(&table).is_some(), "{sql}");
        let (profile, told) = read(&conn, HASTY);
        assert_eq!((profile.rows, told), (5, 5), "{sql}");
        assert_eq!(profile.columns.last().unwrap().integers, 5, "{sql}");
        assert_eq!(profile, read(&conn, PACE).0, "{sql}");
    }
    // SQLite compares row values in one direction and by the columns' own collations only.
    for sql in [
        "CREATE TABLE t(a, b, PRIMARY KEY(a, b DESC)) WITHOUT ROWID",
        "CREATE TABLE t(a TEXT, PRIMARY KEY(a COLLATE NOCASE)) WITHOUT ROWID",
    ] {
        let table = introspect(&open(sql)).unwrap().tables.remove(0);
        assert!(Cursor::of(&table).is_none(), "{sql}");
    }
}

#[test]
fn examples_are_the_first_rows_by_their_key() {
    let keys = |sql: &str| read(&open(sql), HASTY).0.columns.pop().unwrap().keys;
    let rowid = keys("CREATE TABLE t(v); INSERT INTO t VALUES (1), ('a'), (2), (3), (4), (x'00')");
    let strings = |keys: &[&str]| keys.iter().map(|key| key.to_string()).collect::<Vec<_>>();
    assert_eq!(rowid[0], strings(&["rowid=1", "rowid=3", "rowid=4"]));
    assert_eq!((&rowid[2], &rowid[3]), (&strings(&["rowid=2"]), &strings(&["rowid=6"])));
    let composite =
        keys("CREATE TABLE t(a, b, v, PRIMARY KEY(b, a)); INSERT INTO t VALUES ('x', 1.5, 1), (NULL, x'ff', 1)");
    assert_eq!(composite[0], strings(&["b=1.5, a=x", "b=x'ff', a=NULL"]));
    let long = keys("CREATE TABLE t(a PRIMARY KEY, v); INSERT INTO t VALUES (printf('%.*c', 90, 'x') || 'é', 1)");
    assert!(long[0][0].len() <= 64 && long[0][0].ends_with('…'), "{long:?}");
    let umlauts =
        keys("CREATE TABLE t(a PRIMARY KEY, v); INSERT INTO t VALUES (replace(hex(zeroblob(50)), '00', 'ä'), 1)");
    assert!(umlauts[0][0].len() <= 64, "{umlauts:?}");
    let hidden = keys("CREATE TABLE t(rowid, _rowid_, oid); INSERT INTO t VALUES (1, 2, 3)");
    assert_eq!(hidden[0], strings(&["a row without a key"]));
}

#[test]
fn forms_are_counted_and_bounded() {
    let mut sql =
        "CREATE TABLE t(v); INSERT INTO t VALUES ('2024-01-02'), ('2024-01-03'), (''), ('no form')".to_owned();
    let profile = read(&open(&sql), PACE).0.columns.remove(0);
    let forms: Vec<_> = profile.forms.iter().map(|(form, tally)| (form.to_string(), tally.count)).collect();
    assert_eq!(forms, [("%Y-%m-%d".to_owned(), 2), ("''".to_owned(), 1)]);
    assert_eq!((profile.formless.count, profile.formless.keys.as_slice()), (1, &["rowid=4".to_owned()][..]));
    assert_eq!((profile.chars_max, profile.bytes_max), (10, 10));
    for minutes in 0..59 {
        sql.push_str(&format!(", ('2024-01-02 03:04:05+01:{minutes:02}')"));
    }
    let profile = read(&open(&sql), PACE).0.columns.remove(0);
    assert_eq!((profile.forms.len(), profile.formless.count), (8, 59 - 6 + 1));
}

#[test]
fn rows_without_a_parent_are_counted_where_an_index_finds_parents() {
    let conn = open(
        "PRAGMA foreign_keys = OFF;
         CREATE TABLE a(id INTEGER PRIMARY KEY, up INT REFERENCES a, n TEXT REFERENCES named(n), x INT, y INT, z INT,
             FOREIGN KEY(x, y) REFERENCES pair(b, a), FOREIGN KEY(z) REFERENCES pair(c), FOREIGN KEY(z) REFERENCES gone);
         CREATE TABLE named(n TEXT COLLATE NOCASE UNIQUE);
         CREATE TABLE pair(a INT, b INT, c INT UNIQUE, PRIMARY KEY(a, b)) WITHOUT ROWID;
         CREATE TABLE loose(v INT);
         INSERT INTO named VALUES('Abc'); INSERT INTO pair VALUES(1, 2, 3);
         INSERT INTO a VALUES(1, 1, 'aBC', 2, 1, 3), (2, NULL, 'other', 1, 2, 4), (3, 1, NULL, NULL, 7, 5), (4, 9, '', 5, 5, 6),
             (5, 1, 'abc', 2, 1, 7)",
    );
    for pace in [HASTY, PACE] {
        let (profile, _) = read(&conn, pace);
        let told = |at: usize| profile.orphans[at].as_ref().map(|tally| (tally.count, tally.keys.clone()));
        let keys = |ids: &[i64]| ids.iter().map(|id| format!("id={id}")).collect::<Vec<_>>();
        assert_eq!(told(0), Some((1, keys(&[4]))));
        assert_eq!(told(1), Some((2, keys(&[2, 4]))));
        assert_eq!(told(2), Some((2, keys(&[2, 4]))));
        assert_eq!(told(3), Some((4, keys(&[2, 3, 4]))));
        assert_eq!(told(4), None);
        assert_eq!((profile.rows, profile.columns[5].integers), (5, 5));
    }
    let unindexed = open(
        "PRAGMA foreign_keys = OFF;
         CREATE TABLE a(v INT REFERENCES b(v)); CREATE TABLE b(v INT, w INT); CREATE INDEX i ON b(w, v);
         INSERT INTO a VALUES(1)",
    );
    assert_eq!(read(&unindexed, PACE).0.orphans, [None]);
}

#[test]
fn halves_of_surrogate_pairs_are_counted_and_decide_no_type() {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID;
         INSERT INTO t VALUES('a', 'x'), ('b', CAST(x'00d84100' AS TEXT)), ('c', CAST(x'3dd800de' AS TEXT)),
             (CAST(x'00dc' AS TEXT), CAST(x'00d8' AS TEXT)), ('e', x'00d8'), ('f', NULL)",
    )
    .unwrap();
    let (profile, _) = read(&conn, HASTY);
    let [k, v] = &profile.columns[..] else { panic!("two columns") };
    assert_eq!((k.unsound.count, k.texts, v.unsound.count, v.texts, v.blobs, v.nulls), (1, 5, 2, 2, 1, 1));
    assert_eq!((v.unsound.keys[1].as_str(), v.invalid_utf8, profile.rows), ("k=b", 0, 6));
}

#[test]
fn a_sample_is_spread_over_the_table_and_knows_about_how_many_rows_there_are() {
    let conn = open(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(k TEXT PRIMARY KEY) WITHOUT ROWID;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO t SELECT i * 3 - 30000, CASE WHEN i < 10000 THEN i ELSE 'text' END FROM n;
         INSERT INTO u SELECT id FROM t",
    );
    let tables = introspect(&conn).unwrap().tables;
    let mut told = 0;
    let mut of =
        |at: usize, wanted| profile(&conn, &tables[at], &tables, Some(wanted), &mut |rows| told += rows).unwrap();
    let some = of(0, 1000);
    assert!(some.sampled && (19_000..21_000).contains(&some.rows), "{}", some.rows);
    let read = some.columns[0].integers;
    assert!((900..=1000).contains(&read) && (400..600).contains(&some.columns[1].texts), "{some:?}");
    let whole = of(0, 60_000);
    assert_eq!((whole.sampled, whole.rows), (false, 20_000));
    let without_rowid = of(1, 10);
    assert_eq!((without_rowid.sampled, without_rowid.rows), (false, 20_000));
    assert_eq!(told, read + 40_000);
    assert_eq!(rows_at_most(&conn, &tables[1]).unwrap(), 0);
    assert!((20_000..=59_998).contains(&rows_at_most(&conn, &tables[0]).unwrap()));
    // Few rows with rowids far apart: the blocks meet, and nothing is missing.
    let apart = open(
        "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(-9223372036854775808), (0), (9223372036854775807)",
    );
    let tables = introspect(&apart).unwrap().tables;
    let all = profile(&apart, &tables[0], &tables, Some(1000), &mut |_| {}).unwrap();
    assert_eq!((all.sampled, all.rows, all.columns[0].integers), (false, 3, 3));
}
