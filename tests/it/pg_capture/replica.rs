//! Sessions in which ordinary triggers are silent: their rows are noted too, and ours are not

use crossfade::postgres::fence;

use super::SOURCE;
use crate::support::cluster::{database_on, own_cluster_with};
use crate::support::pg::Pg;
use crate::support::process::{Pair, wait_until};
use crate::support::reversed::Reversed;
use crate::support::source::Workplace;

fn logged(reversed: &Reversed) -> Vec<String> {
    let (keys, whole) = reversed.noted();
    let keys = keys.into_iter().map(|(table, key)| format!("{table} {}", key.replace(['"', ' '], "")));
    let mut all: Vec<String> = keys.chain(whole.into_iter().map(|table| format!("{table} whole"))).collect();
    all.sort();
    all
}

/// Runs the statements under `session_replication_role = replica`, and gives what they noted
fn noted(reversed: &Reversed, script: &str) -> Vec<String> {
    let before = reversed.image();
    Pg::stray(&reversed.pair.target).execute(script);
    reversed.assert_covered(&before);
    let all = logged(reversed);
    reversed.drain(|_, _, _| ());
    all
}

#[test]
fn i1_sessions_under_the_replica_role_are_noted() {
    let reversed = Reversed::new(SOURCE);
    assert_eq!(noted(&reversed, "INSERT INTO item VALUES(10, 'ten')"), ["item {k1:10}"]);
    assert_eq!(noted(&reversed, "UPDATE item SET name = 'zehn' WHERE id = 10"), ["item {k1:10}"]);
    assert_eq!(noted(&reversed, "UPDATE item SET id = 11 WHERE id = 10"), ["item {k1:10}", "item {k1:11}"]);
    assert_eq!(noted(&reversed, "DELETE FROM item WHERE id = 11"), ["item {k1:11}"]);
    assert_eq!(noted(&reversed, "UPDATE child SET b = 'r' WHERE a = 2"), ["child {k1:2,k2:r}", "child {k1:2,k2:y}"]);
    assert_eq!(noted(&reversed, "INSERT INTO loose(x, y) VALUES(5, 'c')"), ["loose {k1:4}"]);
    assert_eq!(noted(&reversed, "TRUNCATE loose"), ["loose whole"]);
    // Each row is noted once elsewhere.
    reversed.pg().execute("INSERT INTO item VALUES(12, 'twelve')");
    assert_eq!(reversed.pg().value("SELECT count(*) FROM crossfade.log").as_deref(), Some("1"));
}

#[test]
fn i1_so_are_partitions_and_rows_without_a_key() {
    let reversed = Reversed::existing(
        "CREATE TABLE p(id INTEGER, kind INTEGER, PRIMARY KEY(id, kind)); CREATE TABLE loose(x INTEGER);
         INSERT INTO p VALUES(1, 1); INSERT INTO loose VALUES(1)",
        "CREATE TABLE p(id bigint, kind bigint, PRIMARY KEY(id, kind)) PARTITION BY LIST(kind);
         CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
         CREATE TABLE loose(x bigint)",
    );
    assert_eq!(reversed.prove(), [""; 0]);
    assert_eq!(noted(&reversed, "INSERT INTO p2 VALUES(2, 2)"), ["p {k1:2,k2:2}"]);
    assert_eq!(noted(&reversed, "UPDATE p SET kind = 2 WHERE id = 1"), ["p {k1:1,k2:1}", "p {k1:1,k2:2}"]);
    assert_eq!(noted(&reversed, "TRUNCATE p2"), ["p whole"]);
    assert_eq!(noted(&reversed, "INSERT INTO loose VALUES(2)"), ["loose {k1:2}"]);
    // Partitions that come later have it from the whole.
    reversed.pg().execute("CREATE TABLE p3 PARTITION OF p FOR VALUES IN (3)");
    assert_eq!(noted(&reversed, "INSERT INTO p3 VALUES(3, 3)"), ["p {k1:3,k2:3}"]);
}

/// Ours are not noted, whatever the role
#[test]
fn sessions_of_ours_are_not_noted() {
    let reversed = Reversed::new(SOURCE);
    reversed.runtime.block_on(async {
        let client = reversed.connect().await;
        fence::pass_as_stored(&client).await.unwrap();
        client.batch_execute("INSERT INTO item VALUES(50, 'ours'); TRUNCATE loose").await.unwrap();
        let id: String = client.query_one("SELECT source_id FROM crossfade.state", &[]).await.unwrap().get(0);
        fence::pass_captured(&client, &id).await.unwrap();
        client.batch_execute("INSERT INTO item VALUES(51, 'canary')").await.unwrap();
    });
    assert_eq!(logged(&reversed), ["item {k1:51}"]);
}

/// The worker of a subscription fires no triggers of statements at all
#[test]
fn i1_what_a_subscription_brings_is_noted() {
    let cluster = own_cluster_with(&[("wal_level", "logical")]);
    let work = Workplace::new();
    let publisher = Pg::connect(&database_on(&cluster));
    publisher.execute("CREATE TABLE item(id bigint PRIMARY KEY, name text); CREATE PUBLICATION feed FOR TABLE item");
    publisher.execute("SELECT pg_create_logical_replication_slot('feed', 'pgoutput')");
    // Without a foreign key, which would refuse the TRUNCATE.
    let source = "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)";
    let pair = Pair::new(work.database(source), database_on(&cluster));
    pair.migrate();
    let reversed = Reversed::of(work, pair);
    reversed.open();
    let of = |sql: &str| publisher.value(sql).expect("a setting");
    let subscribe = format!(
        "CREATE SUBSCRIPTION feed CONNECTION 'dbname={} port={} host={} user=postgres' PUBLICATION feed \
         WITH (create_slot = false, slot_name = 'feed', copy_data = false)",
        of("SELECT current_database()"),
        of("SHOW port"),
        of("SELECT split_part(current_setting('unix_socket_directories'), ',', 1)"),
    );
    let pg = reversed.pg();
    pg.execute(&subscribe);
    let arrives = |sql: &str, seen: &str| {
        publisher.execute(sql);
        wait_until("the subscription", || pg.value(seen).as_deref() == Some("t"));
    };
    arrives("INSERT INTO item VALUES(70, 'a'), (71, 'b')", "SELECT count(*) = 2 FROM item WHERE id >= 70");
    assert_eq!(logged(&reversed), ["item {k1:70}", "item {k1:71}"]);
    reversed.drain(|_, _, _| ());
    arrives("UPDATE item SET name = 'c' WHERE id = 71", "SELECT name = 'c' FROM item WHERE id = 71");
    arrives("DELETE FROM item WHERE id = 70", "SELECT count(*) = 0 FROM item WHERE id = 70");
    assert_eq!(logged(&reversed), ["item {k1:70}", "item {k1:71}"]);
    reversed.drain(|_, _, _| ());
    arrives("TRUNCATE item", "SELECT count(*) = 0 FROM item WHERE id >= 70");
    assert_eq!(logged(&reversed), ["item whole"]);
    pg.execute("ALTER SUBSCRIPTION feed DISABLE");
    pg.execute("ALTER SUBSCRIPTION feed SET (slot_name = NONE)");
    pg.execute("DROP SUBSCRIPTION feed");
}
