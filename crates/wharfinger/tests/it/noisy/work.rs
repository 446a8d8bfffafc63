//! Small requests that cause a lot of work.

use std::io::Write;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::noises::{NOISY, exchange};
use super::{Noise, Sizes, storm_of};
use crate::support::client::Request;
use crate::support::fixture::secret_of;
use crate::support::server::Server;
use crate::support::v1::request;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut coder = GzEncoder::new(Vec::new(), Compression::best());
    coder.write_all(body).unwrap();
    coder.finish().unwrap()
}

/// A request in the dialect whose lists have numbered pages.
fn slips(method: &str, target: &str) -> Request {
    Request::new(method, target)
        .header("access_key", secret_of(NOISY))
        .header("site_id", "TRK001")
}

fn put(server: &Server, orders: &[String]) {
    let put = slips("PUT", "/api/customerorders");
    let answer = server.send(&put.body(format!("[{}]", orders.join(","))));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn storm_of_empty_orders() {
    static BODY: OnceLock<Vec<u8>> = OnceLock::new();
    storm_of(Noise {
        name: "empty orders",
        connections: Sizes {
            short: 4,
            long: 100,
        },
        prepare: |_| {},
        make: |noisy| {
            let orders = || format!("[{}{{}}]", "{},".repeat(49_999));
            let body = BODY.get_or_init(|| gzip(orders().as_bytes()));
            let batch = request("POST", "/v1/batches?organisation=TRK001", NOISY);
            let batch = batch.header("content-encoding", "gzip");
            exchange(noisy, &batch.body(body.clone()));
        },
    });
}

#[test]
fn storm_of_lists_of_large_orders() {
    storm_of(Noise {
        name: "lists of large orders",
        connections: Sizes { short: 4, long: 16 },
        prepare: |server| {
            let filler = "x".repeat(1_000_000);
            let count = Sizes {
                short: 20,
                long: 1_000,
            };
            for number in 0..count.now() {
                let order = format!(
                    r#"{{"packingslipno":"P-{number}","consignee":"A","costcentre":"{filler}"}}"#
                );
                put(server, &[order]);
            }
        },
        make: |noisy| {
            let list = slips("GET", "/api/customerorders?pagesize=1000");
            exchange(noisy, &list);
        },
    });
}

#[test]
fn storm_of_deep_pages() {
    const PAGE: usize = 100;
    const ORDERS: Sizes = Sizes {
        short: 10_000,
        long: 600_000,
    };
    storm_of(Noise {
        name: "deep pages",
        connections: Sizes {
            short: 16,
            long: 16,
        },
        prepare: |server| {
            let order = |number| format!(r#"{{"packingslipno":"P-{number}","consignee":"A"}}"#);
            for from in (0..ORDERS.now()).step_by(5_000) {
                let orders: Vec<_> = (from..from + 5_000).map(order).collect();
                put(server, &orders);
            }
        },
        make: |noisy| {
            let page = ORDERS.now() / PAGE;
            let target = format!("/api/customerorders?pagesize={PAGE}&page={page}");
            exchange(noisy, &slips("GET", &target));
        },
    });
}
