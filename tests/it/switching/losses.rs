//! What a rollback does not bring to SQLite though every row comes back, and who says so

use super::stage::Stage;
use crate::support::fresh_database;
use crate::support::primary::dump;

const PLACES: &str = "
    CREATE TABLE items(id INTEGER PRIMARY KEY, amount REAL, x REAL NOT NULL DEFAULT 0);
    CREATE TABLE cards(id INTEGER PRIMARY KEY, v TEXT, secret TEXT);
    CREATE VIRTUAL TABLE places USING rtree(id, x0, x1);
    CREATE VIRTUAL TABLE apart USING rtree(id, x0, x1);
    CREATE TRIGGER place AFTER INSERT ON items BEGIN INSERT INTO places VALUES(NEW.id, NEW.x, NEW.x); END;
    INSERT INTO items VALUES(1, 1, 5);
    INSERT INTO cards VALUES(1, 'y', 'keep me'), (2, 'z', 'and me');";

const BEHIND: &str = "places: this virtual table of module rtree lacks what was written on PostgreSQL";

/// What SQLite's own triggers fill is not filled by rows that come back, and a column that PostgreSQL does not have goes with
/// its key: the plan says so, the cutover, and for the virtual table the rollback
#[test]
fn what_a_way_back_does_not_bring_is_said() {
    let stage = Stage::on(fresh_database(), PLACES);
    let file = stage.work.path("crossfade.toml");
    std::fs::write(&file, "[tables.cards.columns]\nsecret = { skip = true }\n").expect("a plan file");
    let options = ["--config", file.to_str().expect("a path")];
    let plan = stage.pair.verb("plan").args(&options).run().expect_code(0);
    let kept_up = "places: virtual table of module rtree, kept up by trigger place on items: after a rollback it lacks";
    assert!(plan.stdout.contains(kept_up), "{plan}");
    assert!(!plan.stdout.contains("apart: virtual table of module rtree, kept up"), "{plan}");
    assert!(plan.stdout.contains("cards.secret: ") && plan.stdout.contains("SQLite loses its value"), "{plan}");
    let mut replicator = stage.ready(&options);
    let key = "note: cards: a row whose key is changed on PostgreSQL loses what SQLite has in columns that the plan leaves \
               out: secret";
    for output in [stage.cutover(&["--dry-run"]), stage.cutover(&[])] {
        assert!(output.stdout.contains(&format!("note: {kept_up}")), "{output}");
        assert!(output.stdout.contains(key), "{output}");
    }
    let target = stage.target();
    target.execute("UPDATE cards SET v = 'yy' WHERE id = 2; UPDATE cards SET id = 7 WHERE id = 1");
    stage.pair.wait_returned(&mut replicator);
    stage.rollback(&[]).expect_code(0);
    assert_eq!(dump(&stage.pair.source)["cards"], ["2,'yy','and me'", "7,'y',NULL"]);
    assert!(!replicator.stderr().contains(BEHIND), "nothing was written to what fills it");
    stage.cutover(&[]).expect_code(0);
    target.execute("INSERT INTO items VALUES(2, 2, 6)");
    stage.pair.wait_returned(&mut replicator);
    stage.rollback(&[]).expect_code(0).expect_stdout("SQLite is the primary");
    assert!(replicator.stderr().contains(&format!("warning: {BEHIND}")), "{}", replicator.stderr());
    assert!(stage.pair.status()["notices"].to_string().contains(BEHIND));
    replicator.stop();
}

const CLOCKS: &str = "
    CREATE TABLE visits(id INTEGER PRIMARY KEY, made DATETIME, fine DATETIME);
    INSERT INTO visits VALUES(1, '2026-11-21 10:00:00', '2026-11-21 10:00:00.123456');";

/// What every application writes, `now()`, is finer than what SQLite's columns often show: that is said before the cutover,
/// with what helps
#[test]
fn a_form_that_is_coarser_than_now_is_said_before_a_cutover() {
    let stage = Stage::on(fresh_database(), CLOCKS);
    let mut replicator = stage.ready(&[]);
    let output = stage.cutover(&[]);
    let said = "note: visits: SQLite's form shows less than a moment of PostgreSQL's may hold";
    assert!(output.stdout.contains(said) && output.stdout.contains("such rows are changed: made\n"), "{output}");
    let target = stage.target();
    target.execute("INSERT INTO visits VALUES(2, '2026-11-21 11:00:00.5', now())");
    stage.pair.wait_returned(&mut replicator);
    assert_eq!(target.value("SELECT count(*) FROM crossfade.unreturned").as_deref(), Some("1"));
    target.execute("UPDATE visits SET made = localtimestamp(0) WHERE id = 2");
    stage.pair.wait_returned(&mut replicator);
    stage.rollback(&[]).expect_code(0).expect_stdout("SQLite is the primary");
    replicator.stop();
}
