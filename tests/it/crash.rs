//! Killed anywhere and started again: nothing lost, nothing twice
//!
//! With the feature `failpoints` the program kills itself at named points; without it only the random kills run.

use std::time::Duration;

use crate::support::rng::Rng;
use crate::support::scene::{SMALL_CHUNKS, Scene};

/// SIGKILL at any moment, many times, while the writers go on
#[test]
fn i3_i6_killed_at_random_moments_under_load() {
    let scene = Scene::new(7001, 20_000);
    let mut rng = Rng::new(7001);
    let mut load = scene.first_load();
    let mut replicator = scene.pair.replicate(&SMALL_CHUNKS);
    scene.pair.wait_captured(&mut replicator);
    scene.full_load(&mut load);
    for _ in 0..25 {
        replicator.must_run_for(Duration::from_millis(rng.below(500) as u64));
        load.check();
        replicator.kill();
        replicator = scene.pair.replicate(&SMALL_CHUNKS);
    }
    scene.settle(load, replicator);
}

/// A snapshot that is killed before it gets far still ends, because what was copied stays copied
#[test]
fn i7_a_killed_snapshot_goes_on_where_it_was() {
    let scene = Scene::new(7002, 20_000);
    let mut load = scene.first_load();
    let copied = || {
        let status = scene.pair.status();
        let tables = status["tables"].as_array().expect("a list of tables").clone();
        tables.iter().map(|table| table["rows_copied"].as_u64().expect("rows_copied")).sum::<u64>()
    };
    let mut before = 0;
    for round in 0..5 {
        let mut replicator = scene.pair.replicate(&SMALL_CHUNKS);
        scene.pair.wait_captured(&mut replicator);
        if round == 0 {
            scene.full_load(&mut load);
        }
        replicator.must_run_for(Duration::from_millis(100));
        replicator.kill();
        let now = copied();
        assert!(now >= before, "{before} rows were copied before the kill and {now} after it");
        before = now;
    }
    let mut replicator = scene.pair.replicate(&SMALL_CHUNKS);
    scene.pair.wait_consistent(&mut replicator);
    scene.settle(load, replicator);
}

/// CI must run the failpoint tests: a build without them would pass by testing nothing
#[test]
fn ci_builds_with_failpoints() {
    assert!(cfg!(feature = "failpoints") || !crate::support::python::required(), "CI needs --features failpoints");
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::support::process::wait_until;
    use crate::support::source;

    /// Runs into the failpoint under load, then starts again without it
    fn killed_at(point: &str, seed: u64) {
        let scene = Scene::new(seed, 3_000);
        let mut load = scene.first_load();
        let mut doomed = scene.pair.verb("run").args(&SMALL_CHUNKS).env("CROSSFADE_FAILPOINT", point).start();
        let mut writers_complete = false;
        let mut add_writers = |load: &mut _| {
            if !writers_complete && source::head(&scene.pair.source).is_some() {
                scene.full_load(load);
                writers_complete = true;
            }
        };
        wait_until(&format!("the process to die at {point}"), || {
            load.check();
            add_writers(&mut load);
            doomed.exited().is_some()
        });
        let end = doomed.wait();
        assert_eq!(end.status.signal(), Some(libc::SIGKILL), "{point} was not reached\n{end}");
        let mut replicator = scene.pair.replicate(&SMALL_CHUNKS);
        scene.pair.wait_captured(&mut replicator);
        add_writers(&mut load);
        scene.pair.wait_consistent(&mut replicator);
        load.wait_for(50, &mut replicator);
        scene.settle(load, replicator);
    }

    macro_rules! killed_at {
        ($($name:ident: $point:literal, $seed:literal;)*) => {
            $(#[test]
            fn $name() {
                killed_at($point, $seed);
            })*
        };
    }

    killed_at! {
        i2_killed_before_capture_is_installed: "capture.before_install", 7101;
        i2_killed_after_capture_is_installed: "capture.after_install", 7102;
        i3_killed_when_the_first_chunk_is_written: "snapshot.chunk_written", 7103;
        i3_killed_when_a_later_chunk_is_written: "snapshot.chunk_written:4", 7104;
        i3_killed_when_progress_is_stored: "snapshot.progress_stored:3", 7105;
        i3_killed_when_a_chunk_is_committed: "snapshot.chunk_committed", 7106;
        i3_killed_when_a_later_chunk_is_committed: "snapshot.chunk_committed:5", 7107;
        i3_killed_when_an_index_is_built: "snapshot.index_built", 7108;
        i3_killed_when_rows_are_written: "apply.rows_written:2", 7109;
        i4_killed_when_the_source_is_synced: "apply.synced:2", 7110;
        i3_killed_when_the_commit_is_sent: "apply.commit_sent", 7111;
        i3_killed_when_a_later_commit_is_sent: "apply.commit_sent:5", 7112;
        i3_killed_when_a_cycle_is_committed: "apply.committed", 7113;
        i3_killed_when_a_later_cycle_is_committed: "apply.committed:6", 7114;
    }
}
