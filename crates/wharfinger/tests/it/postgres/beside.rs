//! What the clients of one server see of another server on the same database, and of slow or dead neighbours.

use serde_json::json;

use super::{Pair, own_cluster, until};
use crate::support::case::ENFORCED;
use crate::support::changes::one;
use crate::support::client::{Connection, Request};
use crate::support::database::Database;
use crate::support::fixture::{self, secret_of};
use crate::support::server::{Server, load_products};
use crate::support::sse::Events;
use crate::support::stored;
use crate::support::v1::{get, order, order_id, request, submit};

#[test]
fn who_waits_at_one_is_told_what_comes_in_at_the_other() {
    let pair = Pair::start(fixture::postgres_directory());
    let [here, there] = &pair.servers;
    submit(here, "TRK001", &[order("A")]);
    let next = get(there, "/v1/events")["next"].clone();
    let target = format!("/v1/events?wait=60s&after={}", next.as_str().unwrap());
    let mut stream = Events::open(there.address, &request("GET", &target, "full"));
    assert_eq!(stream.status, 200);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| get(there, &target));
        submit(here, "TRK001", &[order("B")]);
        let page = waiting.join().unwrap();
        assert_eq!(page["data"][0]["type"], "batch.received", "{page}");
    });
    let kinds = [stream.next(), stream.next()].map(|event| event.expect("an event").kind);
    assert_eq!(kinds, ["batch.received", "order.accepted"]);
}

#[test]
fn an_import_that_was_begun_at_one_goes_on_at_the_other() {
    let pair = Pair::start(fixture::postgres_directory());
    let target = "/v1/imports/019a0000-0000-4000-8000-00000000000a?organisation=TRK001";
    let put = |key: &str| {
        let put = request("PUT", target, "one").header("content-type", "application/x-ndjson");
        put.body(format!("{}\n", order(key)))
    };
    let first = pair.servers[0].send(&put("A").header("import-complete", "?0"));
    assert_eq!(first.status, 200, "{}", first.text());
    let second = pair.servers[1].send(&put("B").header("import-offset", "1"));
    assert_eq!(second.status, 200, "{}", second.text());
    let told = second.json();
    assert_eq!(
        (&told["state"], &told["accepted"]),
        (&json!("complete"), &json!(2))
    );
    let keys = stored::all_orders(pair.data.path(), "TRK001", "native");
    let keys: Vec<_> = keys.iter().map(|order| order.key.as_str()).collect();
    assert_eq!(keys, ["A", "B"]);
}

/// A server caches products. A load by another process must still apply to the next order.
#[test]
fn what_is_loaded_beside_a_server_counts_for_its_next_order() {
    let pair = Pair::start(fixture::postgres_directory_with_catalogue());
    let buy = |server: &Server| {
        let body = json!({
            "address": {"email": "eva@example.com", "country": "SE"},
            "products": [{"sku": "LAMP", "qty": 1}],
        });
        let request = Request::new("POST", &format!("/centra/{ENFORCED}/order"));
        let request = request.header("api-authorization", secret_of("shop"));
        server.send(&request.body(body.to_string())).json()["status"] == "ok"
    };
    for server in &pair.servers {
        assert!(buy(server));
        assert!(buy(server));
    }
    for active in [false, true, false] {
        load_products(
            pair.data.path(),
            &format!("sku,active,stock\nLAMP,{active},1\n"),
        );
        for server in &pair.servers {
            assert_eq!(buy(server), active);
            load_products(pair.data.path(), "sku,stock\nLAMP,1\n");
        }
    }
    pair.assert_whole();
}

/// A statement that waits as long as a lock is held, through a trigger.
#[test]
fn a_slow_statement_holds_up_no_reader() {
    let (_cluster, data) = own_cluster();
    let mut other = Database::of(data.path());
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A")]);
    other.run(
        "create function wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(42); \
         return new; end $$; create trigger wait before insert on batches for each row execute function wait(); \
         select pg_advisory_lock(42)",
    );
    let waits = "pg_stat_activity where wait_event = 'advisory' and datname = 'orders'";
    std::thread::scope(|scope| {
        let asked = [
            scope.spawn(|| server.send(&one("B"))),
            scope.spawn(|| server.send(&one("C"))),
        ];
        until("it waits", || other.count(waits) > 0);
        for _ in 0..10 {
            assert_eq!(
                get(&server, "/v1/orders")["data"].as_array().unwrap().len(),
                1
            );
            assert_eq!(server.send(&Request::new("GET", "/healthz")).status, 200);
        }
        assert!(asked.iter().all(|asked| !asked.is_finished()));
        other.run("select pg_advisory_unlock(42)");
        for asked in asked {
            let answer = asked.join().unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    });
    assert_eq!(stored::check(data.path()).orders, 3);
}

/// A killed server's open transaction must not block the other server.
#[test]
fn a_server_that_is_killed_holds_up_no_other() {
    let pair = Pair::start(fixture::postgres_directory());
    let Pair {
        servers: [first, second],
        data,
    } = pair;
    let mut other = Database::of(data.path());
    other.begin_writing();
    let mut connection = Connection::open(first.address);
    assert!(connection.write(&one("A").bytes()));
    let waits = "pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    until("it waits", || other.count(waits) > 0);
    first.kill();
    other.run("commit");
    let answer = second.send(&one("A"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Its last request may have been done or not, as with any killed server, but never twice.
    let report = stored::check(data.path());
    assert_eq!(report.faults, Vec::<String>::new());
    assert_eq!((report.orders, report.revisions), (1, 1));
    assert_eq!(
        get(&second, "/v1/orders?key=A")["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let id = order_id(&second.send(&one("B")), 0);
    get(&second, &format!("/v1/orders/{id}"));
}
