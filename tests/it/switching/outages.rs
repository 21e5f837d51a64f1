//! In the middle of a switch: the time is over, somebody gives up, a side goes away

use std::time::{Duration, Instant};

use crossfade::cli::demo::cluster::Stop;

use super::stage::Stage;
use crate::support::cluster::{database_on, own_cluster, shared};
use crate::support::pg::Pg;
use crate::support::process::{Running, wait_until};
use crate::support::proxy::Proxy;

/// A session whose open transaction keeps capture from being installed
fn in_the_way_of_capture(stage: &Stage) -> Pg {
    let session = stage.target();
    session.execute("BEGIN; LOCK TABLE items IN ROW EXCLUSIVE MODE");
    session
}

/// A cutover that is held up right before its point of no return, and the session that holds it
pub fn held_up_at_the_opening(stage: &Stage) -> (Running, Pg) {
    let first = in_the_way_of_capture(stage);
    let cutover = stage.pair.verb("cutover").start();
    stage.wait_step("capture");
    let session = stage.target();
    session.execute("BEGIN; SELECT phase FROM crossfade.state FOR SHARE");
    first.execute("ROLLBACK");
    stage.wait_step("open");
    (cutover, session)
}

/// The server's process for the replicator
fn backend(stage: &Stage) -> libc::pid_t {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'crossfade'";
    stage.target().value(sql).expect("the replicator's connection").parse().expect("a number")
}

fn signal(process: libc::pid_t, signal: i32) {
    // SAFETY: a plain system call; the process serves a connection that is open.
    let sent = unsafe { libc::kill(process, signal) };
    assert_eq!(sent, 0, "signal {signal} was not sent to {process}");
}

fn wait_open(stage: &Stage) {
    wait_until("SQLite to accept writes", || stage.on_sqlite().is_ok());
}

/// PostgreSQL does not answer, but SQLite is open again when the time is over
#[test]
fn i9_the_timeout_lifts_the_fence_whatever_the_target_does() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    let session = in_the_way_of_capture(&stage);
    let cutover = stage.pair.verb("cutover").args(&["--timeout", "1500ms"]).start();
    stage.wait_step("capture");
    assert!(stage.on_sqlite().is_err(), "no fence");
    // A server that is there and does not answer: no timeout of its own ends this.
    let server = backend(&stage);
    signal(server, libc::SIGSTOP);
    let fenced = Instant::now();
    wait_open(&stage);
    assert!(fenced.elapsed() < Duration::from_secs(10), "writes were refused for {:?}", fenced.elapsed());
    assert_eq!(stage.outcomes(), "cutover -", "the replicator is not stuck");
    stage.write_sqlite("UPDATE items SET amount = 11");
    session.execute("ROLLBACK");
    signal(server, libc::SIGCONT);
    let output = cutover.wait().expect_code(3).expect_error("SQLite is still the primary");
    assert!(output.stderr.contains("within 1.5 s"), "{output}");
    let refused = stage.target().value("SELECT refused_seconds BETWEEN 1.4 AND 5 FROM crossfade.switches");
    assert_eq!(refused.as_deref(), Some("t"));
    stage.wait_equal(&mut replicator);
    assert_eq!(stage.primary(), "sqlite");
    stage.cutover(&[]).expect_code(0);
    assert_eq!(stage.primary(), "postgres");
    replicator.stop();
}

/// A rollback gives up too, when a transaction on PostgreSQL does not end
#[test]
fn i9_a_rollback_gives_up_when_its_time_is_over() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    stage.cutover(&[]).expect_code(0);
    let session = stage.target();
    session.execute("BEGIN; UPDATE items SET amount = 12 WHERE id = 1");
    let output = stage.rollback(&["--timeout", "1s"]).expect_code(3);
    output.expect_error("PostgreSQL is still the primary");
    session.execute("COMMIT");
    assert_eq!(stage.primary(), "postgres");
    stage.wait_equal(&mut replicator);
    stage.rollback(&[]).expect_code(0);
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

