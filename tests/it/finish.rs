//! `finish` and `cancel` at the end: nothing of crossfade is left on either side, and nothing of the application is lost

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cancel::catalog;
use crate::support::cluster::shared;
use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::{make_primary, migrate_and_switch};
use crate::support::process::{Output, Pair};
use crate::support::source::{self, Workplace};

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, price REAL, doc JSON);
    CREATE TABLE part(id INTEGER PRIMARY KEY, item INT REFERENCES item(id), n INT);
    CREATE INDEX part_n ON part(n);
    CREATE VIEW dear AS SELECT id, name FROM item WHERE price > 10;
    CREATE TRIGGER theirs AFTER UPDATE ON part BEGIN SELECT 1; END;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    INSERT INTO item SELECT i, 'item ' || i, i / 4.0, '{\"a\" : ' || i || '}' FROM n;
    INSERT INTO part SELECT id, id, id % 7 FROM item";

/// A table without a key gets a column of ours
const KEYLESS: &str = "; CREATE TABLE line(a TEXT, b INT); INSERT INTO line VALUES('x', 1), ('x', 1), (NULL, 2)";

struct Shop {
    _work: Workplace,
    pair: Pair,
    /// Schema of the file before anything was installed
    before: Vec<(String, String, String)>,
}

impl Shop {
    fn new(script: &str) -> Shop {
        let work = Workplace::new();
        let path = work.database(script);
        let before = source::schema_text(&path);
        Shop { pair: Pair::new(path, fresh_database()), _work: work, before }
    }

    /// PostgreSQL is the primary
    fn reversed(script: &str) -> Shop {
        let shop = Shop::new(script);
        migrate_and_switch(&shop.pair);
        shop
    }

    fn pg(&self) -> Pg {
        Pg::connect(&self.pair.target)
    }

    fn finish(&self, options: &[&str]) -> Output {
        self.pair.verb("finish").arg("--yes").args(options).run()
    }

    /// The one archive beside where the file was
    fn archive(&self) -> PathBuf {
        let folder = self.pair.source.parent().expect("a folder");
        let names = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
        let archives: Vec<PathBuf> = names.filter(|path| path.to_string_lossy().contains(".archive")).collect();
        assert_eq!(archives.len(), 1, "{archives:?}");
        archives.into_iter().next().expect("an archive")
    }

    /// I8: SQLite accepts no writes
    fn assert_fenced(&self) {
        let write = source::open(&self.pair.source).execute_batch("INSERT INTO item(name) VALUES('second side')");
        assert!(write.is_err(), "both sides accept writes");
    }

    fn has_control(&self) -> bool {
        self.pg().value("SELECT to_regnamespace('crossfade')").is_some()
    }
}

/// The schema in the words of pg_dump; `None` where there is none beside the server
fn dump(target: &str) -> Option<String> {
    let real = shared().programs().join("initdb").canonicalize().expect("initdb");
    let program = real.parent().map(|real| real.join("pg_dump")).filter(|program| program.is_file())?;
    let output = std::process::Command::new(program).arg("--schema-only").arg(target).output().expect("pg_dump runs");
    assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
    // Newer ones write a random word around the whole.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n"))
}

fn integrity(path: &Path) -> String {
    source::open(path).query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an integrity check")
}

