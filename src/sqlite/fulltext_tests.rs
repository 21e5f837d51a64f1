//! Full-text tables as people declare them; SQLite itself has to take every statement

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::*;

/// What is read of a statement that SQLite takes
fn read(arguments: &str) -> FullText {
    let conn = Connection::open_in_memory().unwrap();
    let sql = format!("CREATE VIRTUAL TABLE f USING {arguments}");
    conn.execute_batch(&sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
    parse("f", &sql).unwrap()
}

fn columns(table: &FullText) -> Vec<String> {
    let shown = |c: &FullTextColumn| format!("{}{}", c.name, if c.indexed { "" } else { "-" });
    table.columns.iter().map(shown).collect()
}

#[test]
fn fts5_columns_and_options() {
    let table = read("fts5(title, \"a b\", [content] , body unindexed, 'x''y')");
    assert_eq!(columns(&table), ["title", "a b", "content", "body-", "x'y"]);
    assert_eq!((&table.content, table.tokenizer.as_str(), table.unlike), (&Content::Own, "", None));
    let table =
        read("FTS5 ( a , content = 'docs' , content_rowid=\"id\", tokenize = \"Porter unicode61\", prefix='2 3')");
    assert_eq!(columns(&table), ["a"]);
    assert_eq!((&table.content, table.tokenizer.as_str()), (&Content::External("docs".into()), "porter unicode61"));
    assert_eq!(read("fts5(a, content='', contentless_delete=1, columnsize=1)").content, Content::None);
    assert_eq!(read("fts5(a, /* none */ content=\"\" -- at all\n)").content, Content::None);
    // FTS5 takes the beginning of an option's name for the option.
    assert_eq!(read("fts5(a, con=docs, tok=ascii)").content, Content::External("docs".into()));
    assert_eq!(read("fts5(a, tok=ascii, detail=none)").tokenizer, "ascii");
}

#[test]
fn fts4_columns_and_options() {
    let table = read("fts4(title TEXT, body VARCHAR(20), tokenize=porter, notindexed=body, matchinfo=fts3)");
    assert_eq!((columns(&table), table.tokenizer.as_str()), (vec!["title".into(), "body-".into()], "porter"));
    let table = read("fts4(content=\"docs\", a, b, tokenize=unicode61 \"remove_diacritics=0\", prefix=\"2,4\")");
    assert_eq!(columns(&table), ["a", "b"]);
    assert_eq!(table.tokenizer, "unicode61 remove_diacritics=0");
    assert_eq!(table.content, Content::External("docs".into()));
    assert_eq!(read("fts4(a, content='')").content, Content::None);
    assert!(read("fts4(a, languageid=\"lid\")").unlike.unwrap().contains("languageid"));
    let table = read("fts4(a, compress=lower, uncompress=lower)");
    assert!(table.unlike.unwrap().contains("compressed"));
    assert_eq!(columns(&read("fts4(a, languageid='lid')")), ["a"]);
}

#[test]
fn fts3_knows_no_option_but_the_tokenizer() {
    let table = read("fts3(a, tokenize porter, \"tokenizer\", content='docs')");
    assert_eq!(
        (columns(&table), table.tokenizer.as_str()),
        (vec!["a".into(), "tokenizer".into(), "content".into()], "porter")
    );
    assert_eq!(table.content, Content::Own);
    assert!(parse("r", "CREATE VIRTUAL TABLE r USING rtree(id, a, b)").is_none());
}

/// Why text that is in a shadow table only is not followed: with a trigger there the whole file could not be read any
/// more by connections in defensive mode, which some libraries switch on for all of theirs (I11)
#[test]
fn i11_a_trigger_on_a_shadow_table_would_lock_defensive_connections_out() {
    for (module, key) in [("fts5", "id"), ("fts4", "docid"), ("fts3", "docid")] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let application = |sql: &str| {
            let conn = Connection::open(file.path()).unwrap();
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).unwrap();
            conn.execute_batch(sql)
        };
        let conn = Connection::open(file.path()).unwrap();
        conn.execute_batch(&format!("CREATE VIRTUAL TABLE f USING {module}(a); CREATE TABLE t(a)")).unwrap();
        application("INSERT INTO f(a) VALUES ('one'); INSERT INTO t VALUES (1)").unwrap();
        let trigger = "CREATE TRIGGER x AFTER INSERT ON f_content BEGIN INSERT INTO t VALUES (NEW.";
        conn.execute_batch(&format!("{trigger}{key}); END")).unwrap();
        conn.execute_batch("INSERT INTO f(a) VALUES ('two')").unwrap();
        assert_eq!(conn.query_row("SELECT max(a) FROM t", [], |row| row.get(0)), Ok(2), "{module}: it does fire");
        let refused = application("INSERT INTO t VALUES (7)").unwrap_err().to_string();
        assert!(refused.contains("malformed database schema"), "{module}: {refused}");
    }
}
