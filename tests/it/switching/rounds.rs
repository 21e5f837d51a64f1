//! What is compared before the fence, and what is left to compare under it: little, and nothing is forgotten

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::stage::Stage;
use crate::support::pg::Pg;
use crate::support::process::{Running, wait_until};
use crate::support::source;

const BULK: u64 = 20_000;

/// Rows that the writers keep changing: so many at most can be left to compare, however fast they are
const HOT: u64 = 200;
/// Rows that were all changed after everything was compared
fn bulk(options: &[&str], pieces: Option<&str>) -> (Stage, Running) {
    let stage = Stage::new();
    stage.write_sqlite(&items(BULK));
    let run = stage.pair.verb("run").args(options);
    let mut replicator = match pieces {
        Some(keys) => run.env("CROSSFADE_CHANGED_KEYS", keys).start(),
        None => run.start(),
    };
    stage.pair.wait_following(&mut replicator);
    stage.pair.wait_caught_up(&mut replicator);
    stage.pair.verify();
    stage.write_sqlite("UPDATE items SET amount = 2");
    (stage, replicator)
}

fn items(count: u64) -> String {
    format!(
        "WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < {count})
         INSERT INTO items(shelf, name, amount) SELECT 1, 'item ' || i, i FROM i"
    )
}

/// Writers at full speed, each on rows of its own, until they are refused or told to stop
struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    fn start(path: &Path, count: u64) -> Writers {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|writer| {
            let (stop, path) = (Arc::clone(&stop), path.to_owned());
            std::thread::spawn(move || {
                let connection = source::open(&path);
                let mut update = connection.prepare("UPDATE items SET amount = amount + 1 WHERE id = ?1").expect("SQL");
                for n in 0.. {
                    let refused = |e: rusqlite::Error| assert!(e.to_string().contains("crossfade"), "{e}");
                    if stop.load(Ordering::Relaxed)
                        || update.execute([((n * count + writer) % HOT) as i64 + 1]).map_err(refused).is_err()
                    {
                        break;
                    }
                }
            })
        });
        Writers { threads: threads.collect(), stop }
    }

    fn join(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("a writer"));
    }
}

/// How many rows this step of the last switch compared
fn compared(target: &Pg, step: &str) -> u64 {
    let sql = "SELECT replace(substring(detail from '^[0-9,]+'), ',', '') FROM crossfade.switch_steps \
               WHERE switch_id = (SELECT max(id) FROM crossfade.switches) AND step = '{step}'";
    target.value(&sql.replace("{step}", step)).expect("a detail").parse().expect("a number")
}

fn number(target: &Pg, sql: &str) -> u64 {
    target.value(sql).expect("a value").parse().expect("a number")
}

/// While the writers go on, there are keys in flight in every round; that keeps none of them from counting
#[test]
fn under_the_fence_only_what_came_since_the_last_round_is_compared() {
    let (stage, mut replicator) = bulk(&[], None);
    let target = stage.target();
    for options in [&["--rehearse"][..], &[]] {
        let writers = Writers::start(&stage.pair.source, 4);
        stage.write_sqlite("UPDATE items SET amount = amount + 0.5");
        // The lock is seldom free for as long as it takes to notice.
        let patient = ["--max-lag", "60s", "--timeout", "60s", "--force", "writers", "--force", "lag"];
        stage.cutover(&[options, &patient].concat()).expect_code(0);
        writers.join();
        let (before, under) = (compared(&target, "compare"), compared(&target, "verify"));
        // Those that were in flight in the first round may have been compared in no other.
        assert!(before >= BULK - HOT, "{before} rows were compared before the fence");
        assert!(under <= HOT, "{under} rows of {before} were compared once more under the fence");
        // That last round began behind entries that were in flight in the one before.
        let in_flight = "SELECT in_flight FROM crossfade.verify_runs ORDER BY id DESC OFFSET 1 LIMIT 1";
        assert!(number(&target, in_flight) > 0, "nothing was in flight");
    }
    stage.wait_equal(&mut replicator);
    replicator.stop();
    stage.pair.verify();
}

