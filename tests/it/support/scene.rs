//! A source under load, its target, and the one ending that every fault test has: both sides equal

use std::sync::Arc;

use super::cluster::fresh_database;
use super::compare::{assert_equal, assert_equal_or_held};
use super::load::Load;
use super::process::{Pair, Running};
use super::source::{self, Workplace};
use crate::generator::{self, schema::Schema};

/// Small chunks, so that even a small database is copied in many steps
pub const SMALL_CHUNKS: [&str; 2] = ["--chunk-bytes", "8192"];

/// A generated database with one bigger table, beside an empty target
pub struct Scene {
    _work: Workplace,
    pub pair: Pair,
    pub seed: u64,
    pub schema: Arc<Schema>,
}

impl Scene {
    /// On the shared server
    pub fn new(seed: u64, bulk_rows: u64) -> Scene {
        Scene::with_target(seed, bulk_rows, fresh_database())
    }

    pub fn with_target(seed: u64, bulk_rows: u64, target: String) -> Scene {
        let work = Workplace::new();
        let path = work.path("app.db");
        let schema = Arc::new(generator::create(&path, seed, 4, "WAL"));
        let bulk = format!(
            "CREATE TABLE bulk(id INTEGER PRIMARY KEY, name TEXT, amount REAL);
             CREATE UNIQUE INDEX bulk_name ON bulk(name);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {bulk_rows})
             INSERT INTO bulk SELECT i, 'name of row ' || i, i / 8.0 FROM n"
        );
        source::open(&path).execute_batch(&bulk).expect("the bulk table");
        Scene { pair: Pair::new(path, target), _work: work, seed, schema }
    }

    /// Writers whose columns never change their classes; they may run while the plan is made
    pub fn first_load(&self) -> Load {
        Load::new().bank(&self.pair.source, self.seed)
    }

    /// The other writers, for as soon as the plan is made
    pub fn full_load(&self, load: &mut Load) {
        load.add_writers(&self.pair.source, self.seed, &self.schema, 2);
    }

    /// Ends the writers, lets the replicator catch up, and looks: by the product's own verify and independently
    pub fn settle(&self, load: Load, mut replicator: Running) {
        load.finish();
        self.pair.wait_caught_up(&mut replicator);
        assert_equal_or_held(&self.pair.source, &self.pair.target);
        self.pair.verify();
        replicator.stop();
    }
}

/// Runs statements on the source, as the application would
pub fn run(pair: &Pair, script: &str) {
    source::open(&pair.source).execute_batch(script).unwrap_or_else(|e| panic!("{e} in {script}"));
}

/// Caught up, and both sides equal, by the product's verify too
pub fn arrive(pair: &Pair, mut replicator: Running) {
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}
