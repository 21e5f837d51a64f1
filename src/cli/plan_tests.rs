//! Plans of real and of invented databases, from the file to the text

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::*;
use crate::model::choices::Choices;
use crate::model::extensions::Offer;
use crate::model::mapping::Mapping;
use crate::model::planner::{Found, Request, make_plan};
use crate::sqlite::introspect::introspect;
use crate::sqlite::profile::profile;

fn plan_of(conn: &Connection) -> Proven {
    let found = introspect(conn).unwrap();
    let profiled = found.tables.iter().map(|table| {
        let profile = profile(conn, table, &found.tables, None, &mut |_| {}).unwrap();
        (table.clone(), profile)
    });
    let choices = Choices::default();
    let request = Request { target_schema: "public", choices: &choices, offer: &Offer::default() };
    let (tables, views) = (profiled.collect(), found.views);
    let found = Found { tables, views, fulltext: found.fulltext, skipped: found.skipped, ..Found::default() };
    make_plan(found, &request)
}

fn plan_of_sql(sql: &str) -> Proven {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).unwrap();
    plan_of(&conn)
}

/// The plan of a sample database, of a copy of it: SQLite wants to write beside the file. `None` without the samples
fn plan_of_sample(name: &str) -> Option<Proven> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folders = [beside, PathBuf::from("/work/shared/data")];
    let path = folders.iter().map(|folder| folder.join(name)).find(|path| path.exists())?;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(name);
    std::fs::write(&copy, std::fs::read(path).unwrap()).unwrap();
    let plan = plan_of(&Connection::open(copy).unwrap());
    assert!(plan.plan.refusals.is_empty(), "{name}: {:?}", plan.plan.refusals);
    assert!(render(&plan).lines().all(|line| line.chars().count() <= WIDTH), "{name}");
    Some(plan)
}

fn table<'a>(plan: &'a Plan, name: &str) -> &'a TablePlan {
    plan.tables.iter().find(|t| t.source.name == name).unwrap()
}

#[test]
fn chinook_is_planned_without_loss() {
    let Some(plan) = plan_of_sample("chinook.sqlite").map(|proven| proven.plan) else { return };
    let (tables, rows) = (plan.tables.len(), plan.tables.iter().map(|t| t.row_count).sum::<u64>());
    assert_eq!((tables, rows), (11, 15_607));
    assert_eq!(table(&plan, "PlaylistTrack").key_columns.len(), 2);
    assert_eq!(table(&plan, "Employee").foreign_keys[0].parent_name, "Employee");
    assert_eq!(plan.tables.iter().map(|t| t.foreign_keys.len()).sum::<usize>(), 11);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn northwind_is_planned_without_loss() {
    let Some(plan) = plan_of_sample("northwind.sqlite").map(|proven| proven.plan) else { return };
    assert_eq!((plan.tables.len(), plan.tables.iter().map(|t| t.row_count).sum::<u64>()), (13, 3_308));
    assert!(plan.tables.iter().flat_map(|t| &t.columns).all(|c| c.mapping != Mapping::Variant));
    assert_eq!((plan.views.len(), plan.skipped.len()), (1, 0), "{:?}", plan.warnings);
}

#[test]
fn gnucash_is_planned_without_loss() {
    let Some(plan) = plan_of_sample("gnucash_book.sqlite").map(|proven| proven.plan) else { return };
    assert_eq!((plan.tables.len(), plan.tables.iter().map(|t| t.row_count).sum::<u64>()), (24, 663));
    assert_eq!(table(&plan, "gnclock").key.kind, KeyKind::Rowid);
    assert!(plan.skipped.iter().any(|n| n.object == "sqlite_sequence"));
}

#[test]
fn a_whole_plan_reads_like_this() {
    let plan = plan_of_sql(
        "CREATE TABLE users(id INTEGER PRIMARY KEY, email VARCHAR(99) NOT NULL UNIQUE, score);
         CREATE TABLE notes(user INT REFERENCES users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, xmin TEXT,
                            state TEXT DEFAULT 'new' CHECK (state <> ''), size INT AS (length(xmin)));
         CREATE INDEX notes_user ON notes(user DESC);
         INSERT INTO users VALUES (1, 'a@b', 1), (2, 'c@d', 'x');
         CREATE TRIGGER tr AFTER INSERT ON notes BEGIN SELECT 1; END;
         CREATE VIEW shown AS SELECT email, xmin FROM users JOIN notes ON user = id;
         CREATE VIEW v AS SELECT 1;",
    );
    let expected = "\
table  rows  size  key
users     2  31 B  id
notes     0   0 B  _crossfade_rowid (hidden rowid)

users
  columns  id INTEGER -> bigint identity (2 integers, 1 to 2)
           email VARCHAR(99) -> text (2 texts, longest 3)
           score (no type) -> jsonb (1 integer, 1 text)
  indexes  unique users_email_key (email)

notes
  columns  user INT -> bigint (empty)
           xmin TEXT -> xmin_ text (empty)
           state TEXT -> text default 'new' (empty)
           size INT -> bigint generated as (char_length(\"xmin_\")) (empty)
           _crossfade_rowid -> bigint identity (the hidden rowid)
  indexes  notes_user (user DESC)
  checks   notes_state_check (\"state\" <> '')
  foreign  (user) -> users (id) on delete cascade deferred

views
  shown (email, xmin_)

skipped (1): left on SQLite
  - tr on notes: application triggers stay on SQLite; the target gets the rows they wrote

warnings (4): lossless, but worth reading
  - users.score: holds 1 integer, 1 text (e.g. id=2): no plain type takes them all, so it becomes jsonb
    remedy: make the values alike in SQLite and plan again, if a plain type is wanted
  - notes: it has neither a PRIMARY KEY nor a UNIQUE NOT NULL index: rows are told apart by the rowid, kept in
    an additional column on the target
  - notes.xmin: is called xmin_ on the target, because its own name belongs to PostgreSQL itself
  - view v: not translated: an expression without a name of its own
    remedy: create it by hand on the target, if it is wanted there

ready: 2 tables, 2 rows, 31 B to schema public; 4 warnings, 1 skipped
";
    assert_eq!(render(&plan), expected);
}

#[test]
fn refusals_end_the_text_with_their_remedies() {
    let plan = plan_of_sql("CREATE TABLE t(rowid, _rowid_, oid); CREATE TABLE _crossfadex(a)");
    let text = render(&plan);
    assert!(text.contains("refusals (2)") && text.matches("remedy:").count() >= 2, "{text}");
    assert!(text.lines().last().unwrap().starts_with("refused (2 refusals): 1 table"), "{text}");
}

#[test]
fn an_empty_plan_is_one_line() {
    assert_eq!(render(&plan_of_sql("")), "ready: 0 tables, 0 rows, 0 B to schema public; 0 warnings, 0 skipped\n");
}

#[test]
fn names_cannot_steer_the_terminal() {
    let text = render(&plan_of_sql("CREATE TABLE \"a\x1b[31m\nb\"(\"\" INTEGER PRIMARY KEY, \"c\u{202e}d\" TEXT)"));
    assert!(
        text.contains("a\\u{1b}[31m\\nb") && text.contains("\"\" INTEGER") && text.contains("c\\u{202e}d"),
        "{text}"
    );
}

#[test]
fn numbers_are_readable() {
    assert_eq!([grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
    assert_eq!([size(999), size(1_000), size(999_960), size(5_250_000_000)], ["999 B", "1.0 kB", "1.0 MB", "5.2 GB"]);
}
