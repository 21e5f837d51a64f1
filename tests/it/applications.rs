//! Applications with an ORM: written to by several of its processes while we follow, read by it from both databases

use std::collections::BTreeMap;

use crate::support::app::{App, differences, sqlite_url};
use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Cli, Pair, Running, wait_until};
use crate::support::python::PythonWriter;
use crate::support::scene::SMALL_CHUNKS;
use crate::support::source::{self, Workplace};

const DJANGO: &str = "django/manage.py";
const SQLALCHEMY: &str = "sqlalchemy/app.py";

/// Django's migrations fill the first two on PostgreSQL as well; the others refer to those
const DJANGO_BEGINS_WITH: [&str; 5] = [
    "django_content_type",
    "auth_permission",
    "auth_group_permissions",
    "auth_user_user_permissions",
    "everything_tag",
];

/// SQLite's schema does not say that a moment is one of UTC, nor that an integer is a duration
#[test]
fn django_reads_the_same_objects_from_the_schema_that_we_create() {
    let Some(app) = App::find(DJANGO, "django_reads_the_same_objects_from_the_schema_that_we_create") else { return };
    let unsaid = [
        "auth.User.date_joined",
        "auth.User.last_login",
        "everything.Defaults.born",
        "everything.Scalars.created",
        "everything.Scalars.lasts",
        "everything.Scalars.moment",
        "everything.Scalars.updated",
        "everything.Scalars.waits",
        "sessions.Session.expire_date",
    ];
    created(&app, &unsaid);
}

/// Nor that a moment is a duration counted from 1970
#[test]
fn sqlalchemy_reads_the_same_objects_from_the_schema_that_we_create() {
    let Some(app) = App::find(SQLALCHEMY, "sqlalchemy_reads_the_same_objects_from_the_schema_that_we_create") else {
        return;
    };
    created(&app, &["Sample.lasts", "Sample.waits"]);
}

/// The plan file says what the schema cannot; then every field is read alike there too
#[test]
fn django_reads_the_same_objects_from_the_types_that_it_asks_for() {
    let Some(app) = App::find(DJANGO, "django_reads_the_same_objects_from_the_types_that_it_asks_for") else { return };
    let moment = "{ type = \"timestamptz\", assumed_zone = \"+00:00\" }";
    let columns = [
        ("auth_user", vec![("date_joined", moment), ("last_login", moment)]),
        ("django_session", vec![("expire_date", moment)]),
        ("everything_defaults", vec![("born", moment)]),
        ("everything_scalars", vec![("created", moment), ("updated", moment), ("moment", moment)]),
        ("everything_scalars", vec![("lasts", "\"interval\""), ("waits", "\"interval\"")]),
    ];
    asked_for(&app, &columns);
}

#[test]
fn sqlalchemy_reads_the_same_objects_from_the_types_that_it_asks_for() {
    let Some(app) = App::find(SQLALCHEMY, "sqlalchemy_reads_the_same_objects_from_the_types_that_it_asks_for") else {
        return;
    };
    let columns = [("lasts", "\"interval\""), ("waits", "\"interval\"")];
    asked_for(&app, &[("sample", columns.to_vec())]);
}

fn asked_for(app: &App, columns: &[(&str, Vec<(&str, &str)>)]) {
    let work = Workplace::new();
    let pair = Pair::new(work.path("app.db"), fresh_database());
    app.migrate(&sqlite_url(&pair.source));
    app.fill(&sqlite_url(&pair.source), 1);
    let lines = columns.iter().flat_map(|(table, columns)| {
        columns.iter().map(move |(column, wanted)| format!("tables.{table}.columns.{column} = {wanted}\n"))
    });
    std::fs::write(plan_file(&work), lines.collect::<String>()).expect("the plan file");
    follow(app, &pair, &["--config", &plan_file(&work)]);
    assert_eq!(differences(&app.dump(&sqlite_url(&pair.source)), &app.dump(&pair.target)), BTreeMap::new());
}

/// All fields are read alike, but for those whose types SQLite's schema does not say
fn created(app: &App, unsaid: &[&str]) {
    let work = Workplace::new();
    let pair = Pair::new(work.path("app.db"), fresh_database());
    app.migrate(&sqlite_url(&pair.source));
    app.fill(&sqlite_url(&pair.source), 1);
    follow(app, &pair, &[]);
    assert_equal(&pair.source, &pair.target);
    let found = differences(&app.dump(&sqlite_url(&pair.source)), &app.dump(&pair.target));
    assert_eq!(found.keys().collect::<Vec<_>>(), unsaid, "fields read otherwise: {found:#?}");
}

/// Django's own migrations made both schemas
#[test]
fn django_reads_the_same_objects_from_its_own_schema() {
    let Some(app) = App::find(DJANGO, "django_reads_the_same_objects_from_its_own_schema") else { return };
    existing(&app, &DJANGO_BEGINS_WITH);
}

/// Alembic made both schemas: another order of columns, native enums, arrays, an identity that is ALWAYS
#[test]
fn sqlalchemy_reads_the_same_objects_from_its_own_schema() {
    let Some(app) = App::find(SQLALCHEMY, "sqlalchemy_reads_the_same_objects_from_its_own_schema") else { return };
    existing(&app, &[]);
}

