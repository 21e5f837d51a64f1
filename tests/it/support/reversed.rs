//! A target that has become the primary, as far as its own side goes: captured, and open to the application

use std::collections::{BTreeMap, BTreeSet};

use crossfade::model::plan::{Plan, TablePlan};
use crossfade::postgres::change_log::LogView;
use crossfade::postgres::connect::Target;
use crossfade::postgres::{capture, control, fence};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Client;

use super::fresh_database;
use super::pg::{Pg, quote};
use super::process::Pair;
use super::source::Workplace;

/// A migration that was brought in sync, and then opened on the target's side
pub struct Reversed {
    _work: Workplace,
    pub pair: Pair,
    pub runtime: Runtime,
    pub plan: Plan,
    pub run_id: i64,
}

/// Keys as JSON, with the text of the row that has them
pub type Image = BTreeMap<(String, String), String>;

impl Reversed {
    /// Tables made by us from this source
    pub fn new(source: &str) -> Reversed {
        let reversed = Reversed::following(source, "", &[]);
        reversed.open();
        reversed
    }

    /// Tables that stand on the target
    pub fn existing(source: &str, target: &str) -> Reversed {
        let reversed = Reversed::following(source, target, &["--schema", "existing"]);
        reversed.open();
        reversed
    }

    /// In sync, with SQLite as the primary
    pub fn following(source: &str, target: &str, options: &[&str]) -> Reversed {
        let work = Workplace::new();
        let pair = Pair::new(work.database(source), fresh_database());
        Pg::connect(&pair.target).execute(target);
        pair.verb("run").args(&["--until", "in-sync"]).args(options).run().expect_code(0);
        Reversed::of(work, pair)
    }

    pub fn of(work: Workplace, pair: Pair) -> Reversed {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (plan, run_id) = runtime.block_on(async {
            let client = Target::parse(&pair.target).unwrap().connect("crossfade test").await.unwrap();
            let state = control::load(&client).await.unwrap().expect("a migration");
            (state.plan, control::take_over(&client).await.unwrap())
        });
        Reversed { _work: work, pair, runtime, plan, run_id }
    }

    /// Installs capture and opens the target, as a cutover does
    pub fn open(&self) {
        self.transaction(async |client, plan| {
            capture::install(client, plan).await.unwrap();
            fence::lift(client, plan).await.unwrap();
        });
        let opened = "UPDATE crossfade.state SET phase = 'reversed', primary_side = 'postgres', primary_since = now()";
        self.pg().execute(opened);
    }

    /// Runs in one transaction of a session that does not pass the fence
    pub fn transaction(&self, work: impl AsyncFnOnce(&Client, &Plan)) {
        self.runtime.block_on(async {
            let client = self.connect().await;
            client.batch_execute("BEGIN").await.unwrap();
            work(&client, &self.plan).await;
            client.batch_execute("COMMIT").await.unwrap();
        });
    }

    pub fn wait<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// A session of the product's own kind, not in a transaction
    pub fn client(&self) -> Client {
        self.wait(self.connect())
    }

    pub async fn connect(&self) -> Client {
        Target::parse(&self.pair.target).unwrap().connect("crossfade test").await.unwrap()
    }

    /// An application's connection
    pub fn pg(&self) -> Pg {
        Pg::connect(&self.pair.target)
    }

    pub fn table(&self, name: &str) -> &TablePlan {
        self.plan.tables.iter().find(|table| table.target_name == name).expect("a table of that name")
    }

    pub fn prove(&self) -> Vec<String> {
        self.runtime.block_on(async {
            let client = self.connect().await;
            let notices = capture::prove(&client, &self.plan).await.unwrap();
            notices.into_iter().map(|notice| format!("{}: {}", notice.object, notice.message)).collect()
        })
    }

    /// Every row of every table
    pub fn image(&self) -> Image {
        let pg = self.pg();
        let mut image = Image::new();
        for table in &self.plan.tables {
            let keys = table.key_plans().enumerate();
            let key = keys.map(|(at, c)| format!("'k{}', t.{}", at + 1, quote(&c.target_name)));
            let sql = format!(
                "SELECT jsonb_build_object({})::text, t::text FROM {} t",
                key.collect::<Vec<_>>().join(", "),
                quote(&table.target_name)
            );
            for row in pg.query(&sql) {
                let (key, text) = (row[0].clone().unwrap(), row[1].clone().unwrap());
                // Rows without a key are counted in one entry.
                image.entry((table.target_name.clone(), key)).or_default().push_str(&text);
            }
        }
        image
    }

    /// What the log holds: keys as JSON, and tables that are noted as a whole
    pub fn noted(&self) -> (BTreeSet<(String, String)>, BTreeSet<String>) {
        let pg = self.pg();
        let (mut keys, mut whole) = (BTreeSet::new(), BTreeSet::new());
        for table in &self.plan.tables {
            let name = &table.target_name;
            let sql = format!("SELECT DISTINCT (to_jsonb(k) - 'entry')::text FROM crossfade.log_{} k", table.id);
            keys.extend(pg.query(&sql).into_iter().map(|row| (name.clone(), row[0].clone().unwrap())));
            let sql = format!("SELECT 1 FROM crossfade.log WHERE whole AND table_id = {}", table.id);
            whole.extend((!pg.query(&sql).is_empty()).then(|| name.clone()));
        }
        (keys, whole)
    }

    /// Fails unless each row that differs from the earlier image is noted; returns how many differ
    pub fn assert_covered(&self, before: &Image) -> usize {
        let (after, (keys, whole)) = (self.image(), self.noted());
        let all: BTreeSet<&(String, String)> = before.keys().chain(after.keys()).collect();
        let changed: Vec<_> = all.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect();
        let missed: Vec<_> = changed.iter().filter(|key| !keys.contains(**key) && !whole.contains(&key.0)).collect();
        assert!(missed.is_empty(), "changed and not noted: {missed:#?}");
        changed.len()
    }

    /// Reads the log as a queue to its end: the keys that a view shows, each with the fields of its row
    pub fn drain(&self, mut visit: impl FnMut(&str, &[Option<&[u8]>], Option<&[Option<&[u8]>]>)) -> i64 {
        self.runtime.block_on(async {
            let client = self.connect().await;
            let view = LogView::open(&client, &self.plan).await.unwrap();
            for touched in view.touched.clone() {
                let table = self.plan.table(touched.table_id).expect("a planned table");
                let each = |key: &[Option<&[u8]>], row: Option<&[Option<&[u8]>]>| {
                    visit(&table.target_name, key, row);
                    Ok(())
                };
                view.rows(&self.plan, table, each).await.unwrap();
            }
            view.finish(self.run_id).await.unwrap()
        })
    }
}
