//! Which rows were touched on PostgreSQL, by whatever statement, is noted (I1, I2)

/// Several writers at once, with every kind of statement
mod random;
mod replica;

use std::collections::BTreeSet;

use crossfade::postgres::change_log::{LogView, backlog};
use crossfade::postgres::{capture, fence, sequences};

use crate::support::reversed::Reversed;

const SOURCE: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
    CREATE TABLE child(a INTEGER, b TEXT, item INTEGER REFERENCES item(id) ON DELETE CASCADE ON UPDATE CASCADE,
                       PRIMARY KEY(a, b));
    CREATE TABLE loose(x INTEGER, y TEXT);
    INSERT INTO item VALUES(1, 'one'), (2, 'two'), (3, 'three');
    INSERT INTO child VALUES(1, 'x', 1), (2, 'y', 1), (3, 'z', 2);
    INSERT INTO loose VALUES(1, 'a'), (1, 'a'), (2, 'b')";

/// Runs the statements as an application, and gives what they noted as `table key`
fn noted(reversed: &Reversed, script: &str) -> Vec<String> {
    let before = reversed.image();
    let pg = reversed.pg();
    for sql in script.split(";;") {
        pg.execute(sql);
    }
    reversed.assert_covered(&before);
    let (keys, whole) = reversed.noted();
    let keys = keys.into_iter().map(|(table, key)| format!("{table} {}", key.replace(['"', ' '], "")));
    let mut all: Vec<String> = keys.chain(whole.into_iter().map(|table| format!("{table} whole"))).collect();
    all.sort();
    reversed.drain(|_, _, _| ());
    assert_eq!(reversed.noted().0.len(), 0, "the log is empty after a cycle");
    all
}

#[test]
fn i1_each_kind_of_statement_notes_the_keys_that_it_touched() {
    let reversed = Reversed::new(SOURCE);
    assert_eq!(reversed.prove(), [""; 0]);
    let cases: &[(&str, &[&str])] = &[
        ("INSERT INTO item VALUES(10, 'ten'), (11, 'eleven')", &["item {k1:10}", "item {k1:11}"]),
        ("UPDATE item SET name = 'zehn' WHERE id = 10", &["item {k1:10}"]),
        ("UPDATE item SET id = 12 WHERE id = 11", &["item {k1:11}", "item {k1:12}"]),
        ("UPDATE item SET name = name WHERE false", &[]),
        ("DELETE FROM item WHERE id >= 10", &["item {k1:10}", "item {k1:12}"]),
        ("DELETE FROM item WHERE id = 77", &[]),
        ("INSERT INTO item VALUES(1, 'x') ON CONFLICT DO NOTHING", &[]),
        (
            "INSERT INTO item VALUES(1, 'x'), (20, 'y') ON CONFLICT(id) DO UPDATE SET name = 'uno'",
            &["item {k1:1}", "item {k1:20}"],
        ),
        (
            "MERGE INTO item USING (VALUES(1), (2), (21)) v(id) ON item.id = v.id \
          WHEN MATCHED AND v.id = 1 THEN UPDATE SET name = 'merged' WHEN MATCHED THEN DELETE \
          WHEN NOT MATCHED THEN INSERT VALUES(v.id, 'new')",
            &["child {k1:3,k2:z}", "item {k1:1}", "item {k1:2}", "item {k1:21}"],
        ),
        // The children follow their parent, by the foreign key.
        (
            "UPDATE item SET id = 30 WHERE id = 1",
            &["child {k1:1,k2:x}", "child {k1:2,k2:y}", "item {k1:1}", "item {k1:30}"],
        ),
        ("DELETE FROM item WHERE id = 30", &["child {k1:1,k2:x}", "child {k1:2,k2:y}", "item {k1:30}"]),
        ("COPY item FROM PROGRAM 'printf \"40\\tforty\\n41\\tfortyone\\n\"'", &["item {k1:40}", "item {k1:41}"]),
        (
            "BEGIN;;INSERT INTO item VALUES(50, 'a');;SAVEPOINT s;;INSERT INTO item VALUES(51, 'b');;ROLLBACK TO s;;COMMIT",
            &["item {k1:50}"],
        ),
        ("BEGIN;;UPDATE item SET name = name || '!';;ROLLBACK", &[]),
        // Values are swapped in one statement, keys too.
        ("INSERT INTO child VALUES(8, 'p', 40), (9, 'q', 40)", &["child {k1:8,k2:p}", "child {k1:9,k2:q}"]),
        ("UPDATE child SET b = 'r' WHERE a = 8", &["child {k1:8,k2:p}", "child {k1:8,k2:r}"]),
        ("INSERT INTO loose(x, y) VALUES(5, 'c')", &["loose {k1:4}"]),
        ("DELETE FROM loose WHERE x = 1", &["loose {k1:1}", "loose {k1:2}"]),
        (
            "WITH gone AS (DELETE FROM loose RETURNING *) INSERT INTO item SELECT x + 60, y FROM gone",
            &["item {k1:62}", "item {k1:65}", "loose {k1:3}", "loose {k1:4}"],
        ),
        ("TRUNCATE item CASCADE", &["child whole", "item whole"]),
        ("BEGIN;;TRUNCATE loose;;ROLLBACK", &[]),
    ];
    for (script, expected) in cases {
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(noted(&reversed, script), expected, "{script}");
    }
}

