//! Full-text tables that hold their own text: copied, followed by comparison, and searched (I3, I10, I12)

mod contentless;
mod existing;
mod switches;

use std::thread;

use crate::fulltext::QUERIES;
use crate::support::compare::{assert_equal, assert_equal_or_held};
use crate::support::fresh_database;
use crate::support::held;
use crate::support::pg::Pg;
use crate::support::process::{Cli, Pair, Running, wait_until};
use crate::support::source::{self, Workplace};

/// Several ranges of a comparison
const ROWS: u32 = 30_000;

const NOTES: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, body TEXT);
    CREATE VIRTUAL TABLE notes USING fts5(title, body, tokenize='porter');
    CREATE VIRTUAL TABLE old USING fts4(title, body, tokenize=porter);
    INSERT INTO item VALUES (1, 'one');
    INSERT INTO notes(rowid, title, body) VALUES
      (1, 'Databases', 'The moves of a running database'), (2, 'Running', 'shoes'), (3, 'Shoes', 'for runs and walks'),
      (4, 'Nothing', NULL), (5, NULL, 'walking the database');
    INSERT INTO old(docid, title, body) SELECT rowid, title, body FROM notes;";

fn pair(work: &Workplace, script: &str) -> Pair {
    Pair::new(work.database(script), fresh_database())
}

fn write(pair: &Pair, script: &str) {
    source::open(&pair.source).execute_batch(script).unwrap_or_else(|e| panic!("{e} in {script}"));
}

/// Rowids that MATCH finds
fn matches(pair: &Pair, table: &str, query: &str) -> Vec<String> {
    let connection = source::open(&pair.source);
    let sql = format!("SELECT rowid FROM {table} WHERE {table} MATCH ?1 ORDER BY rowid");
    let mut statement = connection.prepare(&sql).expect("a query");
    let rows = statement.query_map([query], |row| row.get::<_, i64>(0)).expect("matches");
    rows.map(|id| id.expect("a rowid").to_string()).collect()
}

/// Rowids that the target finds by the query that the plan gives for it
fn found(pair: &Pair, table: &str, query: &str) -> Vec<String> {
    let sql = format!("SELECT rowid FROM {table} WHERE {table}_tsv @@ {query} ORDER BY rowid");
    Pg::connect(&pair.target).query(&sql).into_iter().flatten().flatten().collect()
}

/// How often, and with which fingerprint, the table was compared as a whole
fn compared(target: &Pg, table: &str) -> Option<String> {
    target.value("SELECT to_regclass('crossfade.search')")?;
    let sql = "SELECT s.compared_at::text FROM crossfade.search s JOIN crossfade.tables t ON t.id = s.table_id";
    target.value(&format!("{sql} WHERE t.name = '{table}'"))
}

#[test]
fn the_target_finds_what_match_finds_while_the_application_writes() {
    let work = Workplace::new();
    let pair = pair(&work, NOTES);
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    let compare = || {
        for (here, there) in QUERIES {
            for table in ["notes", "old"] {
                let expected = matches(&pair, table, here);
                assert!(!expected.is_empty(), "{here} finds something");
                assert_eq!(expected, found(&pair, table, there), "{here} in {table}");
            }
        }
        assert_equal(&pair.source, &pair.target);
    };
    compare();
    for script in [
        "INSERT INTO notes(rowid, title, body) VALUES (6, 'Walks', 'shoe database'), (7, 'x', 'a running database');",
        "UPDATE notes SET body = 'databases walk' WHERE rowid = 4; DELETE FROM notes WHERE rowid = 3;",
        "BEGIN; UPDATE notes SET title = 'Shoes' WHERE rowid = 1; DELETE FROM notes WHERE rowid = 2;
         INSERT INTO notes(rowid, title, body) VALUES (2, 'back', 'again, running'); COMMIT;
         INSERT INTO notes(notes) VALUES ('optimize'); INSERT INTO notes(notes) VALUES ('rebuild');
         INSERT INTO notes(notes, rank) VALUES ('merge', 500); UPDATE notes SET rowid = -1 WHERE rowid = 5;",
    ] {
        write(&pair, script);
        write(&pair, "DELETE FROM old; INSERT INTO old(docid, title, body) SELECT rowid, title, body FROM notes;");
        write(&pair, "INSERT INTO old(old) VALUES ('rebuild'); INSERT INTO old(old) VALUES ('merge=10,2')");
        pair.wait_compared(&mut replicator);
        compare();
    }
    // A word in the title, weight A, counts for more than one in the body.
    let sql = "SELECT rowid FROM notes, websearch_to_tsquery('english', 'shoes') q WHERE notes_tsv @@ q \
               ORDER BY ts_rank(notes_tsv, q) DESC, rowid LIMIT 1";
    assert_eq!(Pg::connect(&pair.target).value(sql).as_deref(), Some("1"));
    let plan = Pg::connect(&pair.target)
        .query("SET enable_seqscan = off; EXPLAIN SELECT 1 FROM notes WHERE notes_tsv @@ to_tsquery('english', 'run')");
    assert!(format!("{plan:?}").contains("notes_tsv_idx"), "the index serves: {plan:?}");
    pair.verify();
    replicator.stop();
    pair.verb("cancel").run().expect_code(0);
    assert_eq!(Pg::connect(&pair.target).value("SELECT to_regclass('notes')"), None);
}

