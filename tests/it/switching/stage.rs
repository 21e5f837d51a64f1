//! A small migration that is ready to be switched, and what each side says to a writer

use std::path::Path;
use std::time::Duration;

use crate::support::compare::{assert_equal, differences};
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Output, Pair, Running, wait_until};
use crate::support::source::{self, Workplace};

pub const SCHEMA: &str = "
    CREATE TABLE shelves(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
    CREATE TABLE items(id INTEGER PRIMARY KEY AUTOINCREMENT, shelf INTEGER REFERENCES shelves(id), name TEXT, amount REAL);
    CREATE TABLE tags(item INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(item, tag)) WITHOUT ROWID;
    INSERT INTO shelves(name) VALUES('left'), ('right');
    INSERT INTO items(shelf, name, amount) VALUES(1, 'first', 1.5), (2, 'second', NULL), (1, 'third', -3);
    INSERT INTO tags VALUES(1, 'a'), (1, 'b'), (3, 'a');";

pub struct Stage {
    pub work: Workplace,
    pub pair: Pair,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::on(fresh_database(), SCHEMA)
    }

    pub fn on(target: String, schema: &str) -> Stage {
        let work = Workplace::new();
        let pair = Pair::new(work.database(schema), target);
        Stage { work, pair }
    }

    /// A replicator that follows, and everything compared once
    pub fn ready(&self, options: &[&str]) -> Running {
        let mut replicator = self.pair.replicate(options);
        self.pair.wait_following(&mut replicator);
        self.pair.wait_caught_up(&mut replicator);
        self.pair.verify();
        replicator
    }

    pub fn target(&self) -> Pg {
        Pg::connect(&self.pair.target)
    }

    /// One writer's word on SQLite; `Err` with what he hears. Nothing is left of it
    pub fn on_sqlite(&self) -> Result<(), String> {
        try_sqlite(&self.pair.source, "UPDATE items SET amount = amount WHERE id = 1")
    }

    /// One writer's word on PostgreSQL
    pub fn on_postgres(&self) -> Result<(), String> {
        let target = Pg::try_connect(&self.pair.target)?;
        target
            .try_query("SET lock_timeout = '2s'; BEGIN; UPDATE items SET amount = amount WHERE id = 1")
            .map(|_| ())?;
        target.try_query("ROLLBACK").map(|_| ())
    }

    /// The one side that accepts writes; anything else fails the test (I8)
    pub fn primary(&self) -> &'static str {
        let (sqlite, postgres) = (self.on_sqlite(), self.on_postgres());
        match (&sqlite, &postgres) {
            (Ok(()), Err(_)) => "sqlite",
            (Err(_), Ok(())) => "postgres",
            _ => panic!("SQLite says {sqlite:?} and PostgreSQL says {postgres:?}"),
        }
    }

    pub fn write_sqlite(&self, script: &str) {
        source::open(&self.pair.source).execute_batch(script).unwrap_or_else(|e| panic!("{e} in {script}"));
    }

    /// Both sides hold the same once the one that follows has caught up, in whichever direction
    pub fn wait_equal(&self, replicator: &mut Running) {
        wait_until("both sides to be equal", || {
            replicator.must_run();
            differences(&self.pair.source, &self.pair.target).is_empty()
        });
        assert_equal(&self.pair.source, &self.pair.target);
    }

    pub fn phase(&self) -> String {
        self.target().value("SELECT phase FROM crossfade.state").expect("a phase")
    }

    pub fn wait_phase(&self, phase: &str) {
        wait_until(&format!("phase {phase}"), || {
            Pg::try_connect(&self.pair.target).is_ok_and(|target| {
                target
                    .try_query("SELECT phase FROM crossfade.state")
                    .is_ok_and(|rows| rows == [[Some(phase.to_owned())]])
            })
        });
    }

    /// Waits until the switch is in this step
    pub fn wait_step(&self, step: &str) {
        let sql = "SELECT step FROM crossfade.switch_steps WHERE seconds IS NULL ORDER BY switch_id DESC, number DESC LIMIT 1";
        let target = self.target();
        wait_until(&format!("step {step}"), || target.value(sql).as_deref() == Some(step));
    }

    pub fn cutover(&self, options: &[&str]) -> Output {
        self.pair.verb("cutover").args(options).run()
    }

    pub fn rollback(&self, options: &[&str]) -> Output {
        self.pair.verb("rollback").args(options).run()
    }

    /// Outcomes of all switches, in order
    pub fn outcomes(&self) -> String {
        let sql = "SELECT string_agg(kind || ' ' || coalesce(outcome, '-'), ', ' ORDER BY id) FROM crossfade.switches";
        self.target().value(sql).unwrap_or_default()
    }
}

pub fn try_sqlite(path: &Path, sql: &str) -> Result<(), String> {
    let connection = source::open(path);
    connection.busy_timeout(Duration::from_millis(300)).expect("a busy timeout");
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql}; ROLLBACK")).map_err(|e| e.to_string())
}
