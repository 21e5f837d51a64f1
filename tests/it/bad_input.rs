//! What cannot work: one clear error, the right exit code, and nothing left on either side

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use crate::cancel::catalog;
use crate::support::cluster::{fresh_database, own_cluster};
use crate::support::compare::assert_equal;
use crate::support::pg::Pg;
use crate::support::process::{Cli, Output, Pair};
use crate::support::source::{self, Workplace};

const SMALL: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES(1, 'one'), (2, 'two')";

#[test]
fn a_missing_file_is_named() {
    let work = Workplace::new();
    broken_source(&work.path("missing.db"), 5);
    assert!(!work.path("missing.db").exists(), "crossfade has made the missing file");
}

#[test]
fn a_missing_directory_is_named() {
    let work = Workplace::new();
    broken_source(&work.path("nowhere/app.db"), 5);
}

#[test]
fn a_directory_is_no_database() {
    let work = Workplace::new();
    let path = work.path("folder.db");
    std::fs::create_dir(&path).expect("a directory");
    broken_source(&path, 5);
}

#[test]
fn a_text_file_is_no_database() {
    let work = Workplace::new();
    let path = work.path("notes.db");
    std::fs::write(&path, "this is not a database, it only has the name of one\n".repeat(100)).expect("a file");
    broken_source(&path, 5);
}

/// What an encrypted database looks like without its key
#[test]
fn random_bytes_are_no_database() {
    let work = Workplace::new();
    let path = work.path("secret.db");
    let mut rng = crate::support::rng::Rng::new(1);
    let bytes: Vec<u8> = (0..8192).flat_map(|_| rng.next().to_le_bytes()).collect();
    std::fs::write(&path, bytes).expect("a file");
    broken_source(&path, 5);
}

#[test]
fn a_corrupt_database_is_reported() {
    let work = Workplace::new();
    let path = work.database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO t SELECT i, 'some text for row ' || i FROM n; PRAGMA journal_mode=DELETE",
    );
    let mut bytes = std::fs::read(&path).expect("the database");
    // Past the schema page: it opens, and breaks while it is read.
    let middle = 8192..bytes.len() - 4096;
    bytes[middle].fill(0xa5);
    std::fs::write(&path, bytes).expect("the damaged database");
    let target = fresh_database();
    let before = catalog(&target);
    run(&path, &target).expect_code(5).expect_error("malformed");
    assert_eq!(catalog(&target), before);
}

#[test]
fn an_empty_database_has_nothing_to_move() {
    let work = Workplace::new();
    broken_source(&work.database("PRAGMA user_version=1"), 3);
}

#[test]
fn an_unreachable_target_is_named() {
    let work = Workplace::new();
    let path = work.database(SMALL);
    let before = source::schema_text(&path);
    run(&path, "postgres://postgres@127.0.0.1:1/nothing").expect_code(6).expect_error("127.0.0.1:1");
    assert_eq!(source::schema_text(&path), before);
}

#[test]
fn a_missing_target_database_is_named() {
    let work = Workplace::new();
    let path = work.database(SMALL);
    let before = source::schema_text(&path);
    let target = fresh_database().replace("/it_", "/no_such_");
    run(&path, &target).expect_code(6).expect_error("no_such_");
    assert_eq!(source::schema_text(&path), before);
}

/// The password is right or wrong; it is printed in neither case
#[test]
fn a_wrong_password_is_refused_and_never_printed() {
    let cluster = own_cluster();
    let admin = Pg::connect(&cluster.url("postgres"));
    admin.execute("SET password_encryption = 'scram-sha-256'");
    admin.execute("CREATE ROLE app LOGIN PASSWORD 'correct horse'");
    admin.execute("CREATE DATABASE app OWNER app");
    let hba = cluster.directory().join("data/pg_hba.conf");
    let rules = "host app app 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n";
    std::fs::write(&hba, rules).expect("pg_hba.conf");
    admin.execute("SELECT pg_reload_conf()");
    let work = Workplace::new();
    let path = work.database(SMALL);
    let before = source::schema_text(&path);
    let target = cluster.url("app").replace("postgres@", "app@");
    let attempt = |password: &str| {
        let pair = Pair::new(&path, &target);
        pair.verb("run").args(&["--until", "in-sync"]).env("PGPASSWORD", password).run()
    };
    let wrong = attempt("battery staple").expect_code(6).expect_error("password");
    assert!(!wrong.to_string().contains("battery"), "the password is printed:\n{wrong}");
    assert_eq!(source::schema_text(&path), before);
    let right = attempt("correct horse").expect_code(0);
    assert!(!right.to_string().contains("horse"), "the password is printed:\n{right}");
    let in_url = target.replace("app@", "app:battery%20staple@");
    let wrong = run(&path, &in_url).expect_code(6);
    assert!(!wrong.to_string().contains("battery"), "the password is printed:\n{wrong}");
}