#[test]
fn status_and_verify_say_what_is_not_compared_yet() {
    let work = Workplace::new();
    let pair = pair(&work, NOTES);
    pair.migrate();
    let changed = |name: &str| {
        let status = pair.status();
        let tables = status["search_tables"].as_array().expect("a list");
        let table = tables.iter().find(|table| table["name"] == name).expect("the table").clone();
        (table["changed"].as_bool().expect("an answer"), status["in_sync"].as_bool().expect("an answer"))
    };
    assert_eq!(changed("notes"), (false, true));
    pair.verify();
    write(&pair, "UPDATE notes SET title = 'other' WHERE rowid = 1");
    assert_eq!(changed("notes"), (true, false));
    assert_eq!(changed("old"), (false, false));
    // Nobody brings it over.
    let said = pair.verb("verify").args(&["--table", "notes"]).run().expect_code(4);
    assert!(said.stdout.contains("1 on their way and not compared"), "{said}");
    pair.migrate();
    assert_eq!(changed("notes"), (false, true));
    assert_equal(&pair.source, &pair.target);
    // What somebody else writes to the target is found, named, and corrected by the next run.
    let target = Pg::stray(&pair.target);
    target.execute(
        "UPDATE notes SET body = 'x' WHERE rowid = 1; DELETE FROM notes WHERE rowid = 2; \
         INSERT INTO notes(rowid, title) VALUES (99, 'y')",
    );
    let said = pair.verb("verify").run().expect_code(4);
    for words in ["3 mismatches", "1 (differs)", "2 (missing on postgres)", "99 (only on postgres)"] {
        assert!(said.stdout.contains(words), "{words}: {said}");
    }
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    pair.verify();
}

/// The fingerprint does not move; a new session looks at every row
#[test]
fn i10_rows_without_words_arrive_with_the_next_session() {
    let work = Workplace::new();
    let pair = pair(&work, NOTES);
    write(&pair, "INSERT INTO notes(rowid, title) VALUES (50, '!')");
    pair.migrate();
    write(&pair, "UPDATE notes SET title = '?' WHERE rowid = 50");
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
}

#[test]
fn i10_what_does_not_fit_waits_in_the_quarantine() {
    let work = Workplace::new();
    let pair = pair(&work, NOTES);
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    write(
        &pair,
        "INSERT INTO notes(rowid, title, body) VALUES (10, 'nul' || char(0), 'x'), (11, 5, 'number'), (12, 'fits', 'x');
         UPDATE notes SET body = x'ff' WHERE rowid = 3",
    );
    pair.wait_compared(&mut replicator);
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 3);
    pair.verify();
    let listed = Cli::new(["quarantine", "list", "--table", "notes"]);
    let listed = listed.arg("--source").arg(&pair.source).arg("--target").arg(&pair.target).run().expect_code(0).stdout;
    assert!(listed.contains("notes 10: column title: text with a NUL byte"), "{listed}");
    assert_eq!(pair.status()["quarantined"], 3);
    write(
        &pair,
        "UPDATE notes SET title = 'text' WHERE rowid IN (10, 11); DELETE FROM notes WHERE rowid = 3;
         INSERT INTO notes(rowid, title) VALUES (13, 6)",
    );
    pair.wait_compared(&mut replicator);
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 1);
    pair.verify();
    replicator.stop();
    // From the beginning, with a table that is empty on the target: what was rejected leaves when it is gone.
    write(&pair, "DELETE FROM notes WHERE rowid < 13");
    pair.migrate();
    assert_eq!(Pg::connect(&pair.target).value("SELECT count(*) FROM notes").as_deref(), Some("0"));
    write(&pair, "DELETE FROM notes; INSERT INTO notes(rowid, title) VALUES (14, 'only'), (15, 7)");
    pair.migrate();
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 1);
    assert_eq!(held::count(&Pg::connect(&pair.target)), 1);
    pair.verify();
}