/// The row as it is now is what is read, each touched key once, and in order
#[test]
fn a_view_gives_each_key_once_with_its_row_as_it_is() {
    let reversed = Reversed::new(SOURCE);
    let pg = reversed.pg();
    pg.execute("UPDATE item SET name = 'x' WHERE id = 2");
    pg.execute("UPDATE item SET name = 'zwei' WHERE id = 2");
    pg.execute("INSERT INTO item VALUES(-5, 'minus'); DELETE FROM item WHERE id = 3; INSERT INTO item VALUES(9, NULL)");
    let waits = reversed.runtime.block_on(async { backlog(&reversed.connect().await).await.unwrap() });
    assert_eq!(waits.keys, 5);
    assert!((0.0..60.0).contains(&waits.seconds), "{waits:?}");
    let mut seen = Vec::new();
    let cycle = reversed.drain(|table, key, row| {
        let id = i64::from_be_bytes(key[0].unwrap().try_into().unwrap());
        let name = row.map(|row| {
            assert_eq!(row[0], key[0], "the row has the key");
            row[1].map(|name| String::from_utf8(name.to_vec()).unwrap())
        });
        seen.push((table.to_owned(), id, name));
    });
    assert_eq!(cycle, 1);
    let item = |id, name: Option<Option<&str>>| ("item".to_owned(), id, name.map(|name| name.map(str::to_owned)));
    let expected = [item(-5, Some(Some("minus"))), item(2, Some(Some("zwei"))), item(3, None), item(9, Some(None))];
    assert_eq!(seen, expected);
    assert_eq!(pg.value("SELECT cycle FROM crossfade.reverse").as_deref(), Some("1"));
    assert_eq!(pg.value("SELECT count(*) FROM crossfade.log").as_deref(), Some("0"));
}

/// A transaction that took its number first may commit last: what a view did not show stays
#[test]
fn a_cycle_deletes_what_its_view_showed_and_nothing_else() {
    let reversed = Reversed::new(SOURCE);
    let (early, late) = (reversed.pg(), reversed.pg());
    early.execute("BEGIN; INSERT INTO item VALUES(100, 'early')");
    late.execute("INSERT INTO item VALUES(101, 'late')");
    let client = reversed.client();
    let view = reversed.wait(LogView::open(&client, &reversed.plan)).unwrap();
    early.execute("COMMIT");
    late.execute("UPDATE item SET name = 'later' WHERE id = 101; INSERT INTO item VALUES(102, 'latest')");
    // What empties or rewrites a table would do so before the eyes of the view: it has to wait.
    let heard = late.try_query("SET lock_timeout = '200ms'; TRUNCATE loose").expect_err("a lock");
    assert!(heard.contains("lock timeout"), "{heard}");
    let mut seen = Vec::new();
    let rows = view.rows(&reversed.plan, reversed.table("item"), |key, row| {
        let name = row.and_then(|row| row[1]).map(|name| String::from_utf8_lossy(name).into_owned());
        seen.push((i64::from_be_bytes(key[0].unwrap().try_into().unwrap()), name));
        Ok(())
    });
    reversed.wait(rows).unwrap();
    assert_eq!(seen, [(101, Some("late".to_owned()))]);
    assert_eq!(view.touched.len(), 1);
    reversed.wait(view.finish(reversed.run_id)).unwrap();
    late.execute("TRUNCATE loose");
    let (keys, whole) = reversed.noted();
    let left: BTreeSet<String> = keys.into_iter().map(|(_, key)| key).collect();
    assert_eq!(left, ["{\"k1\": 100}", "{\"k1\": 101}", "{\"k1\": 102}"].map(str::to_owned).into());
    assert_eq!(whole, ["loose".to_owned()].into());
}

