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
