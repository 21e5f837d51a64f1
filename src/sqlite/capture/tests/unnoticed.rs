//! The application notices nothing (I11): the same statements on two databases, one of them captured

use rusqlite::Connection;

use super::*;

const SCHEMA: &str = "
    CREATE TABLE p(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v INT CHECK (v < 100), n NOT NULL DEFAULT 'dflt');
    CREATE TABLE c(id INTEGER PRIMARY KEY AUTOINCREMENT, p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE, w);
    CREATE TABLE k(a TEXT COLLATE NOCASE NOT NULL, b INT NOT NULL, x UNIQUE ON CONFLICT REPLACE, PRIMARY KEY(a, b)) WITHOUT ROWID;
    CREATE TABLE bare(v);
    CREATE TABLE seen(at TEXT, last INT, changed INT);
    CREATE UNIQUE INDEX pn ON p(lower(n), v) WHERE v > 5;
    CREATE VIEW vw AS SELECT id, u FROM p;
    CREATE TRIGGER vi INSTEAD OF INSERT ON vw BEGIN INSERT INTO p(id, u) VALUES(NEW.id, NEW.u); END;
    CREATE TRIGGER t1 AFTER INSERT ON p BEGIN INSERT INTO seen VALUES('pi', last_insert_rowid(), changes()); END;
    CREATE TRIGGER t2 AFTER UPDATE ON p BEGIN INSERT INTO seen VALUES('pu', last_insert_rowid(), changes()); END;
    CREATE TRIGGER t3 BEFORE DELETE ON p BEGIN INSERT INTO seen VALUES('pd', last_insert_rowid(), changes()); END;
    CREATE TRIGGER t4 BEFORE INSERT ON k WHEN NEW.b = 66 BEGIN SELECT RAISE(IGNORE); END;
    CREATE TRIGGER t5 BEFORE INSERT ON k WHEN NEW.b = 67 BEGIN SELECT RAISE(ABORT, 'not this one'); END;
    CREATE TRIGGER t6 AFTER INSERT ON bare WHEN NEW.v = 1 BEGIN INSERT INTO bare VALUES(2); END;";

const STATEMENTS: [&str; 45] = [
    "INSERT INTO p(u, v) VALUES('a', 1), ('b', 2), ('c', 3)",
    "INSERT INTO p(u, v) VALUES('d', 7) RETURNING id, u, n",
    "INSERT INTO p(u) VALUES('a')",
    "INSERT OR IGNORE INTO p(u) VALUES('a'), ('e')",
    "INSERT OR FAIL INTO p(u) VALUES('f'), ('a'), ('g')",
    "INSERT OR ABORT INTO p(u) VALUES('h'), ('a')",
    "INSERT OR REPLACE INTO p(u, v) VALUES('a', 11)",
    "REPLACE INTO p(id, u, n) VALUES(2, 'c', NULL)",
    "INSERT INTO p(u, v) VALUES('x', 500)",
    "INSERT INTO p(id, u) VALUES('no number', 'y')",
    "INSERT INTO p(u) VALUES('a') ON CONFLICT(u) DO UPDATE SET v = coalesce(v, 0) + 1 RETURNING id, v",
    "INSERT INTO p(u) VALUES('a') ON CONFLICT DO NOTHING RETURNING id",
    "INSERT INTO p(u) VALUES('a') ON CONFLICT(u) DO UPDATE SET v = 1 WHERE 0",
    "INSERT INTO p(id, u) VALUES(9223372036854775807, 'max')",
    "DELETE FROM p WHERE id > 1000",
    "INSERT INTO p DEFAULT VALUES",
    "INSERT INTO p(u, v) SELECT u || '2', v FROM p",
    "INSERT INTO c(p, w) VALUES(1, 'w1'), (2, 'w2'), (NULL, 'w3')",
    "INSERT INTO c(p, w) VALUES(777, 'orphan')",
    "UPDATE p SET v = v + 1 WHERE id < 3",
    "UPDATE p SET v = 0 WHERE 0",
    "UPDATE p SET id = 50 WHERE id = 1 RETURNING id",
    "UPDATE p SET u = 'b' WHERE u = 'c'",
    "UPDATE OR REPLACE p SET u = 'b', n = NULL WHERE id = 4",
    "UPDATE OR IGNORE p SET u = 'd2'",
    "UPDATE p SET rowid = rowid + 100 WHERE id = 50",
    "UPDATE p SET v = s.w FROM (SELECT 4 AS w) AS s WHERE id = 150",
    "DELETE FROM p WHERE id = 2 RETURNING u",
    "DELETE FROM p WHERE id = 12345",
    "INSERT INTO vw VALUES(30, 'view')",
    "INSERT INTO k VALUES('A', 1, 'x'), ('b', 1, 'y')",
    "INSERT INTO k VALUES('a', 1, 'z')",
    "REPLACE INTO k VALUES('a', 1, 'z')",
    "INSERT INTO k VALUES('c', 2, 'z')",
    "INSERT INTO k VALUES('i', 66, 'i')",
    "INSERT INTO k VALUES('i', 67, 'i')",
    "UPDATE k SET a = upper(a), b = b + 1",
    "INSERT INTO bare VALUES(1)",
    "SAVEPOINT s; INSERT INTO bare VALUES(5); ROLLBACK TO s; RELEASE s",
    "BEGIN; INSERT OR ROLLBACK INTO p(u) VALUES('b'); COMMIT",
    "ROLLBACK",
    "WITH q(v) AS (VALUES(8), (9)) INSERT INTO bare SELECT v FROM q RETURNING rowid, v",
    "DELETE FROM bare",
    "DELETE FROM c",
    "SELECT changes(), last_insert_rowid()",
];

