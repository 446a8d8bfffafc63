//! What operators see: metrics, log lines, and a manual that matches the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use crate::support::changes::administrator;
use crate::support::client::{Connection, Request, Response};
use crate::support::fixture::{self, basic, secret_of};
use crate::support::server::Server;
use crate::support::sse::Events;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The rows of the manual's table with this heading, by cell.
fn table(heading: &str) -> Vec<Vec<String>> {
    let manual = read("docs/operations.md");
    let (_, behind) = manual
        .split_once(heading)
        .expect("the manual has the table");
    let lines = behind.lines().skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

/// The manual's entries for settings without a default, or with one that depends on others.
const UNSET: [&str; 4] = [
    "no limit",
    "depends on the terminal",
    "none",
    "half of connections_max",
];

#[test]
fn the_manual_names_every_setting_with_its_default() {
    let defaults = read("config.default.toml");
    let mut settings = BTreeMap::new();
    for line in defaults.lines() {
        let is_example = line.starts_with("# ");
        let line = line.trim_start_matches("# ");
        if let Some((name, value)) = line.split_once(" = ") {
            settings.insert(name.to_owned(), (!is_example).then(|| value.to_owned()));
        }
    }
    assert!(settings.len() >= 18);
    let rows = table("| setting | default | what it is |");
    let names: BTreeSet<_> = rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(names, settings.keys().cloned().collect());
    for row in rows {
        match &settings[&row[0]] {
            Some(default) => assert_eq!(row[1], *default, "{}", row[0]),
            None => assert!(UNSET.contains(&row[1].as_str())),
        }
    }
}

fn metrics(server: &Server) -> String {
    let answer = server.send(&Request::new("GET", "/metrics"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let media_type = answer.header("content-type").unwrap_or_default();
    assert!(media_type.starts_with("application/openmetrics-text"));
    assert!(answer.header("x-request-id").is_some());
    answer.text().to_owned()
}

/// The value of a sample. `None` if it is absent.
fn sample(metrics: &str, name: &str) -> Option<f64> {
    let mut lines = metrics.lines();
    let line = lines.find(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' '))
    })?;
    let (_, value) = line.rsplit_once(' ')?;
    Some(value.parse().expect("a value is a number"))
}

fn batch(keys: &[&str]) -> Request {
    let orders: Vec<_> = keys
        .iter()
        .map(|key| {
            format!(r#"{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"ann@example.com"}},"order_items":[{{"sku":"S"}}]}}"#)
        })
        .collect();
    let request = Request::new("POST", "/v4/customer_orders");
    let request = request.header("authorization", basic("full"));
    request.body(format!("[{}]", orders.join(",")))
}

fn send(server: &Server, request: &Request, status: u16) -> Response {
    let answer = server.send(request);
    assert_eq!(answer.status, status, "{}", answer.text());
    answer
}

#[test]
fn metrics_count_what_became_of_orders_and_how_long_it_took() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = |outcome: &str| {
        format!("wharfinger_orders_total{{dialect=\"reevoo\",outcome=\"{outcome}\"}}")
    };
    let before = metrics(&server);
    for outcome in ["accepted", "updated", "unchanged", "rejected", "withheld"] {
        assert_eq!(sample(&before, &orders(outcome)), Some(0.0), "{outcome}");
    }
    send(&server, &batch(&["A", "B", "C"]), 202);
    send(&server, &batch(&["A", "D", ""]), 206);
    // Dry runs and replayed responses are not counted.
    send(
        &server,
        &batch(&["E"]).header("wharfinger-dry-run", "true"),
        202,
    );
    for _ in 0..2 {
        send(
            &server,
            &batch(&["F"]).header("idempotency-key", "once"),
            202,
        );
    }
    let after = metrics(&server);
    for (outcome, count) in [
        ("accepted", 5.0),
        ("unchanged", 1.0),
        ("rejected", 1.0),
        ("updated", 0.0),
    ] {
        assert_eq!(
            sample(&after, &orders(outcome)),
            Some(count),
            "{outcome}\n{after}"
        );
    }
    assert_eq!(sample(&after, "wharfinger_batch_orders_count"), Some(3.0));
    assert_eq!(sample(&after, "wharfinger_batch_orders_sum"), Some(7.0));
    let duration = "wharfinger_http_request_duration_seconds";
    let route = "dialect=\"reevoo\",route=\"customer_orders\"";
    let taken = format!("{duration}_count{{{route},status=\"202\"}}");
    assert_eq!(sample(&after, &taken), Some(4.0), "{after}");
    let partial = format!("{duration}_count{{{route},status=\"206\"}}");
    assert_eq!(sample(&after, &partial), Some(1.0));
    assert!(sample(&after, "wharfinger_store_commit_duration_seconds_count") >= Some(3.0));
    assert!(sample(&after, "wharfinger_store_size_bytes") > Some(4096.0));
    assert_eq!(sample(&after, "wharfinger_store_queue_depth"), Some(0.0));
    assert_eq!(sample(&after, "wharfinger_body_bytes_in_flight"), Some(0.0));
    for private in ["TRK001", "full", "ann@"] {
        assert!(!after.contains(private), "{private}");
    }
}