#[test]
fn i9_a_superseded_run_deletes_no_entries() {
    let reversed = Reversed::new(SOURCE);
    let pg = reversed.pg();
    pg.execute("DELETE FROM item WHERE id = 3");
    let take_over = "UPDATE crossfade.checkpoint SET run_id = run_id + 1";
    for before in [true, false] {
        let run_id = pg.value("SELECT run_id FROM crossfade.checkpoint").unwrap().parse().unwrap();
        let client = reversed.client();
        let take = |now: bool| {
            if now {
                pg.execute(take_over)
            }
        };
        take(before);
        let view = reversed.wait(LogView::open(&client, &reversed.plan)).unwrap();
        take(!before);
        let error = reversed.wait(view.finish(run_id)).unwrap_err();
        assert!(error.report().contains("took over"), "{}", error.report());
        reversed.wait(client.batch_execute("ROLLBACK")).unwrap();
        assert_eq!(pg.value("SELECT count(*) FROM crossfade.log").as_deref(), Some("1"));
    }
    // And a view that is given up leaves them too.
    reversed.runtime.block_on(async {
        let client = reversed.connect().await;
        LogView::open(&client, &reversed.plan).await.unwrap().abandon().await.unwrap();
    });
    assert_eq!(pg.value("SELECT count(*) FROM crossfade.log").as_deref(), Some("1"));
}

/// What commits without waiting for the disk is not durable when it is seen
#[test]
fn i4_a_view_knows_whether_it_is_durable() {
    let cluster = crossfade::cli::demo::cluster::Cluster::start(vec![
        // The server flushes by itself as late as it can.
        ("wal_writer_delay".to_owned(), "10s".to_owned()),
        ("autovacuum".to_owned(), "off".to_owned()),
    ]);
    let cluster = cluster.unwrap_or_else(|e| panic!("{}", e.report()));
    let work = crate::support::source::Workplace::new();
    let pair =
        crate::support::process::Pair::new(work.database(SOURCE), crate::support::cluster::database_on(&cluster));
    pair.migrate();
    let reversed = Reversed::of(work, pair);
    reversed.open();
    let pg = reversed.pg();
    pg.execute("SET synchronous_commit = off");
    let client = reversed.client();
    pg.execute("UPDATE item SET name = 'fast' WHERE id = 1");
    let view = reversed.wait(LogView::open(&client, &reversed.plan)).unwrap();
    assert_eq!(view.touched.len(), 1);
    assert!(!reversed.wait(view.is_durable()).unwrap(), "the commit was not flushed");
    // A commit that waits takes everything before it along.
    pg.execute("SET synchronous_commit = on; UPDATE crossfade.state SET heartbeat_at = now()");
    assert!(reversed.wait(view.is_durable()).unwrap());
    reversed.wait(view.finish(reversed.run_id)).unwrap();
}

/// Spellings that PostgreSQL takes for equal are different keys on SQLite
#[test]
fn keys_are_told_apart_by_their_spelling() {
    let source =
        "CREATE TABLE mark(k NUMERIC PRIMARY KEY, v TEXT) WITHOUT ROWID; INSERT INTO mark VALUES(1.5, 'a'), (2, 'b')";
    let target = "CREATE TABLE mark(k numeric PRIMARY KEY, v text)";
    let reversed = Reversed::existing(source, target);
    let pg = reversed.pg();
    pg.execute(
        "INSERT INTO mark VALUES(7, 'c'); UPDATE mark SET k = 7.0 WHERE k = 7; UPDATE mark SET v = 'd' WHERE k = 7",
    );
    let log = format!(
        "SELECT string_agg(k1::text, ' ' ORDER BY entry, k1::text) FROM crossfade.log_{}",
        reversed.table("mark").id
    );
    assert_eq!(pg.value(&log).as_deref(), Some("7 7 7.0 7.0"));
    let mut seen = Vec::new();
    reversed.drain(|_, key, row| seen.push((key[0].map(<[u8]>::to_vec), row.map(|row| row[0].map(<[u8]>::to_vec)))));
    assert_eq!(seen.len(), 2, "each spelling once");
    assert!(seen.iter().any(|(_, row)| row.is_none()), "7 is not there any more");
    assert!(seen.iter().any(|(key, row)| row.as_ref() == Some(key)), "7.0 is");
}

