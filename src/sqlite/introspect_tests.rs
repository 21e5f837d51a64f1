//! Introspection of schemas made to be hard

use super::*;

fn read(sql: &str) -> Introspection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).unwrap();
    introspect(&conn).unwrap()
}

fn only(sql: &str) -> Table {
    let mut found = read(sql);
    assert_eq!(found.tables.len(), 1, "{:?}", found.skipped);
    found.tables.remove(0)
}

#[test]
fn rowid_alias_is_only_the_true_one() {
    for (sql, alias) in [
        ("CREATE TABLE t(a, id INTEGER PRIMARY KEY)", Some(1)),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", Some(0)),
        ("CREATE TABLE t(id INTEGER, PRIMARY KEY(id DESC))", Some(0)),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY DESC)", None),
        ("CREATE TABLE t(id INT PRIMARY KEY)", None),
        ("CREATE TABLE t(id BIGINT PRIMARY KEY)", None),
        ("CREATE TABLE t(id INTEGER(8) PRIMARY KEY)", None),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY) WITHOUT ROWID", None),
        ("CREATE TABLE t(a INTEGER, b INTEGER, PRIMARY KEY(b, a))", None),
    ] {
        let table = only(sql);
        assert_eq!(table.rowid_alias, alias, "{sql}");
        assert!(!table.primary_key.is_empty(), "{sql}");
    }
    assert_eq!(only("CREATE TABLE t(a INTEGER, b INTEGER, PRIMARY KEY(b, a))").primary_key, [1, 0]);
    assert!(only("CREATE TABLE t(a)").primary_key.is_empty());
}

#[test]
fn rowid_name_is_the_first_that_no_column_hides() {
    let name = |sql: &str| only(sql).rowid_name;
    assert_eq!(name("CREATE TABLE t(a)").as_deref(), Some("rowid"));
    assert_eq!(name("CREATE TABLE t(RowId)").as_deref(), Some("_rowid_"));
    assert_eq!(name("CREATE TABLE t(rowid, _ROWID_)").as_deref(), Some("oid"));
    assert_eq!(name("CREATE TABLE t(rowid, _rowid_, oid)"), None);
    assert_eq!(name("CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID"), None);
}

#[test]
fn columns_with_everything() {
    let table = only(
        "CREATE TABLE t(a VARCHAR(10) NOT NULL DEFAULT 'x' COLLATE nocase, b AS (a) VIRTUAL, c INT AS (1) STORED, d)",
    );
    let a = &table.columns[0];
    assert_eq!((a.declared_type.as_str(), a.affinity, a.not_null), ("VARCHAR(10)", Affinity::Text, true));
    assert_eq!((a.default.as_deref(), a.collation.as_str()), (Some("'x'"), "NOCASE"));
    let generated: Vec<_> = table.columns.iter().map(|c| c.generated).collect();
    assert_eq!(generated[..4], [Generated::No, Generated::Virtual, Generated::Stored, Generated::No]);
    assert_eq!((table.columns[3].collation.as_str(), table.columns[3].affinity), ("BINARY", Affinity::Blob));
}

#[test]
fn strict_tables_and_any() {
    let table = only("CREATE TABLE t(a ANY, b INT PRIMARY KEY, c REAL) STRICT, WITHOUT ROWID");
    assert!(table.strict && table.without_rowid);
    assert_eq!(table.columns[0].affinity, Affinity::Blob);
    assert_eq!(only("CREATE TABLE t(a ANY)").columns[0].affinity, Affinity::Numeric);
}

#[test]
fn indexes_in_order_with_terms_and_predicates() {
    let table = only(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE, b, c);
         CREATE INDEX one ON t(b COLLATE rtrim DESC, lower(c) /* why */ COLLATE nocase) WHERE b > 1 -- end
         ;
         CREATE UNIQUE INDEX [two 2] ON t(c, id);",
    );
    let names: Vec<_> = table.indexes.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["sqlite_autoindex_t_1", "one", "two 2"]);
    let [auto, one, two] = &table.indexes[..] else { unreachable!() };
    assert_eq!((auto.origin, auto.sql.is_none(), auto.unique), (IndexOrigin::Unique, true, true));
    assert_eq!(auto.terms[0].collation, "NOCASE");
    assert_eq!(one.predicate.as_deref(), Some("b > 1"));
    assert_eq!(one.terms[0], IndexTerm { what: Term::Column(2), collation: "RTRIM".into(), descending: true });
    assert_eq!(one.terms[1].what, Term::Expression("lower(c)".into()));
    assert_eq!((one.terms[1].collation.as_str(), one.terms[1].descending), ("NOCASE", false));
    assert_eq!(two.terms.iter().map(|t| t.what.clone()).collect::<Vec<_>>(), [Term::Column(3), Term::Column(0)]);
}

