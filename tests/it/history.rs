//! Histories: writers that append numbered entries to whichever side accepts them, while the primary is switched and
//! everything is killed (I8, I9)
//!
//! Each writer is a process with a row and a list of its own on both sides, and a journal beside them in which it notes
//! what was acknowledged, with the moments before and after. A number is taken from the row that the transaction itself
//! reads, so a side that accepts writes without having everything acknowledged before is found at once.

mod journal;
mod writer;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossfade::cli::demo::cluster::{Cluster, Stop};

use crate::support::cluster::{database_on, own_cluster};
use crate::support::compare::assert_equal;
use crate::support::pg::Pg;
use crate::support::process::{Output, PATIENCE, Pair, Running, wait_until};
use crate::support::rng::Rng;
use crate::support::source::{self, Workplace};
use journal::Journals;
use writer::{WRITERS, Writers};

const SCHEMA: &str = "
    CREATE TABLE heads(writer INTEGER PRIMARY KEY, last INTEGER NOT NULL, chain INTEGER NOT NULL);
    CREATE TABLE entries(writer INTEGER NOT NULL, number INTEGER NOT NULL, side TEXT NOT NULL, note TEXT,
                         PRIMARY KEY(writer, number));
    CREATE TABLE bystander(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, amount REAL);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO bystander(text, amount) SELECT 'never touched ' || i, i / 3.0 FROM n;
";

/// So many reverse cycles come by every point that following goes by
const CYCLES: i64 = 5;

/// Killed at every point of a cutover, of following in reverse, and of a rollback
#[test]
fn i8_i9_no_acknowledged_write_is_lost_at_any_point_of_a_switch() {
    let mut history = History::begin();
    let mut deaths = Vec::new();
    for point in failpoints(&["cutover.", "fence.", "rehearse.", "rollback.", "opening.", "reverse.", "source."]) {
        let begins_on = if matches!(request(&point), ["cutover", ..]) { "sqlite" } else { "postgres" };
        history.switch_over(begins_on);
        if history.die_at(&point) {
            deaths.push(point);
        }
    }
    // The others lie on ways that only a failure or a recovery takes.
    assert!(deaths.len() >= 40, "only these were reached: {deaths:?}");
    history.end();
}

#[test]
fn i8_i9_no_acknowledged_write_is_lost_by_kills_at_random() {
    let mut history = History::begin();
    let mut rng = Rng::new(8_001);
    for round in 0..10 {
        let wanted = if round % 2 == 0 { "postgres" } else { "sqlite" };
        history.disturb(wanted, &mut rng);
        history.switch_over(wanted);
    }
    history.end();
}

/// Without any fault: every switch goes through at once
#[test]
fn i8_switches_under_load_lose_nothing() {
    let mut history = History::begin();
    for wanted in ["postgres", "sqlite", "postgres", "sqlite", "postgres"] {
        let verb = verb_to(wanted);
        // Rows on which all writers sit are in flight in most moments, and a verify that could not compare them is not the
        // last word.
        wait_until("nothing to stand in the way", || {
            history.pair.verify();
            history.pair.verb(verb).arg("--dry-run").run().code() == Some(0)
        });
        let output = history.pair.verb(verb).run().expect_code(0);
        assert!(output.stdout.contains("refused for"), "no refusal time:\n{output}");
        assert_eq!(history.pair.status()["primary"], wanted);
        history.writers.wait_for(200);
    }
    history.end();
}

/// The names of all failpoints with these beginnings, from the source itself: a new one is killed at too
fn failpoints(beginnings: &[&str]) -> Vec<String> {
    fn visit(folder: &Path, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("the source tree").flatten() {
            let path = entry.path();
            if path.is_dir() {
                visit(&path, names);
            } else {
                let text = std::fs::read_to_string(&path).expect("a source file");
                names.extend(text.split('"').map(str::to_owned));
            }
        }
    }
    let mut names = Vec::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
    // Some are named far from where they are hit: whatever stands in quotes and looks like one, is one.
    let is_name = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    names.retain(|name| beginnings.iter().any(|beginning| name.strip_prefix(beginning).is_some_and(is_name)));
    names.sort();
    names.dedup();
    assert!(!names.is_empty(), "no failpoint begins with any of {beginnings:?}");
    names
}

