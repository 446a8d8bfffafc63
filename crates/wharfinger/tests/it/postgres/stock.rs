//! Two servers that sell from the same stock.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::support::case::ENFORCED;
use crate::support::client::{Connection, Request};
use crate::support::database::Database;
use crate::support::fixture::{self, secret_of};
use crate::support::server::{Server, load_products, run};
use crate::support::stored;
use crate::support::v1::request;

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
    assert_eq!(pieces_left(data.path(), ENFORCED), 0);
    let orders = stored::all_orders(data.path(), ENFORCED, "centra");
    assert_eq!(orders.len() as u64, PIECES);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

/// Cancelling locks the organisation, but the stock of all organisations is written in one order.
#[test]
fn pieces_that_come_back_to_two_organisations_at_once_are_all_there() {
    const SHOPS: [&str; 2] = ["TRK001", "TRK002"];
    let data = fixture::postgres_directory();
    for shop in SHOPS {
        let file = data.path().join("load.csv");
        std::fs::write(&file, format!("sku,stock\nPLAIN,{BUYERS}\n")).unwrap();
        let load = ["products", "load", "--org", shop, file.to_str().unwrap()];
        for command in [&["org", "set", shop, "--catalogue", "enforced"][..], &load] {
            let done = run(data.path(), command);
            assert!(done.status.success(), "{done:?}");
        }
    }
    let servers = [Server::start(data.path()), Server::start(data.path())];
    let mut sold = Vec::new();
    for number in 1..=BUYERS {
        for shop in SHOPS {
            let mut connection = Connection::open(servers[0].address);
            assert!(buys_from(&mut connection, (shop, "full"), number));
        }
    }
    for shop in SHOPS {
        assert_eq!(pieces_left(data.path(), shop), 0);
        let orders = stored::all_orders(data.path(), shop, "centra");
        sold.extend(orders.iter().map(|order| order.id.to_string()));
    }
    assert_eq!(sold.len() as u64, 2 * BUYERS);
    std::thread::scope(|scope| {
        for (at, id) in sold.iter().enumerate() {
            let server = &servers[at / 2 % 2];
            let target = format!("/v1/orders/{id}/cancel");
            scope.spawn(move || {
                let answer = server.send(&request("POST", &target, "full"));
                assert_eq!(answer.status, 200, "{}", answer.text());
            });
        }
    });
    for shop in SHOPS {
        assert_eq!(pieces_left(data.path(), shop), BUYERS);
    }
    // Each server has read what the other wrote, and sells as much as is there.
    for (server, shop) in servers.iter().zip(SHOPS) {
        let mut connection = Connection::open(server.address);
        let numbers = 1_000..;
        let sold = numbers.take_while(|number| buys_from(&mut connection, (shop, "full"), *number));
        assert_eq!(sold.count() as u64, BUYERS);
    }
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
    let select = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(Database::of(data.path()).number(select), 0);
}

fn pieces_left(data: &Path, organisation: &str) -> u64 {
    let list = ["products", "list", "--org", organisation, "--json"];
    let listed = String::from_utf8(run(data, &list).stdout).unwrap();
    let plain = listed.lines().find(|line| line.contains(r#""PLAIN""#));
    let plain: serde_json::Value = serde_json::from_str(plain.unwrap()).unwrap();
    plain["stock"].as_u64().unwrap()
}

/// Buys one piece. False if none is left.
fn buys(connection: &mut Connection, number: u64) -> bool {
    buys_from(connection, (ENFORCED, "shop"), number)
}

fn buys_from(connection: &mut Connection, (organisation, key): (&str, &str), number: u64) -> bool {
    let order = json!({
        "orderNumber": number,
        "address": {"email": "eva@example.com", "country": "SE"},
        "products": [{"sku": "PLAIN", "qty": 1}],
    });
    let request = Request::new("POST", &format!("/centra/{organisation}/order"));
    let request = request.header("api-authorization", secret_of(key));
    let answer = connection.exchange(&request.body(order.to_string()));
    let answer = answer.expect("an answer").json();
    match answer["code"].as_i64() {
        None => true,
        Some(-2) => false,
        Some(_) => panic!("{answer}"),
    }
}
