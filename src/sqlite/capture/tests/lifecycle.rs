//! Install, prove, repair and remove, and the bound on the log

use rusqlite::Connection;

use super::*;
use crate::error::ErrorKind;

const SCHEMA: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE);
    CREATE TABLE tags(item INT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(item, tag)) WITHOUT ROWID;
    CREATE TRIGGER own AFTER INSERT ON users BEGIN INSERT INTO tags VALUES(NEW.id, 'new'); END;";

fn installed() -> (Connection, Plan, Installed) {
    let mut conn = database(SCHEMA);
    let plan = plan_of(&conn);
    let installed = install(&mut conn, &plan, LIMIT, ID).unwrap();
    (conn, plan, installed)
}

fn schema_text(conn: &Connection) -> Vec<String> {
    strings(conn, "SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY rowid")
}

#[test]
fn i2_a_fresh_install_is_complete() {
    let (conn, plan, installed) = installed();
    assert_eq!(prove(&conn, &plan).unwrap(), []);
    assert_eq!(installed.seq, 1);
    assert_eq!(source_id(&conn).unwrap().as_deref(), Some(ID));
    let version: i64 = conn.query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
    assert_eq!(installed.schema_version, version);
}

#[test]
fn installing_twice_changes_nothing_and_gives_the_present_head() {
    let (mut conn, plan, first) = installed();
    conn.execute_batch("INSERT INTO users VALUES(1, 'a')").unwrap();
    let before = schema_text(&conn);
    let second = install(&mut conn, &plan, LIMIT + 1, ID).unwrap();
    assert_eq!(source_id(&conn).unwrap().as_deref(), Some(ID));
    assert_eq!(second.schema_version, first.schema_version);
    assert_eq!(second.seq, 3);
    assert_eq!(schema_text(&conn), before);
}

#[test]
fn a_capture_of_another_plan_or_half_a_capture_is_refused() {
    let (mut conn, plan, _) = installed();
    let mut other = plan.clone();
    other.tables[0].id = 9;
    let error = install(&mut conn, &other, LIMIT, ID).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.hint_text().is_some());
    conn.execute_batch("DROP TRIGGER _crossfade_1ad").unwrap();
    assert_eq!(install(&mut conn, &plan, LIMIT, ID).unwrap_err().kind(), ErrorKind::Refused);
    conn.execute_batch("DROP TABLE _crossfade_state").unwrap();
    assert_eq!(install(&mut conn, &plan, LIMIT, ID).unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn i2_a_schema_that_is_not_as_planned_is_refused_and_left_alone() {
    let mut conn = database(SCHEMA);
    let plan = plan_of(&conn);
    conn.execute_batch("ALTER TABLE users ADD COLUMN name").unwrap();
    let before = schema_text(&conn);
    let error = install(&mut conn, &plan, LIMIT, ID).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("the definition of table users changed"), "{error}");
    assert_eq!(schema_text(&conn), before);
}

#[test]
fn i2_every_gap_is_found_and_reinstall_closes_it() {
    let (mut conn, plan, _) = installed();
    let (tags, users) = ("tags".to_string(), "users".to_string());
    conn.execute_batch("DROP TRIGGER _crossfade_1ad").unwrap();
    let gap = CaptureGap::MissingTrigger { table: tags.clone(), trigger: "_crossfade_1ad".into() };
    assert_eq!(prove(&conn, &plan).unwrap(), [gap]);

    conn.execute_batch(
        "DROP TRIGGER _crossfade_1au; CREATE TRIGGER _crossfade_1au AFTER UPDATE ON tags BEGIN SELECT 1; END",
    )
    .unwrap();
    let gap = CaptureGap::ChangedTrigger { table: tags, trigger: "_crossfade_1au".into() };
    assert!(prove(&conn, &plan).unwrap().contains(&gap));

    // A trigger that fires after ours is harmless; one that fires before them can hide a change.
    conn.execute_batch(
        "CREATE TRIGGER harmless BEFORE INSERT ON users BEGIN SELECT RAISE(IGNORE); END;
         CREATE TRIGGER hiding /* x */ after INSERT ON Users WHEN NEW.id = 7 BEGIN SELECT raise ( ignore ); END",
    )
    .unwrap();
    let gap = CaptureGap::AfterTriggerIgnores { table: users, trigger: "hiding".into() };
    assert!(prove(&conn, &plan).unwrap().contains(&gap));
    conn.execute_batch("DROP TRIGGER harmless").unwrap();

    let again = reinstall(&mut conn, &plan, LIMIT, ID).unwrap();
    assert_eq!(source_id(&conn).unwrap().as_deref(), Some(ID));
    assert_eq!(prove(&conn, &plan).unwrap(), []);
    conn.execute_batch("INSERT INTO users VALUES(7, 'x')").unwrap();
    assert_eq!(touched(&conn, &plan.tables[1], again.seq).len(), 1, "ours fire before the trigger that ignores");
}

