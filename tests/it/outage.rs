//! PostgreSQL stopped, restarted, and its connections cut under load: the replicator waits, says so, and goes on

use crossfade::cli::demo::cluster::{Cluster, Stop};

use crate::support::cluster::{database_on, own_cluster, shared};
use crate::support::load::Load;
use crate::support::pg::Pg;
use crate::support::process::{Running, wait_until};
use crate::support::proxy::Proxy;
use crate::support::scene::{SMALL_CHUNKS, Scene};

#[test]
fn i3_a_server_stopped_in_the_tail_is_waited_for() {
    let mut cluster = own_cluster();
    let scene = Scene::with_target(7201, 500, database_on(&cluster));
    let (mut load, mut replicator) = under_load(&scene, &[]);
    scene.pair.wait_consistent(&mut replicator);
    for mode in [Stop::Fast, Stop::Immediate] {
        outage(&mut cluster, mode, &mut load, &mut replicator);
    }
    scene.settle(load, replicator);
}

#[test]
fn i3_a_server_stopped_in_the_snapshot_is_waited_for() {
    let mut cluster = own_cluster();
    let scene = Scene::with_target(7202, 20_000, database_on(&cluster));
    let (mut load, mut replicator) = under_load(&scene, &SMALL_CHUNKS);
    for mode in [Stop::Immediate, Stop::Fast] {
        outage(&mut cluster, mode, &mut load, &mut replicator);
    }
    scene.pair.wait_consistent(&mut replicator);
    scene.settle(load, replicator);
}

/// `status` from another process, while the server is away and after it is back
#[test]
fn status_says_that_the_target_is_away() {
    let mut cluster = own_cluster();
    let scene = Scene::with_target(7203, 100, database_on(&cluster));
    let (load, mut replicator) = under_load(&scene, &[]);
    scene.pair.wait_consistent(&mut replicator);
    cluster.stop(Stop::Fast).expect("the server stops");
    scene.pair.verb("status").arg("--json").run().expect_code(6).expect_error("connect");
    cluster.start_again().expect("the server starts");
    wait_until("the replicator to be back", || {
        replicator.must_run();
        scene.pair.status()["replicator_running"] == true
    });
    scene.settle(load, replicator);
}

#[test]
fn i3_cut_connections_are_made_again() {
    let scene = Scene::new(7204, 5_000);
    let (mut load, mut replicator) = under_load(&scene, &SMALL_CHUNKS);
    let target = Pg::connect(&scene.pair.target);
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut connections = 0;
    for _ in 0..30 {
        load.wait_for(10, &mut replicator);
        connections += target.value(cut).expect("a count").parse::<u32>().expect("a number");
    }
    assert!(connections > 0, "no connection was ever cut");
    scene.settle(load, replicator);
}

/// The commit has happened and the reply is lost: what the checkpoint says decides, not what the client believes
#[test]
fn i3_a_lost_reply_to_commit_does_no_harm() {
    let server = shared().port();
    let proxy = Proxy::start(server);
    let mut scene = Scene::new(7205, 3_000);
    let direct = scene.pair.target.clone();
    scene.pair.target = proxy.url(&direct, server);
    assert_ne!(scene.pair.target, direct, "the target is not behind the proxy");
    let (mut load, mut replicator) = under_load(&scene, &SMALL_CHUNKS);
    for round in 1..=6 {
        proxy.lose_next_commit();
        wait_until("the reply to a commit to get lost", || {
            replicator.must_run();
            load.check();
            proxy.lost() >= round
        });
        load.wait_for(20, &mut replicator);
    }
    // What is compared is the database itself, not what the proxy lets through.
    scene.pair.target = direct;
    scene.settle(load, replicator);
}

fn under_load(scene: &Scene, options: &[&str]) -> (Load, Running) {
    let mut load = scene.first_load();
    let mut replicator = scene.pair.replicate(options);
    scene.pair.wait_captured(&mut replicator);
    scene.full_load(&mut load);
    (load, replicator)
}

/// Stops the server under load until the replicator has said so, and starts it again
fn outage(cluster: &mut Cluster, mode: Stop, load: &mut Load, replicator: &mut Running) {
    load.wait_for(40, replicator);
    let said = replicator.stderr().len();
    cluster.stop(mode).expect("the server stops");
    wait_until("the replicator to say that the target is away", || {
        replicator.must_run();
        let stderr = replicator.stderr();
        ["target", "waiting"].iter().any(|word| stderr[said..].to_lowercase().contains(word))
    });
    // The application goes on meanwhile.
    load.wait_for(40, replicator);
    cluster.start_again().expect("the server starts");
    load.wait_for(40, replicator);
}
