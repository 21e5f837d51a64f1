//! Several writers at once, with every kind of statement: each row that differs afterwards is noted

use std::sync::atomic::{AtomicUsize, Ordering};

use crossfade::cli::demo::cluster::Cluster;

use crate::support::cluster::database_on;
use crate::support::pg::Pg;
use crate::support::process::Pair;
use crate::support::reversed::Reversed;
use crate::support::rng::Rng;
use crate::support::source::Workplace;

const SOURCE: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE child(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item(id) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE p(id INTEGER, kind INTEGER, v TEXT, PRIMARY KEY(id, kind));
    CREATE TABLE loose(x INTEGER, y TEXT);
    CREATE TABLE maybe(k TEXT UNIQUE, v TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
    INSERT INTO item SELECT i, 'item ' || i FROM n;
    INSERT INTO child SELECT id, 1 + id % 20 FROM item;
    INSERT INTO p SELECT id, 1 + id % 3, 'p' FROM item;
    INSERT INTO loose SELECT id % 9, 'l' FROM item;
    INSERT INTO maybe SELECT 'k' || id, 'm' FROM item";

const TARGET: &str = "
    CREATE TABLE item(id bigint PRIMARY KEY, name text);
    CREATE TABLE child(id bigint PRIMARY KEY,
                       item bigint REFERENCES item(id) ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE);
    CREATE TABLE p(id bigint, kind bigint, v text, PRIMARY KEY(id, kind)) PARTITION BY LIST(kind);
    CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
    CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY RANGE(id);
    CREATE TABLE p2a PARTITION OF p2 FOR VALUES FROM (MINVALUE) TO (30);
    CREATE TABLE p2b PARTITION OF p2 DEFAULT;
    CREATE TABLE p3 PARTITION OF p DEFAULT;
    CREATE TABLE loose(x bigint, y text);
    CREATE TABLE maybe(k text UNIQUE, v text)";

/// Statements of each kind that were not refused
static DONE: [AtomicUsize; KINDS] = [const { AtomicUsize::new(0) }; KINDS];
static GLOBAL: AtomicUsize = AtomicUsize::new(0);

/// How many kinds of statements there are
const KINDS: usize = 26;

/// A statement, and the number of its kind
fn statement(rng: &mut Rng) -> (usize, String) {
    let (a, b, kind) = (rng.below(90), rng.below(90), 1 + rng.below(4));
    let (low, high) = (a.min(b), a.max(b).min(a.min(b) + 6));
    let between = format!("BETWEEN {low} AND {high}");
    let part = rng.word(&["p", "p", "p1", "p2", "p2a", "p2b", "p3"]);
    let number = rng.below(KINDS);
    let sql = match number {
        0 => format!("INSERT INTO item VALUES({a}, 'new') ON CONFLICT DO NOTHING"),
        1 => format!(
            "INSERT INTO item SELECT i, 'bulk' FROM generate_series({low}, {high}) i \
                      ON CONFLICT(id) DO UPDATE SET name = 'upserted ' || excluded.id"
        ),
        2 => format!("UPDATE item SET name = 'changed {b}' WHERE id {between}"),
        3 => format!("UPDATE item SET id = id + 200 WHERE id {between}"),
        4 => format!("UPDATE item SET id = id - 200 WHERE id > 200 AND id < {}", 200 + high),
        5 => format!("DELETE FROM item WHERE id = {a}"),
        6 => format!(
            "MERGE INTO item t USING generate_series({low}, {high}) i ON t.id = i \
                      WHEN MATCHED AND i % 3 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'merged' \
                      WHEN NOT MATCHED THEN INSERT VALUES(i, 'merged in')"
        ),
        7 => format!("COPY item(id) FROM PROGRAM 'echo {}'", 1000 + GLOBAL.fetch_add(1, Ordering::Relaxed)),
        8 => format!("INSERT INTO child SELECT {a} + 100, id FROM item WHERE id = {b} ON CONFLICT DO NOTHING"),
        9 => format!("UPDATE child SET item = (SELECT min(id) FROM item WHERE id > {a}) WHERE id {between}"),
        10 => format!("INSERT INTO {part} VALUES({a}, {kind}, 'in') ON CONFLICT DO NOTHING"),
        11 => format!("UPDATE {part} SET kind = {kind} WHERE id {between}"),
        12 => format!("UPDATE {part} SET v = 'v{b}', id = id + {} WHERE id {between}", rng.below(2)),
        13 => format!("DELETE FROM {part} WHERE id {between}"),
        14 => format!(
            "MERGE INTO p t USING generate_series({low}, {high}) i ON t.id = i AND t.kind = {kind} \
                       WHEN MATCHED THEN UPDATE SET kind = {} WHEN NOT MATCHED THEN INSERT VALUES(i, {kind}, 'm')",
            1 + rng.below(4)
        ),
        15 => format!("INSERT INTO loose VALUES({a}, 'n'), ({a}, 'n')"),
        16 => format!("UPDATE loose SET y = y || '+' WHERE x = {}", rng.below(9)),
        17 => format!("DELETE FROM loose WHERE x = {}", rng.below(9)),
        18 => format!(
            "INSERT INTO maybe VALUES({}, 'n') ON CONFLICT DO NOTHING",
            if rng.chance(50) { "NULL".to_owned() } else { format!("'k{a}'") }
        ),
        19 => format!(
            "UPDATE maybe SET k = CASE WHEN k IS NULL THEN 'z' || {a} ELSE NULL END WHERE v = 'm' AND k = 'k{b}'"
        ),
        20 => format!("UPDATE maybe SET v = 'c{b}' WHERE k IS NULL OR k = 'k{a}'"),
        21 => "DELETE FROM maybe WHERE k IS NULL".to_owned(),
        22 => format!(
            "WITH gone AS (DELETE FROM loose WHERE x = {} RETURNING x) \
                       INSERT INTO item SELECT x + 3000 + {a}, 'moved' FROM gone ON CONFLICT DO NOTHING",
            rng.below(9)
        ),
        23 => format!("DO $$ BEGIN UPDATE item SET name = 'do' WHERE id = {a}; DELETE FROM p WHERE id = {b}; END $$"),
        24 if rng.chance(10) => format!("TRUNCATE {part}"),
        24 if rng.chance(10) => "TRUNCATE item CASCADE".to_owned(),
        _ => format!("SET CONSTRAINTS ALL DEFERRED; DELETE FROM item WHERE id {between}"),
    };
    (number, sql)
}

/// One transaction, ended in one of the ways that there are; what fails is rolled back
fn transaction(pg: &Pg, rng: &mut Rng) {
    let level = rng.word(&["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]);
    pg.execute(&format!("BEGIN ISOLATION LEVEL {level}"));
    for _ in 0..1 + rng.below(4) {
        let nested = rng.chance(40);
        if nested {
            pg.execute("SAVEPOINT s");
        }
        let (kind, sql) = statement(rng);
        let failed = pg.try_query(&sql).is_err();
        DONE[kind].fetch_add(usize::from(!failed), Ordering::Relaxed);
        if failed && !nested {
            return pg.execute("ROLLBACK");
        }
        if nested && (failed || rng.chance(30)) {
            pg.execute("ROLLBACK TO s");
        }
    }
    let name = GLOBAL.fetch_add(1, Ordering::Relaxed);
    let end = match rng.below(10) {
        0 | 1 => "ROLLBACK".to_owned(),
        2 | 3 => format!("PREPARE TRANSACTION 't{name}'"),
        _ => "COMMIT".to_owned(),
    };
    // A deferred check or a serialisation failure ends it otherwise.
    let ended = pg.try_query(&end).is_ok();
    if ended && end.starts_with("PREPARE") {
        let second = if rng.chance(80) { "COMMIT" } else { "ROLLBACK" };
        pg.execute(&format!("{second} PREPARED 't{name}'"));
    } else if !ended {
        let _ = pg.try_query("ROLLBACK");
    }
}

#[test]
fn i1_whatever_several_writers_do_is_noted() {
    let settings = [("fsync", "off"), ("max_prepared_transactions", "20"), ("deadlock_timeout", "20ms")];
    let cluster = Cluster::start(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
    let cluster = cluster.unwrap_or_else(|e| panic!("{}", e.report()));
    for seed in 1..=4u64 {
        let work = Workplace::new();
        let pair = Pair::new(work.database(SOURCE), database_on(&cluster));
        Pg::connect(&pair.target).execute(TARGET);
        pair.verb("run").args(&["--schema", "existing", "--until", "in-sync"]).run().expect_code(0);
        let reversed = Reversed::of(work, pair);
        reversed.open();
        let mut differing = 0;
        for round in 0..8 {
            let before = reversed.image();
            std::thread::scope(|scope| {
                for writer in 0..4 {
                    let (url, mut rng) = (&reversed.pair.target, Rng::new(seed * 1000 + round * 10 + writer));
                    scope.spawn(move || {
                        let pg = Pg::connect(url);
                        (0..12).for_each(|_| transaction(&pg, &mut rng));
                    });
                }
            });
            differing += reversed.assert_covered(&before);
            check_view(&reversed);
        }
        assert!(differing > 200, "seed {seed}: only {differing} rows differed");
        assert_eq!(reversed.prove(), [""; 0]);
    }
    let never: Vec<usize> = (0..KINDS).filter(|kind| DONE[*kind].load(Ordering::Relaxed) == 0).collect();
    assert!(never.is_empty(), "kinds of statements that never worked: {never:?}");
}

/// Every key that the log holds is visited, with a row exactly where there is one
fn check_view(reversed: &Reversed) {
    let image = reversed.image();
    let (keys, _) = reversed.noted();
    let (mut visited, mut found) = (0, 0);
    reversed.drain(|table, key, row| {
        visited += usize::from(table != "maybe" || key[0].is_some());
        found += usize::from(row.is_some() && (table != "maybe" || key[0].is_some()));
    });
    let full: Vec<_> = keys.iter().filter(|(_, key)| !key.contains("null")).collect();
    assert_eq!(visited, full.len(), "each key is visited once");
    assert_eq!(found, full.iter().filter(|key| image.contains_key(**key)).count());
    assert_eq!(reversed.noted().0.len(), 0);
}
