//! Copied into tables that stand, killed again and again, while writers swap keys and unique values

use std::time::Duration;

use super::hand::Given;
use crate::generator::{Transaction, bank};
use crate::support::given::{assert_same, lines};
use crate::support::load::Load;
use crate::support::pg::Pg;
use crate::support::rng::Rng;

/// Of each kind of table that decides a conflict in its own way: over the key, over nothing, and with numbers that
/// PostgreSQL does not update
const TARGETS: [&str; 3] = [
    "CREATE TABLE accounts(id bigint PRIMARY KEY, owner text UNIQUE, balance bigint NOT NULL, mine text DEFAULT 'd');
     CREATE TABLE slot(place integer UNIQUE, note varchar(50), id integer PRIMARY KEY)",
    "CREATE TABLE accounts(owner text UNIQUE, id bigint, balance bigint NOT NULL, mine text DEFAULT 'd');
     CREATE TABLE slot(place integer UNIQUE, note varchar(50), id integer)",
    "CREATE TABLE accounts(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner text UNIQUE, balance bigint);
     CREATE TABLE slot(id integer PRIMARY KEY, note text, place integer GENERATED ALWAYS AS IDENTITY UNIQUE)",
];

const SLOTS: &str = "
    CREATE TABLE slot(id INTEGER PRIMARY KEY, place INT NOT NULL UNIQUE, note TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO slot SELECT i, i, 'note ' || i FROM n";

const SLOT_ROWS: usize = 20_000;

/// Two rows change places, or one goes to the end
fn move_slots(rng: &mut Rng) -> Transaction {
    let (a, b) = (1 + rng.below(SLOT_ROWS), 1 + rng.below(SLOT_ROWS));
    let steps = match rng.below(4) {
        0 => format!(
            "DELETE FROM slot WHERE id = {a}; UPDATE slot SET place = (SELECT max(place) + 1 FROM slot) WHERE id = {b}"
        ),
        1 => format!("INSERT OR REPLACE INTO slot SELECT {a}, place, 'taken' FROM slot WHERE id = {b}"),
        _ => format!(
            "CREATE TEMP TABLE IF NOT EXISTS swap(id, place); DELETE FROM swap; \
             INSERT INTO swap SELECT id, place FROM slot WHERE id IN ({a}, {b}); \
             UPDATE slot SET place = -place WHERE id IN ({a}, {b}); \
             UPDATE slot SET place = (SELECT s.place FROM swap s WHERE s.id <> slot.id) \
             WHERE id IN ({a}, {b}) AND (SELECT count(*) FROM swap) = 2; \
             UPDATE slot SET place = -place WHERE place < 0"
        ),
    };
    let mut statements = vec!["BEGIN IMMEDIATE".to_owned()];
    statements.extend(steps.split("; ").map(str::to_owned));
    statements.push("COMMIT".to_owned());
    Transaction { statements, all_or_nothing: true }
}

#[test]
fn i3_i7_under_load_and_kills_every_commit_is_an_image() {
    for (seed, made) in (8801..).zip(TARGETS) {
        let mut rng = Rng::new(seed);
        let given = Given::new(&format!("{}{SLOTS}", bank::ddl(&mut rng)), made, |_| {});
        let pair = &given.pair;
        let chunks = ["--chunk-bytes", "16384"];
        let mut load = Load::new();
        let mut replicator = pair.replicate(&chunks);
        pair.wait_captured(&mut replicator);
        load.add(&pair.source, seed, bank::transaction);
        load.add(&pair.source, seed + 100, move_slots);
        for _ in 0..6 {
            replicator.must_run_for(Duration::from_millis(rng.below(400) as u64));
            load.check();
            replicator.kill();
            replicator = pair.replicate(&chunks);
        }
        pair.wait_consistent(&mut replicator);
        let target = Pg::connect(&pair.target);
        for _ in 0..20 {
            load.wait_for(10, &mut replicator);
            assert_eq!(lines(&target, "SELECT sum(balance) FROM accounts"), [bank::TOTAL.to_string()]);
        }
        load.finish();
        pair.wait_caught_up(&mut replicator);
        assert_same(&pair.source, &pair.target);
        pair.verify();
        assert_eq!(target.value("SELECT count(*) FROM crossfade.quarantine").as_deref(), Some("0"));
        assert_eq!(target.value("SELECT count(*) FROM crossfade.left_out").as_deref(), Some("0"));
        replicator.stop();
    }
}
