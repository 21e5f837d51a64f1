//! The server starts, stops, survives what it must, and goes when it must

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

/// Set for the process that is to hold its server until it is killed
const HOLD: &str = "CROSSFADE_TEST_HOLD";
const HOLDER: &str = "cli::demo::cluster::tests::holds_a_server_until_killed";

fn ask(cluster: &Cluster, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&cluster.url("postgres"), tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let messages = client.simple_query(sql).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();
        messages.iter().find_map(first_value).unwrap_or_default()
    })
}

fn first_value(message: &tokio_postgres::SimpleQueryMessage) -> Option<String> {
    match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }
}

fn is_alive(pid: u32) -> bool {
    // SAFETY: signal 0 only asks whether the process is there.
    unsafe { libc::kill(pid as libc::pid_t, 0) == 0 }
}

#[test]
fn a_server_starts_stops_is_killed_and_leaves_nothing_behind() {
    let mut cluster = Cluster::start(vec![("application_name".into(), "it's quoted".into())]).unwrap();
    assert_eq!(ask(&cluster, "show application_name"), "it's quoted");
    assert_eq!(ask(&cluster, "show server_encoding"), "UTF8");
    ask(&cluster, "create table t (a int); insert into t values (7)");

    for stop in [Cluster::kill, |c: &mut Cluster| c.stop(Stop::Fast), |c: &mut Cluster| c.stop(Stop::Immediate)] {
        let (pid, port) = (cluster.pid().unwrap(), cluster.port());
        stop(&mut cluster).unwrap();
        assert!(cluster.pid().is_none() && !is_alive(pid));
        cluster.start_again().unwrap();
        assert_eq!(cluster.port(), port);
        assert_eq!(ask(&cluster, "select a from t"), "7");
    }

    let (pid, directory) = (cluster.pid().unwrap(), cluster.directory().to_owned());
    drop(cluster);
    assert!(!is_alive(pid) && !directory.exists());
}

#[test]
fn a_setting_the_server_refuses_is_one_error_and_leaves_nothing_behind() {
    let error = Cluster::start(vec![("no_such_setting".into(), "1".into())]).unwrap_err();
    assert!(error.report().contains("no_such_setting"), "{}", error.report());
    let prefix = format!("crossfade-pg-{}-", std::process::id());
    let left = std::fs::read_dir(temporary_parent(binaries::server_user().unwrap())).unwrap().flatten();
    let broken = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).find(|entry| {
        let conf = std::fs::read_to_string(entry.path().join("data/postgresql.conf"));
        conf.is_ok_and(|text| text.contains("no_such_setting"))
    });
    assert!(broken.is_none());
}

#[test]
fn a_kept_server_outlives_its_owner() {
    let mut cluster = Cluster::start(Vec::new()).unwrap();
    let (pid, directory) = (cluster.pid().unwrap(), cluster.directory().to_owned());
    cluster.keep();
    drop(cluster);
    assert!(is_alive(pid) && directory.join("data/postmaster.pid").exists());

    // SAFETY: nobody has waited for this child, so the process id is still its own.
    unsafe { libc::kill(pid as libc::pid_t, libc::SIGQUIT) };
    // SAFETY: waits for exactly that child; a null status pointer is allowed.
    unsafe { libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), 0) };
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_server_goes_when_its_owner_is_killed() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([HOLDER, "--exact", "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(std::result::Result::ok);
    let said = lines.find_map(|line| line.split_once("holding ").map(|(_, rest)| rest.to_owned())).unwrap();
    let (pid, directory) = said.split_once(' ').unwrap();
    let (pid, directory) = (pid.parse().unwrap(), Path::new(directory));
    assert!(is_alive(pid) && directory.exists());
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(poll_until(|| !is_alive(pid) && !directory.exists()));
}

/// The process that the test above kills; by itself it only shows that a server outlives the thread that started it
#[test]
fn holds_a_server_until_killed() {
    // The thread that starts the server ends; the server must stay as long as the process does.
    let cluster = std::thread::spawn(|| Cluster::start(Vec::new()).unwrap()).join().unwrap();
    assert_eq!(ask(&cluster, "select 1"), "1");
    if std::env::var_os(HOLD).is_some() {
        println!("holding {} {}", cluster.pid().unwrap(), cluster.directory().display());
        std::thread::sleep(DEADLINE);
    }
}