/// A database with nothing else in it
#[test]
fn a_full_text_table_alone_is_followed() {
    let work = Workplace::new();
    let pair = pair(&work, "CREATE VIRTUAL TABLE mail USING fts5(a); INSERT INTO mail VALUES ('one'), ('two')");
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    write(&pair, "DELETE FROM mail WHERE a = 'one'; INSERT INTO mail VALUES ('three')");
    pair.wait_compared(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
}

/// Skipped and renamed by the plan file; of its columns nothing can be said
#[test]
fn the_plan_file_leaves_full_text_tables_out_or_renames_them() {
    let work = Workplace::new();
    let pair = pair(&work, NOTES);
    let file = work.path("crossfade.toml");
    let written = || std::fs::read_to_string(&file).expect("the plan file");
    let path = file.to_string_lossy().into_owned();
    pair.verb("plan").args(&["--out", &path]).run().expect_code(0);
    assert!(written().contains("[tables.notes] #: full-text table (fts5), 5 rows"), "{}", written());
    let choices = "[defaults]\ntext_search = 'german'\n[tables.notes]\nrename = 'words'\n[tables.old]\nskip = true\n";
    std::fs::write(&file, choices).expect("a plan file");
    pair.verb("run").args(&["--config", &path, "--until", "in-sync"]).run().expect_code(0);
    let target = Pg::connect(&pair.target);
    assert_eq!(target.value("SELECT count(*) FROM words").as_deref(), Some("5"));
    let found = target.value("SELECT count(*) FROM words WHERE notes_tsv @@ to_tsquery('german', 'shoes')");
    assert_eq!((found.as_deref(), target.value("SELECT to_regclass('old')")), (Some("2"), None));
    pair.verb("cancel").run().expect_code(0);
    std::fs::write(&file, "[tables.old.columns]\ntitle = 'text'\n").expect("a plan file");
    let refused = pair.verb("plan").args(&["--config", &path]).run().expect_code(3);
    assert!(refused.stdout.contains("old: of a full-text table the plan file can say skip and rename"), "{refused}");
}

#[test]
fn a_table_that_is_made_anew_is_not_taken_for_the_old_one() {
    let work = Workplace::new();
    let pair = pair(&work, NOTES);
    pair.migrate();
    write(&pair, "DROP TABLE notes; CREATE VIRTUAL TABLE notes USING fts5(other)");
    pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(3).expect_error("`notes` is not the one");
    assert_eq!(Pg::connect(&pair.target).value("SELECT count(*) FROM notes").as_deref(), Some("5"));
}

fn large(rows: u32, bytes: u32) -> String {
    format!(
        "PRAGMA synchronous = OFF; CREATE TABLE item(id INTEGER PRIMARY KEY, body TEXT);
         CREATE VIRTUAL TABLE notes USING fts5(body);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO notes(rowid, body) SELECT i * 3, printf('w%d and other words %0{bytes}d', i, i) FROM n"
    )
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// Killed in the middle of a comparison, and gone on with
    fn killed_at(point: &str, is_first: bool) {
        let work = Workplace::new();
        let pair = pair(&work, &large(ROWS, 100));
        let small = ["--chunk-bytes", "262144"];
        if !is_first {
            pair.migrate();
            write(&pair, "UPDATE notes SET body = body || ' more'; DELETE FROM notes WHERE rowid % 10 = 0");
            write(&pair, "INSERT INTO notes(rowid, body) SELECT id * 1000000, 'new' FROM item");
        }
        let before = compared(&Pg::connect(&pair.target), "notes");
        let doomed = pair.verb("run").args(&small).env("CROSSFADE_FAILPOINT", point).start().wait();
        assert_eq!(doomed.status.signal(), Some(libc::SIGKILL), "{point} was not reached\n{doomed}");
        let target = Pg::connect(&pair.target);
        assert_eq!(compared(&target, "notes"), before, "a part is not the whole");
        write(&pair, "DELETE FROM notes WHERE rowid < 3000");
        pair.verb("run").args(&small).args(&["--until", "in-sync"]).run().expect_code(0);
        assert!(compared(&target, "notes") > before);
        assert_equal(&pair.source, &pair.target);
        pair.verify();
    }

    #[test]
    fn i3_killed_while_a_full_text_table_is_filled() {
        killed_at("search.rows_written:3", true);
    }

    #[test]
    fn i3_killed_when_a_part_of_a_full_text_table_is_filled() {
        killed_at("search.committed:3", true);
    }

    #[test]
    fn i3_killed_while_a_full_text_table_is_corrected() {
        killed_at("search.rows_written:2", false);
    }

    #[test]
    fn i3_killed_when_a_part_of_a_full_text_table_is_corrected() {
        killed_at("search.committed:2", false);
    }
}

/// A writer at full speed in a full-text table: other tables have their turn between any two ranges of the comparison. The
/// numbers of PostgreSQL's transactions tell, on which the load of the machine has no influence
#[test]
fn a_busy_full_text_table_does_not_starve_the_others() {
    let work = Workplace::new();
    let pair = pair(&work, &large(2 * ROWS, 100));
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    let path = pair.source.clone();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = thread::spawn(move || {
        let connection = source::open(&path);
        let mut n = 0;
        while stopped.try_recv().is_err() {
            n += 1;
            let sql = format!(
                "BEGIN IMMEDIATE; INSERT INTO item VALUES ({n}, 'x');
                 INSERT INTO notes(rowid, body) VALUES ({n} * 3 + 1, 'new words {n}');
                 UPDATE notes SET body = body || ' x' WHERE rowid = {n} * 7 % 150000 / 3 * 3; COMMIT"
            );
            connection.execute_batch(&sql).expect("the writer");
        }
        n
    });
    let target = Pg::connect(&pair.target);
    let (started, before) = (compared(&target, "notes"), target.value("SELECT txid_current()").expect("a number"));
    // Something for every range to write.
    write(&pair, "UPDATE notes SET body = body || ' y' WHERE rowid % 300 = 0");
    wait_until("a comparison of the whole table", || {
        replicator.must_run();
        compared(&target, "notes") != started
    });
    let sql = "SELECT string_agg(kind, '' ORDER BY at) FROM (
                   SELECT DISTINCT xmin::text::bigint AS at, 'r' AS kind FROM notes UNION
                   SELECT DISTINCT xmin::text::bigint, 'i' FROM item) a";
    let order = target.value(&format!("{sql} WHERE at > {before}")).expect("transactions");
    stop.send(()).expect("the writer runs");
    assert!(writer.join().expect("the writer") > 100);
    let ranges = order.matches('r').count();
    let without_a_turn = order.as_bytes().windows(2).filter(|two| two == b"rr").count();
    assert!(ranges >= 5 && without_a_turn * 4 <= ranges, "ranges (r), and cycles of the other table (i): {order}");
    replicator.stop();
    // The next comparison would be due after ten times as long as this one took; a new session makes it at once.
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    pair.verify();
}

