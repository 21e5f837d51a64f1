//! Keys of every kind, values that trade places, and columns that are none of ours

use super::*;
use crate::model::mapping::Mapping;

fn text(file: &File, sql: &str) -> String {
    file.value(sql)
}

/// Key and unique value of a row; none to delete it
type Pair = (i64, Option<&'static str>);

fn pairs(rows: &[Pair]) -> Vec<Change> {
    let pair = |(id, u): &Pair| {
        let row = u.map(|u| packed(&[Value::Integer(*id), Value::Text(u.as_bytes())]));
        (packed(&[Value::Integer(*id)]), row)
    };
    rows.iter().map(pair).collect()
}

const UNIQUE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE);
                      INSERT INTO t VALUES(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')";

#[test]
fn unique_values_trade_places() {
    let cases: [(&[Pair], &str); 4] = [
        (&[(1, Some("b")), (2, Some("a"))], "1b,2a,3c,4d"),
        (&[(1, Some("b")), (2, Some("c")), (3, Some("a"))], "1b,2c,3a,4d"),
        (&[(1, Some("d")), (4, None)], "1d,2b,3c"),
        (&[(5, Some("d")), (4, Some("c")), (3, Some("b")), (2, Some("a")), (1, None)], "2a,3b,4c,5d"),
    ];
    for (changes, expected) in cases {
        let (file, mut applier) = following(UNIQUE);
        let applied = cycle(&mut applier, file.table("t"), &pairs(changes));
        assert!(applied.iter().all(|a| !matches!(a, Applied::Refused { .. })), "{applied:?}");
        assert_eq!(text(&file, "SELECT group_concat(id || u) FROM (SELECT * FROM t ORDER BY id)"), expected);
    }
}

#[test]
fn a_key_is_the_rows_only_by_class_and_bytes() {
    let (file, mut applier) = following(
        "CREATE TABLE t(k TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES('ABC', 1)",
    );
    let table = file.table("t");
    let row = |k: &'static [u8]| Some(packed(&[Value::Text(k), Value::Integer(2)]));
    let key = |k: &'static [u8]| packed(&[Value::Text(k)]);
    cycle(&mut applier, table, &[(key(b"abc"), None)]);
    assert_eq!(text(&file, "SELECT k || v FROM t"), "ABC1", "this is not the row that was deleted");
    // The new key comes first: the old one is still there, and goes with the keys that are deleted first.
    let applied = cycle(&mut applier, table, &[(key(b"abc"), row(b"abc")), (key(b"ABC"), None)]);
    assert_eq!(applied[0], Applied::Inserted);
    assert_eq!(text(&file, "SELECT group_concat(k || v) FROM t"), "abc2");
    // Both of them cannot be, and none is lost over it.
    let applied = cycle(&mut applier, table, &[(key(b"ABC"), row(b"ABC"))]);
    assert!(matches!(&applied[0], Applied::Refused { .. }), "{applied:?}");
    assert_eq!(text(&file, "SELECT group_concat(k || v) FROM t"), "abc2");

    let (file, mut applier) = following("CREATE TABLE t(k NOT NULL PRIMARY KEY, v); INSERT INTO t VALUES(1, 'old')");
    let real = (packed(&[Value::Real(1.0)]), Some(packed(&[Value::Real(1.0), Value::Text(b"new")])));
    cycle(&mut applier, file.table("t"), &[real, (packed(&[Value::Integer(1)]), None)]);
    assert_eq!(text(&file, "SELECT group_concat(k || v) FROM t"), "1.0new");
}

#[test]
fn composite_and_hidden_keys_are_written() {
    let (file, mut applier) = following(
        "CREATE TABLE c(p INT NOT NULL, q TEXT NOT NULL, v, PRIMARY KEY(q, p)); INSERT INTO c VALUES(1, 'a', 'old');
         CREATE TABLE h(rowid TEXT, v); INSERT INTO h VALUES('mine', 'old')",
    );
    let key = [Value::Text(b"a"), Value::Integer(1)];
    let row = [Value::Integer(1), Value::Text(b"a"), Value::Text(b"new")];
    assert_eq!(put(&mut applier, file.table("c"), &key, &row), Applied::Updated);
    assert_eq!(text(&file, "SELECT group_concat(p || q || v) FROM c"), "1anew");
    for (id, expected) in [(1, Applied::Updated), (40, Applied::Inserted), (40, Applied::Unchanged)] {
        let row = [Value::Text(b"their"), Value::Text(b"new"), Value::Integer(id)];
        assert_eq!(put(&mut applier, file.table("h"), &row[2..], &row), expected);
    }
    assert_eq!(text(&file, "SELECT group_concat(_rowid_ || rowid || v) FROM h"), "1theirnew,40theirnew");
}

#[test]
fn columns_outside_the_plan_keep_their_values() {
    let (mut file, mut applier) = following(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, own DEFAULT 'default', both AS (u || own) STORED);
         INSERT INTO t VALUES(1, 'a', x'0102'), (2, 'b', 2.5), (3, 'c', NULL)",
    );
    leave_out(&mut file, "\"own\"");
    let table = file.table("t");
    let changes = pairs(&[(1, Some("b")), (2, Some("a")), (3, Some("x")), (4, Some("new"))]);
    cycle(&mut applier, table, &changes);
    let all = "SELECT group_concat(id || u || quote(own) || quote(both), ' ') FROM (SELECT * FROM t ORDER BY id)";
    let expected = text(
        &file,
        "SELECT '1bX''0102''' || quote('b' || x'0102') || ' 2a2.5''a2.5'' 3xNULLNULL 4new''default''''newdefault'''",
    );
    assert_eq!(text(&file, all), expected);
    // A table that was emptied and filled again
    applier.begin().unwrap();
    assert_eq!(applier.empty(table).unwrap(), 4);
    for (key, row) in pairs(&[(2, Some("b")), (9, Some("z"))]) {
        let (key, row): (Vec<_>, Option<Vec<_>>) =
            (KeyRef(&key).parts().collect(), row.as_ref().map(|row| KeyRef(row).parts().collect()));
        assert_eq!(applier.write(table, &key, row.as_deref()).unwrap(), Applied::Inserted);
    }
    applier.commit(5).unwrap();
    assert_eq!(text(&file, all), "2b2.5'b2.5' 9z'default''zdefault'");
}