#[test]
fn finish_leaves_no_trace_and_a_read_only_archive() {
    let shop = Shop::reversed(SHOP);
    shop.pg().execute("INSERT INTO item(name, price) VALUES ('made on PostgreSQL', 99)");
    shop.pair.bring_back();
    // What the plan makes, without anything of ours: the same file in another database, left by `cancel`.
    let twin = Shop::new(SHOP);
    twin.pair.migrate();
    twin.pair.verb("cancel").arg("--keep-tables").run().expect_code(0);
    let output = shop.finish(&[]).expect_code(0).expect_stdout("read-only");
    assert!(output.stderr.contains("no way back"), "{output}");
    let left = dump(&shop.pair.target);
    assert!(!left.as_ref().is_some_and(|left| left.contains("crossfade")), "{left:?}");
    twin.pg().execute("COMMENT ON VIEW dear IS NULL");
    assert_eq!(left, dump(&twin.pair.target));
    assert_eq!(catalog(&shop.pair.target), catalog(&twin.pair.target));
    let archive = shop.archive();
    assert!(!shop.pair.source.exists() && output.stdout.contains(&archive.display().to_string()), "{output}");
    assert_eq!(source::schema_text(&archive), shop.before);
    assert_eq!(archive.metadata().expect("the archive").permissions().mode() & 0o777, 0o444);
    assert_eq!(integrity(&archive), "ok");
    assert_equal(&archive, &shop.pair.target);
    // The application goes on, with the number that follows.
    shop.pg().execute("INSERT INTO item(name) VALUES ('later')");
    assert_eq!(shop.pg().value("SELECT max(id) FROM item").as_deref(), Some("202"));
}

#[test]
fn finish_can_leave_the_file_as_it_was() {
    let shop = Shop::reversed(&format!("{SHOP}{KEYLESS}"));
    let output = shop.finish(&["--keep-source"]).expect_code(0).expect_stdout("as it was before");
    assert!(output.stderr.contains("`line` loses the column `_crossfade_rowid`"), "{output}");
    assert_eq!(source::schema_text(&shop.pair.source), shop.before);
    source::open(&shop.pair.source).execute_batch("INSERT INTO item(name) VALUES('here')").expect("no fence");
    let columns = "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute \
                   WHERE attrelid = 'line'::regclass AND attnum > 0 AND NOT attisdropped";
    assert_eq!(shop.pg().value(columns).as_deref(), Some("a,b"));
    assert_eq!(shop.pg().value("SELECT count(*) FROM line").as_deref(), Some("3"));
    assert!(!shop.has_control());
    shop.finish(&[]).expect_code(7).expect_error("nothing is migrated");
}

/// Tables that the application has made are as they were, in the words of pg_dump
#[test]
fn finish_puts_a_schema_that_stood_back() {
    let shop = Shop::new(
        "CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE line(a TEXT, b INT);
        INSERT INTO person VALUES(1, 'Ann'); INSERT INTO line VALUES('x', 1), ('x', 1)",
    );
    let made =
        "CREATE TABLE person(id bigint PRIMARY KEY, name text, words tsvector); CREATE TABLE line(a text, b bigint);
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS
          $$BEGIN NEW.words := to_tsvector('simple', NEW.name); RETURN NEW; END$$;
        CREATE TRIGGER words BEFORE INSERT OR UPDATE ON person FOR EACH ROW EXECUTE FUNCTION fill()";
    shop.pg().execute(made);
    let before = (dump(&shop.pair.target), catalog(&shop.pair.target));
    shop.pair.verb("run").args(&["--schema", "existing", "--until", "in-sync"]).run().expect_code(0);
    make_primary(&shop.pair);
    assert_ne!(catalog(&shop.pair.target), before.1, "nothing of ours was there");
    shop.finish(&["--keep-source"]).expect_code(0);
    assert_eq!((dump(&shop.pair.target), catalog(&shop.pair.target)), before);
    assert_eq!(source::schema_text(&shop.pair.source), shop.before);
}

#[test]
fn finish_does_nothing_unasked() {
    let shop = Shop::reversed(SHOP);
    let before = source::schema_text(&shop.pair.source);
    let output = shop.pair.verb("finish").run().expect_code(2).expect_error("it was not confirmed");
    assert!(output.stderr.contains("--yes") && output.stderr.contains("read-only archive"), "{output}");
    assert!(shop.has_control());
    assert_eq!(source::schema_text(&shop.pair.source), before);
}

/// What only PostgreSQL has is said, and stands in the way unless it is meant
#[test]
fn finish_looks_whether_something_waits() {
    let shop = Shop::reversed(SHOP);
    shop.pg().execute("UPDATE item SET name = 'waits' WHERE id = 3");
    shop.finish(&[]).expect_code(3).expect_error("without 1 change that PostgreSQL has");
    assert!(shop.has_control() && shop.pair.source.exists());
    // Nothing is half done: the migration goes on.
    shop.pair.bring_back();
    assert_equal(&shop.pair.source, &shop.pair.target);
    shop.pg().execute("UPDATE item SET name = 'waits again' WHERE id = 3");
    shop.finish(&["--leave-behind"]).expect_code(0).expect_stdout("lacks 1 change");
    assert!(!shop.has_control());
}

