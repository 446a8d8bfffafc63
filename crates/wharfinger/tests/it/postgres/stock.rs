//! Two servers that sell from the same stock.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::support::case::ENFORCED;
use crate::support::client::{Connection, Request};
use crate::support::fixture::{self, secret_of};
use crate::support::server::{Server, load_products, run};
use crate::support::stored;

const PIECES: u64 = 100;
const BUYERS: u64 = 32;

#[test]
fn buyers_at_two_servers_get_the_last_hundred_pieces_and_no_more() {
    let data = fixture::postgres_directory_with_catalogue();
    load_products(data.path(), &format!("sku,stock\nPLAIN,{PIECES}\n"));
    let servers = [Server::start(data.path()), Server::start(data.path())];
    let bought = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for buyer in 1..=BUYERS {
            let server = &servers[usize::from(buyer % 2 == 0)];
            let (mut connection, bought) = (Connection::open(server.address), &bought);
            scope.spawn(move || {
                for number in 0.. {
                    if !buys(&mut connection, buyer * 1_000 + number) {
                        return;
                    }
                    bought.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(bought.into_inner(), PIECES);
    let listed = run(
        data.path(),
        &["products", "list", "--org", ENFORCED, "--json"],
    );
    let listed = String::from_utf8(listed.stdout).unwrap();
    let plain = listed.lines().find(|line| line.contains(r#""PLAIN""#));
    let plain: serde_json::Value = serde_json::from_str(plain.unwrap()).unwrap();
    assert_eq!(plain["stock"], 0);
    let orders = stored::all_orders(data.path(), ENFORCED, "centra");
    assert_eq!(orders.len() as u64, PIECES);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

/// Buys one piece. False if none is left.
fn buys(connection: &mut Connection, number: u64) -> bool {
    let order = json!({
        "orderNumber": number,
        "address": {"email": "eva@example.com", "country": "SE"},
        "products": [{"sku": "PLAIN", "qty": 1}],
    });
    let request = Request::new("POST", &format!("/centra/{ENFORCED}/order"));
    let request = request.header("api-authorization", secret_of("shop"));
    let answer = connection.exchange(&request.body(order.to_string()));
    let answer = answer.expect("an answer").json();
    match answer["code"].as_i64() {
        None => true,
        Some(-2) => false,
        Some(_) => panic!("{answer}"),
    }
}
