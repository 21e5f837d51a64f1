//! Somebody holds SQLite's lock, or reads it for long, in the middle of a rollback: PostgreSQL stays open for its
//! application, or is open again when the time is over

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::stage::Stage;
use crate::support::cluster::shared;
use crate::support::pg::Pg;
use crate::support::process::{Output, Running, wait_until};
use crate::support::proxy::Proxy;
use crate::support::source;

/// A rollback's limit here, and by when it has to have ended on the busiest machine: long before anything that waits for
/// SQLite's lock in earnest gives up, which takes 30 s
const TIMEOUT: &str = "3s";
const BOUND: Duration = Duration::from_secs(25);

/// Where the operator's command is asked, which is behind the gate and before the fence
struct Gap {
    fifo: PathBuf,
}

impl Gap {
    fn new(stage: &Stage) -> Gap {
        Gap { fifo: stage.work.path("gap") }
    }

    /// Waits there in the first rollback, until it is let go on
    fn command(&self) -> String {
        let fifo = self.fifo.display();
        let is_it = "test $CROSSFADE_SWITCH$CROSSFADE_STAGE = rollbackbefore-fence";
        format!("{is_it} || exit 0; mkfifo '{fifo}' || exit 0; read go < '{fifo}'")
    }

    fn rollback(&self, stage: &Stage) -> Running {
        let rollback = stage.pair.verb("rollback").args(&["--timeout", TIMEOUT]).start();
        wait_until("the rollback to be behind its gate", || self.fifo.exists());
        rollback
    }

    fn go_on(&self) {
        std::fs::write(&self.fifo, "go\n").expect("somebody reads the fifo");
    }
}

/// PostgreSQL is the primary, and SQLite holds what it has
fn reversed(stage: &Stage, options: &[&str]) -> Running {
    let mut replicator = stage.ready(options);
    stage.cutover(&[]).expect_code(0);
    super::write_postgres(&stage.target(), 1);
    stage.wait_equal(&mut replicator);
    replicator
}

fn refused_seconds(stage: &Stage) -> Option<f64> {
    let sql = "SELECT refused_seconds FROM crossfade.switches ORDER BY id DESC LIMIT 1";
    stage.target().value(sql).map(|text| text.parse().expect("seconds"))
}

fn expect_given_up(output: Output, began: Instant) -> Output {
    let output = output.expect_code(3).expect_error("PostgreSQL is still the primary");
    assert!(began.elapsed() < BOUND, "it took {:?}: {output}", began.elapsed());
    output
}

