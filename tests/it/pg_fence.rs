//! PostgreSQL takes no write of an application before its turn, and ours at any time (I8)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossfade::postgres::fence::{self, Pass};

use crate::support::pg::Pg;
use crate::support::process::{Pair, wait_until};
use crate::support::reversed::Reversed;
use crate::support::scene::{arrive, run};
use crate::support::source::Workplace;
use crate::support::{compare::assert_equal, fresh_database};

const SHOP: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE part(id INTEGER PRIMARY KEY, item INT REFERENCES item(id) ON DELETE CASCADE);
    INSERT INTO item VALUES(1, 'one'), (2, 'two');
    INSERT INTO part VALUES(1, 1)";

/// Every kind of statement that writes; none of them needs the row to be there
const WRITES: [&str; 16] = [
    "INSERT INTO item VALUES(3, 'three')",
    "INSERT INTO item VALUES(1, 'again') ON CONFLICT DO NOTHING",
    "INSERT INTO item VALUES(1, 'again') ON CONFLICT(id) DO UPDATE SET name = 'x'",
    "UPDATE item SET name = 'x'",
    "UPDATE item SET name = 'x' WHERE false",
    "DELETE FROM item WHERE id = 2",
    "DELETE FROM item",
    "TRUNCATE item CASCADE",
    "TRUNCATE part",
    "MERGE INTO item USING (VALUES(1)) v(id) ON item.id = v.id WHEN MATCHED THEN DELETE",
    "MERGE INTO item USING (VALUES(9)) v(id) ON item.id = v.id WHEN NOT MATCHED THEN INSERT VALUES(9, 'nine')",
    "WITH gone AS (DELETE FROM part RETURNING id) SELECT * FROM gone",
    "COPY item FROM PROGRAM 'echo 7'",
    "DO $$ BEGIN INSERT INTO item VALUES(8, 'eight'); END $$",
    "INSERT INTO item SELECT * FROM item",
    "PREPARE w AS INSERT INTO item VALUES(5, 'five'); EXECUTE w",
];

/// The error of a statement that must be refused
fn refusal(pg: &Pg, sql: &str) -> String {
    match pg.try_query(sql) {
        Ok(_) => panic!("{sql} was not refused"),
        Err(error) => error,
    }
}

fn assert_refused(pg: &Pg, sql: &str) {
    let error = refusal(pg, sql);
    assert!(error.contains("E25006") && error.contains("SQLite is the primary (since 20"), "{sql}: {error}");
    assert!(error.contains("PostgreSQL takes over with crossfade cutover"), "{sql}: {error}");
}

#[test]
fn i8_every_kind_of_write_is_refused_from_the_first_copy_on() {
    let reversed = Reversed::following(SHOP, "", &[]);
    let plan = reversed.pair.verb("plan").run().expect_code(0);
    assert!(plan.stderr.contains("ours pass by session_replication_role: triggers and foreign keys"), "{plan}");
    let before = reversed.image();
    let pg = reversed.pg();
    for sql in WRITES {
        assert_refused(&pg, sql);
    }
    // Reading is nobody's harm, and what fails takes its transaction with it.
    assert_eq!(pg.value("SELECT count(*) FROM item").as_deref(), Some("2"));
    assert_eq!(reversed.image(), before);
    let mut replicator = reversed.pair.replicate(&[]);
    run(&reversed.pair, "INSERT INTO item VALUES(3, 'three'); DELETE FROM item WHERE id = 1");
    reversed.pair.wait_caught_up(&mut replicator);
    arrive(&reversed.pair, replicator);
}

