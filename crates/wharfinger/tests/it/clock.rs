//! A clock that jumps ahead and back.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::client::Request;
use crate::support::database;
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::server::{Server, program, run};
use crate::support::stored;
use crate::support::v1::{get, order, request, submit};

const YEARS_MS: i64 = 10 * 365 * 24 * 60 * 60 * 1_000;

/// A store and its server's clock.
struct Clock {
    data: DataDirectory,
    offset: PathBuf,
}

impl Clock {
    fn new() -> Self {
        let data = fixture::data_directory();
        let offset = data.path().join("offset");
        Self { data, offset }
    }

    /// Sets the clock ahead by this many milliseconds.
    fn set(&self, offset_ms: i64) {
        let new = self.data.path().join("offset.new");
        std::fs::write(&new, offset_ms.to_string()).unwrap();
        std::fs::rename(new, &self.offset).unwrap();
    }

    fn serve(&self) -> Server {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
        command.args(["--log-format", "json"]);
        command.env("WHARFINGER_TEST_CLOCK", &self.offset);
        let log = std::fs::File::create(self.data.path().join("log")).unwrap();
        command.stderr(log);
        database::aim(&mut command, self.data.path());
        Server::spawn(command)
    }
}

fn keys(server: &Server, filter: &str) -> Vec<String> {
    let page = get(server, &format!("/v1/orders?{filter}"));
    let orders = page["data"].as_array().unwrap().iter();
    orders.map(|order| text(&order["key"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn at(offset_ms: i64) -> String {
    wharfinger::clock::rfc_3339(wharfinger::clock::now_ms() + offset_ms)
}

fn created_at(server: &Server, id: &str) -> String {
    text(&get(server, &format!("/v1/orders/{id}"))["created_at"])
}

const HOUR_MS: i64 = 3_600_000;

#[test]
fn times_are_the_clocks_and_nothing_is_skipped_when_it_jumps_ahead_and_back() {
    let clock = Clock::new();
    clock.set(0);
    let server = clock.serve();
    let take = |key: &str| submit(&server, "TRK001", &[order(key)]).1.remove(0);
    let first = take("A-1");
    clock.set(YEARS_MS);
    let ahead = take("A-2");
    clock.set(0);
    let back = take("A-3");
    let last = take("A-4");

    let soon = at(60_000);
    let ids = [&first, &ahead, &back, &last];
    let times = ids.map(|id| created_at(&server, id));
    assert!(
        times[0] <= times[2] && times[2] <= times[3] && times[3] < soon,
        "{times:?}"
    );
    assert!(times[1] > at(YEARS_MS - HOUR_MS), "{times:?}");

    // Lists are in order of arrival, and filters find each order by its time.
    assert_eq!(keys(&server, ""), ["A-1", "A-2", "A-3", "A-4"]);
    let (before, after, later) = (at(-HOUR_MS), at(HOUR_MS), at(YEARS_MS / 2));
    let right = ["A-1", "A-3", "A-4"];
    let filter = format!("created_after={before}&created_before={after}");
    assert_eq!(keys(&server, &filter), right);
    assert_eq!(keys(&server, &format!("created_before={after}")), right);
    assert_eq!(keys(&server, &format!("created_after={later}")), ["A-2"]);
    assert_eq!(keys(&server, &format!("updated_after={later}")), ["A-2"]);
    let all = keys(&server, &format!("updated_after={before}"));
    assert_eq!(all, ["A-1", "A-2", "A-3", "A-4"]);

    // The feed is in commit order.
    let page = get(&server, "/v1/events?type=order.accepted");
    let told = page["data"].as_array().unwrap().iter();
    let told: Vec<_> = told.map(|event| text(&event["order_id"])).collect();
    assert_eq!(told.iter().collect::<Vec<_>>(), ids);

    // Receipts are in order of their times.
    let receipts = get(&server, "/v1/batches");
    let received = receipts["data"].as_array().unwrap().iter();
    let received: Vec<_> = received
        .map(|receipt| text(&receipt["received_at"]))
        .collect();
    assert_eq!(received.len(), 4);
    assert!(
        received.is_sorted_by(|one, other| one >= other),
        "{received:?}"
    );

    let metrics = server.send(&Request::new("GET", "/metrics"));
    let name = "wharfinger_clock_went_back_total";
    assert!(metrics.text().contains(name));
    assert!(!metrics.text().contains(&format!("{name} 0")));
    // Orders that are final and old are purged. Those accepted while the clock was ahead are not old yet.
    for id in ids {
        let target = format!("/v1/orders/{id}/process");
        assert_eq!(server.send(&request("POST", &target, "full")).status, 200);
    }
    drop(server);
    let log = std::fs::read_to_string(clock.data.path().join("log")).unwrap();
    assert!(log.contains("The clock went back"), "{log}");
    assert_eq!(
        stored::check(clock.data.path()).faults,
        Vec::<String>::new()
    );
    let output = run(clock.data.path(), &["purge", "--before", &at(1)]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        stored::check(clock.data.path()).faults,
        Vec::<String>::new()
    );
    let server = clock.serve();
    assert_eq!(keys(&server, ""), ["A-2"]);
}

/// Order keys in a vendor's list. The vendor has its own names for the list and for the keys.
fn listed(server: &Server, list: &Request, orders: &str, key: &str) -> Vec<String> {
    let answer = server.send(list);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let orders = answer[orders].as_array().unwrap().iter();
    orders.map(|order| text(&order[key])).collect()
}

#[test]
fn date_filters_of_vendors_find_every_order_when_the_clock_jumps_ahead_and_back() {
    let clock = Clock::new();
    clock.set(0);
    let server = clock.serve();
    let slips = |method: &str, query: &str| {
        Request::new(method, &format!("/api/customerorders?{query}"))
            .header("access_key", secret_of("full"))
            .header("site_id", "TRK001")
    };
    let shop = |method: &str, route: &str| {
        Request::new(method, &format!("/centra/TRK002/{route}"))
            .header("api-authorization", secret_of("full"))
    };
    for (number, offset) in [(1, 0), (2, YEARS_MS), (3, 0), (4, 0)] {
        clock.set(offset);
        let slip = format!(r#"[{{"packingslipno":"{number}","consignee":"Ann","country":"NZ"}}]"#);
        assert_eq!(server.send(&slips("PUT", "").body(slip)).status, 200);
        let order = format!(
            r#"{{"orderNumber":{number},"address":{{"email":"a@example.com","country":"SE"}},"products":[{{"sku":"A","qty":1}}]}}"#
        );
        let answer = server.send(&shop("POST", "order").body(order));
        assert_eq!(answer.json()["status"], "ok", "{}", answer.text());
    }
    let date = |offset: i64| at(offset)[..10].to_owned();
    let (before, after, later) = (date(-48 * HOUR_MS), date(48 * HOUR_MS), date(YEARS_MS / 2));
    for (from, to, expected) in [
        (Some(&before), Some(&after), &["1", "3", "4"][..]),
        (None, Some(&after), &["1", "3", "4"]),
        (Some(&later), None, &["2"]),
        (Some(&before), None, &["1", "2", "3", "4"]),
    ] {
        let query = |names: [&str; 2]| {
            let bounds = names.into_iter().zip([from, to]);
            let bounds = bounds.filter_map(|(name, bound)| Some(format!("{name}={}&", bound?)));
            bounds.collect::<String>()
        };
        let list = slips("GET", &query(["createdfrom", "createdto"]));
        assert_eq!(listed(&server, &list, "Results", "packingslipno"), expected);
        let list = shop(
            "GET",
            &format!("orders?{}", query(["newer_than", "older_than"])),
        );
        let mut found = listed(&server, &list, "orders", "orderId");
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}

#[test]
fn times_do_not_go_back_when_the_clock_is_put_right_a_little() {
    let clock = Clock::new();
    clock.set(0);
    let server = clock.serve();
    let take = |key: &str| submit(&server, "TRK001", &[order(key)]).1.remove(0);
    let first = take("A-1");
    clock.set(-30_000);
    let second = take("A-2");
    // Housekeeping may have written in between, so the times need not be equal.
    let times = [&first, &second].map(|id| created_at(&server, id));
    assert!(times.is_sorted(), "{times:?}");
    let metrics = server.send(&Request::new("GET", "/metrics"));
    assert!(
        metrics
            .text()
            .contains("wharfinger_clock_went_back_total 0")
    );
}
