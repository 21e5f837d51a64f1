//! One throw-away PostgreSQL server for the whole test process, and more for the tests that stop theirs

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crossfade::cli::demo::cluster::Cluster;

use super::pg::Pg;

static SHARED: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU64 = AtomicU64::new(0);

/// URL of a new, empty database on the shared server
///
/// The server lives in a static, which is never dropped: the guardian that [`Cluster`] keeps beside it removes it when
/// this process ends, however it ends.
pub fn fresh_database() -> String {
    database_on(shared())
}

/// The shared server
pub fn shared() -> &'static Cluster {
    SHARED.get_or_init(own_cluster)
}

/// A server of the test's own, to be stopped, killed or configured
pub fn own_cluster() -> Cluster {
    own_cluster_with(&[])
}

/// The same with further settings
pub fn own_cluster_with(more: &[(&str, &str)]) -> Cluster {
    // Data that is thrown away needs no fsync; two replicators and a watcher per test need connections.
    let settings = [("fsync", "off"), ("max_connections", "200"), ("shared_buffers", "64MB")];
    let settings = settings.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Cluster::start(settings.collect()).unwrap_or_else(|e| panic!("{}", e.report()))
}

/// URL of a new, empty database on that server
pub fn database_on(cluster: &Cluster) -> String {
    let name = format!("it_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let (admin, create) = (cluster.url("postgres"), format!("CREATE DATABASE {name}"));
    // On a thread of its own, because asynchronous tests ask too, and a runtime cannot start inside a runtime.
    let creator = std::thread::spawn(move || Pg::connect(&admin).execute(&create));
    creator.join().expect("the new database");
    cluster.url(&name)
}
