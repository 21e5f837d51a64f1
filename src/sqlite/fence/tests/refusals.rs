//! Every kind of statement meets the fence

use super::*;

#[test]
fn i8_every_clause_and_every_kind_of_table_is_refused() {
    let file = File::wal(&format!(
        "{SHOP}; CREATE TABLE strict(id INTEGER PRIMARY KEY, v ANY) STRICT; INSERT INTO strict VALUES(1, 1);
         CREATE TABLE \"it's \"\"quoted\"\"\"(a); INSERT INTO \"it's \"\"quoted\"\"\" VALUES(1);
         CREATE TABLE lenient(id INTEGER PRIMARY KEY ON CONFLICT IGNORE, u UNIQUE ON CONFLICT REPLACE);
         INSERT INTO lenient VALUES(1, 1);
         CREATE TRIGGER quiet BEFORE INSERT ON lenient BEGIN SELECT RAISE(IGNORE); END"
    ));
    let before = file.app();
    let mut prepared = before.prepare("INSERT INTO users VALUES(?1, 'prepared')").unwrap();
    prepared.execute([10]).unwrap();
    before.execute_batch("BEGIN; SELECT * FROM users").unwrap();
    cut_over(&file, "one");
    let refused = |sql: &str| {
        let error = file.app().execute_batch(sql).expect_err(sql).to_string();
        assert!(
            error.starts_with("crossfade: writes are refused: this database has moved to PostgreSQL (switch began 20"),
            "{error}"
        );
        assert!(error.contains(" UTC); ask _crossfade_primary"), "{error}");
    };
    for clause in ["", "OR IGNORE", "OR REPLACE", "OR FAIL", "OR ROLLBACK", "OR ABORT"] {
        refused(&format!("INSERT {clause} INTO users VALUES(1, 'a')"));
        refused(&format!("INSERT {clause} INTO users(email) VALUES('new')"));
        refused(&format!("UPDATE {clause} users SET email = 'b'"));
        refused(&format!("INSERT {clause} INTO tags VALUES(1, 'x')"));
        refused(&format!("UPDATE {clause} tags SET tag = 'y'"));
        refused(&format!("INSERT {clause} INTO lenient VALUES(1, 1)"));
        refused(&format!("UPDATE {clause} lenient SET u = 2"));
    }
    for sql in [
        "DELETE FROM users",
        "DELETE FROM tags WHERE item = 1",
        "INSERT INTO users VALUES(1, 'a') ON CONFLICT DO NOTHING",
        "INSERT INTO users VALUES(1, 'a') ON CONFLICT(id) DO UPDATE SET email = 'c'",
        "INSERT INTO people VALUES(9, 'view')",
        "INSERT INTO strict VALUES(2, 2)",
        "DELETE FROM \"it's \"\"quoted\"\"\"",
        "INSERT INTO users SELECT id + 100, NULL FROM users",
        "PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; DELETE FROM note",
        "REPLACE INTO note VALUES('r')",
        "INSERT INTO note DEFAULT VALUES",
    ] {
        refused(sql);
    }
    // Opened, prepared and reading before the fence: its view is of before, so that it cannot write at all.
    assert!(prepared.execute([11]).is_err());
    before.execute_batch("COMMIT").unwrap();
    let error = prepared.execute([11]).unwrap_err().to_string();
    assert!(error.starts_with("crossfade: writes are refused"), "{error}");
    assert_eq!(file.value::<i64>("SELECT count(*) FROM users"), 3);
    assert_eq!(file.value::<i64>("SELECT count(*) FROM people"), 3);
}

/// Full-text tables are out of the fence's reach, but must go on working for connections of every kind
#[test]
fn i11_virtual_and_shadow_tables_have_no_trigger() {
    let file = File::wal(&format!(
        "{SHOP}; CREATE VIRTUAL TABLE own USING fts5(a); CREATE VIRTUAL TABLE old USING fts4(a); INSERT INTO own VALUES('x')"
    ));
    cut_over(&file, "one");
    let on: String = file.value(
        "SELECT group_concat(DISTINCT tbl_name ORDER BY tbl_name) FROM sqlite_schema WHERE name GLOB '_crossfade_fence_*'",
    );
    assert_eq!(on, "note,tags,users");
    let defensive = file.app();
    defensive.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).unwrap();
    let found: i64 = defensive.query_row("SELECT count(*) FROM own WHERE own MATCH 'x'", [], |row| row.get(0)).unwrap();
    assert_eq!(found, 1);
}

/// Old libraries read the whole schema, or none of it
#[test]
fn the_fence_is_written_in_old_words() {
    let file = File::wal(SHOP);
    cut_over(&file, "one");
    let trigger: String = file.value("SELECT sql FROM sqlite_schema WHERE name = '_crossfade_fence_1_insert'");
    let (start, end) = trigger.split_once("began ").unwrap();
    assert_eq!(
        start,
        "CREATE TRIGGER _crossfade_fence_1_insert BEFORE INSERT ON \"users\" BEGIN\n  SELECT RAISE(ABORT, \
         'crossfade: writes are refused: this database has moved to PostgreSQL (switch "
    );
    assert!(end.ends_with(" UTC); ask _crossfade_primary');\nEND"), "{end}");
}

/// The fence's triggers are none of capture's, which are dropped and created again
#[test]
fn capture_is_repaired_behind_the_fence_and_leaves_it() {
    let file = File::wal(SHOP);
    cut_over(&file, "one");
    let mut writer = crate::sqlite::connection::open_writer(&file.path()).unwrap();
    let fixture = (crate::sqlite::fixture::LIMIT, crate::sqlite::fixture::ID);
    crate::sqlite::capture::reinstall(&mut writer, &file.plan, fixture.0, fixture.1).unwrap();
    assert_eq!(view(&file), ("postgres".into(), NOW.into(), 0));
    assert!(!writes(&file));
}

#[test]
fn uninstalling_leaves_the_schema_as_it_was() {
    let file = File::wal(SHOP);
    let mut writer = crate::sqlite::connection::open_writer(&file.path()).unwrap();
    let captured = schema(&file);
    crate::sqlite::capture::uninstall(&mut writer).unwrap();
    let before = schema(&file);
    assert!(captured.iter().any(|o| o.starts_with("view _crossfade_primary")));
    assert!(!before.iter().any(|o| o.contains("_crossfade")), "{before:?}");
    crate::sqlite::capture::install(&mut writer, &file.plan, 10, "id").unwrap();
    cut_over(&file, "one");
    crate::sqlite::capture::uninstall(&mut writer).unwrap();
    assert_eq!(schema(&file), before);
    assert!(writes(&file));
}
