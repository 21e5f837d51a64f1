//! Key shapes and names: what exactly one statement leaves in the log

use super::*;

/// The log entries of table 1 that the statements leave, as SQL literals
fn logged(schema: &str, statements: &str) -> Vec<String> {
    let mut conn = database(schema);
    let plan = plan_of(&conn);
    let installed = install(&mut conn, &plan, LIMIT, ID).unwrap();
    conn.execute_batch(statements).unwrap();
    let columns: Vec<String> = (1..=plan.tables[0].key.parts.len()).map(|n| format!("quote(k{n})")).collect();
    let columns = columns.join(" || ' ' || ");
    strings(&conn, &format!("SELECT {columns} FROM {LOG} WHERE seq > {} AND t = 1 ORDER BY seq", installed.seq))
}

#[test]
fn i1_a_rowid_key_is_logged_by_every_verb() {
    let schema = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)";
    assert_eq!(logged(schema, "INSERT INTO t(v) VALUES('a'), ('b')"), ["1", "2"]);
    assert_eq!(logged(schema, "INSERT INTO t VALUES(5, 1); UPDATE t SET v = 2"), ["5", "5"]);
    assert_eq!(logged(schema, "INSERT INTO t VALUES(5, 1); UPDATE t SET rowid = 9"), ["5", "5", "9"]);
    assert_eq!(logged(schema, "INSERT INTO t VALUES(5, 1); DELETE FROM t"), ["5", "5"]);
}

#[test]
fn i1_the_old_key_is_logged_when_class_or_bytes_change() {
    let nocase = "CREATE TABLE t(id TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, v) WITHOUT ROWID";
    assert_eq!(logged(nocase, "INSERT INTO t VALUES('abc', 1); UPDATE t SET id = 'ABC'"), ["'abc'", "'abc'", "'ABC'"]);
    let untyped = "CREATE TABLE t(id NOT NULL PRIMARY KEY, v)";
    assert_eq!(logged(untyped, "INSERT INTO t VALUES(1, 1); UPDATE t SET id = 1.0"), ["1", "1", "1.0"]);
    let zeros = logged(untyped, "INSERT INTO t VALUES(0.0, 1); UPDATE t SET id = -0.0");
    assert!(zeros.len() >= 3, "0.0 and -0.0 are two keys: {zeros:?}");
    let composite = "CREATE TABLE t(p INT NOT NULL, q TEXT NOT NULL, PRIMARY KEY(q, p))";
    assert_eq!(logged(composite, "INSERT INTO t VALUES(1, 'a'); UPDATE t SET p = 2"), ["'a' 1", "'a' 1", "'a' 2"]);
}

#[test]
fn i1_a_table_without_key_is_logged_by_its_hidden_rowid() {
    assert_eq!(logged("CREATE TABLE t(v)", "INSERT INTO t VALUES(1), (2); DELETE FROM t WHERE v = 1"), ["1", "2", "1"]);
    let hidden = "CREATE TABLE t(rowid, _rowid_)";
    assert_eq!(logged(hidden, "INSERT INTO t(oid, rowid) VALUES(7, 'x')"), ["7"]);
}

#[test]
fn i1_rows_that_replace_removes_are_logged() {
    let schema = "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, c TEXT COLLATE NOCASE, d DEFAULT 1);
                  CREATE UNIQUE INDEX i ON t(lower(c)) WHERE d > 0; INSERT INTO t VALUES(1, 'a', 'x', 1), (2, 'b', 'y', 1)";
    assert_eq!(logged(schema, "REPLACE INTO t VALUES(10, 'a', 'Y', 1)"), ["1", "2", "10"]);
    assert_eq!(logged(schema, "UPDATE OR REPLACE t SET u = 'a' WHERE id = 2"), ["1", "2"]);
    assert_eq!(logged(schema, "UPDATE t SET d = 1 WHERE id = 2"), ["2"], "no spurious entry for an ordinary update");
    let rowid = "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v UNIQUE); INSERT INTO t VALUES('old', 1)";
    assert_eq!(logged(rowid, "REPLACE INTO t(rowid, k) VALUES(1, 'new')"), ["'old'", "'new'"]);
    assert_eq!(logged(rowid, "INSERT INTO t VALUES('b', 2); UPDATE OR REPLACE t SET oid = 1 WHERE k = 'b'").len(), 3);
    let negative = "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO t VALUES(-1, 'a')";
    assert_eq!(logged(negative, "REPLACE INTO t(u) VALUES('a')"), ["-1", "0"], "-1 is also a rowid still to be chosen");
    let nocase = "CREATE TABLE t(k TEXT COLLATE NOCASE NOT NULL PRIMARY KEY); INSERT INTO t VALUES('ABC')";
    assert_eq!(logged(nocase, "REPLACE INTO t VALUES('abc')"), ["'ABC'", "'abc'"]);
}