#[test]
fn metrics_show_memory_that_a_body_in_flight_has() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let request = batch(&[]).header("content-length", "1000").body("[");
    let mut connection = Connection::open(server.address);
    assert!(connection.write(&request.bytes()));
    // Announced bytes take no memory.
    while sample(&metrics(&server), "wharfinger_body_bytes_in_flight") != Some(2.0) {}
    assert!(connection.write(&[b' '; 998]) && connection.write(b"]"));
    assert_eq!(connection.read().map(|answer| answer.status), Some(422));
    assert_eq!(
        sample(&metrics(&server), "wharfinger_body_bytes_in_flight"),
        Some(0.0)
    );
}

#[test]
fn metrics_tell_how_long_events_took_to_who_waited_for_them() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let lag = "wharfinger_events_lag_seconds_count";
    send(&server, &batch(&["A", "B"]), 202);
    let feed = Request::new("GET", "/v1/events");
    let feed = feed.header("authorization", format!("Bearer {}", secret_of("full")));
    send(&server, &feed, 200);
    assert_eq!(
        sample(&metrics(&server), lag),
        Some(0.0),
        "nobody waited for what was there"
    );
    let mut stream = Events::open(server.address, &feed);
    for _ in 0..3 {
        stream.next().expect("an event that was there");
    }
    // The stream waits once it has sent the existing events. This cannot be observed directly.
    let mut count = 0;
    while sample(&metrics(&server), lag) == Some(0.0) {
        count += 1;
        assert!(count < 1_000, "it has waited long since");
        send(&server, &batch(&[&format!("C-{count}")]), 202);
        for _ in 0..2 {
            stream.next().expect("an event that has just happened");
        }
    }
}

#[test]
fn the_manual_names_every_metric_with_its_kind() {
    let data = fixture::data_directory();
    let administrator = administrator(data.path());
    let server = Server::start_with(data.path(), &["--destinations-allow", "127.0.0.0/8"]);
    send(&server, &batch(&["A"]), 202);
    // Nobody listens there. The metrics of a destination are there once it was tried.
    let destination = r#"{"kind":"webhook","url":"http://127.0.0.1:9","start":"beginning"}"#;
    let create = Request::new("POST", "/v1/destinations").body(destination);
    let create = create.header("authorization", format!("Bearer {administrator}"));
    send(&server, &create, 201);
    let metrics = loop {
        let metrics = metrics(&server);
        if metrics.contains("wharfinger_destination_attempts_total{")
            && metrics.contains("wharfinger_destination_lag_events{")
        {
            break metrics;
        }
    };
    let mut kinds = BTreeMap::new();
    for line in metrics.lines() {
        if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of.split_once(' ').expect("a metric has a kind");
            let total = if kind == "counter" { "_total" } else { "" };
            kinds.insert(format!("{name}{total}"), kind.to_owned());
        }
    }
    let rows = table("| metric | kind | what it is |");
    let told = rows.iter().map(|row| {
        let kind = row[1].split(' ').next().unwrap_or_default();
        (row[0].clone(), kind.to_owned())
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), kinds);
    // The manual also lists the labels.
    for row in rows {
        let Some((_, labels)) = row[1].split_once(" by ") else {
            continue;
        };
        for label in labels.split(", ") {
            let samples = metrics.lines().filter(|line| line.starts_with(&row[0]));
            let with = |line: &str| line.contains(&format!("{label}=\""));
            assert!(
                samples.clone().count() > 0 && samples.into_iter().all(with),
                "{label}"
            );
        }
    }
    assert!(metrics.ends_with("# EOF\n"));
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_request_nor_the_end() {
    let data = fixture::data_directory();
    // A pipe holds 64 KiB, which is about two hundred lines.
    let server = Server::start_logging_to(data.path(), Stdio::piped());
    let mut connection = Connection::open(server.address);
    let request = Request::new("GET", "/v1/organisations");
    let request = request.header("authorization", format!("Bearer {}", secret_of("full")));
    let refused = 20_000;
    for _ in 0..refused {
        let answer = connection.exchange(&request).expect("it is answered");
        assert_eq!(answer.status, 403);
    }
    let dropped = sample(&metrics(&server), "wharfinger_log_lines_dropped_total");
    assert!(
        dropped > Some(0.0) && dropped < Some(f64::from(refused)),
        "{dropped:?}"
    );
    server.terminate();
    let (status, _) = server.wait();
    assert!(status.success());
}

#[test]
fn the_last_line_is_written_before_the_end() {
    let data = fixture::data_directory();
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start_logging_to(data.path(), log.reopen().unwrap().into());
    let answer = send(
        &server,
        &batch(&["A", ""]).header("x-request-id", "the-last"),
        206,
    );
    server.terminate();
    server.wait();
    let log = std::fs::read_to_string(log.path()).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let line = lines
        .into_iter()
        .find(|line| line["request_id"] == "the-last");
    let line = line.expect("the request is logged");
    assert_eq!(line["key"], "full");
    assert_eq!(line["batch"], answer.header("wharfinger-batch-id").unwrap());
    let counts = ["accepted", "updated", "unchanged", "rejected", "withheld"];
    assert_eq!(
        counts.map(|name| line[name].as_u64()),
        [1, 0, 0, 1, 0].map(Some)
    );
    assert!(log.contains("Shutting down"), "{log}");
}