/// All that an application can see of a statement list: rows, errors, changes() and last_insert_rowid()
fn outcome(conn: &Connection, list: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for sql in list.split("; ") {
        let result = conn.prepare(sql).and_then(|mut statement| {
            let width = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let mut values = Vec::new();
                (0..width).for_each(|c| exact(&mut values, row.get_ref(c).unwrap()));
                seen.push(format!("{values:?}"));
            }
            Ok(())
        });
        let changes = conn.changes();
        if is_foreign_key(&result) {
            // The one difference: SQLite checks a foreign key before it inserts, unless the table has any trigger;
            // then last_insert_rowid() is that of the row which was refused. No trigger can avoid it.
            conn.execute_batch("INSERT INTO seen VALUES('refused', 0, 0)").unwrap();
        }
        seen.push(format!("{result:?} {changes} {}", conn.last_insert_rowid()));
    }
    seen
}

fn is_foreign_key(result: &rusqlite::Result<()>) -> bool {
    let code = result.as_ref().err().and_then(|e| e.sqlite_error()).map(|e| e.extended_code);
    code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

fn contents(conn: &Connection) -> Vec<BTreeMap<Vec<u8>, Vec<u8>>> {
    let sql = ["SELECT id, * FROM p", "SELECT id, * FROM c", "SELECT a, b, * FROM k", "SELECT rowid, * FROM bare"];
    let mut all: Vec<_> = sql.iter().map(|sql| rows(conn, sql, 2)).collect();
    all.push(rows(conn, "SELECT rowid, * FROM seen", 1));
    all.push(rows(conn, "SELECT name, seq FROM sqlite_sequence", 1));
    all
}

#[test]
fn i11_the_application_notices_nothing() {
    for (foreign_keys, recursive) in [(false, false), (false, true), (true, false), (true, true)] {
        let (plain, mut captured) = (database(SCHEMA), database(SCHEMA));
        let plan = plan_of(&captured);
        install(&mut captured, &plan, 300, ID).unwrap();
        for conn in [&plain, &captured] {
            conn.pragma_update(None, "foreign_keys", foreign_keys).unwrap();
            conn.pragma_update(None, "recursive_triggers", recursive).unwrap();
            // Installing leaves its own marks on this very connection; an application has another.
            conn.execute_batch("INSERT INTO seen VALUES('start', 0, 0)").unwrap();
        }
        let mut random = Random(3);
        // First each in turn, then at random; after the largest rowid SQLite chooses random ones, on each side others.
        let shuffled = (0..400).map(|_| random.pick(&STATEMENTS)).filter(|sql| !sql.contains("92233"));
        for sql in STATEMENTS.into_iter().chain(shuffled) {
            assert_eq!(outcome(&plain, sql), outcome(&captured, sql), "{sql} ({foreign_keys}, {recursive})");
            assert_eq!(contents(&plain), contents(&captured), "{sql} ({foreign_keys}, {recursive})");
        }
    }
}