/// From the moment in which a table is there, and before a row is
#[test]
fn i8_a_table_is_fenced_while_it_is_being_filled() {
    let work = Workplace::new();
    let script = format!(
        "{SHOP}; CREATE TABLE wide(id INTEGER PRIMARY KEY, body TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO wide SELECT i, printf('%0300d', i) FROM n"
    );
    let pair = Pair::new(work.database(&script), fresh_database());
    let killed =
        pair.verb("run").args(&["--chunk-bytes", "2048"]).env("CROSSFADE_FAILPOINT", "snapshot.chunk_committed:3");
    killed.run().expect_killed();
    let target = Pg::connect(&pair.target);
    let tables =
        target.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'");
    assert!(!tables.is_empty(), "no table was begun");
    for table in tables {
        assert_refused(&target, &format!("DELETE FROM {}", table[0].clone().unwrap()));
    }
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    arrive(&pair, replicator);
}

/// Connections opened and statements prepared before the fence stood, and transactions with a view from before it
#[test]
fn i8_what_was_opened_before_the_fence_is_refused_too() {
    let reversed = Reversed::following(SHOP, "", &["--no-fence"]);
    let (prepared, old) = (reversed.pg(), reversed.pg());
    prepared.execute("PREPARE w(int) AS INSERT INTO item VALUES($1, 'x') ON CONFLICT DO NOTHING");
    prepared.execute("EXECUTE w(1); EXECUTE w(1); EXECUTE w(1); EXECUTE w(1); EXECUTE w(1); EXECUTE w(1)");
    old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM item");
    close(&reversed, Duration::from_secs(5)).unwrap();
    assert_refused(&prepared, "EXECUTE w(4)");
    assert_refused(&old, "INSERT INTO item VALUES(4, 'x')");
}

/// Since when writers were refused, or why they are not
fn close(reversed: &Reversed, timeout: Duration) -> Result<Instant, String> {
    // A runtime of its own, as others may be in the middle of something on the shared one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut client = reversed.connect().await;
        fence::close(&mut client, &reversed.plan, reversed.run_id, timeout).await.map_err(|e| e.report())
    })
}

fn lift(reversed: &Reversed) {
    reversed.transaction(async |client, plan| fence::lift(client, plan).await.unwrap());
}

#[test]
fn i8_closing_waits_for_running_writers_and_names_those_who_stay() {
    let reversed = Reversed::following(SHOP, "", &["--no-fence"]);
    let (writer, reader) = (reversed.pg(), reversed.pg());
    writer.execute("SET application_name = 'payroll'; BEGIN; INSERT INTO item VALUES(3, 'three')");
    reader.execute("BEGIN; SELECT * FROM item; SELECT * FROM part");
    let error = close(&reversed, Duration::from_millis(600)).unwrap_err();
    assert!(error.contains("payroll") && error.contains(" s) on item"), "{error}");
    // Nobody is queued behind an attempt that was given up, and the fence does not stand.
    reversed.pg().execute("SET lock_timeout = '2s'; INSERT INTO part VALUES(7, 1)");
    let began = Instant::now();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| close(&reversed, Duration::from_secs(60)).unwrap());
        // While it waits, others write on.
        let other = reversed.pg();
        wait_until("an attempt to lock the tables", || {
            other.value("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'item'::regclass").is_some()
        });
        for id in 100..110 {
            other.execute(&format!("SET lock_timeout = '2s'; INSERT INTO item VALUES({id}, 'x')"));
        }
        writer.execute("COMMIT");
        closing.join().expect("the fence");
    });
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_refused(&writer, "INSERT INTO item VALUES(4, 'four')");
    assert_eq!(writer.value("SELECT count(*) FROM item").as_deref(), Some("13"), "what was acknowledged is there");
}

/// Somebody is waiting to fence this table
fn is_waited_for(pg: &Pg, table: &str) -> bool {
    let sql = format!("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass");
    pg.value(&sql).is_some()
}

