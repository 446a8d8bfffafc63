//! Tests for PostgreSQL only: faults of the database, and several servers on one database.

mod beside;
mod commits;
mod distribution;
pub(crate) mod encryption;
mod faults;
mod held;
mod kept_pages;
mod organisations;
mod patience;
mod pgbouncer;
mod recent;
mod refusals;
mod servers;
mod starting;
mod stock;

use std::sync::Barrier;
use std::time::{Duration, Instant};

use pg_cluster::Cluster;

use crate::support::client::{Connection, Request, Response};
use crate::support::cluster::options;
use crate::support::fixture::DataDirectory;
use crate::support::server::Server;
use crate::support::stored;

/// Deadline for an expected change.
const DEADLINE: Duration = Duration::from_secs(60);

/// A cluster for one test, which may stop and kill it, and a directory that represents a database with the fixture there.
pub(crate) fn own_cluster() -> (Cluster, DataDirectory) {
    let cluster = Cluster::start(&options()).unwrap();
    cluster.create_database("orders").unwrap();
    let data = DataDirectory::at(&cluster.url("orders"));
    data.fill();
    (cluster, data)
}

/// Polls until the condition holds.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::yield_now();
    }
}

/// Two servers on one database.
struct Pair {
    servers: [Server; 2],
    data: DataDirectory,
}

impl Pair {
    fn start(data: DataDirectory) -> Self {
        let servers = [Server::start(data.path()), Server::start(data.path())];
        Self { servers, data }
    }

    /// Sends one request to each server at the same time.
    fn at_once(&self, requests: [&Request; 2]) -> [Response; 2] {
        let barrier = Barrier::new(2);
        let mut connections = self
            .servers
            .each_ref()
            .map(|server| Connection::open(server.address));
        let [first, second] = &mut connections;
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                barrier.wait();
                second.exchange(requests[1])
            });
            barrier.wait();
            let answer = first.exchange(requests[0]);
            [answer, other.join().unwrap()].map(|answer| answer.expect("an answer"))
        })
    }

    fn assert_whole(&self) {
        assert_eq!(stored::check(self.data.path()).faults, Vec::<String>::new());
    }
}
