//! Statistics over HTTP: outcomes over time, and causes of rejections.

mod checked;
mod load;

use std::path::Path;

use serde_json::{Value, json};
use wharfinger::access::rates::Rates;
use wharfinger::access::secret;
use wharfinger::store::{Change, Key};
use wharfinger_core::order::organisation::{OrgAccess, Scope};

use crate::support::changes::is_replayed;
use crate::support::client::Request;
use crate::support::database::{self, Database};
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::server::{Server, program, run};
use crate::support::stored::{check, look};
use crate::support::v1::{batch_id, order, request, submit};

const DAY_MS: i64 = 24 * 3_600_000;

/// What a key sees at a path.
fn seen(server: &Server, target: &str, key: &str) -> Value {
    let answer = server.send(&request("GET", target, key));
    assert_eq!(answer.status, 200, "{key}: {target}: {}", answer.text());
    answer.json()
}

/// The totals that a key sees: accepted, updated, unchanged, rejected, withheld.
fn totals(server: &Server, query: &str, key: &str) -> [u64; 5] {
    let stats = seen(server, &format!("/v1/stats?{query}"), key);
    let names = ["accepted", "updated", "unchanged", "rejected", "withheld"];
    let count = |of: &Value, name: &str| of[name].as_u64().unwrap();
    let steps = stats["data"].as_array().unwrap();
    names.map(|name| {
        let total = count(&stats["totals"], name);
        let sum: u64 = steps.iter().map(|step| count(step, name)).sum();
        assert_eq!(sum, total, "{query}: the steps of {name}");
        total
    })
}

/// The causes that a key sees: code, pointer, count, open, senders.
fn causes(server: &Server, query: &str, key: &str) -> Value {
    let errors = seen(server, &format!("/v1/errors?{query}"), key);
    let data = errors["data"].as_array().unwrap().iter();
    let brief = |cause: &Value| {
        let names = ["code", "pointer", "count", "open", "senders"];
        Value::from(Vec::from(names.map(|name| cause[name].clone())))
    };
    data.map(brief).collect()
}

fn post(key: &str, query: &str, orders: &[Value]) -> Request {
    let target = format!("/v1/batches?{query}");
    request("POST", &target, key).body(serde_json::to_vec(orders).unwrap())
}

fn of(organisation: &str, mut order: Value) -> Value {
    order["organisation"] = organisation.into();
    order
}

/// An order whose lines lack their `sku`.
fn without_sku(key: &str, lines: usize) -> Value {
    let mut order = order(key);
    order["lines"] = vec![json!({"quantity": 1}); lines].into();
    order
}

/// Adds everything to the sums that is in the log.
fn roll_up(data: &Path) {
    look(data, async |store| store.roll_up_stats().await.unwrap());
    assert_eq!(Database::of(data).count("stats_log"), 0);
}

/// Asserts that a request is refused, with a sentence that has these words.
fn refused(server: &Server, target: &str, why: &str) {
    let answer = server.send(&request("GET", target, "full"));
    assert_eq!(answer.status, 400, "{target}: {}", answer.text());
    assert!(answer.text().contains(why), "{target}: {}", answer.text());
}

/// A time as a parameter.
fn at(offset_ms: i64) -> String {
    wharfinger::clock::rfc_3339(wharfinger::clock::now_ms() + offset_ms)
}

/// A key that reaches every organisation.
fn add_key_for_all(data: &Path) {
    let key = Key {
        id: "all".into(),
        secret_sha256: secret::hash(&secret_of("all")),
        reach: OrgAccess::All,
        scopes: Scope::ALL.to_vec(),
        created_at_ms: 0,
        expires_at_ms: None,
        revoked_at_ms: None,
        last_used_at_ms: None,
        rates: Rates::default(),
        is_test: false,
    };
    look(data, async |store| {
        let change = Change::CreateKey(key);
        store.administer("fixture", change, None).await.unwrap();
    });
}

