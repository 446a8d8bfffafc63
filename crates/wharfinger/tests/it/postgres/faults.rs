//! The database is killed, stopped, or fails over while a server uses it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pg_cluster::Cluster;
use postgres::{Client, NoTls};

use super::{own_cluster, until};
use crate::restore::{is_safe, read_on, take};
use crate::support::changes::{administrator, assert_refused, changes, one};
use crate::support::client::{Connection, Request, Response};
use crate::support::cluster::options;
use crate::support::database::Database;
use crate::support::fixture::DataDirectory;
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{get, order, request};

const CLIENTS: usize = 8;
/// Shorter than `Retry-After`, so that more requests are tried.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

fn status(server: &Server, path: &str) -> u16 {
    server.send(&Request::new("GET", path)).status
}

/// A client that submits one batch after another, and repeats each with its idempotency key until it is accepted.
struct Shop {
    number: usize,
    random: Random,
    /// Acknowledged orders.
    taken: usize,
    batches: usize,
}

/// State shared between the clients and the code that disturbs the database.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    taken: AtomicUsize,
    refused: AtomicUsize,
}

impl Shop {
    fn new(number: usize) -> Self {
        Self {
            number,
            random: Random::new(number as u64),
            taken: 0,
            batches: 0,
        }
    }

    fn run(&mut self, address: SocketAddr, load: &Load) {
        let mut connection = Connection::open(address);
        while !load.is_over.load(Ordering::Relaxed) {
            let count = 1 + self.random.below(20);
            let orders: Vec<_> = (0..count)
                .map(|at| order(&format!("{}-{}-{at}", self.number, self.batches)))
                .collect();
            let name = format!("{}-{}", self.number, self.batches);
            let body = serde_json::to_vec(&orders).unwrap();
            let batch = request("POST", "/v1/batches?organisation=TRK001", "one");
            let batch = batch.header("idempotency-key", name).body(body);
            let answer = taken(&mut connection, &batch, load);
            assert_eq!(answer.json()["accepted"], count, "{}", answer.text());
            self.taken += count;
            self.batches += 1;
            load.taken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends a request until it is accepted. Only 409 and 503 are allowed before that.
fn taken(connection: &mut Connection, batch: &Request, load: &Load) -> Response {
    loop {
        let answer = connection.exchange(batch);
        let answer = answer.expect("a server without its database answers");
        match answer.status {
            200 => return answer,
            // The outcome of an earlier attempt is still unknown.
            409 => assert_refused("native", &answer, 409),
            _ => {
                assert_refused("native", &answer, 503);
                assert_retry_after(&answer);
                load.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        std::thread::sleep(BETWEEN_ATTEMPTS);
    }
}

fn assert_retry_after(answer: &Response) {
    let seconds = answer.header("retry-after").map(str::parse::<u32>);
    assert!(matches!(seconds, Some(Ok(1..))), "{answer:?}");
}

/// Every acknowledged order is stored exactly once, and nothing else is.
fn assert_each_once(data: &Path, clients: &[Shop]) {
    let taken: usize = clients.iter().map(|client| client.taken).sum();
    let batches: usize = clients.iter().map(|client| client.batches).sum();
    let report = stored::check(data);
    assert_eq!(report.faults, Vec::<String>::new());
    let counted = (report.orders, report.revisions, report.batches);
    assert_eq!(counted, (taken as u64, taken as u64, batches as u64));
    for client in clients {
        let of_client = format!(
            "batches where key_id = 'one' and id in \
             (select batch from answers where idempotency_key like '{}-%')",
            client.number
        );
        let count = Database::of(data).count(&of_client);
        assert_eq!(usize::try_from(count).unwrap(), client.batches);
    }
}

/// Runs clients while the database is disturbed this many times. It must work again at the end of each disturbance.
fn under_load(data: &DataDirectory, times: u64, mut harm: impl FnMut(u64, &Server, &Load)) {
    // Each refusal is logged as an error, so the log is discarded.
    let server = Server::start_logging_to(data.path(), Stdio::null());
    let load = Load::default();
    let mut clients: Vec<_> = (1..=CLIENTS).map(Shop::new).collect();
    std::thread::scope(|scope| {
        // Ends the clients even if the following code panics.
        let over = Over(&load);
        for client in &mut clients {
            let (load, address) = (&load, server.address);
            scope.spawn(move || client.run(address, load));
        }
        storm(times, |seed| harm(seed, &server, &load));
        drop(over);
    });
    assert!(load.refused.load(Ordering::Relaxed) > 0, "it was not felt");
    assert_each_once(data.path(), &clients);
    // The feed also has each order exactly once.
    let taken: usize = clients.iter().map(|client| client.taken).sum();
    let mut cursor = String::new();
    let mut accepted = 0;
    loop {
        let page = get(
            &server,
            &format!("/v1/events?organisation=TRK001&type=order.accepted&limit=1000{cursor}"),
        );
        let events = page["data"].as_array().unwrap().len();
        if events == 0 {
            break;
        }
        accepted += events;
        cursor = format!("&after={}", page["next"].as_str().unwrap());
    }
    assert_eq!(accepted, taken);
}

/// Ends the load when dropped.
struct Over<'l>(&'l Load);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// Waits until `more` further requests were accepted, or refused.
fn wait_for(counter: &AtomicUsize, more: usize) {
    let from = counter.load(Ordering::Relaxed);
    until("requests are answered", || {
        counter.load(Ordering::Relaxed) >= from + more
    });
}

#[test]
fn storm_of_kills_of_the_database_loses_and_doubles_nothing() {
    let (mut cluster, data) = own_cluster();
    under_load(&data, 3, |seed, _, load| {
        wait_for(&load.taken, 1 + Random::new(seed).below(100));
        cluster.kill().unwrap();
        wait_for(&load.refused, CLIENTS);
        cluster.restart().unwrap();
        wait_for(&load.taken, CLIENTS);
    });
}

/// Also during commits: the server cannot know whether they were made, and finds out.
#[test]
fn storm_of_cut_connections_loses_and_doubles_nothing() {
    let (cluster, data) = own_cluster();
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'orders'";
    under_load(&data, 20, |seed, _, load| {
        let refused = load.refused.load(Ordering::Relaxed);
        wait_for(&load.taken, 1 + Random::new(seed).below(20));
        // Repeat until a request was hit.
        until("it is felt", || {
            cluster
                .with_client("postgres", |client| client.batch_execute(cut))
                .unwrap();
            load.refused.load(Ordering::Relaxed) > refused
        });
    });
}

#[test]
fn a_server_without_its_database_says_so_and_heals() {
    let (mut cluster, data) = own_cluster();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let changes = changes(&server, &secret);
    let before = stored::check(data.path());
    cluster.stop().unwrap();

    assert_eq!(status(&server, "/healthz"), 200);
    assert_eq!(status(&server, "/readyz"), 503);
    for change in &changes {
        let answer = server.send(&change.request().header("idempotency-key", "k"));
        assert_refused(change.dialect, &answer, 503);
        assert_retry_after(&answer);
    }
    for target in ["/v1/orders", "/v1/events", "/v1/batches"] {
        let answer = server.send(&request("GET", target, "full"));
        assert_refused("native", &answer, 503);
        assert_retry_after(&answer);
    }
    assert_eq!(status(&server, "/healthz"), 200);

    cluster.restart().unwrap();
    until("it heals", || status(&server, "/readyz") == 200);
    let after = stored::check(data.path());
    assert_eq!(after.faults, Vec::<String>::new());
    assert_eq!(
        (after.orders, after.batches),
        (before.orders, before.batches)
    );
    for change in &changes {
        let answer = server.send(&change.request());
        assert!(answer.status < 300, "{change}: {}", answer.text());
    }
}

#[test]
fn a_server_that_is_stopped_without_its_database_ends_in_good_order() {
    let (mut cluster, data) = own_cluster();
    let server = Server::start(data.path());
    cluster.kill().unwrap();
    server.terminate();
    let (status, _) = server.wait();
    assert!(status.success(), "{status}");
}

/// As if others used the same database server.
#[test]
fn a_database_without_a_connection_to_spare_is_no_fault_of_the_request() {
    let mut cluster = Cluster::start(&options().with("max_connections", "12")).unwrap();
    cluster.create_database("orders").unwrap();
    let data = DataDirectory::at(&cluster.url("orders"));
    data.fill();
    let server = Server::start(data.path());
    let mut others = Vec::new();
    let url = cluster.url("postgres");
    while let Ok(other) = Client::connect(&url, NoTls) {
        others.push(other);
    }
    assert!(others.len() > 2, "there is a limit");
    assert_eq!(status(&server, "/healthz"), 200);
    for _ in 0..8 {
        for asked in [one("A"), request("GET", "/v1/orders", "full")] {
            let answer = server.send(&asked);
            if answer.status != 200 {
                assert_refused("native", &answer, 503);
                assert_retry_after(&answer);
            }
        }
    }
    drop(others);
    until("there are connections again", || {
        let asked = [one("A"), request("GET", "/v1/orders", "full")];
        asked.iter().all(|asked| server.send(asked).status == 200)
    });
    cluster.stop().unwrap();
}

/// The URL names both hosts. A synchronous standby has everything that was acknowledged.
#[test]
fn a_failover_to_a_synchronous_standby_loses_nothing() {
    let (mut primary, data) = own_cluster();
    let standby = primary.standby().unwrap();
    let both = format!(
        "postgres://postgres:{}@127.0.0.1:{},127.0.0.1:{}/orders?target_session_attrs=read-write",
        primary.password(),
        primary.port(),
        standby.port(),
    );
    let data_of_both = DataDirectory::at(&both);
    under_load(&data_of_both, 1, |_, server, load| {
        wait_for(&load.taken, 50);
        primary.kill().unwrap();
        wait_for(&load.refused, CLIENTS);
        standby.promote().unwrap();
        wait_for(&load.taken, CLIENTS);
        assert_eq!(status(server, "/readyz"), 200);
    });
    drop(data);
}

/// A standby that no longer follows is what a backup is that was taken from under a server.
#[test]
fn a_database_restored_to_a_moment_within_the_life_of_its_server_turns_later_cursors_away() {
    let (primary, data) = own_cluster();
    let server = Server::start(data.path());
    take(&server, "TRK001", "A", 3);
    let behind = read_on(&server, "").1;
    let backup = primary.standby().unwrap();
    backup.promote().unwrap();
    // Its commits no longer wait for the standby.
    for statement in [
        "alter system reset synchronous_standby_names",
        "select pg_reload_conf()",
    ] {
        let run = |client: &mut Client| client.batch_execute(statement);
        primary.with_client("postgres", run).unwrap();
    }
    take(&server, "TRK001", "L", 10);
    let ahead = read_on(&server, &behind).1;
    drop(server);
    let restored = DataDirectory::at(&backup.url("orders"));
    is_safe(restored.path(), &[], (&behind, &ahead));
}