#[test]
fn i2_a_rebuilt_or_dropped_table_is_a_gap() {
    let (mut conn, plan, _) = installed();
    conn.execute_batch(
        "CREATE TABLE rebuilt(id INTEGER PRIMARY KEY, email TEXT UNIQUE, name); INSERT INTO rebuilt SELECT *, 1 FROM users;
         DROP TABLE users; ALTER TABLE rebuilt RENAME TO users; DROP TABLE tags",
    )
    .unwrap();
    let gaps = prove(&conn, &plan).unwrap();
    assert!(gaps.contains(&CaptureGap::MissingTable { table: "tags".into() }));
    assert!(gaps.contains(&CaptureGap::TableChanged { table: "users".into() }));
    let missing = gaps.iter().filter(|g| matches!(g, CaptureGap::MissingTrigger { table, .. } if table == "users"));
    assert_eq!(missing.count(), 6);
    assert!(reinstall(&mut conn, &plan, LIMIT, ID).is_err(), "the plan must be renewed first");
}

#[test]
fn i2_a_lost_log_is_a_gap_and_made_anew() {
    let (mut conn, plan, first) = installed();
    conn.execute_batch("DELETE FROM _crossfade_log").unwrap();
    assert_eq!(prove(&conn, &plan).unwrap(), [CaptureGap::MissingLog]);
    conn.execute_batch("DROP TABLE _crossfade_log").unwrap();
    assert_eq!(prove(&conn, &plan).unwrap(), [CaptureGap::MissingLog]);
    let again = reinstall(&mut conn, &plan, LIMIT, ID).unwrap();
    assert_eq!(source_id(&conn).unwrap().as_deref(), Some(ID));
    assert_ne!(again.nonce, first.nonce);
    assert_eq!(prove(&conn, &plan).unwrap(), []);
}

#[test]
fn reinstall_makes_room_for_a_wider_key() {
    let mut conn = database("CREATE TABLE a(id INTEGER PRIMARY KEY)");
    let plan = plan_of(&conn);
    install(&mut conn, &plan, LIMIT, ID).unwrap();
    conn.execute_batch("CREATE TABLE b(p NOT NULL, q NOT NULL, s NOT NULL, PRIMARY KEY(p, q, s))").unwrap();
    let plan = plan_of(&conn);
    reinstall(&mut conn, &plan, LIMIT, ID).unwrap();
    conn.execute_batch("INSERT INTO b VALUES(1, 2, 3)").unwrap();
    assert_eq!(touched(&conn, &plan.tables[1], 1).len(), 1);
}

#[test]
fn uninstall_restores_the_schema() {
    let mut conn = database(SCHEMA);
    assert!(!uninstall(&mut conn).unwrap());
    conn.execute_batch("CREATE TRIGGER xcrossfadey AFTER INSERT ON users BEGIN SELECT 1; END").unwrap();
    let before = schema_text(&conn);
    let plan = plan_of(&conn);
    install(&mut conn, &plan, LIMIT, ID).unwrap();
    conn.execute_batch("CREATE TRIGGER _crossfade_f1i BEFORE INSERT ON users BEGIN SELECT RAISE(ABORT, 'x'); END")
        .unwrap();
    assert!(uninstall(&mut conn).unwrap());
    assert_eq!(schema_text(&conn), before);
    conn.execute_batch("INSERT INTO users VALUES(1, 'a')").unwrap();
}

#[test]
fn the_log_trims_itself_and_is_never_empty() {
    let mut conn = database("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, v)");
    let plan = plan_of(&conn);
    install(&mut conn, &plan, 300, ID).unwrap();
    let mut random = Random(7);
    let mut largest = 0;
    for n in 0..6000 {
        // A stretch of nothing but ignored inserts never reaches an AFTER trigger.
        let verb = if n / 1000 == 3 { 1 } else { random.below(4) };
        let (id, u) = (random.next() >> 1, random.below(50));
        let sql = match verb {
            0 => format!("REPLACE INTO t VALUES({id}, {u}, 1)"),
            1 => format!("INSERT OR IGNORE INTO t VALUES({id}, {u}, 1)"),
            2 => format!("UPDATE t SET v = {u} WHERE u < {u} % 7"),
            _ => format!("DELETE FROM t WHERE u = {u}"),
        };
        conn.execute_batch(&sql).unwrap();
        let (count, newest): (i64, i64) = conn
            .query_row(&format!("SELECT count(*), max(seq) FROM {LOG}"), [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert!(count >= newest.min(300), "entry {newest}: {count} left of the newest 300");
        largest = largest.max(count);
    }
    assert!(largest <= 300 + 256, "the log grew to {largest}");
}

#[test]
fn refusals_name_what_cannot_be_captured() {
    let plan = plan_of(&database(
        "CREATE TABLE plain(id INTEGER PRIMARY KEY); CREATE TABLE u(id INTEGER PRIMARY KEY, v UNIQUE);
         CREATE TABLE _Crossfade_x(id INTEGER PRIMARY KEY); CREATE TABLE w(id INTEGER PRIMARY KEY, v);
         CREATE UNIQUE INDEX i ON w(id % 10)",
    ));
    let tables: Vec<(Table, Key)> = plan.tables.into_iter().map(|t| (t.source, t.key)).collect();
    let objects = |version| -> Vec<String> { refusals(&tables, version).into_iter().map(|n| n.object).collect() };
    assert_eq!(objects(3_040_001), ["_Crossfade_x", "w.i"]);
    assert_eq!(objects(0), ["_Crossfade_x", "w.i"]);
    assert_eq!(objects(3_024_000), ["_Crossfade_x", "u", "w", "w.i"]);
}