#[test]
fn unknown_collations_do_not_stop_the_reader() {
    let table = only(
        "CREATE TABLE t(a TEXT COLLATE RTRIM PRIMARY KEY, b) WITHOUT ROWID;
         PRAGMA writable_schema = 1;
         UPDATE sqlite_schema SET sql = replace(sql, 'RTRIM', 'Mine') WHERE name = 't';
         PRAGMA writable_schema = RESET;",
    );
    assert_eq!(table.indexes[0].terms[0].collation, "Mine");
    assert_eq!(table.columns[0].collation, "Mine");
}

#[test]
fn foreign_keys_in_order_of_declaration() {
    let table = read(
        "CREATE TABLE p(x, y, PRIMARY KEY(x, y));
         CREATE TABLE t(a REFERENCES p(x) ON DELETE CASCADE, b REFERENCES q DEFERRABLE INITIALLY DEFERRED, c,
           FOREIGN KEY (C, b) REFERENCES P ON UPDATE SET NULL);",
    )
    .tables
    .remove(1);
    let [one, two, three] = &table.foreign_keys[..] else { panic!("{:?}", table.foreign_keys) };
    assert_eq!((one.parent.as_str(), one.on_delete.as_str(), one.deferred), ("p", "CASCADE", false));
    assert_eq!(one.parent_columns, ["x"]);
    assert_eq!((two.parent.as_str(), two.parent_columns.len(), two.deferred), ("q", 0, true));
    assert_eq!((three.columns.as_slice(), three.on_update.as_str(), three.deferred), (&[2, 1][..], "SET NULL", false));
}

#[test]
fn hostile_identifiers_come_back_unchanged() {
    let names =
        ["a\"b", "with space", "select", "a'b", "x]y", "é€😀", "new\nline", "", "?1", "--x", "/*", "a.b", "a`b", ";"];
    for name in names {
        let quoted = crate::model::schema::quote_identifier(name);
        let table = only(&format!(
            "CREATE TABLE {quoted}({quoted} TEXT COLLATE NOCASE, z, UNIQUE({quoted}, z)); \
             CREATE INDEX {} ON {quoted}({quoted} DESC, lower({quoted}))",
            crate::model::schema::quote_identifier(&format!("i{name}"))
        ));
        assert_eq!((table.name.as_str(), table.columns[0].name.as_str()), (name, name));
        assert_eq!(table.columns[0].collation, "NOCASE", "{name:?}");
        assert_eq!(table.indexes[1].terms[1].what, Term::Expression(format!("lower({quoted})")));
    }
}

#[test]
fn what_is_not_a_table_is_listed_with_a_reason() {
    let found = read(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a);
         CREATE VIEW v AS SELECT 1;
         CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;
         CREATE TABLE _crossfade_log(a); CREATE TRIGGER _crossfade_1ai AFTER INSERT ON t BEGIN SELECT 1; END;
         CREATE VIRTUAL TABLE f USING fts5(x);",
    );
    assert_eq!(found.tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["t"]);
    let objects: Vec<_> = found.skipped.iter().map(|n| n.object.as_str()).collect();
    assert_eq!(found.fulltext.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["f"]);
    for expected in ["tr on t", "f_data", "f_content", "sqlite_sequence"] {
        assert!(objects.contains(&expected), "{expected} in {objects:?}");
    }
    assert!(!objects.iter().any(|o| o.contains("_crossfade_")));
    assert_eq!((found.views[0].name.as_str(), found.views[0].sql.as_str()), ("v", "CREATE VIEW v AS SELECT 1"));
    assert!(found.schema_version > 0);
}

#[test]
fn shadow_tables_of_unknown_modules() {
    let found = read(
        "CREATE TABLE docs_chunks(a); CREATE TABLE docs_vector_chunks00(a); CREATE TABLE docs_archive(a);
         PRAGMA writable_schema = 1;
         INSERT INTO sqlite_schema VALUES('table', 'docs', 'docs', 0, 'CREATE VIRTUAL TABLE docs USING vec0(a)');
         PRAGMA writable_schema = RESET;",
    );
    assert_eq!(found.tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["docs_archive"]);
    let notice = found.skipped.iter().find(|n| n.object == "docs_chunks").unwrap();
    assert!(notice.remedy.is_some() && notice.message.contains("docs"));
    assert!(found.skipped.iter().any(|n| n.object == "docs" && n.message.contains("vec0")));
}