/// While one table cannot be had, the others are open; and what is counted is the attempt that fenced them all
#[test]
fn i8_closing_refuses_nobody_while_it_waits_for_the_last_table() {
    let reversed = Reversed::following(SHOP, "", &["--no-fence"]);
    let (writer, other) = (reversed.pg(), reversed.pg());
    writer.execute("BEGIN; INSERT INTO part VALUES(3, NULL)");
    close(&reversed, Duration::from_millis(300)).unwrap_err();
    other.execute("INSERT INTO item VALUES(3, 'three')");
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| close(&reversed, Duration::from_secs(60)).unwrap());
        let wait = |waited: bool| wait_until("an attempt", || is_waited_for(&other, "part") == waited);
        // Only the first attempt can have fenced the other table before it found out.
        wait(true);
        let first = Instant::now();
        wait(false);
        wait(true);
        for id in 100..110 {
            other.execute(&format!("INSERT INTO item VALUES({id}, 'x')"));
        }
        wait(false);
        wait(true);
        writer.execute("COMMIT");
        let since = closing.join().expect("the fence");
        assert!(since > first, "it counts {:?} too many", first - since);
    });
    assert_refused(&other, "INSERT INTO item VALUES(4, 'four')");
    assert_refused(&other, "INSERT INTO part VALUES(4, NULL)");
}

/// An application that writes the tables in the other order is refused, and never the victim of a deadlock with us
#[test]
fn closing_deadlocks_with_nobody() {
    let reversed = Reversed::following(SHOP, "", &["--no-fence"]);
    reversed.pg().execute("INSERT INTO item SELECT i, 'of a writer' FROM generate_series(10, 13) i");
    let (done, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let write = |writer: u64| {
        let pg = reversed.pg();
        pg.execute("SET deadlock_timeout = '2ms'");
        let mut number = writer * 1_000_000;
        let mut heard = Vec::new();
        while !done.load(Ordering::Relaxed) {
            number += 1;
            let first = format!("BEGIN; INSERT INTO part VALUES({number}, NULL)");
            let then = format!("UPDATE item SET name = '{number}' WHERE id = {writer}");
            match pg.try_query(&first).and_then(|_| pg.try_query(&then)).and_then(|_| pg.try_query("COMMIT")) {
                Ok(_) => drop(acknowledged.fetch_add(1, Ordering::Relaxed)),
                Err(error) => {
                    heard.push(error);
                    pg.execute("ROLLBACK");
                }
            }
        }
        heard
    };
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        // Also if something fails here, or the writers would be waited for without end.
        let ends = Ends(&done);
        let writers: Vec<_> = (10..14).map(|writer| scope.spawn(move || write(writer))).collect();
        for _ in 0..10 {
            let before = acknowledged.load(Ordering::Relaxed);
            wait_until("writers at work", || acknowledged.load(Ordering::Relaxed) > before + 40);
            close(&reversed, Duration::from_secs(60)).unwrap();
            lift(&reversed);
        }
        drop(ends);
        for heard in writers.into_iter().flat_map(|writer| writer.join().expect("a writer")) {
            assert!(heard.contains("E25006"), "{heard}");
        }
    });
    let rows: u64 = reversed.pg().value("SELECT count(*) FROM part WHERE id > 1000").unwrap().parse().unwrap();
    assert_eq!(rows, acknowledged.into_inner(), "what was acknowledged is there, and nothing else");
}

/// Two-phase commit needs a setting, and so a server of its own
#[test]
fn i8_closing_names_a_prepared_transaction() {
    let cluster = crossfade::cli::demo::cluster::Cluster::start(vec![
        ("fsync".to_owned(), "off".to_owned()),
        ("max_prepared_transactions".to_owned(), "5".to_owned()),
    ]);
    let cluster = cluster.unwrap_or_else(|e| panic!("{}", e.report()));
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), crate::support::cluster::database_on(&cluster));
    pair.verb("run").args(&["--until", "in-sync", "--no-fence"]).run().expect_code(0);
    let reversed = Reversed::of(work, pair);
    let writer = reversed.pg();
    writer.execute("BEGIN; INSERT INTO item VALUES(3, 'three'); PREPARE TRANSACTION 'left behind'");
    let error = close(&reversed, Duration::from_millis(400)).unwrap_err();
    assert!(error.contains("prepared transaction 'left behind'"), "{error}");
    writer.execute("COMMIT PREPARED 'left behind'");
    close(&reversed, Duration::from_secs(5)).unwrap();
    assert_refused(&writer, "INSERT INTO item VALUES(4, 'four')");
}

