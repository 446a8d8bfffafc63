//! The drill: back up under load, lose the server, restore, and find every acknowledged order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{backed_up, keys, restored};
use crate::support::client::Connection;
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::v1::{order, request, submit};

/// Clients that send all the time, and orders of a request.
const CLIENTS: usize = 4;
const ORDERS: usize = 20;

/// Sends orders until the server is gone, and notes the keys of those that were acknowledged.
fn send(address: std::net::SocketAddr, client: usize, acknowledged: &Mutex<Vec<String>>) {
    let mut connection = Connection::open(address);
    for round in 0.. {
        let keys = (0..ORDERS).map(|at| format!("{client}-{round}-{at}"));
        let keys = Vec::from_iter(keys);
        let orders = Vec::from_iter(keys.iter().map(|key| order(key)));
        let body = serde_json::to_vec(&orders).unwrap();
        let target = "/v1/batches?organisation=TRK001";
        let Some(answer) = connection.exchange(&request("POST", target, "full").body(body)) else {
            return;
        };
        assert_eq!(answer.json()["accepted"], ORDERS, "{}", answer.text());
        acknowledged.lock().unwrap().extend(keys);
    }
}

#[test]
fn every_order_acknowledged_before_the_backup_began_is_restored() {
    let data = fixture::data_directory();
    let home = tempfile::tempdir().unwrap();
    // So short a log restarts many times while the store is copied: every 64 pages.
    let server = Server::start_with(data.path(), &["--log-pages", "512"]);
    let lots = (0..3_000).map(|at| order(&format!("first-{at}")));
    let lots = Vec::from_iter(lots);
    for orders in lots.chunks(500) {
        submit(&server, "TRK001", orders);
    }
    let acknowledged = Mutex::new(Vec::new());
    let address = server.address;
    let is_killed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (acknowledged, is_killed) = (&acknowledged, &is_killed);
            scope.spawn(move || {
                send(address, client, acknowledged);
                assert!(
                    is_killed.load(Ordering::SeqCst),
                    "the server ended by itself"
                );
            });
        }
        let mut moments = Vec::new();
        while acknowledged.lock().unwrap().len() < CLIENTS * ORDERS {
            std::thread::yield_now();
        }
        for round in 0..4 {
            let before = acknowledged.lock().unwrap().clone();
            let to = home.path().join(format!("backup-{round}"));
            let manifest = backed_up(data.path(), &to, &[]);
            moments.push((to, before, manifest));
        }
        let after = acknowledged.lock().unwrap().len();
        assert!(
            after > moments[0].1.len(),
            "orders were taken during the backups"
        );
        is_killed.store(true, Ordering::SeqCst);
        server.kill();
        for (round, (backup, before, manifest)) in moments.into_iter().enumerate() {
            let target = home.path().join(format!("restored-{round}"));
            let printed = restored(&[&backup], &target);
            let found: std::collections::HashSet<_> = keys(&target).into_iter().collect();
            let lost = before.iter().filter(|key| !found.contains(*key));
            assert_eq!(lost.count(), 0, "round {round}");
            assert_eq!(found.len() as u64, manifest["orders"].as_u64().unwrap());
            let feed = |feeds: &serde_json::Value| {
                let feeds = feeds.as_array().unwrap().iter();
                let mut feeds = feeds.filter(|feed| feed["organisation"] == "TRK001");
                feeds.next().unwrap()["position"].clone()
            };
            assert_eq!(feed(&printed["feeds"]), feed(&manifest["feeds"]));
        }
    });
    let output = run(data.path(), &["check"]);
    assert!(output.status.success(), "{output:?}");
}