#[test]
fn closers_exist_only_where_replace_can_hide_a_row() {
    let names = |schema: &str| -> Vec<String> {
        let table = &plan_of(&database(schema)).tables[0];
        let triggers = render_triggers(1, &table.source, &table.key, LIMIT);
        triggers.into_iter().map(|t| t.name.trim_start_matches("_crossfade_1").to_string()).collect()
    };
    assert_eq!(names("CREATE TABLE t(id INTEGER PRIMARY KEY, v)"), ["ai", "ad", "au", "ak"]);
    assert_eq!(names("CREATE TABLE t(v)"), ["ai", "ad", "au", "ak"]);
    assert_eq!(names("CREATE TABLE t(k TEXT PRIMARY KEY) WITHOUT ROWID"), ["ai", "ad", "au", "ak"]);
    assert_eq!(names("CREATE TABLE t(id INTEGER PRIMARY KEY, v, UNIQUE(v, id))"), ["ai", "ad", "au", "ak"]);
    assert_eq!(names("CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE)").len(), 6);
    assert_eq!(names("CREATE TABLE t(k COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID").len(), 6);
}

#[test]
fn closers_seek_and_never_scan() {
    let conn = database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE NOT NULL DEFAULT 'x', b, c,
           UNIQUE(a), UNIQUE(b COLLATE RTRIM));
         CREATE UNIQUE INDEX i ON t(lower(c) COLLATE NOCASE, b) WHERE b IS NOT NULL",
    );
    let table = &plan_of(&conn).tables[0];
    let closers = closers::closers(&table.source, &table.key).unwrap();
    assert_eq!(closers.conflicts.len(), 3);
    for condition in closers.conflicts {
        let row = "(SELECT 'v' AS id, 'v' AS a, 'v' AS b, 'v' AS c) AS n";
        let sql = format!("SELECT id FROM t WHERE {}", condition.replace("NEW.", "n."));
        let sql = format!("EXPLAIN QUERY PLAN SELECT (SELECT count(*) FROM ({sql})) FROM {row}");
        let mut statement = conn.prepare(&sql).unwrap();
        let plan: Vec<String> = statement.query_map([], |r| r.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(plan.iter().any(|step| step.starts_with("SEARCH t")), "{condition}: {plan:?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN t")), "{condition}: {plan:?}");
    }
}

#[test]
fn hostile_names_are_captured_and_leave_no_trace() {
    let names = [
        "", " ", "a\"b", "it's", "-- x", "?1", "select", "new", "OLD", "a\nb", "{table}", "{id}", "größe", "[x]", "`",
        ";", "rowid",
    ];
    for name in names {
        let quoted = quote_identifier(name);
        let column = if name == "rowid" { "\"_rowid_\"".to_string() } else { quoted.clone() };
        let mut conn = database(&format!(
            "CREATE TABLE {quoted}({column} TEXT NOT NULL PRIMARY KEY, \"u'\"\"v\" UNIQUE DEFAULT 'it''s');
             INSERT INTO {quoted} VALUES('k1', 'u1'), ('k2', 'u2')"
        ));
        let before = strings(&conn, "SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY rowid");
        let plan = plan_of(&conn);
        let installed = install(&mut conn, &plan, LIMIT, ID).unwrap();
        assert_eq!(install(&mut conn, &plan, LIMIT, ID).unwrap(), installed, "{name:?}");
        conn.execute_batch(&format!(
            "REPLACE INTO {quoted} VALUES('k3', 'u1'); UPDATE {quoted} SET {column} = 'k4' WHERE {column} = 'k3'"
        ))
        .unwrap();
        let keys: Vec<String> = strings(&conn, &format!("SELECT k1 FROM {LOG} WHERE seq > {}", installed.seq));
        assert_eq!(keys, ["k1", "k3", "k3", "k4"], "{name:?}");
        assert!(reinstall(&mut conn, &plan, LIMIT, ID).unwrap().seq > installed.seq);
        assert!(uninstall(&mut conn).unwrap());
        let after = strings(&conn, "SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY rowid");
        assert_eq!(before, after, "{name:?}");
    }
}