/// The fingerprint that is stored is that of before the comparison: what changes behind it is for the next one
#[test]
fn i10_a_row_that_changes_behind_the_comparison_is_compared_again() {
    let work = Workplace::new();
    let pair = pair(&work, &large(ROWS, 100));
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    let target = Pg::connect(&pair.target);
    let before = compared(&target, "notes");
    write(&pair, "UPDATE notes SET body = body || ' more'");
    wait_until("the first range", || {
        replicator.must_run();
        target.value("SELECT 1 FROM notes WHERE rowid = 3 AND body LIKE '% more'").is_some()
    });
    write(&pair, "UPDATE notes SET body = 'behind' WHERE rowid = 3");
    assert_eq!(compared(&target, "notes"), before, "the comparison goes on");
    pair.wait_compared(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
}

/// Filled, changed all over, and emptied: nothing is held that grows with the table
#[test]
fn i12_a_large_full_text_table_stays_under_a_hundred_megabytes() {
    let work = Workplace::new();
    let pair = pair(&work, &large(60_000, 1_500));
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    crate::memory::check_peak(&mut replicator, "filling a full-text table");
    // A new session compares at once, and not in the time that is left for it.
    let again = |replicator: Running, script: &str| {
        replicator.stop();
        write(&pair, script);
        let mut replicator = pair.replicate(&[]);
        pair.wait_compared(&mut replicator);
        crate::memory::check_peak(&mut replicator, "correcting a full-text table");
        replicator
    };
    replicator = again(replicator, "UPDATE notes SET body = body || ' more' WHERE rowid % 2 = 0");
    replicator = again(replicator, "DELETE FROM notes WHERE rowid > 3000");
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
}
