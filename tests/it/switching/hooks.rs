//! `run --on-switch`: what the operator's command is told, and what it may prevent

use std::path::Path;

use super::stage::Stage;
use crate::support::process::wait_until;

/// Writes what it is told to a file, one line for each stage
fn noting(path: &Path, then: &str) -> String {
    let told = "$CROSSFADE_SWITCH $CROSSFADE_STAGE $CROSSFADE_PRIMARY $CROSSFADE_SOURCE $CROSSFADE_TARGET";
    format!("echo \"{told}\" >> '{}'; echo said; {then}", path.display())
}

#[test]
fn the_command_is_told_each_stage() {
    let stage = Stage::new();
    let notes = stage.work.path("notes");
    let replicator = stage.ready(&["--on-switch", &noting(&notes, "true")]);
    stage.cutover(&["--rehearse"]).expect_code(0);
    stage.cutover(&[]).expect_code(0).expect_stdout("hook");
    stage.rollback(&[]).expect_code(0);
    let text = std::fs::read_to_string(&notes).expect("notes");
    let told: Vec<String> = text.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "rehearsal before-fence sqlite",
        "rehearsal aborted sqlite",
        "cutover before-fence postgres",
        "cutover switched postgres",
        "rollback before-fence sqlite",
        "rollback switched sqlite",
    ];
    assert_eq!(told, expected);
    let addresses: Vec<&str> = text.lines().next().expect("a line").split(' ').skip(3).collect();
    assert_eq!(addresses[0], stage.pair.source.canonicalize().expect("a path").display().to_string());
    assert!(addresses[1].starts_with("postgres://"), "{addresses:?}");
    assert!(replicator.stderr().contains("on-switch: said"), "{}", replicator.stderr());
    replicator.stop();
}

#[test]
fn a_command_that_says_no_calls_it_off() {
    let stage = Stage::new();
    let notes = stage.work.path("notes");
    let no = "test \"$CROSSFADE_STAGE\" = aborted || exit 3";
    let mut replicator = stage.ready(&["--on-switch", &noting(&notes, no)]);
    let output = stage.cutover(&[]).expect_code(3).expect_error("SQLite is still the primary");
    assert!(output.stderr.contains("said no") && output.stderr.contains("hook"), "{output}");
    assert_eq!(stage.primary(), "sqlite");
    let text = std::fs::read_to_string(&notes).expect("notes");
    assert!(text.lines().last().expect("a line").starts_with("cutover aborted sqlite"), "{text}");
    stage.write_sqlite("UPDATE items SET amount = 7");
    stage.wait_equal(&mut replicator);
    replicator.stop();
}

/// One that hangs is ended; here by Ctrl-C, as nobody waits half a minute
#[test]
fn a_command_that_hangs_is_ended_when_the_switch_is_given_up() {
    let stage = Stage::new();
    let notes = stage.work.path("notes");
    let hangs = "test \"$CROSSFADE_STAGE\" = aborted || exec tail -f /dev/null";
    let replicator = stage.ready(&["--on-switch", &noting(&notes, hangs)]);
    let cutover = stage.pair.verb("cutover").start();
    wait_until("the command to run", || notes.exists());
    cutover.interrupt().expect_code(3).expect_error("SQLite is still the primary");
    assert_eq!(stage.outcomes(), "cutover aborted");
    assert_eq!(stage.primary(), "sqlite");
    replicator.stop();
}

/// What goes wrong when it is done is said and changes nothing
#[test]
fn a_command_that_fails_behind_the_switch_is_only_told() {
    let stage = Stage::new();
    let replicator = stage.ready(&["--on-switch", "test $CROSSFADE_STAGE = before-fence"]);
    stage.cutover(&[]).expect_code(0);
    assert_eq!(stage.primary(), "postgres");
    assert!(replicator.stderr().contains("warning: the command of --on-switch said no"), "{}", replicator.stderr());
    replicator.stop();
}

/// What a verify finds while a rollback is on its way is no less true than what it finds before
#[test]
fn a_verify_in_the_middle_of_a_rollback_has_its_say() {
    let stage = Stage::new();
    let verify = format!(
        "if [ $CROSSFADE_SWITCH-$CROSSFADE_STAGE = rollback-before-fence ]; then '{}' verify >&2 || true; fi",
        env!("CARGO_BIN_EXE_crossfade")
    );
    let mut replicator = stage.ready(&["--on-switch", &verify]);
    stage.cutover(&[]).expect_code(0);
    crate::support::pg::Pg::unseen(&stage.pair.target).execute("UPDATE items SET amount = 77 WHERE id = 2");
    stage.rollback(&[]).expect_code(3).expect_error("compared first: verify found differences in 1 row");
    assert_eq!(stage.primary(), "postgres");
    stage.wait_equal(&mut replicator);
    wait_until("the comparison to be over", || stage.pair.status()["in_sync"] == true);
    stage.pair.verify();
    stage.rollback(&[]).expect_code(0);
    assert_eq!(stage.primary(), "sqlite");
    stage.wait_equal(&mut replicator);
    replicator.stop();
}