/// Partitions by their own name, and rows that move between them
#[test]
fn i1_partitions_note_what_is_written_to_them() {
    let source =
        "CREATE TABLE p(id INTEGER, kind INTEGER, v TEXT, PRIMARY KEY(id, kind)); INSERT INTO p VALUES(1, 1, 'a')";
    let target = "CREATE TABLE p(v text, id bigint, kind bigint, PRIMARY KEY(id, kind)) PARTITION BY LIST(kind);
                  CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
                  CREATE TABLE p2(gone int, kind bigint NOT NULL, id bigint NOT NULL, v text);
                  ALTER TABLE p2 DROP COLUMN gone; ALTER TABLE p2 ADD PRIMARY KEY (id, kind);
                  ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2)";
    let reversed = Reversed::existing(source, target);
    assert_eq!(noted(&reversed, "INSERT INTO p VALUES('b', 2, 2)"), ["p {k1:2,k2:2}"]);
    assert_eq!(noted(&reversed, "INSERT INTO p2(id, kind, v) VALUES(3, 2, 'c')"), ["p {k1:3,k2:2}"]);
    assert_eq!(noted(&reversed, "UPDATE p SET kind = 2 WHERE id = 1"), ["p {k1:1,k2:1}", "p {k1:1,k2:2}"]);
    assert_eq!(noted(&reversed, "UPDATE p2 SET v = 'd' WHERE id = 3"), ["p {k1:3,k2:2}"]);
    assert_eq!(noted(&reversed, "DELETE FROM p2 WHERE id = 3"), ["p {k1:3,k2:2}"]);
    assert_eq!(noted(&reversed, "TRUNCATE p2"), ["p whole"]);
    reversed.pg().execute("CREATE TABLE p3 PARTITION OF p FOR VALUES IN (3)");
    assert_eq!(reversed.prove(), ["p: trigger _crossfade_note_truncate is missing, disabled or altered on public.p3"]);
    assert_eq!(noted(&reversed, "INSERT INTO p3(id, kind) VALUES(9, 3)"), ["p {k1:9,k2:3}"]);
    reversed.transaction(async |client, plan| capture::install(client, plan).await.unwrap());
    assert_eq!(reversed.prove(), [""; 0]);
}

/// Rows without a key of their own carry a number of ours, which the application does not know of
#[test]
fn i1_rows_without_a_key_get_a_number() {
    let source = "CREATE TABLE loose(x INTEGER, y TEXT); INSERT INTO loose VALUES(1, 'a'), (1, 'a'); \
                  UPDATE loose SET rowid = 20 WHERE rowid = 2";
    let reversed = Reversed::existing(source, "CREATE TABLE loose(x bigint, y text)");
    let column = reversed.table("loose").key_plans().next().unwrap().target_name.clone();
    assert_eq!(noted(&reversed, "INSERT INTO loose VALUES(2, 'b'), (3, 'c')"), ["loose {k1:21}", "loose {k1:22}"]);
    assert_eq!(noted(&reversed, &format!("INSERT INTO loose(x, \"{column}\") VALUES(4, NULL)")), ["loose {k1:23}"]);
    assert_eq!(noted(&reversed, "COPY loose(x, y) FROM PROGRAM 'printf \"5\\te\\n\"'"), ["loose {k1:24}"]);
    // A number that is taken is passed over.
    assert_eq!(noted(&reversed, &format!("INSERT INTO loose(x, \"{column}\") VALUES(6, 25)")), ["loose {k1:25}"]);
    assert_eq!(noted(&reversed, "INSERT INTO loose VALUES(7, 'g')"), ["loose {k1:26}"]);
    assert_eq!(
        noted(&reversed, &format!("UPDATE loose SET \"{column}\" = NULL WHERE x = 7")),
        ["loose {k1:26}", "loose {k1:27}"]
    );
    assert_eq!(reversed.prove(), [""; 0]);
}