#[test]
fn target_tables_with_rows_are_refused_and_kept() {
    let work = Workplace::new();
    let path = work.database(SMALL);
    let target = fresh_database();
    let pg = Pg::connect(&target);
    pg.execute("CREATE TABLE t(id bigint PRIMARY KEY, name text); INSERT INTO t VALUES(7, 'theirs')");
    let before = (source::schema_text(&path), catalog(&target));
    run(&path, &target).expect_code(3).expect_error("holds rows");
    assert_eq!((source::schema_text(&path), catalog(&target)), before);
    assert_eq!(pg.query("SELECT id, name FROM t"), [[Some("7".to_owned()), Some("theirs".to_owned())]]);
}

/// A replicator that is there keeps its work, and the second goes away
#[test]
fn a_second_replicator_is_refused() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SMALL), fresh_database());
    let mut first = pair.replicate(&[]);
    pair.wait_consistent(&mut first);
    let second = pair.verb("run").run();
    assert!(matches!(second.code(), Some(3 | 7)), "exit code {:?}\n{second}", second.code());
    second.expect_error("another");
    // Its refusal is no trouble of the one that runs.
    assert!(pair.status()["last_error"].is_null(), "{}", pair.status());
    source::open(&pair.source).execute_batch("INSERT INTO t VALUES(3, 'three')").expect("a row");
    pair.wait_caught_up(&mut first);
    assert_equal(&pair.source, &pair.target);
    first.stop();
}

/// Two at once on nothing yet: one of them does the work
#[test]
fn of_two_that_start_at_once_one_is_left() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SMALL), fresh_database());
    let mut both = [pair.replicate(&[]), pair.replicate(&[])];
    crate::support::process::wait_until("one of the two to give up", || both.iter_mut().any(|r| r.exited().is_some()));
    let [a, b] = both;
    let (mut loser, mut winner) = (a, b);
    if loser.exited().is_none() {
        std::mem::swap(&mut loser, &mut winner);
    }
    let end = loser.wait();
    assert!(matches!(end.code(), Some(3 | 7)), "exit code {:?}\n{end}", end.code());
    pair.wait_consistent(&mut winner);
    pair.wait_caught_up(&mut winner);
    assert_equal(&pair.source, &pair.target);
    winner.stop();
}

/// One file cannot follow into two targets: its log knows one of them
#[test]
fn a_source_that_belongs_to_another_target_is_refused() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SMALL), fresh_database());
    pair.migrate();
    let schema = source::schema_text(&pair.source);
    let other = fresh_database();
    let before = catalog(&other);
    run(&pair.source, &other).expect_code(3).expect_error("source");
    assert_eq!(catalog(&other), before);
    assert_eq!(source::schema_text(&pair.source), schema);
}

#[test]
fn ctrl_c_in_the_snapshot_keeps_what_was_done() {
    let scene = crate::support::scene::Scene::new(7501, 20_000);
    for _ in 0..3 {
        let mut replicator = scene.pair.replicate(&["--chunk-bytes", "2000"]);
        scene.pair.wait_captured(&mut replicator);
        let end = replicator.interrupt();
        // A process that has not come as far as to handle the signal dies of it, as any other program.
        let died = end.status.signal() == Some(libc::SIGINT) && end.stderr.is_empty();
        assert!(end.code() == Some(130) || died, "after SIGINT: {}\n{end}", end.status);
        assert!(!end.stderr.contains("panicked"), "{end}");
    }
    scene.pair.migrate();
    assert_equal(&scene.pair.source, &scene.pair.target);
}

#[test]
fn wrong_usage_is_said_before_anything_is_done() {
    let work = Workplace::new();
    let source = work.database(SMALL);
    let pair = Pair::new(&source, fresh_database());
    let before = (source::schema_text(&source), catalog(&pair.target));
    for (options, named) in [
        (&["--no-such-flag"][..], "--no-such-flag"),
        (&["--until", "tomorrow"], "tomorrow"),
        (&["--workers", "0"], "workers"),
        (&["--workers", "many"], "many"),
        (&["--chunk-bytes", "-1"], "-1"),
        (&["--log-limit", "none"], "none"),
        (&["--http", "nowhere"], "nowhere"),
    ] {
        pair.verb("run").args(options).run().expect_code(2).expect_error(named);
    }
    Cli::new(["run", "--target", &pair.target]).directory(work.0.path()).run().expect_code(2).expect_error("source");
    let file = source.display().to_string();
    Cli::new(["run", "--source", &file]).directory(work.0.path()).run().expect_code(2).expect_error("target");
    Cli::new(["frobnicate"]).run().expect_code(2).expect_error("frobnicate");
    Cli::new(["run", "--source", &file, "--target", "http://example.org/"]).run().expect_code(2).expect_error("target");
    assert_eq!((source::schema_text(&source), catalog(&pair.target)), before);
}