/// The command that leads to this point; none where following alone does
fn request(point: &str) -> &'static [&'static str] {
    match point.split('.').next() {
        Some("fence") if point.starts_with("fence.postgres") => &["rollback"],
        Some("cutover" | "fence") => &["cutover"],
        Some("rehearse") => &["cutover", "--rehearse"],
        Some("rollback" | "opening") => &["rollback"],
        _ => &[],
    }
}

fn verb_to(side: &str) -> &'static str {
    if side == "postgres" { "cutover" } else { "rollback" }
}

/// A pair under load, with a replicator that is started again whenever it has died
struct History {
    pair: Pair,
    folder: PathBuf,
    cluster: Cluster,
    writers: Writers,
    replicator: Option<Running>,
    untouched: Vec<String>,
    _work: Workplace,
}

impl History {
    fn begin() -> History {
        let cluster = own_cluster();
        let work = Workplace::new();
        let path = work.database(SCHEMA);
        let folder = work.0.path().to_owned();
        let connection = source::open(&path);
        for writer in 0..WRITERS {
            connection.execute("INSERT INTO heads VALUES(?1, 0, 0)", [writer as i64]).expect("a writer's row");
        }
        let untouched = bystanders(&path);
        let pair = Pair::new(path, database_on(&cluster));
        let writers = Writers::start(&pair, &folder);
        let mut replicator = pair.replicate(&[]);
        pair.wait_following(&mut replicator);
        History { pair, folder, cluster, writers, replicator: Some(replicator), untouched, _work: work }
    }

    /// Starts the replicator unless it runs; one that has ended by itself is an error only if it says that it has a bug
    fn keep_running(&mut self) {
        if self.replicator.as_mut().is_some_and(|running| running.exited().is_some()) {
            let ended = self.replicator.take().expect("it was there").wait();
            assert_ne!(ended.code(), Some(1), "the replicator has a bug:\n{ended}");
        }
        if self.replicator.is_none() {
            self.replicator = Some(self.pair.replicate(&[]));
        }
    }

    /// Until that side is the primary, and nothing is being switched any more
    fn switch_over(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        while !self.is_primary(wanted) {
            assert!(Instant::now() < deadline, "{wanted} does not become the primary; last:\n{last}");
            self.keep_running();
            self.writers.check();
            let output = self.pair.verb(verb_to(wanted)).args(&["--timeout", "20s", "--max-lag", "20s"]).run();
            assert_ne!(output.code(), Some(1), "a bug:\n{output}");
            self.verify_after(&output);
            last = output.to_string();
        }
        // Both have to be seen to accept: a side that is open in name only would leave everybody refused.
        self.keep_running();
        self.writers.wait_for(20);
    }

    /// A switch that was refused may lack nothing but a comparison of everything
    fn verify_after(&self, output: &Output) {
        if output.code() != Some(0) {
            // It may find that the copy is still behind, or that no replicator runs yet.
            let _ = self.pair.verb("verify").run();
        }
    }

    fn is_primary(&self, wanted: &str) -> bool {
        let output = self.pair.verb("status").arg("--json").run();
        let phase = if wanted == "postgres" { "reversed" } else { "following" };
        output.code() == Some(0) && output.json()["primary"] == wanted && output.json()["phase"] == phase
    }

