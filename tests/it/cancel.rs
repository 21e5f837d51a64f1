//! `cancel` leaves nothing behind: the source has the schema text that it had, the target the objects that it had

use crate::support::fresh_database;
use crate::support::pg::{Pg, Row};
use crate::support::process::Pair;
use crate::support::scene::Scene;
use crate::support::source;

#[test]
fn cancel_after_the_migration_leaves_no_trace() {
    let scene = Scene::new(7401, 500);
    let before = (source::schema_text(&scene.pair.source), catalog(&scene.pair.target));
    scene.pair.migrate();
    assert_ne!(source::schema_text(&scene.pair.source), before.0, "capture was never installed");
    scene.pair.verb("cancel").run().expect_code(0);
    assert_eq!(source::schema_text(&scene.pair.source), before.0);
    assert_eq!(catalog(&scene.pair.target), before.1);
    assert_eq!(integrity(&scene.pair), "ok");
}

#[test]
fn cancel_in_the_middle_of_the_snapshot_leaves_no_trace() {
    let scene = Scene::new(7402, 20_000);
    let before = (source::schema_text(&scene.pair.source), catalog(&scene.pair.target));
    let mut replicator = scene.pair.replicate(&["--chunk-bytes", "2000"]);
    scene.pair.wait_captured(&mut replicator);
    replicator.kill();
    scene.pair.verb("cancel").run().expect_code(0);
    assert_eq!(source::schema_text(&scene.pair.source), before.0);
    assert_eq!(catalog(&scene.pair.target), before.1);
    // Everything can begin anew.
    scene.pair.migrate();
    crate::support::compare::assert_equal(&scene.pair.source, &scene.pair.target);
}

/// What PostgreSQL refuses is refused before anything is done to SQLite, and whoever asked learns that nobody follows
#[test]
fn cancel_that_is_refused_leaves_capture() {
    let scene = Scene::new(7405, 50);
    let before = (source::schema_text(&scene.pair.source), catalog(&scene.pair.target));
    let mut replicator = scene.pair.replicate(&[]);
    scene.pair.wait_following(&mut replicator);
    let captured = source::schema_text(&scene.pair.source);
    let target = Pg::connect(&scene.pair.target);
    let name = "SELECT quote_ident(target_name) FROM crossfade.tables WHERE id > 0 ORDER BY id LIMIT 1";
    let name = target.value(name).expect("a copied table");
    target.execute(&format!("CREATE VIEW theirs AS SELECT * FROM {name}"));
    let refused = scene.pair.verb("cancel").run().expect_code(3).expect_error("something else on the target depends");
    assert!(refused.stderr.contains("the replicator was stopped; start `crossfade run` again"), "{refused}");
    replicator.wait().expect_code(130);
    assert_eq!(source::schema_text(&scene.pair.source), captured);
    // It goes on from where it was.
    scene.pair.migrate();
    target.execute("DROP VIEW theirs");
    scene.pair.verb("cancel").run().expect_code(0);
    assert_eq!(source::schema_text(&scene.pair.source), before.0);
    assert_eq!(catalog(&scene.pair.target), before.1);
}

/// I9: between two steps nothing was done, or the target still knows what is left
#[cfg(feature = "failpoints")]
#[test]
fn i9_cancel_is_finished_by_running_it_again() {
    for point in ["cancel.before_source", "cancel.source_done"] {
        let scene = Scene::new(7406, 50);
        let before = (source::schema_text(&scene.pair.source), catalog(&scene.pair.target));
        scene.pair.migrate();
        let captured = source::schema_text(&scene.pair.source);
        scene.pair.verb("cancel").env("CROSSFADE_FAILPOINT", point).run().expect_killed();
        let expected = if point == "cancel.before_source" { &captured } else { &before.0 };
        assert_eq!(&source::schema_text(&scene.pair.source), expected, "{point}");
        let control = Pg::connect(&scene.pair.target).value("SELECT to_regnamespace('crossfade')");
        assert!(control.is_some(), "{point}");
        scene.pair.verb("cancel").run().expect_code(0);
        assert_eq!(source::schema_text(&scene.pair.source), before.0, "{point}");
        assert_eq!(catalog(&scene.pair.target), before.1, "{point}");
    }
}

/// What is not ours stays: tables and schemas of others on the target
#[test]
fn cancel_keeps_what_is_not_ours() {
    let mut scene = Scene::new(7403, 10);
    scene.pair.target = fresh_database();
    let target = Pg::connect(&scene.pair.target);
    target.execute("CREATE TABLE theirs(id int PRIMARY KEY); INSERT INTO theirs VALUES(1); CREATE SCHEMA elsewhere");
    let before = catalog(&scene.pair.target);
    scene.pair.migrate();
    scene.pair.verb("cancel").run().expect_code(0);
    assert_eq!(catalog(&scene.pair.target), before);
    assert_eq!(target.value("SELECT count(*) FROM theirs"), Some("1".to_owned()));
}

/// Nothing to cancel is the wrong phase, and changes nothing
#[test]
fn cancel_of_nothing_says_so() {
    let scene = Scene::new(7404, 10);
    let before = (source::schema_text(&scene.pair.source), catalog(&scene.pair.target));
    scene.pair.verb("cancel").run().expect_code(7).expect_error("error:");
    assert_eq!(source::schema_text(&scene.pair.source), before.0);
    assert_eq!(catalog(&scene.pair.target), before.1);
}

/// Every object of the database that is not the server's own
pub fn catalog(target: &str) -> Vec<Row> {
    Pg::connect(target).query(
        "SELECT 'schema', nspname::text, '' FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp' \
         UNION ALL SELECT 'relation ' || c.relkind::text, n.nspname, c.relname FROM pg_class c \
           JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
         UNION ALL SELECT 'function', n.nspname, p.proname FROM pg_proc p \
           JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
         UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname::text FROM pg_trigger WHERE NOT tgisinternal \
         UNION ALL SELECT 'event trigger', evtname, '' FROM pg_event_trigger \
         UNION ALL SELECT 'extension', extname, '' FROM pg_extension \
         UNION ALL SELECT 'publication', pubname, '' FROM pg_publication ORDER BY 1, 2, 3",
    )
}

fn integrity(pair: &Pair) -> String {
    source::open(&pair.source).query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an integrity check")
}