#[test]
fn each_tenant_sees_its_own_orders_before_and_after_they_are_rolled_up() {
    let data = fixture::data_directory();
    add_key_for_all(data.path());
    let server = Server::start(data.path());
    let orders = [
        of("TRK001", order("A")),
        of("TRK002", order("B")),
        of("NOBODY", order("C")),
        of("TRK002", without_sku("D", 3)),
        of("TRK001", without_sku("E", 1)),
    ];
    let first = server.send(&post("full", "", &orders));
    assert_eq!(first.status, 207, "{}", first.text());
    let orders = [without_sku("F", 2), order("A"), json!("no order")];
    let second = server.send(&post("one", "organisation=TRK001", &orders));
    assert_eq!(second.status, 207, "{}", second.text());

    let look_at = |server: &Server| {
        for (query, key, expected) in [
            ("", "full", [2, 1, 0, 5, 0]),
            ("", "one", [1, 1, 0, 3, 0]),
            ("", "reader", [1, 1, 0, 3, 0]),
            ("", "other", [1, 0, 0, 1, 0]),
            // Orders of no known organisation are their sender's alone.
            ("", "all", [2, 1, 0, 4, 0]),
            ("organisation=TRK001", "full", [1, 1, 0, 3, 0]),
            ("organisation=TRK002", "all", [1, 0, 0, 1, 0]),
            ("dialect=native", "one", [1, 1, 0, 3, 0]),
            ("dialect=centra", "full", [0; 5]),
        ] {
            for step in ["1m", "1h", "1d"] {
                let query = format!("{query}&step={step}");
                assert_eq!(totals(server, &query, key), expected, "{query} {key}");
            }
        }
        let sku = |count, senders| json!(["required", "/lines/*/sku", count, count, senders]);
        let whole = json!(["not_object", "", 1, 1, 1]);
        let nobody = json!(["unknown_organisation", "/organisation", 1, 1, 1]);
        let all = |key| causes(server, "", key);
        assert_eq!(all("full"), json!([sku(3, 2), whole, nobody]));
        assert_eq!(all("one"), json!([sku(2, 2), whole]));
        assert_eq!(all("other"), json!([sku(1, 1)]));
        assert_eq!(all("all"), json!([sku(3, 2), whole]));
        assert_eq!(
            causes(server, "organisation=TRK002", "full"),
            json!([sku(1, 1)])
        );
        assert_eq!(causes(server, "dialect=reevoo", "full"), json!([]));
    };
    look_at(&server);

    let errors = seen(&server, "/v1/errors", "one");
    let cause = &errors["data"][0];
    let example = &cause["example"];
    assert_eq!(cause["dialect"], "native");
    assert_eq!(example["batch_id"], batch_id(&second));
    assert_eq!(example["index"], 0);
    assert_eq!(example["message"], "lines[0].sku is required");
    let receipt = seen(
        &server,
        &format!("/v1/batches/{}", batch_id(&second)),
        "one",
    );
    assert_eq!(cause["last_seen"], receipt["received_at"]);
    // The id has the batch and the position, as an order's id has.
    let order_id = seen(&server, "/v1/orders?key=A&organisation=TRK001", "full");
    assert_eq!(order_id["data"].as_array().unwrap().len(), 1);
    let id = example["rejection_id"].as_str().unwrap();
    assert_eq!(id[..13], batch_id(&second)[..13]);

    // Of another tenant's organisation nothing is said.
    for route in ["stats", "errors"] {
        for code in ["TRK002", "NOBODY"] {
            let target = format!("/v1/{route}?organisation={code}");
            let answer = server.send(&request("GET", &target, "one"));
            assert_eq!(answer.status, 400, "{target}: {}", answer.text());
        }
        let answer = server.send(&request("GET", &format!("/v1/{route}"), "writer"));
        assert_eq!(answer.status, 403);
    }

    drop(server);
    roll_up(data.path());
    assert_eq!(check(data.path()).faults, Vec::<String>::new());
    let server = Server::start(data.path());
    look_at(&server);
    assert_eq!(seen(&server, "/v1/errors", "one")["data"], errors["data"]);
}

#[test]
fn a_batch_counts_once_however_often_it_is_sent_and_a_dry_run_does_not_count() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = [order("A"), without_sku("B", 2)];
    let batch = post("full", "organisation=TRK001", &orders);
    let named = batch.clone().header("idempotency-key", "once");
    let first = server.send(&named);
    assert_eq!(first.status, 207);
    let dry = server.send(&post("full", "organisation=TRK001&dry_run=true", &orders));
    assert_eq!(dry.status, 207);
    // A batch that is refused as a whole is no batch.
    assert_eq!(
        server
            .send(&request("POST", "/v1/batches", "full").body("{"))
            .status,
        400
    );
    let once = (
        [1, 0, 0, 1, 0],
        json!([["required", "/lines/*/sku", 1, 1, 1]]),
    );
    let counted = |server: &Server| (totals(server, "", "full"), causes(server, "", "full"));
    assert!(is_replayed(&server.send(&named)));
    assert_eq!(counted(&server), once);
    // Killed, with what was counted in the log or in the sums.
    server.kill();
    let server = Server::start(data.path());
    assert!(is_replayed(&server.send(&named)));
    assert_eq!(counted(&server), once);
    server.kill();
    roll_up(data.path());
    let server = Server::start(data.path());
    assert!(is_replayed(&server.send(&named)));
    assert_eq!(counted(&server), once);

    // An all-or-nothing batch that is refused accepts nothing.
    let query = "organisation=TRK001&policy=all_or_nothing";
    let orders = [order("C"), order("D"), without_sku("E", 1)];
    assert_eq!(server.send(&post("full", query, &orders)).status, 422);
    assert_eq!(totals(&server, "", "full"), [1, 0, 0, 2, 2]);
    assert_eq!(
        causes(&server, "", "full"),
        json!([["required", "/lines/*/sku", 2, 2, 1]])
    );

    // Each chunk of an import counts as a batch, also if the import is sent again.
    let lines = (0..2_500).map(|at| match at % 100 {
        0 => "{}\n".to_owned(),
        _ => format!("{}\n", order(&format!("I-{at}"))),
    });
    let id = "019a0000-0000-4000-8000-00000000000b";
    let put = format!("/v1/imports/{id}?organisation=TRK002");
    let put = request("PUT", &put, "full").body(lines.collect::<String>());
    let put = put.header("content-type", "application/x-ndjson");
    for status in [200, 409] {
        let done = server.send(&put);
        assert_eq!(done.status, status, "{}", done.text());
    }
    assert_eq!(
        totals(&server, "organisation=TRK002", "full"),
        [2_475, 0, 0, 25, 0]
    );
    let of_import = causes(&server, "organisation=TRK002", "full");
    let counts = of_import.as_array().unwrap().iter().map(|cause| &cause[2]);
    assert!(counts.clone().count() > 1);
    assert!(counts.clone().all(|count| *count == 25), "{of_import}");
    drop(server);
    assert_eq!(check(data.path()).faults, Vec::<String>::new());
}

