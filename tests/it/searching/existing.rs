//! Full-text tables where the target's schema stands already

use super::*;

/// A table of that name on the target, with a place for everything, is used; another one is left, with the reason
#[test]
fn a_table_that_stands_on_the_target_is_used_where_it_fits() {
    let work = Workplace::new();
    let script = format!(
        "{NOTES} CREATE VIRTUAL TABLE full_ USING fts5(a); CREATE VIRTUAL TABLE odd USING fts5(a);
         CREATE VIRTUAL TABLE keyless USING fts5(a); CREATE VIRTUAL TABLE numbers USING fts5(a);
         CREATE VIRTUAL TABLE narrow USING fts5(a); CREATE VIRTUAL TABLE wide USING fts5(a);
         CREATE VIRTUAL TABLE bare USING fts5(a, content=''); CREATE VIRTUAL TABLE watched USING fts5(a);
         INSERT INTO numbers VALUES (5)"
    );
    let pair = pair(&work, &script);
    let target = Pg::connect(&pair.target);
    target.execute(
        "CREATE TABLE item(id int PRIMARY KEY, body text);
         CREATE TABLE notes(words tsvector GENERATED ALWAYS AS (to_tsvector('english', coalesce(body, ''))) STORED,
             body text, id bigint PRIMARY KEY, title varchar, seen int NOT NULL DEFAULT 0);
         CREATE TABLE full_(rowid bigint PRIMARY KEY, a text); INSERT INTO full_ VALUES (1, 'mine');
         CREATE TABLE odd(rowid bigint PRIMARY KEY, b text); CREATE TABLE keyless(rowid int PRIMARY KEY, a text);
         CREATE TABLE numbers(rowid bigint PRIMARY KEY, a text); CREATE TABLE bare(rowid bigint PRIMARY KEY, a text);
         CREATE TABLE narrow(rowid bigint PRIMARY KEY, a varchar(3));
         CREATE TABLE wide(rowid bigint PRIMARY KEY, a text, b text NOT NULL);
         CREATE TABLE watched(rowid bigint PRIMARY KEY, a text);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
         CREATE TRIGGER t BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION f()",
    );
    let existing = ["--schema", "existing"];
    let plan = pair.verb("plan").args(&existing).run().expect_code(0).stdout;
    let plan: String = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    for (table, why) in [
        ("full_", "its table there holds rows"),
        ("odd", "its table there has no column a"),
        ("keyless", "its table there has no bigint key"),
        ("numbers", "it holds values that are no texts"),
        ("narrow", "the column a of its table there is not a text"),
        ("wide", "nothing would fill the column b"),
        ("bare", "it is contentless"),
        ("watched", "its table there has triggers"),
    ] {
        let said = format!("- {table}: full-text table (fts5): the target's own schema decides on search ({why}");
        assert!(plan.contains(&said), "{said}: {plan}");
    }
    assert!(plan.contains("- old: full-text table (fts4): the target's own schema decides on search -"), "{plan}");
    assert!(plan.contains("notes (full-text table, fts5; 5 rows"), "{plan}");
    let mut replicator = pair.replicate(&existing);
    pair.wait_following(&mut replicator);
    write(&pair, "DELETE FROM notes WHERE rowid = 1; UPDATE notes SET body = 'slowly' WHERE rowid = 2");
    pair.wait_compared(&mut replicator);
    let rows = "SELECT id, title, body, seen, words @@ 'slowli' FROM notes ORDER BY id";
    let rows: Vec<String> = target.query(rows).into_iter().map(|row| format!("{row:?}")).collect();
    let expected = [
        [Some("2"), Some("Running"), Some("slowly"), Some("0"), Some("t")],
        [Some("3"), Some("Shoes"), Some("for runs and walks"), Some("0"), Some("f")],
        [Some("4"), Some("Nothing"), None, Some("0"), Some("f")],
        [Some("5"), None, Some("walking the database"), Some("0"), Some("f")],
    ];
    assert_eq!(rows, expected.map(|row| format!("{row:?}")));
    pair.verify();
    replicator.stop();
    pair.verb("cancel").run().expect_code(0);
    assert_eq!(target.value("SELECT count(*) FROM notes").as_deref(), Some("4"), "the tables are the application's");
}
