//! Nodes of Citus: distributing tables over them, and nodes that are killed while batches of several organisations are written. Runs
//! with `WHARFINGER_TEST_STORE=citus`, on clusters of its own.

mod extension;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pg_cluster::{Cluster, ClusterOptions};
use serde_json::{Value, json};

use crate::support::client::{Connection, Request, Response};
use crate::support::cluster::options;
use crate::support::database::is_on_citus;
use crate::support::fixture::DataDirectory;
use crate::support::seed::{Random, storm};
use crate::support::server::{Server, program};
use crate::support::stored;
use crate::support::v1::request;

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

/// Options of a cluster as Citus needs it.
fn options_for_citus() -> ClusterOptions {
    options()
        .with("shared_preload_libraries", "citus")
        .with("wal_level", "logical")
        .with("max_prepared_transactions", "200")
        // By default it recovers transactions every minute. The tests do it themselves.
        .with("citus.recover_2pc_interval", "-1")
        .with("citus.node_conninfo", "sslmode=prefer")
}

/// Three clusters: the coordinator, then the workers.
fn nodes() -> [Cluster; 3] {
    let options = options_for_citus();
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

/// State shared between the clients and the code that kills a node.
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

/// A batch with an order for each of these organisations.
fn batch(key: &str, organisations: &[&str]) -> Request {
    let order = |code: &&str| json!({"organisation": code, "key": key, "placed_at": "2026-11-21", "lines": [{"sku": "S-1"}]});
    let orders = Vec::from_iter(organisations.iter().map(order));
    request("POST", "/v1/batches?policy=all_or_nothing", "full")
        .body(Value::from(orders).to_string())
}

/// Reads a page of the feed. Returns the new orders and where to continue, or nothing while a node is down.
fn page(connection: &mut Connection, after: &str) -> Option<(Vec<String>, String)> {
    let target = format!("/v1/events?type=order.accepted&limit=1000{after}");
    let answer = connection.exchange(&request("GET", &target, "full"));
    let answer = answer.expect("the server answers");
    if answer.status == 503 {
        return None;
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.json();
    let events = page["data"].as_array().unwrap().iter();
    let orders = events.map(|event| event["order_id"].to_string());
    let next = page["next"].as_str().unwrap();
    Some((orders.collect(), format!("&after={next}")))
}

/// Reads the feed from a cursor until there is nothing new and the load is over. Returns all new orders, and where to continue.
fn follow(address: SocketAddr, mut after: String, load: &Load) -> (Vec<String>, String) {
    let mut connection = Connection::open(address);
    let mut found = Vec::new();
    loop {
        let is_over = load.is_over.load(Ordering::Relaxed);
        let Some((orders, next)) = page(&mut connection, &after) else {
            std::thread::sleep(BETWEEN_ATTEMPTS);
            continue;
        };
        if orders.is_empty() && is_over {
            return (found, next);
        }
        found.extend(orders);
        after = next;
    }
}

/// Sends batches with orders of two organisations, each until it is accepted. Returns how many were.
fn send(client: usize, address: SocketAddr, load: &Load) -> usize {
    let mut connection = Connection::open(address);
    let mut batches = 0;
    while !load.is_over.load(Ordering::Relaxed) {
        let name = format!("{client}-{batches}");
        let batch = batch(&name, &["TRK001", "TRK002"]).header("idempotency-key", name.as_str());
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
        drop sequence stamps;
        drop sequence recent_numbers;
        drop function refuse_older_servers();
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

/// A store that is distributed over the nodes, with the fixture.
fn distributed(nodes: &[Cluster; 3]) -> DataDirectory {
    let url = nodes[0].url(DATABASE);
    let output = distribute(&url);
    assert!(output.status.success(), "{output:?}");
    filled(&url)
}

/// Kills nodes, chosen by `victim`, while clients send batches and one reads the feed.
fn storm_of_kills(victim: impl Fn(&mut Random) -> usize) {
    let mut nodes = nodes();
    let data = distributed(&nodes);
    let server = Server::start_logging_to(data.path(), Stdio::null());
    let (load, address) = (Load::default(), server.address);
    // Batches are over before the feed is.
    let (writing, reading) = (&load, &Load::default());
    let (batches, read) = std::thread::scope(|scope| {
        let (read_over, over) = (Over(reading), Over(writing));
        let follower = scope.spawn(|| follow(address, String::new(), reading).0);
        let clients = Vec::from_iter(
            (0..CLIENTS).map(|client| scope.spawn(move || send(client, address, writing))),
        );
        storm(4, |seed| {
            let mut random = Random::new(seed);
            load.wait_for(&load.taken, 1 + random.below(60));
            let node = &mut nodes[victim(&mut random)];
            node.kill().unwrap();
            load.wait_for(&load.refused, CLIENTS);
            node.restart().unwrap();
            // Citus does so every minute by itself.
            execute(&nodes[0], "select recover_prepared_transactions()");
            load.wait_for(&load.taken, CLIENTS);
        });
        drop(over);
        let clients = clients.into_iter();
        let batches = clients.map(|client| client.join().unwrap()).sum::<usize>();
        drop(read_over);
        (batches, follower.join().unwrap())
    });
    let report = stored::check(data.path());
    assert_eq!(report.faults, Vec::<String>::new());
    let counted = [report.orders, report.revisions, report.batches];
    assert_eq!(
        counted,
        [2 * batches, 2 * batches, batches].map(|count| count as u64)
    );
    assert_eq!(read.len(), 2 * batches, "neither a gap nor a repeat");
    assert_eq!(BTreeSet::from_iter(read).len(), 2 * batches);
}

#[test]
fn storm_of_kills_of_a_worker_leaves_no_batch_half_stored() {
    if is_on_citus() {
        storm_of_kills(|random| 1 + random.below(2));
    }
}

#[test]
fn storm_of_kills_of_the_coordinator_leaves_no_batch_half_stored() {
    if is_on_citus() {
        storm_of_kills(|_| 0);
    }
}

/// The single number that a query of a node returns.
fn number(node: &Cluster, sql: &str) -> i64 {
    let asked = node.with_client(DATABASE, |client| client.query_one(sql, &[])?.try_get(0));
    asked.expect(sql)
}

/// Which of the nodes has the rows of an organisation.
fn node_of(nodes: &[Cluster; 3], code: &str) -> usize {
    let port = number(
        &nodes[0],
        &format!(
            "select cast(nodeport as bigint) from pg_dist_shard_placement where shardid = \
             get_shard_id_for_distribution_column('counters', (select id from organisations where code = '{code}'))"
        ),
    );
    let of_port = |node: &Cluster| i64::from(node.port()) == port;
    nodes.iter().position(of_port).expect("a node has it")
}

/// Sends a request until it is done.
fn done(server: &Server, request: &Request) -> Response {
    let begin = Instant::now();
    loop {
        let answer = server.send(request);
        if answer.status == 200 {
            return answer;
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(begin.elapsed() < DEADLINE, "no answer");
        std::thread::sleep(BETWEEN_ATTEMPTS);
    }
}

/// The coordinator waits for a standby that does not exist, after the nodes have prepared the transaction. One of them is killed
/// before it is told to commit.
#[test]
fn a_transaction_in_doubt_is_read_once_it_is_recovered() {
    if !is_on_citus() {
        return;
    }
    let mut nodes = nodes();
    let data = distributed(&nodes);
    let codes = ["TRK001", "TRK002"];
    let [victim, other] = codes.map(|code| node_of(&nodes, code));
    assert_ne!(victim, other, "the transaction has two nodes");
    let server = Server::start(data.path());
    let over = Load::default();
    over.is_over.store(true, Ordering::Relaxed);
    let read = |after: &str| follow(server.address, after.to_owned(), &over);
    assert_eq!(server.send(&batch("first", &codes)).status, 200);
    let (orders, after) = read("");
    assert_eq!(orders.len(), 2);

    for sql in [
        "alter system set synchronous_standby_names = 'nobody'",
        "select pg_reload_conf()",
    ] {
        execute(&nodes[0], sql);
    }
    std::thread::scope(|scope| {
        let late = scope.spawn(|| server.send(&batch("late", &codes)));
        let waits = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
        let begin = Instant::now();
        while number(&nodes[0], waits) == 0 {
            assert!(begin.elapsed() < DEADLINE, "it does not commit");
        }
        assert!(number(&nodes[victim], "select count(*) from pg_prepared_xacts") > 0);
        nodes[victim].kill().unwrap();
        execute(&nodes[0], "alter system reset synchronous_standby_names");
        execute(&nodes[0], "select pg_reload_conf()");
        assert_eq!(late.join().unwrap().status, 200);
    });
    nodes[victim].restart().unwrap();
    assert!(number(&nodes[victim], "select count(*) from pg_prepared_xacts") > 0);
    // Its stamp is greater than that of the transaction in doubt.
    done(&server, &batch("early", &codes[1..]));
    let (orders, after) = read(&after);
    assert_eq!(orders, Vec::<String>::new(), "nothing is passed");
    execute(&nodes[0], "select recover_prepared_transactions()");
    let (orders, _) = read(&after);
    assert_eq!(orders.len(), 3);
    let report = stored::check(data.path());
    assert_eq!((report.orders, report.faults), (5, Vec::new()));
}