#[test]
fn i9_ctrl_c_in_the_command_gives_up() {
    let stage = Stage::new();
    let mut replicator = stage.ready(&[]);
    let session = in_the_way_of_capture(&stage);
    let cutover = stage.pair.verb("cutover").start();
    stage.wait_step("capture");
    assert!(stage.on_sqlite().is_err(), "no fence");
    cutover.signal(libc::SIGINT);
    wait_open(&stage);
    session.execute("ROLLBACK");
    let output = cutover.wait().expect_code(3).expect_error("SQLite is still the primary");
    assert!(output.stderr.contains("given up"), "{output}");
    stage.write_sqlite("UPDATE items SET amount = 13");
    stage.wait_equal(&mut replicator);
    assert_eq!(stage.outcomes(), "cutover aborted");
    replicator.stop();
}

#[test]
fn i9_ctrl_c_in_the_replicator_gives_up() {
    let stage = Stage::new();
    let replicator = stage.ready(&[]);
    let session = in_the_way_of_capture(&stage);
    let cutover = stage.pair.verb("cutover").start();
    stage.wait_step("capture");
    replicator.signal(libc::SIGINT);
    wait_open(&stage);
    session.execute("ROLLBACK");
    replicator.wait().expect_code(130);
    cutover.wait().expect_code(3).expect_error("the replicator was stopped");
    assert_eq!(stage.phase(), "following");
    assert_eq!(stage.primary(), "sqlite");
}

/// Nobody follows the request any more; the switch is made all the same, and its outcome kept
#[test]
fn a_request_outlives_the_command() {
    let stage = Stage::new();
    let replicator = stage.ready(&[]);
    let session = in_the_way_of_capture(&stage);
    let cutover = stage.pair.verb("cutover").start();
    stage.wait_step("capture");
    cutover.kill();
    session.execute("ROLLBACK");
    stage.wait_phase("reversed");
    let target = stage.target();
    let answered = "SELECT answer FROM crossfade.control WHERE done_at IS NOT NULL";
    wait_until("an answer", || target.value(answered).as_deref() == Some("\"switch\""));
    assert_eq!(stage.outcomes(), "cutover switched");
    assert_eq!(stage.primary(), "postgres");
    replicator.stop();
}

/// The server is gone right before the point of no return: SQLite is open while it is away
#[test]
fn i9_a_target_that_is_lost_before_the_point_of_no_return_is_not_missed() {
    let mut cluster = own_cluster();
    let stage = Stage::on(database_on(&cluster), super::stage::SCHEMA);
    let mut replicator = stage.ready(&[]);
    let (cutover, session) = held_up_at_the_opening(&stage);
    cluster.stop(Stop::Immediate).expect("the server stops");
    drop(session);
    wait_open(&stage);
    stage.write_sqlite("UPDATE items SET amount = 14");
    replicator.must_run();
    cluster.start_again().expect("the server starts");
    cutover.wait().expect_code(3).expect_error("SQLite is still the primary");
    stage.wait_equal(&mut replicator);
    assert_eq!(stage.primary(), "sqlite");
    stage.cutover(&[]).expect_code(0);
    replicator.stop();
}

/// PostgreSQL is open and nobody was told: SQLite must stay fenced until PostgreSQL has said so
#[test]
fn i8_a_lost_reply_at_the_point_of_no_return_opens_no_second_side() {
    let server = shared().port();
    let proxy = Proxy::start(server);
    let stage = Stage::new();
    let mut behind = stage.pair.clone();
    behind.target = proxy.url(&stage.pair.target, server);
    let mut replicator = behind.replicate(&[]);
    stage.pair.wait_following(&mut replicator);
    stage.pair.wait_caught_up(&mut replicator);
    stage.pair.verify();
    let (mut cutover, session) = held_up_at_the_opening(&stage);
    proxy.lose_next_commit();
    session.execute("ROLLBACK");
    wait_until("the cutover to end", || {
        assert!(stage.on_sqlite().is_err(), "SQLite was opened beside PostgreSQL");
        cutover.exited().is_some()
    });
    cutover.wait().expect_code(0).expect_stdout("PostgreSQL is the primary since");
    assert_eq!(proxy.lost(), 1, "no reply was lost");
    assert_eq!(stage.primary(), "postgres");
    super::write_postgres(&stage.target(), 1);
    stage.wait_equal(&mut replicator);
    replicator.stop();
}
