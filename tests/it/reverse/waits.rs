//! What must be mended while the application writes: nobody waits behind it, and nothing is believed before

use std::time::{Duration, Instant};

use super::{SHOP, shop};
use crate::support::compare::{assert_equal, differences};
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::migrate_and_switch;
use crate::support::process::{Pair, Running, wait_until};
use crate::support::source::Workplace;

/// Triggers of ours, dropped as an application's own migration might
const DROP_TRIGGERS: &str = "SELECT string_agg(format('DROP TRIGGER %I ON part', tgname), '; ') FROM pg_trigger \
                             WHERE tgrelid = 'part'::regclass AND tgname LIKE '\\_crossfade\\_note%'";

fn wait_equal(pair: &Pair, replicator: &mut Running) {
    wait_until("both sides to be equal", || {
        replicator.must_run();
        differences(&pair.source, &pair.target).is_empty()
    });
}

/// I2: somebody writes for long while triggers are gone: others go on writing, and what nobody noted is found afterwards
#[test]
fn i2_capture_is_put_back_without_making_writers_wait() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_returned(&mut replicator);
    let (target, long) = (Pg::connect(&pair.target), Pg::connect(&pair.target));
    target.execute(&target.value(DROP_TRIGGERS).expect("triggers of ours"));
    long.execute("BEGIN; UPDATE part SET n = 70 WHERE id = 1");
    wait_until("the replicator to see it", || {
        replicator.must_run();
        target.value("SELECT repair_reason FROM crossfade.state").is_some()
    });
    // For longer than a few looks: each write is through at once, and none of them is noted.
    let until = Instant::now() + Duration::from_secs(4);
    let mut longest = Duration::ZERO;
    while Instant::now() < until {
        let began = Instant::now();
        target.execute("UPDATE part SET n = n + 1 WHERE id = 2");
        longest = longest.max(began.elapsed());
    }
    assert!(longest < Duration::from_secs(1), "a writer waited for {longest:?}");
    assert_eq!(pair.status()["in_sync"], false);
    let output = pair.verb("rollback").arg("--dry-run").run().expect_code(3);
    assert!(output.stderr.contains("schema: the tables must be compared first"), "{output}");
    pair.verb("rollback").run().expect_code(3).expect_error("schema: ");
    long.execute("COMMIT");
    wait_equal(&pair, &mut replicator);
    wait_until("the comparison to be over", || pair.status()["in_sync"] == true);
    target.execute("UPDATE part SET n = 5 WHERE id = 3");
    wait_equal(&pair, &mut replicator);
    pair.verify();
    replicator.stop();
}

/// `run --until in-sync` does not end before the triggers stand
#[test]
fn i2_nothing_is_in_sync_while_capture_is_not_whole() {
    let (_work, pair) = shop();
    let (target, long) = (Pg::connect(&pair.target), Pg::connect(&pair.target));
    target.execute(&target.value(DROP_TRIGGERS).expect("triggers of ours"));
    long.execute("BEGIN; UPDATE part SET n = 70 WHERE id = 1");
    let mut run = pair.verb("run").args(&["--until", "in-sync"]).start();
    wait_until("the replicator to see it", || target.value("SELECT repair_reason FROM crossfade.state").is_some());
    run.must_run_for(Duration::from_secs(2));
    long.execute("COMMIT");
    run.wait().expect_code(0);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
}

/// A row that differs, whatever the reason: verify says so, the replicator brings PostgreSQL's over, and then there is a way
/// back
#[test]
fn what_verify_finds_is_brought_over_and_a_rollback_is_possible() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    migrate_and_switch(&pair);
    let mut replicator = pair.replicate(&[]);
    pair.wait_returned(&mut replicator);
    pair.verify();
    Pg::unseen(&pair.target).execute(
        "UPDATE item SET name = 'unseen' WHERE id = 3; DELETE FROM tag WHERE k = 'b'; INSERT INTO tag VALUES ('new', 1)",
    );
    replicator.stop();
    pair.verb("verify").run().expect_code(4).expect_error("brings its rows to SQLite");
    let status = pair.status();
    assert_eq!(status["in_sync"], false, "{status}");
    assert!(status["notices"].to_string().contains("verify found differences in 3 rows"), "{status}");
    let mut replicator = pair.replicate(&[]);
    wait_equal(&pair, &mut replicator);
    wait_until("the comparison to be over", || pair.status()["in_sync"] == true);
    // Found by one that is at work already, too.
    Pg::unseen(&pair.target).execute("UPDATE item SET name = 'unseen again' WHERE id = 3");
    pair.verb("verify").run().expect_code(4);
    wait_equal(&pair, &mut replicator);
    wait_until("the comparison to be over", || pair.status()["in_sync"] == true);
    pair.verb("rollback").run().expect_code(3).expect_error("run `crossfade verify` again");
    pair.verify();
    pair.verb("rollback").run().expect_code(0);
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
}