    /// Has the replicator die at this point of the switch that may reach it, then starts it again; `false` if that switch
    /// goes another way
    fn die_at(&mut self, point: &str) -> bool {
        if let Some(running) = self.replicator.take() {
            running.kill();
        }
        self.writers.check();
        let doomed = self.pair.verb("run").env("CROSSFADE_FAILPOINT", point).start();
        self.replicator = Some(doomed);
        let (request, target) = (request(point), self.pair.target.clone());
        let cycle = || {
            let target = Pg::try_connect(&target).ok()?;
            target.try_query("SELECT cycle FROM crossfade.reverse").ok()?[0][0].as_ref()?.parse::<i64>().ok()
        };
        let goal = cycle().unwrap_or(0) + CYCLES;
        let (mut asked, mut went_through): (Option<Running>, bool) = (None, false);
        wait_until(&format!("the replicator to die at {point}"), || {
            self.writers.check();
            if self.replicator.as_mut().is_some_and(|running| running.exited().is_some()) {
                return true;
            }
            if request.is_empty() {
                went_through = cycle().is_some_and(|cycle| cycle >= goal);
                return went_through;
            }
            let verb = asked.get_or_insert_with(|| self.pair.verb(request[0]).args(&request[1..]).start());
            if verb.exited().is_none() {
                return false;
            }
            let output = asked.take().expect("it was there").wait();
            assert_ne!(output.code(), Some(1), "a bug:\n{output}");
            self.verify_after(&output);
            went_through = output.code() == Some(0);
            went_through
        });
        let mut running = self.replicator.take().expect("the one that should have died");
        // It may still be about to: behind its point of no return a switch is told before it is over.
        let is_dead = running.exited().is_some() || !went_through;
        if is_dead {
            running.wait().expect_killed();
        } else {
            // Killed; it may die by itself in this moment.
            drop(running);
        }
        self.keep_running();
        // Whoever waits for a switch whose replicator died hears of it from the next one.
        let output = asked.map(Running::wait);
        assert!(output.as_ref().is_none_or(|output| output.code() != Some(1)), "a bug:\n{output:?}");
        is_dead
    }

    /// Begins a switch and kills something in the midst of it
    fn disturb(&mut self, wanted: &str, rng: &mut Rng) {
        self.keep_running();
        let _ = self.pair.verb("verify").run();
        let mut verb = self.pair.verb(verb_to(wanted)).start();
        let pause = Duration::from_millis(rng.below(1_800) as u64);
        let until = Instant::now() + pause;
        wait_until("a random moment", || Instant::now() >= until);
        match rng.below(4) {
            0 => self.replicator.take().into_iter().for_each(|mut running| {
                if running.exited().is_none() {
                    running.kill();
                }
            }),
            1 => self.writers.kill_and_restart(rng.below(WRITERS)),
            2 => {
                self.cluster.stop(Stop::Immediate).expect("the server stops");
                self.cluster.start_again().expect("the server starts");
            }
            _ => {
                if verb.exited().is_none() {
                    verb.kill();
                    return;
                }
            }
        }
        self.keep_running();
        if verb.exited().is_none() {
            // Whoever waits for a switch whose replicator died must hear of it.
            verb.wait();
        }
    }

    /// Stops the writers, lets the other side catch up, and looks at everything that was ever acknowledged
    fn end(mut self) {
        self.keep_running();
        self.writers.finish();
        wait_until("both sides to agree", || {
            self.keep_running();
            let output = self.pair.verb("status").arg("--json").run();
            output.code() == Some(0) && output.json()["in_sync"] == true
        });
        assert_equal(&self.pair.source, &self.pair.target);
        self.pair.verify();
        let journals = Journals::read(&self.folder);
        let target = Pg::connect(&self.pair.target);
        journals.check_against(&self.pair.source, &target);
        let switched = target.value("SELECT count(*) FROM crossfade.switches WHERE outcome = 'switched'");
        let switched: usize = switched.and_then(|n| n.parse().ok()).expect("a count");
        let alternations = journals.alternations();
        assert!(alternations <= switched, "I8: the side changed {alternations} times in {switched} switches");
        assert!(alternations > 0, "nothing was ever accepted on PostgreSQL");
        assert_eq!(bystanders(&self.pair.source), self.untouched, "rows that nobody touched");
        self.replicator.take().expect("a replicator").stop();
    }
}

/// The rows that no writer touches, by class and bytes
fn bystanders(path: &Path) -> Vec<String> {
    let connection = source::open(path);
    let sql =
        "SELECT quote(id) || typeof(text) || quote(text) || typeof(amount) || quote(amount) FROM bystander ORDER BY id";
    let mut statement = connection.prepare(sql).expect("the bystanders");
    statement.query_map([], |row| row.get(0)).expect("the bystanders").collect::<Result<_, _>>().expect("their rows")
}