/// Serves with a clock that is ahead.
fn serve_ahead(data: &DataDirectory, offset_ms: i64) -> Server {
    let offset = data.path().join("offset");
    std::fs::write(&offset, offset_ms.to_string()).unwrap();
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
    command.env("WHARFINGER_TEST_CLOCK", &offset);
    database::aim(&mut command, data.path());
    Server::spawn(command)
}

#[test]
fn days_stay_when_minutes_and_hours_are_no_longer_kept() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A"), without_sku("B", 1)]);
    let (before, after) = (at(-DAY_MS), at(60_000));
    let then = format!("from={before}&to={after}");
    drop(server);
    for days in [0, 9, 410] {
        // A server rolls up when it starts. Minutes of the first day are gone after 9 days.
        let server = serve_ahead(&data, days * DAY_MS);
        submit(
            &server,
            "TRK001",
            &[order(&format!("A-{days}")), without_sku("B", 1)],
        );
        let expected = if days == 0 { 2 } else { 1 };
        drop(server);
        let server = serve_ahead(&data, days * DAY_MS);
        let now = format!(
            "from={}&to={}",
            at((days - 1) * DAY_MS),
            at(days * DAY_MS + 60_000)
        );
        assert_eq!(
            totals(&server, &format!("{now}&step=1m"), "full"),
            [expected, 0, 0, expected, 0]
        );
        for step in ["1d", "1h", "1m"] {
            let stats = format!("/v1/stats?{then}&step={step}");
            let is_kept = step == "1d" || days < 9 || step == "1h" && days < 400;
            let answer = server.send(&request("GET", &stats, "full"));
            if !is_kept {
                assert_eq!(answer.status, 400, "{stats}");
                assert!(answer.text().contains("are kept for"), "{}", answer.text());
                continue;
            }
            let counts = totals(&server, &format!("{then}&step={step}"), "full");
            assert_eq!(counts, [2, 0, 0, 2, 0], "{days} {step}");
        }
        let of_then = causes(&server, &then, "full");
        assert_eq!(
            of_then,
            json!([["required", "/lines/*/sku", 2, 2, 1]]),
            "{days}"
        );
        let both = format!("from={before}&to={}", at((days + 1) * DAY_MS));
        let all = causes(&server, &both, "full");
        let count = if days == 0 {
            2
        } else if days == 9 {
            3
        } else {
            4
        };
        assert_eq!(
            all,
            json!([["required", "/lines/*/sku", count, count, 1]]),
            "{days}"
        );
    }
    assert_eq!(check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn times_are_rounded_outwards_and_every_step_is_listed() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A")]);
    let stats = |query: &str| seen(&server, &format!("/v1/stats?{query}"), "full");
    // Hours are the shortest steps of a time that long ago.
    let hour_ms = 3_600_000;
    let now = wharfinger::clock::now_ms();
    let then = now - now % hour_ms - 100 * DAY_MS;
    let [from, to] = [then + 30_000, then + 2 * hour_ms + 1_000].map(wharfinger::clock::rfc_3339);
    let first = stats(&format!("from={from}&to={to}"));
    let hours = [0, 1, 2, 3].map(|hour| wharfinger::clock::rfc_3339(then + hour * hour_ms));
    assert_eq!(first["from"], *hours[0]);
    assert_eq!(first["to"], *hours[3]);
    assert_eq!(first["step"], "1h");
    let begins = first["data"].as_array().unwrap().iter();
    let begins = begins.map(|step| step["at"].clone());
    assert_eq!(Value::from_iter(begins), json!(hours[..3]));
    let zeros = json!({"accepted": 0, "updated": 0, "unchanged": 0, "rejected": 0, "withheld": 0});
    assert_eq!(first["totals"], zeros);

    // Only the minutes of a time count, though its first and last hour are longer.
    let receipt = seen(&server, "/v1/batches", "full");
    let received = receipt["data"][0]["received_at"]
        .as_str()
        .unwrap()
        .to_owned();
    let minute = format!("{}:00Z", &received[..16]);
    for step in ["1h", "1d"] {
        let from = format!("from={minute}&to={}&step={step}", at(60_000));
        assert_eq!(totals(&server, &from, "full"), [1, 0, 0, 0, 0]);
        let before = wharfinger::clock::rfc_3339(now - 2 * DAY_MS);
        let until = format!("from={before}&to={minute}&step={step}");
        assert_eq!(totals(&server, &until, "full"), [0; 5]);
    }
    let steps = stats("")["data"].as_array().unwrap().len();
    assert!((24..=25).contains(&steps), "{steps}");

    let long = format!("from={}", at(-100 * DAY_MS));
    for (query, why) in [
        (
            "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
            "from must be earlier",
        ),
        ("from=2020-01-01T00:00:00Z", "Hours are kept for 400 days"),
        (long.as_str(), "more than 1500 steps"),
        ("from=yesterday", "from"),
        ("step=2h", "1m, 1h or 1d"),
        ("dialect=latin", "dialect"),
        ("limit=3", "limit"),
    ] {
        refused(&server, &format!("/v1/stats?{query}"), why);
    }
    let days = stats("from=2023-01-01T07:00:00Z&to=2026-12-31T00:00:00Z&step=1d");
    assert_eq!(days["from"], "2023-01-01T00:00:00.000Z");
    assert_eq!(days["data"].as_array().unwrap().len(), 1_460);
}

