//! Triggers and foreign keys of the target, and that all is as it was after `cancel`

use crossfade::model::choices::Choices;

use super::hand::Given;
use crate::support::given::{assert_same, lines, schema};
use crate::support::scene::run;

const SOURCE: &str = "
    CREATE TABLE team(id INTEGER PRIMARY KEY, lead INT REFERENCES person(id) DEFERRABLE INITIALLY DEFERRED, name TEXT);
    CREATE TABLE person(id INTEGER PRIMARY KEY, team INT REFERENCES team(id), name TEXT);
    INSERT INTO team VALUES(1, 1, 'red'), (2, 3, 'blue'), (3, NULL, 'none');
    INSERT INTO person VALUES(1, 1, 'Ann Lee'), (2, 1, 'Bob'), (3, 2, 'Cid'), (4, 77, 'nowhere')";

const MADE: &str = "
    CREATE TABLE team(id serial PRIMARY KEY, lead bigint, name text);
    CREATE TABLE person(id bigserial PRIMARY KEY, team bigint REFERENCES team(id), name text, words tsvector);
    ALTER TABLE team ALTER id TYPE bigint, ADD FOREIGN KEY (lead) REFERENCES person(id) DEFERRABLE INITIALLY DEFERRED;
    CREATE TABLE audit(what text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO audit VALUES(tg_op || ' ' || tg_table_name); RETURN NULL; END$$;
    CREATE FUNCTION abort() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;
    CREATE TRIGGER words BEFORE INSERT OR UPDATE ON person FOR EACH ROW
        EXECUTE FUNCTION tsvector_update_trigger(words, 'pg_catalog.english', name);
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON person FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER abort BEFORE UPDATE ON team FOR EACH ROW EXECUTE FUNCTION abort();
    CREATE TRIGGER replicated AFTER INSERT ON team FOR EACH ROW EXECUTE FUNCTION note();
    ALTER TABLE team ENABLE REPLICA TRIGGER replicated";

/// The schema in the words of pg_dump, where the server has one beside it; of our own there is only `crossfade`
fn dump(given: &Given) -> Option<String> {
    let programs = crate::support::cluster::shared().programs();
    // The directory may hold links to some of the programs.
    let real = programs.join("initdb").canonicalize().expect("initdb");
    let Some(program) = real.parent().map(|real| real.join("pg_dump")).filter(|program| program.is_file()) else {
        println!("skipped: there is no pg_dump beside this PostgreSQL");
        return None;
    };
    let mut dump = std::process::Command::new(program);
    let output = dump.args(["--schema-only", "--exclude-schema=crossfade"]).arg(&given.pair.target).output();
    let output = output.expect("pg_dump runs");
    assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
    // Newer ones write a random word around the whole.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n"))
}

fn given() -> Given {
    Given::new(SOURCE, MADE, silent)
}

/// Of the triggers that act on replicated rows already, none shall
fn silent(choices: &mut Choices) {
    choices.triggers.entry("team.replicated".into()).or_default().fire = false;
}

#[test]
fn triggers_fire_or_are_silent_as_planned_and_are_put_back() {
    let given = given();
    let target = given.target();
    let (before, dumped) = (schema(&target), dump(&given));
    let mut replicator = given.pair.replicate(&[]);
    given.pair.wait_consistent(&mut replicator);
    run(
        &given.pair,
        "PRAGMA foreign_keys = OFF; UPDATE person SET name = 'Dora Running' WHERE id = 2; UPDATE team SET name = 'green'; \
         INSERT INTO team VALUES(9, 99, 'early'); DELETE FROM person WHERE id = 1",
    );
    given.pair.wait_caught_up(&mut replicator);
    assert_same(&given.pair.source, &given.pair.target);
    given.pair.verify();
    assert_eq!(
        lines(&target, "SELECT words FROM person WHERE id IN (2, 3) ORDER BY id"),
        ["'dora':1 'run':2", "'cid':1"]
    );
    assert_eq!(lines(&target, "SELECT * FROM audit"), [""; 0]);
    assert_ne!(schema(&target), before);
    replicator.stop();
    given.pair.verb("cancel").run().expect_code(0).expect_stdout("stay");
    assert_eq!(schema(&target), before);
    assert_eq!(dump(&given), dumped);
    assert_eq!(target.value("SELECT to_regnamespace('crossfade')"), None);
    assert_eq!(target.value("SELECT count(*) FROM person").as_deref(), Some("3"));
}

/// Killed right behind the switching of triggers: `cancel` alone puts them back
#[test]
fn a_crash_leaves_nothing_that_cancel_does_not_put_back() {
    if !cfg!(feature = "failpoints") {
        return;
    }
    for point in ["existing.prepared", "snapshot.chunk_committed", "existing.chunk_inserted"] {
        let given = given();
        let before = schema(&given.target());
        given.pair.verb("run").env("CROSSFADE_FAILPOINT", point).run().expect_killed();
        given.pair.verb("cancel").run().expect_code(0);
        assert_eq!(schema(&given.target()), before, "{point}");
        // Everything can begin anew, with what is there.
        given.target().execute("TRUNCATE team, person");
        given.plan(silent);
        given.pair.migrate();
        assert_same(&given.pair.source, &given.pair.target);
    }
}

/// The foreign keys stay as they are; rows that break them are there as on the source, and people are told
#[test]
fn rows_without_a_parent_are_told_of_and_sequences_are_set() {
    let given = given();
    given.pair.migrate();
    let target = given.target();
    let notices = lines(&target, "SELECT object, message FROM crossfade.notices ORDER BY 1, 2");
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("person foreign key `person_team_fkey`: 1 row has no parent in `team`"), "{notices:?}");
    assert_eq!(target.value("SELECT nextval('person_id_seq')").as_deref(), Some("5"));
    assert_eq!(target.value("SELECT nextval('team_id_seq')").as_deref(), Some("4"));
}