/// A row that was there before the copy is the target's own until somebody writes to it, and then one of both sides
#[test]
fn rows_of_the_targets_own_are_kept_until_they_are_written_to() {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    let choices = "schema = \"existing\"\n[tables.t]\npolicy = \"merge\"\n[tables.loose]\npolicy = \"merge\"\n";
    std::fs::write(file.path(), choices).expect("the choices");
    let reversed = Reversed::following(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1, 'a'); \
         CREATE TABLE loose(x INTEGER); INSERT INTO loose VALUES(1)",
        "CREATE TABLE t(id bigint PRIMARY KEY, v text); INSERT INTO t VALUES(8, 'eight'), (9, 'nine'), (10, 'ten'); \
         CREATE TABLE loose(x bigint); INSERT INTO loose VALUES(8), (9)",
        &["--config", file.path().to_str().expect("a path")],
    );
    reversed.open();
    let pg = reversed.pg();
    let kept = format!("SELECT string_agg(id::text, ' ' ORDER BY id) FROM crossfade.kept_{}", reversed.table("t").id);
    assert_eq!(pg.value(&kept).as_deref(), Some("8 9 10"));
    pg.execute(
        "UPDATE t SET v = 'neuf' WHERE id = 9; DELETE FROM t WHERE id = 10; UPDATE loose SET x = 90 WHERE x = 9",
    );
    let column = reversed.table("loose").key_plans().next().unwrap().target_name.clone();
    let mut seen = Vec::new();
    reversed.drain(|table, key, row| {
        let key = i64::from_be_bytes(key[0].expect("no row without a key is visited").try_into().unwrap());
        seen.push((table.to_owned(), key, row.is_some()));
    });
    let expected = [("t", 9, true), ("t", 10, false), ("loose", 2, true)].map(|(t, key, row)| (t.to_owned(), key, row));
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected.into());
    assert_eq!(pg.value(&kept).as_deref(), Some("8"));
    assert_eq!(pg.value(&format!("SELECT count(*) FROM loose WHERE \"{column}\" IS NULL")).as_deref(), Some("1"));
    pg.execute("TRUNCATE t");
    reversed.drain(|_, _, _| ());
    assert_eq!(pg.value(&kept), None);
}

/// What is not as it was installed is found
#[test]
fn i2_what_is_missing_or_altered_is_found() {
    let reversed = Reversed::existing(
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE loose(x INTEGER)",
        "CREATE TABLE item(id int PRIMARY KEY, name text); CREATE TABLE loose(x bigint)",
    );
    let item = reversed.table("item").id;
    let breaks = [
        "ALTER TABLE item DISABLE TRIGGER _crossfade_note_delete".to_owned(),
        "ALTER TABLE item ENABLE REPLICA TRIGGER _crossfade_note_delete".to_owned(),
        "ALTER TABLE item ENABLE TRIGGER _crossfade_note_rows".to_owned(),
        "ALTER TABLE item ENABLE TRIGGER _crossfade_note_truncate".to_owned(),
        "ALTER TABLE loose ENABLE TRIGGER _crossfade_number".to_owned(),
        "DROP TRIGGER _crossfade_note_truncate ON item".to_owned(),
        "DROP TRIGGER _crossfade_number ON loose".to_owned(),
        format!(
            "CREATE OR REPLACE TRIGGER _crossfade_note_insert AFTER INSERT ON item REFERENCING NEW TABLE AS new_rows \
                 FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION crossfade.note_{item}()"
        ),
        format!(
            "CREATE OR REPLACE FUNCTION crossfade.note_{item}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
                 SET search_path = pg_catalog AS 'BEGIN RETURN NULL; END'"
        ),
        format!("ALTER FUNCTION crossfade.note_{item}() SECURITY INVOKER"),
    ];
    for sql in breaks {
        reversed.pg().execute(&sql);
        assert_eq!(reversed.prove().len(), 1, "{sql}: {:?}", reversed.prove());
        reversed.transaction(async |client, plan| capture::install(client, plan).await.unwrap());
        assert_eq!(reversed.prove(), [""; 0], "{sql}");
    }
    reversed.pg().execute("ALTER TABLE item ALTER id TYPE bigint");
    assert_eq!(reversed.prove(), ["item: the key is (bigint), and its log is of (integer)"]);
}

/// Sessions of an application need no right in our schema, and a domain's condition is none of the log's
#[test]
fn i11_an_application_needs_no_rights_of_ours() {
    let reversed = Reversed::existing(
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO item VALUES(1, 'a')",
        "CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
         CREATE TABLE item(id positive PRIMARY KEY, name text)",
    );
    let pg = reversed.pg();
    let role = format!("app_{}", pg.value("SELECT current_database()").unwrap());
    pg.execute(&format!("CREATE ROLE {role}; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON item TO {role}"));
    pg.execute(&format!("ALTER DOMAIN positive ADD CONSTRAINT odd CHECK (VALUE % 2 = 1) NOT VALID; SET ROLE {role}"));
    assert_eq!(pg.value("SELECT side FROM crossfade.primary").as_deref(), Some("postgres"));
    assert!(pg.try_query("SELECT * FROM crossfade.state").is_err(), "the migration's id is not for everybody");
    pg.execute(
        "INSERT INTO item VALUES(3, 'c'); UPDATE item SET name = 'x'; DELETE FROM item WHERE id = 3; TRUNCATE item",
    );
    let (keys, whole) = reversed.noted();
    assert_eq!((keys.len(), whole.len()), (2, 1));
}