/// A replicator at work is asked to stop; a file that somebody has open is no archive
#[test]
fn finish_stops_the_replicator_and_waits_for_nobody_else() {
    let shop = Shop::reversed(SHOP);
    let replicator = shop.pair.replicate(&[]);
    let reader = source::open(&shop.pair.source);
    reader.execute_batch("BEGIN; SELECT * FROM item").expect("a reader");
    let refused = shop.finish(&[]).expect_code(5).expect_error("lock the source for its archive");
    assert!(refused.stderr.contains("the replicator was stopped; start `crossfade run` again"), "{refused}");
    replicator.wait().expect_code(130);
    assert!(shop.has_control() && shop.pair.source.exists());
    drop(reader);
    shop.finish(&[]).expect_code(0);
    assert!(!shop.has_control() && !shop.pair.source.exists());
}

#[cfg(feature = "failpoints")]
#[test]
fn i9_finish_is_finished_by_running_it_again() {
    for (point, options) in [
        ("finish.before_source", &[][..]),
        ("finish.source_done", &[][..]),
        ("finish.before_target", &["--keep-source"][..]),
        ("finish.before_source", &["--keep-source"][..]),
        ("finish.source_done", &["--keep-source"][..]),
    ] {
        let shop = Shop::reversed(SHOP);
        let killed = shop.pair.verb("finish").arg("--yes").args(options).env("CROSSFADE_FAILPOINT", point).run();
        killed.expect_killed();
        assert!(shop.has_control());
        if point != "finish.source_done" {
            shop.assert_fenced();
        }
        shop.finish(options).expect_code(0);
        assert!(!shop.has_control(), "{point}");
        let file = if options.is_empty() { shop.archive() } else { shop.pair.source.clone() };
        assert_eq!(source::schema_text(&file), shop.before, "{point}");
    }
}

/// Our triggers go with the tables that the application's migrations rename and move
#[test]
fn finish_finds_its_triggers_wherever_their_tables_went() {
    for options in [&[][..], &["--keep-source"][..]] {
        let shop = Shop::reversed(&format!("{SHOP}{KEYLESS}"));
        shop.pg().execute(
            "ALTER TABLE part RENAME TO piece; ALTER TABLE line RENAME TO \"Row\"; CREATE SCHEMA elsewhere; \
             ALTER TABLE item SET SCHEMA elsewhere; ALTER TABLE \"Row\" SET SCHEMA elsewhere",
        );
        shop.finish(options).expect_code(0);
        assert!(!shop.has_control());
        let left = "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%crossfade%') \
                    + (SELECT count(*) FROM pg_attribute WHERE attname LIKE '%crossfade%' AND NOT attisdropped)";
        assert_eq!(shop.pg().value(left).as_deref(), Some("0"));
        shop.pg().execute("INSERT INTO piece(item, n) VALUES (1, 1); INSERT INTO elsewhere.\"Row\" VALUES ('y', 3)");
        let file = if options.is_empty() { shop.archive() } else { shop.pair.source.clone() };
        assert_eq!(source::schema_text(&file), shop.before);
    }
}

/// What PostgreSQL refuses is refused before anything is done to SQLite
#[test]
fn i8_finish_that_is_refused_leaves_the_fence() {
    for options in [&[][..], &["--keep-source"][..]] {
        let shop = Shop::reversed(&format!("{SHOP}{KEYLESS}"));
        let before = source::schema_text(&shop.pair.source);
        shop.pg().execute("CREATE VIEW numbers AS SELECT _crossfade_rowid FROM line");
        shop.finish(options).expect_code(3).expect_error("numbers depends on it");
        assert_eq!(source::schema_text(&shop.pair.source), before);
        shop.assert_fenced();
        // The migration goes on as if nothing had been asked.
        shop.pg().execute("UPDATE item SET name = 'goes back' WHERE id = 3");
        shop.pair.bring_back();
        assert_equal(&shop.pair.source, &shop.pair.target);
        shop.pg().execute("DROP VIEW numbers");
        shop.finish(options).expect_code(0);
    }
}