/// A run that another one has replaced puts up no fence
#[test]
fn i8_a_superseded_run_does_not_close() {
    let reversed = Reversed::following(SHOP, "", &["--no-fence"]);
    reversed.pg().execute("UPDATE crossfade.checkpoint SET run_id = run_id + 1");
    let error = close(&reversed, Duration::from_secs(5)).unwrap_err();
    assert!(error.contains("took over"), "{error}");
    reversed.pg().execute("INSERT INTO item VALUES(4, 'four')");
}

#[test]
fn without_the_fence_strays_write_until_a_run_with_it() {
    let reversed = Reversed::following(SHOP, "", &["--no-fence"]);
    let pg = reversed.pg();
    pg.execute("UPDATE item SET name = 'stray' WHERE id = 1");
    // Asked for again, it stays off; not asked for, it stands.
    reversed.pair.verb("run").args(&["--until", "in-sync", "--no-fence"]).run().expect_code(0);
    pg.execute("UPDATE item SET name = 'one' WHERE id = 1");
    reversed.pair.migrate();
    assert_refused(&pg, "UPDATE item SET name = 'stray' WHERE id = 1");
    reversed.pair.verb("run").args(&["--until", "in-sync", "--no-fence"]).run().expect_code(0);
    pg.execute("UPDATE item SET name = 'one' WHERE id = 1");
    assert_equal(&reversed.pair.source, &reversed.pair.target);
}

/// A statement may name a partition, and partitions may come later
#[test]
fn i8_partitions_are_fenced_each() {
    let source =
        "CREATE TABLE p(id INTEGER, kind INTEGER, v TEXT, PRIMARY KEY(id, kind)); INSERT INTO p VALUES(1, 1, 'a')";
    let target = "CREATE TABLE p(id bigint, kind bigint, v text, PRIMARY KEY(id, kind)) PARTITION BY LIST(kind);
                  CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) PARTITION BY RANGE(id);
                  CREATE TABLE p1a PARTITION OF p1 FOR VALUES FROM (0) TO (100);
                  CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)";
    let reversed = Reversed::following(source, target, &["--schema", "existing"]);
    let pg = reversed.pg();
    for table in ["p", "p1", "p1a", "p2"] {
        assert_refused(&pg, &format!("DELETE FROM {table}"));
        assert_refused(&pg, &format!("TRUNCATE {table}"));
    }
    pg.execute("CREATE TABLE p3 PARTITION OF p FOR VALUES IN (3)");
    let missing = |reversed: &Reversed| {
        reversed.runtime.block_on(async { fence::missing(&reversed.connect().await, &reversed.plan).await.unwrap() })
    };
    assert_eq!(missing(&reversed), ["p"]);
    close(&reversed, Duration::from_secs(5)).unwrap();
    assert_refused(&pg, "INSERT INTO p3 VALUES(3, 3, 'c')");
    assert_eq!(missing(&reversed), [""; 0]);
    pg.execute(
        "CREATE OR REPLACE FUNCTION crossfade.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    );
    assert_eq!(missing(&reversed), ["p"]);
}

