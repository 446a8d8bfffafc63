//! What is asked of PostgreSQL only: faults of the database, and many servers on one.

mod cluster;
mod commits;
mod faults;
mod servers;
mod starting;
mod stock;

use std::time::{Duration, Instant};

use wharfinger::bench::cluster::Cluster;

use crate::support::cluster::options;
use crate::support::fixture::DataDirectory;

/// What has not come by then never will.
const DEADLINE: Duration = Duration::from_secs(60);

/// A cluster of a test's own, to be stopped and killed, and a directory that stands for a database of the fixture there.
fn own_cluster() -> (Cluster, DataDirectory) {
    let cluster = Cluster::start(&options()).unwrap();
    cluster.create_database("orders").unwrap();
    let data = DataDirectory::at(&cluster.url("orders"));
    data.fill();
    (cluster, data)
}

/// Looks until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::yield_now();
    }
}