/// jsonb knows the document, and SQLite its spelling
#[test]
fn i10_a_document_that_says_the_same_keeps_its_spelling() {
    let spelled = r#"{ "b": 1, "a": [1, 2] }"#;
    let (mut file, mut applier) = following(&format!(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, doc TEXT);
         INSERT INTO t VALUES(1, 'a', '{spelled}'), (2, 'b', '{spelled}'), (3, 'c', '{spelled}')"
    ));
    let place = file.plan.tables.iter().position(|table| table.source.name == "t").unwrap();
    file.plan.tables[place].columns[2].mapping = Mapping::Json { binary: true, numbers: false };
    let table = file.table("t");
    let row = |id, u: &'static [u8], doc: &'static [u8]| {
        (packed(&[Value::Integer(id)]), Some(packed(&[Value::Integer(id), Value::Text(u), Value::Text(doc)])))
    };
    let theirs = br#"{"a": [1, 2], "b": 1}"#;
    assert_eq!(cycle(&mut applier, table, &[row(1, b"a", theirs)]), [Applied::Unchanged]);
    assert_eq!(cycle(&mut applier, table, &[row(3, b"other", theirs)]), [Applied::Updated]);
    assert_eq!(cycle(&mut applier, table, &[row(1, b"b", theirs), row(2, b"a", b"[1]")])[0], Applied::Inserted);
    assert_eq!(
        text(&file, "SELECT group_concat(id || u || doc, ' ') FROM (SELECT * FROM t ORDER BY id)"),
        format!("1b{spelled} 2a[1] 3other{spelled}")
    );
}

#[test]
fn an_unchanged_row_is_not_written() {
    let (file, mut applier) = following(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a, r REAL, g AS (a || r));
         INSERT INTO t(id, a, r) VALUES(1, x'00', 1), (2, -0.0, 2)",
    );
    let table = file.table("t");
    let first = [Value::Integer(1), Value::Blob(b"\0"), Value::Real(1.0)];
    assert_eq!(put(&mut applier, table, &first[..1], &first), Applied::Unchanged);
    let zero = [Value::Integer(2), Value::Real(0.0), Value::Real(2.0)];
    assert_eq!(put(&mut applier, table, &zero[..1], &zero), Applied::Updated, "0.0 is not -0.0");
    assert_eq!(put(&mut applier, table, &zero[..1], &zero), Applied::Unchanged);
}

#[test]
fn the_applications_triggers_and_foreign_keys_are_silent() {
    let (file, mut applier) = following(
        "CREATE TABLE p(id INTEGER PRIMARY KEY, v); CREATE TABLE c(id INTEGER PRIMARY KEY REFERENCES p ON DELETE CASCADE);
         CREATE TABLE seen(what); INSERT INTO p VALUES(1, 1); INSERT INTO c VALUES(1);
         CREATE TRIGGER i AFTER INSERT ON p BEGIN INSERT INTO seen VALUES('i'); END;
         CREATE TRIGGER u BEFORE UPDATE ON p BEGIN SELECT RAISE(IGNORE); END;
         CREATE TRIGGER d AFTER DELETE ON p BEGIN INSERT INTO seen VALUES('d'); END",
    );
    let table = file.table("p");
    let row = |id, v| (packed(&[Value::Integer(id)]), Some(packed(&[Value::Integer(id), Value::Integer(v)])));
    cycle(&mut applier, table, &[row(1, 2), row(2, 1)]);
    cycle(&mut applier, table, &[(packed(&[Value::Integer(1)]), None)]);
    assert_eq!(text(&file, "SELECT group_concat(id || v) FROM p"), "21");
    assert_eq!(file.value::<i64>("SELECT count(*) FROM seen"), 0);
    assert_eq!(file.value::<i64>("SELECT count(*) FROM c"), 1);
}