#[test]
fn what_cannot_be_captured_is_named() {
    let reversed = Reversed::existing(
        "CREATE TABLE item(id INTEGER PRIMARY KEY); CREATE TABLE fast(id INTEGER PRIMARY KEY)",
        "CREATE TABLE item(id bigint PRIMARY KEY); CREATE UNLOGGED TABLE fast(id bigint PRIMARY KEY)",
    );
    reversed.pg().execute("CREATE TABLE heir() INHERITS (item)");
    let found = reversed.runtime.block_on(async {
        let client = reversed.connect().await;
        let mut found = capture::obstacles(&client, &reversed.plan).await.unwrap();
        client
            .batch_execute(
                "CREATE ROLE nobody_at_all; GRANT USAGE ON SCHEMA crossfade TO nobody_at_all; \
                              GRANT SELECT ON ALL TABLES IN SCHEMA crossfade TO nobody_at_all; SET ROLE nobody_at_all",
            )
            .await
            .unwrap();
        found.truncate(10);
        let lacking = capture::obstacles(&client, &reversed.plan).await.unwrap();
        client.batch_execute("RESET ROLE; DROP OWNED BY nobody_at_all; DROP ROLE nobody_at_all").await.unwrap();
        assert_eq!(lacking.iter().filter(|notice| notice.message.contains("does not own")).count(), 3, "{lacking:?}");
        assert!(lacking.iter().any(|notice| notice.message.contains("may create nothing")), "{lacking:?}");
        found
    });
    let mut words: Vec<String> = found.iter().map(|notice| format!("{}: {}", notice.object, notice.message)).collect();
    words.sort();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(words[0].starts_with("public.fast: it is unlogged"), "{words:?}");
    assert!(words[1].starts_with("public.heir: it inherits"), "{words:?}");
}

/// The numbers that the target has given go back with the primary, those of deleted rows too
#[test]
fn numbers_that_were_given_are_told() {
    let reversed = Reversed::new(
        "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE TABLE b(k TEXT PRIMARY KEY); \
         CREATE TABLE c(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a VALUES(5, 1)",
    );
    reversed.pg().execute("INSERT INTO a(v) VALUES(1), (2), (3); DELETE FROM a WHERE id = 8");
    let given =
        reversed.runtime.block_on(async { sequences::given(&reversed.connect().await, &reversed.plan).await.unwrap() });
    assert_eq!(given, [("a".to_owned(), 8)]);
}

/// Installed over what stands, nothing that was noted is lost; at rest nothing is noted; removed, nothing is left
#[test]
fn capture_comes_rests_and_goes() {
    let reversed = Reversed::new(SOURCE);
    let pg = reversed.pg();
    pg.execute("DELETE FROM loose WHERE x = 2");
    reversed.transaction(async |client, plan| capture::install(client, plan).await.unwrap());
    assert_eq!(reversed.noted().0.len(), 1);
    reversed.transaction(async |client, plan| capture::rest(client, plan).await.unwrap());
    pg.execute("DELETE FROM child");
    assert_eq!(reversed.noted().0.len(), 0);
    reversed.transaction(async |client, plan| capture::install(client, plan).await.unwrap());
    pg.execute("INSERT INTO loose VALUES(9, 'z')");
    assert_eq!(reversed.noted().0.len(), 1);
    let ours = "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '\\_crossfade\\_n%') || ' ' || \
                (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'log\\__%') || ' ' || \
                (SELECT count(*) FROM pg_proc WHERE proname LIKE 'note\\_%')";
    assert_eq!(pg.value(ours).as_deref(), Some("15 3 3"));
    for _ in 0..2 {
        reversed.transaction(async |client, plan| capture::remove(client, plan).await.unwrap());
        assert_eq!(pg.value(ours).as_deref(), Some("0 0 0"));
    }
    reversed.transaction(async |client, _| fence::remove(client).await.unwrap());
    assert_eq!(pg.value("SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%crossfade%'").as_deref(), Some("0"));
}