/// The forms of all values to come are known from the framework alone
#[test]
fn django_may_begin_with_empty_tables() {
    let Some(app) = App::find(DJANGO, "django_may_begin_with_empty_tables") else { return };
    begin_empty(&app, migrated(&app, &DJANGO_BEGINS_WITH));
}

#[test]
fn sqlalchemy_may_begin_with_empty_tables() {
    let Some(app) = App::find(SQLALCHEMY, "sqlalchemy_may_begin_with_empty_tables") else { return };
    begin_empty(&app, migrated(&app, &[]));
}

fn existing(app: &App, truncated: &[&str]) {
    let (work, pair) = migrated(app, truncated);
    app.fill(&sqlite_url(&pair.source), 1);
    follow(app, &pair, &["--config", &plan_file(&work)]);
    assert_same(app, &pair);
}

fn begin_empty(app: &App, (work, pair): (Workplace, Pair)) {
    let mut replicator = pair.replicate(&["--config", &plan_file(&work)]);
    pair.wait_consistent(&mut replicator);
    settle(&pair, writers(app, &pair), replicator);
    assert_same(app, &pair);
}

/// Both databases as the application's own migrations leave them, and a plan file that says which rows may go
fn migrated(app: &App, truncated: &[&str]) -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.path("app.db"), fresh_database());
    app.migrate(&sqlite_url(&pair.source));
    app.migrate(&pair.target);
    let tables = truncated.iter().map(|name| format!("[tables.{name}]\npolicy = \"truncate\"\n"));
    let text = format!("schema = \"existing\"\n{}", tables.collect::<String>());
    std::fs::write(plan_file(&work), text).expect("the plan file");
    (work, pair)
}

fn plan_file(work: &Workplace) -> String {
    work.path("crossfade.toml").display().to_string()
}

#[test]
fn django_writes_on_postgresql_and_reads_it_back_on_sqlite() {
    let Some(app) = App::find(DJANGO, "django_writes_on_postgresql_and_reads_it_back_on_sqlite") else { return };
    there_and_back(&app, &DJANGO_BEGINS_WITH);
}

#[test]
fn sqlalchemy_writes_on_postgresql_and_reads_it_back_on_sqlite() {
    let Some(app) = App::find(SQLALCHEMY, "sqlalchemy_writes_on_postgresql_and_reads_it_back_on_sqlite") else {
        return;
    };
    there_and_back(&app, &[]);
}

/// Cutover, the ORM's writers on PostgreSQL, rollback, all of it read on SQLite; and a second time
fn there_and_back(app: &App, truncated: &[&str]) {
    let (work, pair) = migrated(app, truncated);
    app.fill(&sqlite_url(&pair.source), 1);
    let mut replicator = pair.replicate(&["--config", &plan_file(&work)]);
    pair.wait_following(&mut replicator);
    for round in 0..2 {
        pair.verify();
        pair.verb("cutover").run().expect_code(0);
        // One at a time: several would have to be ready for PostgreSQL's deadlocks, which SQLite does not know.
        for seed in [21, 22, 23] {
            app.write(&pair.target, seed + 10 * round).finish(40);
        }
        let held = Pg::connect(&pair.target).query("SELECT key_text, column_name, message FROM crossfade.unreturned");
        assert_eq!(held, Vec::<Vec<Option<String>>>::new(), "rows that SQLite cannot hold");
        pair.verify();
        pair.verb("rollback").run().expect_code(0);
        // Nothing is written now: what SQLite holds is what the application left on PostgreSQL.
        assert_same(app, &pair);
        writers_on(app, &sqlite_url(&pair.source)).into_iter().for_each(|writer| writer.finish(40));
        pair.wait_caught_up(&mut replicator);
        assert_same(app, &pair);
    }
    replicator.stop();
}

/// Every field is read alike, and every question answered alike
fn assert_same(app: &App, pair: &Pair) {
    let url = sqlite_url(&pair.source);
    assert_eq!(differences(&app.dump(&url), &app.dump(&pair.target)), BTreeMap::new());
    assert_eq!(app.ask(&url), app.ask(&pair.target));
}

/// Copies and follows, with writers all the time, until both sides are level
fn follow(app: &App, pair: &Pair, options: &[&str]) {
    let writers = writers(app, pair);
    let mut replicator = pair.replicate(&[&SMALL_CHUNKS, options].concat());
    pair.wait_consistent(&mut replicator);
    settle(pair, writers, replicator);
}

fn writers(app: &App, pair: &Pair) -> [PythonWriter; 3] {
    writers_on(app, &sqlite_url(&pair.source))
}

fn writers_on(app: &App, url: &str) -> [PythonWriter; 3] {
    [11, 12, 13].map(|seed| app.write(url, seed))
}

/// Verifies while they write and after their end, when no row may be missing
fn settle(pair: &Pair, writers: [PythonWriter; 3], mut replicator: Running) {
    let before = source::head(&pair.source);
    wait_until("the application to write", || source::head(&pair.source) > before);
    pair.verify();
    writers.into_iter().for_each(|writer| writer.finish(40));
    pair.wait_caught_up(&mut replicator);
    pair.verify();
    replicator.stop();
    let (source, target) = (pair.source.display().to_string(), &pair.target);
    let held = Cli::new(["quarantine", "list", "--source", &source, "--target", target]).run().expect_code(0);
    assert_eq!(pair.status()["quarantined"], 0, "{held}");
}