/// Nobody is refused anything for a lock that was not to be had
#[test]
fn i8_a_lock_that_is_taken_behind_the_gate_leaves_postgresql_open() {
    let stage = Stage::new();
    let gap = Gap::new(&stage);
    let mut replicator = reversed(&stage, &["--on-switch", &gap.command()]);
    let rollback = gap.rollback(&stage);
    let holder = source::open(&stage.pair.source);
    holder.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let began = Instant::now();
    gap.go_on();
    let output = expect_given_up(rollback.wait(), began);
    assert!(output.stderr.contains("another process has held SQLite's write lock for 3 s"), "{output}");
    assert_eq!(refused_seconds(&stage), None, "{output}");
    assert_eq!(stage.on_postgres(), Ok(()));
    drop(holder);
    super::write_postgres(&stage.target(), 2);
    stage.rollback(&[]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// In a rollback-journal mode a reader keeps SQLite from being opened, and the switch from being made void there too
#[test]
fn i8_a_reader_who_keeps_sqlite_closed_keeps_postgresql_closed_no_longer_than_the_timeout() {
    let stage = Stage::new();
    source::set_journal_mode(&source::open(&stage.pair.source), "DELETE");
    let gap = Gap::new(&stage);
    let mut replicator = reversed(&stage, &["--on-switch", &gap.command()]);
    let rollback = gap.rollback(&stage);
    let reader = source::open(&stage.pair.source);
    reader.execute_batch("BEGIN; SELECT * FROM items").expect("a reader");
    let began = Instant::now();
    gap.go_on();
    let output = expect_given_up(rollback.wait(), began);
    assert!(output.stderr.contains("a reader does not let go of the file"), "{output}");
    assert_eq!(stage.on_postgres(), Ok(()), "{output}");
    let refused = refused_seconds(&stage).expect("a fence that stood");
    assert!((0.1..15.0).contains(&refused), "{refused} s: {output}");
    drop(reader);
    super::write_postgres(&stage.target(), 2);
    stage.rollback(&[]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// Each run's number is on the disk before anything is done upon it: a server that came back without it would let an
/// earlier run open a second side
#[test]
fn i8_the_replicator_waits_for_the_disk_whatever_the_database_says() {
    let stage = Stage::new();
    let target = stage.target();
    let name = target.value("SELECT current_database()").expect("a name");
    target.execute(&format!("ALTER DATABASE \"{name}\" SET synchronous_commit = off"));
    assert_eq!(stage.target().value("SHOW synchronous_commit").as_deref(), Some("off"));
    let replicator = stage.ready(&[]);
    // From inside its own sessions: what they have when they take over, and when they change the phase.
    target.execute(
        "CREATE SCHEMA watched; CREATE TABLE watched.seen(of text, setting text);
         CREATE FUNCTION watched.look() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO watched.seen VALUES(TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NULL; END $$;
         CREATE TRIGGER look AFTER UPDATE OF run_id ON crossfade.checkpoint FOR EACH ROW EXECUTE FUNCTION watched.look();
         CREATE TRIGGER look AFTER UPDATE OF phase ON crossfade.state FOR EACH ROW EXECUTE FUNCTION watched.look();
         ALTER TABLE crossfade.checkpoint ENABLE ALWAYS TRIGGER look; ALTER TABLE crossfade.state ENABLE ALWAYS TRIGGER look",
    );
    replicator.stop();
    let mut replicator = stage.pair.replicate(&[]);
    stage.pair.wait_following(&mut replicator);
    stage.cutover(&[]).expect_code(0);
    stage.rollback(&[]).expect_code(0);
    let seen = "SELECT string_agg(DISTINCT of || ' ' || setting, ', ') FROM watched.seen";
    assert_eq!(target.value(seen).as_deref(), Some("checkpoint on, state on"));
    replicator.stop();
}

/// A rollback that is held up where it notes the checkpoint: everything but SQLite's own transaction is done
fn held_up_at_the_opening(stage: &Stage, gap: &Gap) -> (Running, Pg) {
    let rollback = gap.rollback(stage);
    let session = stage.target();
    session.execute("BEGIN; SELECT phase FROM crossfade.state FOR SHARE");
    gap.go_on();
    stage.wait_step("open");
    (rollback, session)
}

/// The server has committed, and the replicator cannot know: the next session takes over before it reads where things stand
#[test]
fn i8_a_lost_reply_on_the_way_back_opens_no_second_side() {
    let server = shared().port();
    let proxy = Proxy::start(server);
    let stage = Stage::new();
    let gap = Gap::new(&stage);
    let mut behind = stage.pair.clone();
    behind.target = proxy.url(&stage.pair.target, server);
    let mut replicator = behind.replicate(&["--on-switch", &gap.command()]);
    stage.pair.wait_following(&mut replicator);
    stage.pair.wait_caught_up(&mut replicator);
    stage.pair.verify();
    stage.cutover(&[]).expect_code(0);
    let run = || stage.target().value("SELECT run_id FROM crossfade.checkpoint").expect("a run");
    let before = run();
    let (mut rollback, session) = held_up_at_the_opening(&stage, &gap);
    proxy.lose_next_commit();
    session.execute("ROLLBACK");
    wait_until("the rollback to end", || {
        let both = (stage.on_sqlite(), stage.on_postgres());
        assert!(both.0.is_err() || both.1.is_err(), "both sides accept writes");
        rollback.exited().is_some()
    });
    rollback.wait().expect_code(3).expect_error("PostgreSQL is still the primary");
    assert_eq!(proxy.lost(), 1, "no reply was lost");
    assert_ne!(run(), before, "nobody took over anew");
    assert_eq!(stage.primary(), "postgres");
    stage.rollback(&[]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    replicator.stop();
}
