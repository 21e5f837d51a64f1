//! Rows that SQLite cannot hold: noted, counted, and back as soon as they are corrected; the others go on

use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::{migrate_and_switch, quoted};
use crate::support::process::Pair;
use crate::support::source::Workplace;

const ROOMS: &str = "
    CREATE TABLE room(id INTEGER PRIMARY KEY, area REAL, since DATETIME, price DECIMAL(10,2), owner TEXT NOT NULL, any);
    CREATE TABLE name(id INTEGER PRIMARY KEY, word TEXT COLLATE NOCASE UNIQUE);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
    INSERT INTO room SELECT i, i / 4.0, datetime(1700000000 + i, 'unixepoch'), i + 0.25, 'owner',
        CASE i % 2 WHEN 0 THEN i ELSE 'x' END FROM n;
    INSERT INTO name VALUES(1, 'one'), (2, 'two')";

fn rooms() -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(ROOMS), fresh_database());
    migrate_and_switch(&pair);
    (work, pair)
}

/// Column and reason of every row that did not go back
fn unreturned(target: &Pg) -> Vec<String> {
    let sql =
        "SELECT key_text || ' ' || column_name || ' ' || reason FROM crossfade.unreturned ORDER BY table_id, key_text";
    target.query(sql).into_iter().flatten().flatten().collect()
}

#[test]
fn i10_what_sqlite_cannot_hold_is_noted_and_leaves_when_it_is_corrected() {
    let (_work, pair) = rooms();
    let target = Pg::connect(&pair.target);
    target.execute("UPDATE room SET area = 'NaN' WHERE id = 1");
    target.execute("UPDATE room SET since = 'infinity' WHERE id = 2");
    target.execute("UPDATE room SET since = '2026-01-01 00:00:00.5' WHERE id = 3");
    target.execute("UPDATE room SET \"any\" = '{\"foreign\": 1}' WHERE id = 4");
    target.execute("INSERT INTO room (id, area, owner) VALUES (60, 'NaN', 'new')");
    target.execute("UPDATE room SET area = 1000 WHERE id = 5");
    pair.bring_back();
    let noted = unreturned(&target);
    assert_eq!(noted, ["1 area range", "2 since range", "3 since form", "4 any json", "60 area range"]);
    // The others went on, and SQLite keeps what it had of these.
    assert_eq!(quoted(&pair.source, "SELECT quote(area) FROM room WHERE id = 5"), "1000.0");
    assert_eq!(quoted(&pair.source, "SELECT quote(area) FROM room WHERE id = 1"), "0.25");
    let status = pair.status();
    assert_eq!(status["unreturned"], 5, "{status}");
    assert!(pair.verb("status").run().stdout.contains("unreturned   5 rows are not on SQLite"));
    let verdict = pair.verb("verify").arg("--json").run().expect_code(0).json();
    assert_eq!((&verdict["quarantined"], &verdict["mismatches"]), (&5.into(), &0.into()), "{verdict}");
    // Another misfit of the same row; a correction; a deletion.
    target.execute("UPDATE room SET area = 2, since = '-infinity' WHERE id = 1");
    target.execute("UPDATE room SET since = '2026-01-01 00:00:01' WHERE id IN (2, 3)");
    target.execute("DELETE FROM room WHERE id = 60");
    pair.bring_back();
    assert_eq!(unreturned(&target), ["1 since range", "4 any json"]);
    target.execute("UPDATE room SET since = NULL WHERE id = 1; UPDATE room SET \"any\" = '7' WHERE id = 4");
    pair.bring_back();
    assert_eq!(unreturned(&target), [""; 0]);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
}

/// SQLite's own constraints count, where PostgreSQL has lost them
#[test]
fn i10_what_sqlite_refuses_is_noted_and_stops_nothing() {
    let (_work, pair) = rooms();
    let target = Pg::connect(&pair.target);
    target.execute("ALTER TABLE room ALTER owner DROP NOT NULL");
    let unique = "SELECT quote_ident(indexrelid::regclass::text) FROM pg_index \
                  WHERE indrelid = 'name'::regclass AND indisunique AND NOT indisprimary";
    for index in target.query(unique).into_iter().flatten().flatten() {
        let constraint = "SELECT conname FROM pg_constraint WHERE conrelid = 'name'::regclass AND contype = 'u'";
        match target.value(constraint) {
            Some(name) => target.execute(&format!("ALTER TABLE name DROP CONSTRAINT \"{name}\"")),
            None => target.execute(&format!("DROP INDEX {index}")),
        }
    }
    target.execute("UPDATE room SET owner = NULL, area = 7 WHERE id = 1");
    target.execute("UPDATE room SET area = 7 WHERE id = 2");
    // A swap beside it, so that the table is written with its keys deleted first.
    target.execute("INSERT INTO name VALUES (3, 'ONE'), (4, 'four')");
    target.execute("UPDATE name SET word = 'TWO' WHERE id = 4");
    pair.bring_back();
    assert_eq!(unreturned(&target), ["1 owner sqlite", "3  sqlite", "4  sqlite"]);
    assert_eq!(quoted(&pair.source, "SELECT quote(area) || owner FROM room WHERE id = 1"), "0.25owner");
    assert_eq!(quoted(&pair.source, "SELECT group_concat(word) FROM name"), "one,two");
    assert_eq!(quoted(&pair.source, "SELECT quote(area) FROM room WHERE id = 2"), "7.0");
    target.execute("UPDATE room SET owner = 'she' WHERE id = 1; DELETE FROM name WHERE id IN (1, 4)");
    target.execute("UPDATE name SET word = 'One' WHERE id = 3");
    pair.bring_back();
    assert_eq!(unreturned(&target), [""; 0]);
    assert_eq!(quoted(&pair.source, "SELECT group_concat(id || word) FROM name"), "2two,3One");
    pair.verify();
}

/// A row that stays refused while others of its table swap their values keeps what SQLite has of it
#[test]
fn i10_a_refused_row_beside_a_swap_keeps_its_old_image() {
    let work = Workplace::new();
    let pair = Pair::new(
        work.database(
            "CREATE TABLE seat(id INTEGER PRIMARY KEY, place INT UNIQUE, guest TEXT NOT NULL);
             INSERT INTO seat VALUES(1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')",
        ),
        fresh_database(),
    );
    migrate_and_switch(&pair);
    let target = Pg::connect(&pair.target);
    target.execute("ALTER TABLE seat ALTER guest DROP NOT NULL");
    let name = target.value("SELECT conname FROM pg_constraint WHERE conrelid = 'seat'::regclass AND contype = 'u'");
    match name {
        Some(name) => target.execute(&format!("ALTER TABLE seat DROP CONSTRAINT \"{name}\"")),
        None => {
            let sql =
                "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'seat'::regclass AND NOT indisprimary";
            target.execute(&format!("DROP INDEX {}", target.value(sql).expect("an index")));
        }
    }
    target.execute(
        "UPDATE seat SET place = CASE id WHEN 1 THEN 20 WHEN 2 THEN 10 ELSE place END, \
                    guest = CASE id WHEN 3 THEN NULL ELSE guest END",
    );
    pair.bring_back();
    assert_eq!(unreturned(&target), ["3 guest sqlite"]);
    let seats = "SELECT group_concat(id || '=' || place || guest) FROM seat";
    assert_eq!(quoted(&pair.source, seats), "1=20a,2=10b,3=30c");
    pair.verb("verify").run().expect_code(0);
}