#[test]
fn causes_are_listed_in_pages_the_most_frequent_first() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for (name, times) in [
        ("currency", 3),
        ("customer", 5),
        ("locale", 1),
        ("language", 3),
    ] {
        for at in 0..times {
            let order = order(&format!("K{at}")).to_string();
            let twice = order.replacen('{', &format!(r#"{{"{name}":1,"{name}":2,"#), 1);
            let batch = request("POST", "/v1/batches?organisation=TRK001", "full");
            assert_eq!(server.send(&batch.body(twice)).status, 422);
        }
    }
    let expected = ["/customer", "/currency", "/language", "/locale"];
    let all = causes(&server, "", "full");
    let pointers = all.as_array().unwrap().iter().map(|cause| cause[1].clone());
    assert_eq!(Value::from_iter(pointers), json!(expected));
    let mut found = Vec::new();
    let mut target = "/v1/errors?limit=1&open=true".to_owned();
    loop {
        let page = seen(&server, &target, "full");
        let data = page["data"].as_array().unwrap();
        assert_eq!(data.len(), 1);
        found.push(data[0]["pointer"].clone());
        match page["next"].as_str() {
            Some(next) => target = format!("/v1/errors?limit=1&open=true&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, expected);
    refused(&server, "/v1/errors?after=x", "after");
}

#[test]
fn erasing_a_person_keeps_the_numbers_and_no_name() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let order = order("A").to_string();
    for name in ["ann@quay.example", "joann@quay.example"] {
        let twice = order.replacen('{', &format!(r#"{{"{name}":1,"{name}":2,"#), 1);
        let batch = request("POST", "/v1/batches?organisation=TRK001", "full");
        assert_eq!(server.send(&batch.body(twice)).status, 422);
    }
    let pointers = |server: &Server| {
        let all = causes(server, "", "full");
        let pointers = all.as_array().unwrap().iter();
        Vec::from_iter(
            pointers.map(|cause| (cause[1].as_str().unwrap().to_owned(), cause[2].clone())),
        )
    };
    // No name that a sender chose is kept.
    assert_eq!(pointers(&server), [("/*".to_owned(), json!(2))]);
    let erase = [
        "customer",
        "erase",
        "--org",
        "TRK001",
        "--email",
        "ann@quay.example",
    ];
    let done = run(data.path(), &erase);
    assert!(done.status.success(), "{done:?}");
    let expected = [("/*".to_owned(), json!(2))];
    assert_eq!(pointers(&server), expected);
    assert_eq!(totals(&server, "", "full"), [0, 0, 0, 2, 0]);
    drop(server);
    assert_eq!(check(data.path()).faults, Vec::<String>::new());
}