/// An ordinary role that owns the tables, and may not silence triggers
#[test]
fn i8_an_ordinary_owner_passes_by_the_setting() {
    let (work, pair) = ordinary("walker");
    let plan = pair.verb("plan").run().expect_code(0).expect_stdout("may not set session_replication_role");
    assert!(plan.stderr.contains("ours pass by crossfade.replicator: triggers on the target act on"), "{plan}");
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    run(
        &pair,
        "INSERT INTO item VALUES(3, 'three'); DELETE FROM item WHERE id = 2; UPDATE item SET name = 'uno' WHERE id = 1",
    );
    pair.wait_caught_up(&mut replicator);
    let own = Pg::connect(&pair.target);
    for sql in WRITES.iter().filter(|sql| !sql.starts_with("COPY")) {
        assert_refused(&own, sql);
    }
    assert_refused(&own, "SET crossfade.replicator = 'guess'; DELETE FROM item");
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
    let reversed = Reversed::of(work, pair);
    let way = reversed.runtime.block_on(async { fence::way(&reversed.connect().await).await.unwrap() });
    assert_eq!(way, Pass::Setting);
    // What passes without the replica role is not captured either; the rehearsal's session is.
    reversed.open();
    reversed.runtime.block_on(async {
        let client = reversed.connect().await;
        let id: String = client.query_one("SELECT source_id FROM crossfade.state", &[]).await.unwrap().get(0);
        fence::pass(&client, &id).await.unwrap();
        client.batch_execute("INSERT INTO item VALUES(50, 'ours')").await.unwrap();
        fence::pass_captured(&client, &id).await.unwrap();
        client.batch_execute("INSERT INTO item VALUES(51, 'canary')").await.unwrap();
    });
    let keys: Vec<String> = reversed.noted().0.into_iter().map(|(table, key)| format!("{table} {key}")).collect();
    assert_eq!(keys, ["item {\"k1\": 51}"]);
}

/// A database whose owner is a role without any special right
fn ordinary(role: &str) -> (Workplace, Pair) {
    let work = Workplace::new();
    let url = fresh_database();
    let admin = Pg::connect(&url);
    let name = admin.value("SELECT current_database()").expect("a name");
    let role = format!("{role}_{name}");
    admin.execute(&format!(
        "CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}"
    ));
    let pair = Pair::new(work.database(SHOP), with_user(&url, &role));
    (work, pair)
}

fn with_user(url: &str, role: &str) -> String {
    let (start, rest) = url.split_once("://").expect("a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{start}://{role}@{host}")
}

/// `cancel` takes it off, also where the tables stay
#[test]
fn cancel_leaves_no_fence() {
    let reversed = Reversed::following(SHOP, "", &[]);
    reversed.transaction(async |client, plan| crossfade::postgres::capture::install(client, plan).await.unwrap());
    reversed.pair.verb("cancel").arg("--keep-tables").run().expect_code(0);
    let pg = reversed.pg();
    let ours = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%crossfade%'";
    assert_eq!(pg.value(ours).as_deref(), Some("0"));
    pg.execute("INSERT INTO item VALUES(3, 'three')");
}

/// Opening waits for no reader: disabling the triggers takes no lock that reading conflicts with
#[test]
fn lifting_does_not_wait_for_readers() {
    let reversed = Reversed::following(SHOP, "", &[]);
    let reader = reversed.pg();
    reader.execute("BEGIN; SELECT * FROM item; SELECT * FROM part");
    reversed.transaction(async |client, plan| {
        client.batch_execute("SET LOCAL lock_timeout = '1s'").await.unwrap();
        crossfade::postgres::capture::install(client, plan).await.unwrap();
        fence::lift(client, plan).await.unwrap();
    });
    reversed.pg().execute("INSERT INTO item VALUES(3, 'three')");
    reversed.transaction(async |client, plan| {
        client.batch_execute("SET LOCAL lock_timeout = '1s'").await.unwrap();
        crossfade::postgres::capture::rest(client, plan).await.unwrap();
        for table in &plan.tables {
            fence::put(client, plan, table).await.unwrap();
        }
    });
    assert_refused(&reversed.pg(), "INSERT INTO item VALUES(4, 'four')");
    assert_eq!(reversed.noted().0.len(), 0);
    reader.execute("COMMIT");
}

/// Switched off under the eyes of a replicator that follows
#[test]
fn i8_a_fence_that_was_opened_is_put_back() {
    let reversed = Reversed::following(SHOP, "", &[]);
    let mut replicator = reversed.pair.replicate(&[]);
    wait_until("the replicator", || replicator.stderr().contains("following; stop"));
    let pg = reversed.pg();
    pg.execute("ALTER TABLE item DISABLE TRIGGER USER");
    wait_until("the operator to be told", || {
        replicator.must_run();
        replicator.stderr().contains("it stands again")
    });
    assert_refused(&pg, "DELETE FROM item");
    replicator.stop();
}
