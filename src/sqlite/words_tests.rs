//! The index of contentless tables against what MATCH finds in it

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::model::fulltext::Content;
use crate::model::plan::example_table;
use crate::model::schema::{Key, KeyKind, KeyPart};
use crate::model::search::SearchText;
use crate::sqlite::connection::open_reader;
use crate::sqlite::fulltext::parse;
use crate::sqlite::search::shadow;

/// A database with one contentless table, and the plan of it
struct Scene {
    folder: TempDir,
    application: Connection,
    search: SearchPlan,
}

impl Scene {
    fn new(journal: &str, arguments: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let application = Connection::open(folder.path().join("x.db")).unwrap();
        application.query_row(&format!("PRAGMA journal_mode={journal}"), [], |_| Ok(())).unwrap();
        let sql = format!("CREATE VIRTUAL TABLE t USING fts5({arguments})");
        application.execute_batch(&sql).unwrap();
        let fulltext = parse("t", &sql).unwrap();
        assert_eq!(fulltext.content, Content::None);
        let reader = open_reader(&folder.path().join("x.db")).unwrap();
        let (_, sql, text) = shadow(&reader, &fulltext).unwrap().unwrap();
        let mut table = example_table(Vec::new(), Vec::new());
        let part = KeyPart { column: Some(0), sql: "id".into(), collation: "BINARY".into() };
        table.key = Key::new(KeyKind::RowidAlias, vec![part]);
        let search = SearchPlan { name: "t".into(), module: "fts5".into(), sql, note: String::new(), text, table };
        Scene { folder, application, search }
    }

    fn write(&self, sql: &str) {
        self.application.execute_batch(sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
    }

    fn read(&self, wanted: Wanted<'_>) -> Window {
        let SearchText::Index(text) = &self.search.text else { panic!("it is contentless") };
        let reader = open_reader(&self.folder.path().join("x.db")).unwrap();
        let window = read(&reader, &self.search, text, wanted).unwrap();
        let changed = reader.execute("CREATE TABLE main.own(a)", []);
        assert!(changed.is_err(), "our connection writes to nobody's database");
        window
    }

    fn rows(&self) -> Vec<(i64, String)> {
        self.read(Wanted::Behind(None)).rows
    }
}

fn rows(found: &[(i64, String)]) -> Vec<(i64, &str)> {
    found.iter().map(|(rowid, words)| (*rowid, words.as_str())).collect()
}

const TEXTS: &str =
    "INSERT INTO t(rowid, a, b) VALUES (5, 'Hello, World hello', 'Other'), (-1, '', NULL), (9, 'it''s', 'a b')";

#[test]
fn words_stand_in_their_rows_with_places_and_weights() {
    for journal in ["wal", "delete"] {
        let scene = Scene::new(journal, "a, b, content=''");
        scene.write(TEXTS);
        let expected = [(-1, ""), (5, "'hello':1A,3A 'other':5B 'world':2A"), (9, "'a':4B 'b':5B 'it':1A 's':2A")];
        assert_eq!(rows(&scene.rows()), expected, "{journal}");
        assert_eq!(rows(&scene.read(Wanted::These(&[9, 7, -1])).rows), [expected[0], expected[2]]);
        assert_eq!(rows(&scene.read(Wanted::Behind(Some(5))).rows), [expected[2]]);
    }
}

#[test]
fn without_places_only_the_words_are_left() {
    for arguments in ["a, b, content='', detail=none", "a, b, detail=none, content='', contentless_delete=1"] {
        let scene = Scene::new("wal", arguments);
        scene.write(TEXTS);
        let expected = [(-1, ""), (5, "'hello' 'other' 'world'"), (9, "'a' 'b' 'it' 's'")];
        assert_eq!(rows(&scene.rows()), expected, "{arguments}");
    }
    let scene = Scene::new("wal", "a, content='', detail=column");
    scene.write("INSERT INTO t(rowid, a) VALUES (1, 'b a b')");
    assert_eq!(rows(&scene.rows()), [(1, "'a' 'b'")]);
}

#[test]
fn what_was_deleted_is_gone_and_moves_the_fingerprint() {
    let fingerprint = |scene: &Scene| fingerprint(&scene.application, &scene.search).unwrap();
    let delete = "INSERT INTO t(t, rowid, a, b) VALUES ('delete', 9, 'it''s', 'a b')";
    let moves = |scene: &Scene, sql: &str| {
        let before = fingerprint(scene);
        scene.write(sql);
        assert!(before != fingerprint(scene), "{sql}");
    };
    for (arguments, deletes) in [
        ("a, b, content=''", [delete, "INSERT INTO t(t) VALUES ('delete-all')"]),
        ("a, b, content='', contentless_delete=1", ["DELETE FROM t WHERE rowid = 9", "DELETE FROM t"]),
    ] {
        let scene = Scene::new("wal", arguments);
        moves(&scene, TEXTS);
        moves(&scene, deletes[0]);
        assert_eq!(scene.rows().iter().map(|row| row.0).collect::<Vec<_>>(), [-1, 5], "{arguments}");
        moves(&scene, "INSERT INTO t(rowid, a, b) VALUES (9, 'again', '')");
        assert_eq!(rows(&scene.rows())[2], (9, "'again':1A"));
        if arguments.contains("contentless_delete") {
            moves(&scene, "REPLACE INTO t(rowid, a, b) VALUES (5, 'new', 'new')");
            assert_eq!(rows(&scene.rows())[1], (5, "'new':1A,3B"));
        }
        moves(&scene, deletes[1]);
        assert_eq!(scene.rows(), []);
    }
}

/// More rows than a window takes, read while words are spread over many pages
#[test]
fn windows_follow_each_other() {
    let scene = Scene::new("wal", "a, b, content=''");
    scene.write(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO t(rowid, a, b) SELECT i * 2, 'w' || i || ' all', 'x' || (i % 7) FROM n",
    );
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let window = scene.read(Wanted::Behind(after));
        assert!(window.rows.len() <= ROWS);
        found.extend(window.rows);
        after = window.through;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 20_000);
    for (rowid, words) in found {
        let n = rowid / 2;
        assert_eq!(words, format!("'all':2A 'w{n}':1A 'x{}':4B", n % 7));
    }
}

#[test]
fn what_a_tsvector_cannot_say_is_left_with_the_reason() {
    let connection = Connection::open_in_memory().unwrap();
    for (arguments, reason) in [
        ("fts5(a, b, content='', detail=column)", "detail=column"),
        ("fts5(a, content='', columnsize=0)", "columnsize=0"),
        ("fts5(a, b UNINDEXED, content='', contentless_unindexed=1)", "not indexed"),
        ("fts5(a, content='', tokendata=1)", "tokendata"),
        ("fts4(a, content='')", "FTS4"),
    ] {
        let sql = format!("CREATE VIRTUAL TABLE f USING {arguments}");
        connection.execute_batch(&sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
        let left = shadow(&connection, &parse("f", &sql).unwrap()).unwrap().unwrap_err();
        assert!(left.contains(reason), "{arguments}: {left}");
        connection.execute_batch("DROP TABLE f").unwrap();
    }
}

#[test]
fn sizes_are_sums_of_varints() {
    assert_eq!(sum_of_varints(&[]), 0);
    assert_eq!(sum_of_varints(&[3, 0x81, 0x00, 0x7f]), 3 + 128 + 127);
}