/// A row that is written after the last round arrives otherwise than it is on SQLite: by a trigger that nobody told us of
#[test]
fn what_goes_wrong_after_the_last_round_is_found_under_the_fence() {
    let stage = Stage::new();
    let go = stage.work.path("go");
    let wait =
        format!("test $CROSSFADE_STAGE != before-fence || until test -e '{}'; do sleep 0.05; done", go.display());
    let mut replicator = stage.ready(&["--on-switch", &wait]);
    let cutover = stage.pair.verb("cutover").args(&["--timeout", "20s"]).start();
    stage.wait_step("hook");
    // The fence waits for this transaction; the rounds before it see nothing of it.
    let writer = source::open(&stage.pair.source);
    writer.execute_batch("BEGIN IMMEDIATE; UPDATE items SET amount = 7 WHERE id = 2").expect("a write");
    std::fs::write(&go, "").expect("a file");
    stage.wait_step("fence");
    let target = stage.target();
    target.execute(
        "CREATE FUNCTION stray() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN IF NEW.id = 2 THEN NEW.name := ''stray''; END IF; RETURN NEW; END'; \
         CREATE TRIGGER stray BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION stray(); \
         ALTER TABLE items ENABLE ALWAYS TRIGGER stray",
    );
    writer.execute_batch("COMMIT").expect("a commit");
    cutover.wait().expect_code(3).expect_error("1 rows differ between the two sides (in step `verify`");
    assert_eq!((stage.primary(), compared(&target, "compare")), ("sqlite", 0));
    target.execute("DROP FUNCTION stray() CASCADE");
    stage.write_sqlite("UPDATE items SET amount = 8 WHERE id = 2");
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// More changes than are held at once are compared in pieces, before the fence and under it
#[test]
fn any_number_of_changes_is_compared() {
    let (stage, mut replicator) = bulk(&[], Some("700"));
    let target = stage.target();
    stage.pair.wait_caught_up(&mut replicator);
    stage.cutover(&["--dry-run"]).expect_code(0).expect_stdout("20,003 changes since the last clean verify");
    let runs = "SELECT count(*) FROM crossfade.verify_runs";
    let before = number(&target, runs);
    stage.cutover(&[]).expect_code(0);
    assert_eq!((compared(&target, "compare"), compared(&target, "verify")), (BULK + 3, 0));
    assert!(number(&target, runs) - before >= BULK / 700, "not in pieces");
    target.execute("UPDATE items SET amount = 4 WHERE id % 2 = 0");
    stage.wait_equal(&mut replicator);
    stage.rollback(&[]).expect_code(0);
    replicator.stop();
}

/// The log does not go back to the last clean verify any more: that is said before anything begins
#[test]
fn a_trimmed_log_is_said_by_the_gate() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&["--log-limit", "1000"]);
    stage.cutover(&["--dry-run"]).expect_code(0);
    let head = || source::head(&stage.pair.source).expect("a head");
    let first = head();
    while head() < first + 2000 {
        stage.write_sqlite(&items(300));
        stage.pair.wait_caught_up(&mut replicator);
    }
    for options in [&["--dry-run"][..], &["--rehearse"], &[]] {
        let output = stage.cutover(options).expect_code(3).expect_error("unverified: it is not known what changed");
        assert!(output.stderr.contains("trimmed") && output.stderr.contains("run `crossfade verify`"), "{output}");
    }
    assert_eq!(stage.outcomes(), "");
    stage.pair.verify();
    stage.cutover(&[]).expect_code(0);
    replicator.stop();
}

/// A target that cannot keep up ends the attempt before anybody is refused anything
#[test]
fn what_falls_behind_is_given_up_before_the_fence() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    let target = stage.target();
    target.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.6); RETURN NULL; END'; \
         CREATE TRIGGER slow AFTER INSERT OR UPDATE ON tags EXECUTE FUNCTION slow(); \
         ALTER TABLE tags ENABLE ALWAYS TRIGGER slow",
    );
    let (stop, path) = (Arc::new(AtomicBool::new(false)), stage.pair.source.clone());
    let writer = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let connection = source::open(&path);
            for n in 0.. {
                let sql =
                    format!("INSERT INTO tags VALUES({n}, 'x'); DELETE FROM tags WHERE item = {n} - 50 AND tag = 'x'");
                connection.execute_batch(&sql).expect("a write that nobody refuses");
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
    });
    wait_until("a backlog", || stage.pair.status()["backlog"].as_i64() > Some(300));
    let output = stage.cutover(&["--max-lag", "300ms", "--force", "lag"]).expect_code(3);
    assert!(
        output.stderr.contains("does not catch up with the writers") && output.stderr.contains("--max-lag"),
        "{output}"
    );
    stop.store(true, Ordering::Relaxed);
    writer.join().expect("a writer");
    target.execute("DROP FUNCTION slow() CASCADE");
    let fenced = "SELECT count(*) FROM crossfade.switches WHERE fence_seq IS NOT NULL OR refused_seconds IS NOT NULL";
    assert_eq!((stage.primary(), number(&target, fenced)), ("sqlite", 0));
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// The tail does not wait for the comparison: otherwise more would pile up than was compared
#[test]
fn the_tail_goes_on_while_a_round_compares() {
    let stage = Stage::new();
    let go = stage.work.path("go");
    let wait =
        format!("test $CROSSFADE_STAGE != before-fence || until test -e '{}'; do sleep 0.05; done", go.display());
    let mut replicator = stage.ready(&["--on-switch", &wait]);
    let cutover = stage.pair.verb("cutover").start();
    stage.wait_step("hook");
    // The comparison reads this, and nothing else does.
    let session = stage.target();
    session.execute("BEGIN; LOCK TABLE crossfade.touched IN ACCESS EXCLUSIVE MODE");
    std::fs::write(&go, "").expect("a file");
    stage.wait_step("compare");
    stage.write_sqlite("UPDATE items SET amount = 70 WHERE id = 2");
    stage.wait_equal(&mut replicator);
    assert_eq!((stage.primary(), stage.phase().as_str()), ("sqlite", "cutting_over"));
    session.execute("COMMIT");
    cutover.wait().expect_code(0);
    assert_eq!(stage.primary(), "postgres");
    replicator.stop();
}
