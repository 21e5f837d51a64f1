//! SIGKILL at every step, then `run`: exactly one side accepts writes, and everything goes on (I8, I9)

use crate::support::process::{Running, wait_until};

use super::outages::held_up_at_the_opening;
use super::stage::Stage;

/// Runs the switch into the failpoint, starts again without it, and looks who accepts writes; `point` may name a second
/// one behind a comma, for the run that recovers
#[cfg(feature = "failpoints")]
fn killed_at(verb: &str, options: &[&str], points: &str, primary: &str) {
    let (point, then) = points.split_once(',').map_or((points, None), |(point, then)| (point, Some(then)));
    let stage = Stage::new();
    let replicator = stage.ready(&[]);
    if verb == "rollback" {
        stage.cutover(&[]).expect_code(0);
        super::write_postgres(&stage.target(), 1);
    } else {
        super::write_sqlite(&stage, 1);
    }
    replicator.stop();
    let target = stage.target();
    let run = || target.value("SELECT run_id FROM crossfade.checkpoint");
    let before = run();
    let mut doomed = stage.pair.verb("run").env("CROSSFADE_FAILPOINT", point).start();
    wait_until("the replicator to be there", || {
        doomed.must_run();
        run() != before
    });
    let switch = stage.pair.verb(verb).args(options).start();
    dies_at(doomed, point);
    if let Some(then) = then {
        dies_at(stage.pair.verb("run").env("CROSSFADE_FAILPOINT", then).start(), then);
    }
    // With nobody there it may be that neither does; both never do.
    let (sqlite, postgres) = (stage.on_sqlite(), stage.on_postgres());
    assert!(sqlite.is_err() || postgres.is_err(), "both sides accept writes after {points}");
    let mut replicator = stage.pair.replicate(&[]);
    let ended = switch.wait();
    let aborted = if verb == "rollback" { "postgres" } else { "sqlite" };
    let code = if primary == aborted && verb != "rehearse" { 3 } else { 0 };
    assert!(ended.code() == Some(code), "{points}: {ended}");
    assert_eq!(stage.primary(), primary, "after {points}");
    goes_on(&stage, &mut replicator, primary);
    replicator.stop();
}

#[cfg(feature = "failpoints")]
fn dies_at(mut doomed: Running, point: &str) {
    use std::os::unix::process::ExitStatusExt;
    wait_until(&format!("the process to die at {point}"), || doomed.exited().is_some());
    let end = doomed.wait();
    assert_eq!(end.status.signal(), Some(libc::SIGKILL), "{point} was not reached\n{end}");
}

/// Writes arrive on the other side, and the next switch works
fn goes_on(stage: &Stage, replicator: &mut Running, primary: &str) {
    if primary == "postgres" {
        super::write_postgres(&stage.target(), 7);
        stage.wait_equal(replicator);
        stage.rollback(&[]).expect_code(0);
        assert_eq!(stage.primary(), "sqlite");
    } else {
        super::write_sqlite(stage, 7);
        stage.wait_equal(replicator);
        stage.cutover(&[]).expect_code(0);
        assert_eq!(stage.primary(), "postgres");
    }
    stage.wait_equal(replicator);
}

#[cfg(feature = "failpoints")]
macro_rules! killed_at {
    ($($name:ident: $verb:literal $options:tt, $primary:literal, $points:tt;)*) => {
        $(#[test]
        fn $name() {
            for point in $points {
                killed_at($verb, &$options, point, $primary);
            }
        })*
    };
}

#[cfg(feature = "failpoints")]
killed_at! {
    i9_a_cutover_killed_before_its_fence_is_taken_back: "cutover"[], "sqlite",
        ["cutover.begun", "cutover.caught_up", "fence.committed"];
    i9_a_cutover_killed_behind_its_fence_is_taken_back: "cutover"[], "sqlite",
        ["cutover.fenced", "cutover.drained", "cutover.verified"];
    i9_a_cutover_killed_before_it_opens_is_taken_back: "cutover"[], "sqlite",
        ["cutover.sequenced", "cutover.captured", "cutover.opening"];
    i9_a_cutover_killed_behind_its_point_of_no_return_is_completed: "cutover"[], "postgres",
        ["cutover.commit_sent", "cutover.opened", "cutover.settled", "cutover.closed"];
    i9_a_rehearsal_killed_is_taken_back: "cutover"["--rehearse"], "sqlite",
        ["rehearse.begun", "rehearse.fenced", "rehearse.captured", "rehearse.released"];
    i9_a_rehearsal_killed_late_is_taken_back: "cutover"["--rehearse"], "sqlite",
        ["rehearse.written", "rehearse.returned", "cutover.lifted", "rehearse.lifted"];
    i9_a_rollback_killed_before_it_opens_is_taken_back: "rollback"[], "postgres",
        ["rollback.begun", "rollback.caught_up", "rollback.fenced", "rollback.drained"];
    i9_a_rollback_killed_late_is_taken_back: "rollback"[], "postgres",
        ["rollback.verified", "opening.prepared", "rollback.opening", "rollback.checkpointed"];
    i9_a_rollback_killed_while_it_fences_is_taken_back: "rollback"[], "postgres",
        ["fence.postgres_put:2", "fence.postgres_put:3"];
    i9_a_rollback_killed_while_it_is_given_up_is_taken_back: "rollback"["--timeout", "1ms"], "postgres",
        ["rollback.taking_back", "rollback.lifted"];
    i9_a_rollback_killed_behind_its_point_of_no_return_is_completed: "rollback"[], "sqlite",
        ["opening.committed", "rollback.opened", "rollback.settling", "rollback.settled"];
    i9_killed_again_while_a_cutover_is_recovered: "cutover"[], "sqlite",
        ["cutover.captured,cutover.recovering", "cutover.opening,cutover.taking_back"];
    i9_killed_again_while_a_cutover_is_completed: "cutover"[], "postgres", ["cutover.opened,cutover.completing"];
    i9_killed_again_while_a_rollback_is_recovered: "rollback"[], "postgres",
        ["rollback.fenced,rollback.recovering", "rollback.checkpointed,rollback.taking_back"];
    i9_killed_again_while_a_rollback_is_completed: "rollback"[], "sqlite",
        ["rollback.opened,rollback.completing", "opening.committed,rollback.settling"];
}

/// A process that sleeps through its own replacement must not open a second side when it wakes up
#[test]
fn i8_a_replicator_that_was_replaced_opens_nothing() {
    let stage = Stage::new();
    let sleeper = stage.ready(&[]);
    let target = stage.target();
    let before = target.value("SELECT run_id FROM crossfade.checkpoint");
    // It waits with everything else done, and SQLite's lock in its hands.
    let (cutover, session) = held_up_at_the_opening(&stage);
    sleeper.signal(libc::SIGSTOP);
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'crossfade' \
               AND datname = current_database()";
    assert_eq!(target.value(cut).as_deref(), Some("1"));
    session.execute("ROLLBACK");
    let mut replicator = stage.pair.replicate(&[]);
    wait_until("another replicator to take over", || {
        replicator.must_run();
        target.value("SELECT run_id FROM crossfade.checkpoint") != before
    });
    sleeper.signal(libc::SIGCONT);
    cutover.wait().expect_code(3).expect_error("SQLite is still the primary");
    wait_until("the sleeper to notice", || sleeper.stderr().contains("another crossfade replicator"));
    assert_eq!(stage.primary(), "sqlite");
    sleeper.kill();
    goes_on(&stage, &mut replicator, "sqlite");
    replicator.stop();
}