/// Somebody who leaves a transaction open keeps us from finishing, but nobody from working
#[test]
fn finish_makes_nobody_wait_behind_an_idle_reader() {
    for options in [&["--leave-behind"][..], &["--leave-behind", "--keep-source"][..]] {
        let shop = Shop::reversed(SHOP);
        let before = source::schema_text(&shop.pair.source);
        let (reader, writer) = (shop.pg(), shop.pg());
        reader.execute("SET application_name = 'reporting'; BEGIN; SELECT count(*) FROM item");
        writer.execute("SET statement_timeout = '2s'");
        let mut finishing = shop.pair.verb("finish").arg("--yes").args(options).start();
        while finishing.exited().is_none() {
            writer.execute("INSERT INTO item(name) VALUES ('not held up'); SELECT count(*) FROM item");
        }
        let refused = finishing.wait().expect_code(3).expect_error("(reporting, idle in transaction");
        assert!(refused.stderr.contains("nothing was changed"), "{refused}");
        assert_eq!(source::schema_text(&shop.pair.source), before);
        shop.assert_fenced();
        reader.execute("COMMIT");
        shop.finish(options).expect_code(0);
    }
}

/// Verbs that do not fit say which one does, with exit code 7, and change nothing
#[test]
fn verbs_refuse_in_the_wrong_phase() {
    let shop = Shop::new(SHOP);
    shop.finish(&[]).expect_code(7).expect_error("crossfade run");
    shop.pair.migrate();
    shop.finish(&[]).expect_code(7).expect_error("`crossfade cutover`");
    let set = |phase: &str| shop.pg().execute(&format!("UPDATE crossfade.state SET phase = '{phase}'"));
    let schema = source::schema_text(&shop.pair.source);
    for phase in ["cutting_over", "rehearsing", "rolling_back"] {
        set(phase);
        shop.pair.verb("cancel").run().expect_code(7).expect_error("`crossfade status`");
        shop.finish(&[]).expect_code(7).expect_error("`crossfade status`");
    }
    set("following");
    make_primary(&shop.pair);
    shop.pair.verb("cancel").run().expect_code(7).expect_error("`crossfade finish`");
    shop.pair.verb("cutover").run().expect_code(7).expect_error("`crossfade rollback`");
    assert_ne!(source::schema_text(&shop.pair.source), schema, "the fence stands");
    assert!(shop.has_control());
}

/// I8: with a target that knows nothing of it, `cancel` would open a file that was moved elsewhere
#[test]
fn i8_cancel_leaves_the_fence_of_another_target() {
    let shop = Shop::reversed(SHOP);
    let fenced = source::schema_text(&shop.pair.source);
    let elsewhere = Pair::new(&shop.pair.source, fresh_database());
    elsewhere.verb("cancel").run().expect_code(7).expect_error("PostgreSQL is the primary of this SQLite file since");
    assert_eq!(source::schema_text(&shop.pair.source), fenced);
}

/// The last report is written before there is nothing to report of
#[test]
fn both_ends_can_write_a_last_report() {
    let shop = Shop::reversed(SHOP);
    let page = shop.pair.source.with_file_name("end.html");
    shop.finish(&["--report", page.to_str().expect("a path")]).expect_code(0);
    let text = std::fs::read_to_string(&page).expect("the page");
    assert!(text.contains("How to check this again") && text.contains("reversed"), "{text}");
    let other = Shop::new(SHOP);
    other.pair.migrate();
    let file = other.pair.source.with_file_name("end.json");
    other.pair.verb("cancel").args(&["--report", file.to_str().expect("a path")]).run().expect_code(0);
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
    assert_eq!(json["phase"], "following");
    assert_eq!(source::schema_text(&other.pair.source), other.before);
}
