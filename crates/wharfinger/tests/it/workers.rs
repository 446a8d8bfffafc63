//! Nodes of Citus: distributing tables over them, and a worker that is killed while batches of several organisations are written. Runs with `WHARFINGER_TEST_STORE=citus`, on
//! a cluster of its own.

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pg_cluster::Cluster;
use serde_json::{Value, json};

use crate::support::client::{Connection, Request};
use crate::support::cluster::options;
use crate::support::database::is_on_citus;
use crate::support::fixture::{DataDirectory, secret_of};
use crate::support::seed::{Random, storm};
use crate::support::server::{Server, program};
use crate::support::stored;

const CLIENTS: usize = 4;
const DATABASE: &str = "orders";
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);
/// A lock of a prepared transaction may be waited for.
const DEADLINE: Duration = Duration::from_secs(120);

/// The nodes connect to each other without passwords. They differ, and Citus would have to know all of them.
const TRUST: &str = "do $$ begin
        execute format('copy (select ''host all all 127.0.0.1/32 trust'') to %L', current_setting('hba_file'));
        perform pg_reload_conf();
    end $$";

/// Three clusters as Citus needs them: the coordinator, then the workers.
fn nodes() -> [Cluster; 3] {
    let options = options()
        .with("shared_preload_libraries", "citus")
        .with("wal_level", "logical")
        .with("max_prepared_transactions", "200")
        .with("citus.node_conninfo", "sslmode=prefer");
    let nodes = [(); 3].map(|()| Cluster::start(&options).unwrap());
    for node in &nodes {
        node.create_database(DATABASE).unwrap();
        execute(node, TRUST);
        execute(node, "create extension citus");
    }
    let [coordinator, workers @ ..] = &nodes;
    let here = coordinator.port();
    execute(
        coordinator,
        &format!("select citus_set_coordinator_host('127.0.0.1', {here})"),
    );
    for worker in workers {
        let port = worker.port();
        execute(
            coordinator,
            &format!("select citus_add_node('127.0.0.1', {port})"),
        );
    }
    execute(
        coordinator,
        &format!("alter database {DATABASE} set citus.shard_count = 4"),
    );
    nodes
}

fn execute(node: &Cluster, sql: &str) {
    let done = node.with_client(DATABASE, |client| client.batch_execute(sql));
    done.expect(sql);
}

/// State shared between the clients and the code that kills a worker.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    taken: AtomicUsize,
    refused: AtomicUsize,
}

impl Load {
    fn wait_for(&self, counter: &AtomicUsize, more: usize) {
        let (from, begin) = (counter.load(Ordering::Relaxed), Instant::now());
        while counter.load(Ordering::Relaxed) < from + more {
            assert!(begin.elapsed() < DEADLINE, "no answers");
            std::thread::yield_now();
        }
    }
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// Ends the load when dropped.
struct Over<'l>(&'l Load);

/// Sends batches with orders of two organisations, each until it is accepted. Returns how many were.
fn send(client: usize, address: SocketAddr, load: &Load) -> usize {
    let mut connection = Connection::open(address);
    let mut batches = 0;
    while !load.is_over.load(Ordering::Relaxed) {
        let name = format!("{client}-{batches}");
        let order = |code: &str| json!({"organisation": code, "key": name, "placed_at": "2026-11-21", "lines": [{"sku": "S-1"}]});
        let orders: Vec<Value> = ["TRK001", "TRK002"].map(order).into();
        let batch = Request::new("POST", "/v1/batches?policy=all_or_nothing")
            .header("authorization", format!("Bearer {}", secret_of("full")))
            .header("idempotency-key", name.as_str())
            .body(serde_json::to_vec(&orders).unwrap());
        loop {
            let answer = connection.exchange(&batch).expect("the server answers");
            match answer.status {
                200 => {
                    assert_eq!(answer.json()["accepted"], 2, "{}", answer.text());
                    break;
                }
                409 | 503 => load.refused.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other}: {}", answer.text()),
            };
            std::thread::sleep(BETWEEN_ATTEMPTS);
        }
        batches += 1;
        load.taken.fetch_add(1, Ordering::Relaxed);
    }
    batches
}

/// Drops the tables and functions of a store.
const DROP_ALL: &str = "do $$ declare name text; begin
        for name in select tablename from pg_tables where schemaname = 'public' loop
            execute format('drop table %I', name);
        end loop;
        drop function sound(boolean);
        drop function damaged(boolean);
    end $$";

fn distribute(url: &str) -> Output {
    let mut distribute = program();
    distribute.args(["database", "distribute", "--database", url]);
    distribute.output().unwrap()
}

/// The database with the fixture.
fn filled(url: &str) -> DataDirectory {
    let data = DataDirectory::at(url);
    std::thread::scope(|scope| scope.spawn(|| data.fill()).join()).unwrap();
    data
}

/// What a server logs at its start.
fn logged_at_start(data: &DataDirectory) -> String {
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start_logging_to(data.path(), log.reopen().unwrap().into());
    server.terminate();
    server.wait();
    std::fs::read_to_string(log.path()).unwrap()
}

#[test]
fn tables_with_rows_are_not_distributed_and_distributed_ones_stay_so() {
    if !is_on_citus() {
        return;
    }
    const WARNING: &str = "its tables are not distributed";
    let nodes = nodes();
    let url = nodes[0].url(DATABASE);
    let data = filled(&url);
    let log = logged_at_start(&data);
    assert!(log.contains(WARNING), "{log}");
    let output = distribute(&url);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("has rows"), "{said}");
    let is_distributed = "do $$ begin assert not exists (select from pg_dist_partition); end $$";
    execute(&nodes[0], is_distributed);

    execute(&nodes[0], DROP_ALL);
    let output = distribute(&url);
    assert!(output.status.success(), "{output:?}");
    let data = filled(&url);
    let log = logged_at_start(&data);
    assert!(!log.contains(WARNING), "{log}");
    let output = distribute(&url);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("already"), "{said}");
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn storm_of_kills_of_a_worker_leaves_no_batch_half_stored() {
    if !is_on_citus() {
        return;
    }
    let mut nodes = nodes();
    let url = nodes[0].url(DATABASE);
    let output = distribute(&url);
    assert!(output.status.success(), "{output:?}");
    let data = filled(&url);

    let server = Server::start_logging_to(data.path(), Stdio::null());
    let (load, address) = (Load::default(), server.address);
    let batches = std::thread::scope(|scope| {
        let over = Over(&load);
        let clients = Vec::from_iter((0..CLIENTS).map(|client| {
            let load = &load;
            scope.spawn(move || send(client, address, load))
        }));
        storm(4, |seed| {
            let mut random = Random::new(seed);
            load.wait_for(&load.taken, 1 + random.below(60));
            let worker = &mut nodes[1 + random.below(2)];
            worker.kill().unwrap();
            load.wait_for(&load.refused, CLIENTS);
            worker.restart().unwrap();
            // Citus does so every minute by itself.
            execute(&nodes[0], "select recover_prepared_transactions()");
            load.wait_for(&load.taken, CLIENTS);
        });
        drop(over);
        let clients = clients.into_iter();
        clients.map(|client| client.join().unwrap()).sum::<usize>() as u64
    });
    let report = stored::check(data.path());
    assert_eq!(report.faults, Vec::<String>::new());
    let counted = (report.orders, report.revisions, report.batches);
    assert_eq!(counted, (2 * batches, 2 * batches, batches));
}