#[test]
fn a_misspelt_setting_is_not_ignored() {
    let work = Workplace::new();
    let path = work.path("crossfade.toml");
    std::fs::write(&path, "source = \"app.db\"\nchunk_bites = 5\n").expect("a configuration");
    let config = path.display().to_string();
    Cli::new(["run", "--config", &config]).run().expect_code(2).expect_error("chunk_bites");
    std::fs::write(&path, "source = \n").expect("a configuration");
    Cli::new(["run", "--config", &config]).run().expect_code(2).expect_error("crossfade.toml");
    let missing = work.path("no.toml").display().to_string();
    Cli::new(["run", "--config", &missing]).run().expect_code(2).expect_error("no.toml");
}

/// Source and target from the environment are as good as from the command line
#[test]
fn the_environment_names_both_sides() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SMALL), fresh_database());
    let source = pair.source.display().to_string();
    let run = Cli::new(["run", "--until", "in-sync"]).env("CROSSFADE_SOURCE", &source);
    run.env("CROSSFADE_TARGET", &pair.target).run().expect_code(0);
    assert_equal(&pair.source, &pair.target);
}

#[test]
fn names_cannot_inject_sql_on_either_side() {
    let work = Workplace::new();
    let pair = Pair::new(
        work.database(
            r#"CREATE TABLE canary(id INTEGER PRIMARY KEY); INSERT INTO canary VALUES(1);
            CREATE TABLE "x""; DROP TABLE canary; --"(id INTEGER PRIMARY KEY, "a""); DROP TABLE canary; --" TEXT UNIQUE);
            CREATE TABLE "'; DROP TABLE canary; --"("$1" TEXT PRIMARY KEY, "'||(SELECT 1)||'" INT, "\'; --" BLOB);
            CREATE TABLE "$$; DROP TABLE canary; $$"("%s" INTEGER PRIMARY KEY, "E'\n'" TEXT NOT NULL DEFAULT ';');
            CREATE UNIQUE INDEX "i""; DROP TABLE canary; --" ON "'; DROP TABLE canary; --"("'||(SELECT 1)||'");
            INSERT INTO "x""; DROP TABLE canary; --" VALUES(1, ''');DROP TABLE canary;--');
            INSERT INTO "'; DROP TABLE canary; --" VALUES('''; DROP TABLE canary; --', 2, x'00');
            INSERT INTO "$$; DROP TABLE canary; $$" VALUES(1, '\.'), (2, '\N')"#,
        ),
        fresh_database(),
    );
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    source::open(&pair.source)
        .execute_batch(
            r#"REPLACE INTO "x""; DROP TABLE canary; --" VALUES(2, ''');DROP TABLE canary;--');
            UPDATE "'; DROP TABLE canary; --" SET "$1" = '$1; \', "'||(SELECT 1)||'" = 7;
            DELETE FROM "$$; DROP TABLE canary; $$" WHERE "%s" = 1"#,
        )
        .expect("writes");
    pair.wait_caught_up(&mut replicator);
    replicator.stop();
    assert_equal(&pair.source, &pair.target);
    assert_eq!(Pg::connect(&pair.target).value("SELECT count(*) FROM canary"), Some("1".to_owned()));
    pair.verify();
}

/// PostgreSQL keeps some column names for itself: copied under another name is wrong, refused is right
#[test]
fn column_names_that_the_target_cannot_have_are_refused_or_work() {
    for name in ["ctid", "xmin", "tableoid"] {
        let work = Workplace::new();
        let path = work
            .database(&format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {name} TEXT); INSERT INTO t VALUES(1, 'x')"));
        let target = fresh_database();
        let before = (source::schema_text(&path), catalog(&target));
        let output = run(&path, &target);
        if output.code() != Some(0) {
            output.expect_code(3).expect_error(name);
            assert_eq!((source::schema_text(&path), catalog(&target)), before);
        }
    }
}

fn run(source: &Path, target: &str) -> Output {
    Pair::new(source, target).verb("run").args(&["--until", "in-sync"]).run()
}

/// `plan` and `run` both say what is wrong with the file, and neither touches the target
fn broken_source(path: &Path, code: i32) {
    let target = fresh_database();
    let before = catalog(&target);
    let name = path.file_name().expect("a file name").to_string_lossy().into_owned();
    let pair = Pair::new(path, &target);
    let run = pair.verb("run").args(&["--until", "in-sync"]).run().expect_code(code);
    if code == 5 {
        run.expect_error(&name);
        pair.verb("plan").run().expect_code(code).expect_error(&name);
    } else {
        run.expect_error("no table");
    }
    assert_eq!(catalog(&target), before, "something was left on the target");
}
