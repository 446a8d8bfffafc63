//! The benchmarks run and report their figures. The figures' values are not asserted.

use pg_cluster::{Cluster, ClusterOptions};
use serde_json::Value;

use crate::support::server::program;

fn bench(arguments: &[&str]) -> Value {
    let output = program()
        .arg("bench")
        .args(arguments)
        .args(["--seconds", "1", "--json"])
        .output()
        .expect("the program starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    serde_json::from_slice(&output.stdout).expect("the figures are JSON")
}

fn assert_is_positive(value: &Value, what: &str) {
    assert!(
        value
            .as_f64()
            .is_some_and(|figure| figure > 0.0 && figure.is_finite()),
        "{what}: {value}"
    );
}

fn assert_has_latencies(figures: &Value) {
    for figure in ["p50", "p99", "p99_9", "max"] {
        assert_is_positive(&figures["latency_ms"][figure], figure);
    }
}

#[test]
fn a_short_run_gives_every_figure_of_both_sides() {
    let report = bench(&["p1"]);
    for name in ["cores", "cpu", "kernel", "program"] {
        assert!(!report["machine"][name].is_null(), "{name}: {report}");
    }
    let findings = report["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!(finding["work"], "p1");
    assert_eq!(finding["sides"].as_array().map(Vec::len), Some(2));
    for side in [0, 1] {
        let figures = &finding["sides"][side]["figures"];
        for figure in [
            "orders",
            "orders_per_s",
            "cpu_us_per_order",
            "written_bytes_per_order",
            "disk_bytes_per_order",
            "memory_peak_bytes",
        ] {
            assert_is_positive(&figures[figure], figure);
        }
    }
    assert_has_latencies(&finding["sides"][0]["figures"]);
    assert_eq!(finding["verdicts"][0]["work"], "p1");
    assert_is_positive(&finding["verdicts"][0]["figure"], "the ratio");
}

#[test]
fn a_full_store_is_written_to_and_read_from() {
    let report = bench(&["p4", "p7", "--fill", "3000"]);
    let findings = report["findings"].as_array().expect("a list");
    let works: Vec<_> = findings.iter().map(|finding| &finding["work"]).collect();
    assert_eq!(
        works,
        ["p4", "p7", "p7", "p7", "p7"],
        "a write; a read, a page, and two kinds of addresses"
    );
    for finding in findings {
        let what = finding["what"].as_str().unwrap();
        assert!(what.contains("3,000"), "{what}");
        assert_eq!(finding["sides"].as_array().map(Vec::len), Some(2));
        for side in [0, 1] {
            let figures = &finding["sides"][side]["figures"];
            assert_is_positive(&figures["orders_per_s"], "rate");
            assert_has_latencies(figures);
        }
        for verdict in finding["verdicts"].as_array().unwrap() {
            assert_is_positive(&verdict["figure"], "figure");
        }
    }
    let verdicts = |at: usize| findings[at]["verdicts"].as_array().map(Vec::len);
    assert_eq!([0, 1, 2, 3, 4].map(verdicts), [1, 2, 2, 2, 2].map(Some));
    let by_address = findings[3]["what"].as_str().unwrap();
    assert!(
        by_address.starts_with("the first page by e-mail address, from "),
        "{by_address}"
    );
}

/// Each finding's description and the works of its verdicts, of a run in which both sides took orders. Their CPU time may be
/// less than the system's unit in so short a run.
fn judged(report: &Value) -> Vec<(&str, Vec<&str>)> {
    let findings = report["findings"].as_array().expect("a list");
    let judged = findings.iter().map(|finding| {
        assert_eq!(finding["sides"].as_array().map(Vec::len), Some(2));
        for side in [0, 1] {
            let figures = &finding["sides"][side]["figures"];
            assert_is_positive(&figures["orders_per_s"], "rate");
            assert_is_positive(&figures["written_bytes_per_order"], "bytes");
        }
        let verdicts = finding["verdicts"].as_array().expect("a list").iter();
        let works = verdicts.map(|verdict| verdict["work"].as_str().expect("a name"));
        (finding["what"].as_str().expect("text"), works.collect())
    });
    judged.collect()
}

#[test]
fn orders_are_spread_over_many_organisations() {
    let report = bench(&["p10", "p13", "p14"]);
    let both = || vec!["p10", "p13"];
    let expected = [
        ("1,000 on 2 connections, over 900 organisations", both()),
        ("10 on 64 connections, over 900 organisations", both()),
        (
            "2 connections, over 900 organisations, keys in no order",
            both(),
        ),
        (
            "64 connections, over 900 organisations, keys in no order",
            both(),
        ),
        ("64 connections, over 900 organisations", vec!["p14"]),
    ];
    let judged = judged(&report);
    assert_eq!(judged.len(), expected.len());
    for ((what, works), (end, expected_works)) in judged.iter().zip(&expected) {
        assert!(what.ends_with(end), "{what}");
        assert_eq!(works, expected_works);
    }
}

#[test]
fn keys_in_no_order_go_into_empty_and_filled_stores() {
    let report = bench(&["p11", "--fill", "3000"]);
    let judged = judged(&report);
    assert_eq!(judged.len(), 4);
    for (number, (what, works)) in judged.iter().enumerate() {
        assert!(what.contains("keys in no order"), "{what}");
        let is_filled = what.ends_with("into stores of 3,000 orders");
        assert_eq!(is_filled, number % 2 == 1, "{what}");
        assert_eq!(*works, ["p11"]);
    }
}

#[test]
fn a_work_of_ones_own_is_spread_like_the_others() {
    let own = ["--batch", "20", "--connections", "2"];
    let spread = ["--organisations", "12", "--keys", "scattered", "--postgres"];
    let report = bench(&[&own[..], &spread].concat());
    let finding = &report["findings"][0];
    let end = "over 12 organisations, keys in no order, PostgreSQL";
    let what = finding["what"].as_str().unwrap();
    assert!(what.ends_with(end), "{what}");
    for side in [0, 1] {
        let figures = &finding["sides"][side]["figures"];
        assert_is_positive(&figures["orders_per_s"], "rate");
        let database = &figures["database_cpu_us_per_order"];
        assert!(database.is_number(), "{database}");
    }
    let output = program()
        .args(["bench", "--organisations", "2", "--dialect", "native"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("do not name their organisation"),
        "{message}"
    );
}

#[test]
fn single_orders_are_timed_beside_large_batches() {
    let report = bench(&["fair"]);
    let finding = &report["findings"][0];
    let sides = finding["sides"].as_array().expect("a list");
    let names: Vec<_> = sides.iter().map(|side| &side["name"]).collect();
    assert_eq!(names, ["alone", "beside 5,000", "beside 50,000"]);
    for side in sides {
        assert_is_positive(&side["figures"]["orders"], "orders");
        assert_has_latencies(&side["figures"]);
    }
    let bars: Vec<_> = [0, 1]
        .map(|at| finding["verdicts"][at]["bar"].as_f64())
        .to_vec();
    assert_eq!(bars, [Some(20.0), Some(200.0)]);
}

#[test]
fn memory_is_read_after_each_half() {
    let report = bench(&["memory", "--body-bytes", "200000"]);
    let finding = &report["findings"][0];
    let sides = finding["sides"].as_array().expect("a list");
    assert_eq!(sides.len(), 2);
    for side in sides {
        for figure in ["orders", "memory_peak_bytes", "cpu_us_per_order"] {
            assert_is_positive(&side["figures"][figure], figure);
        }
    }
    let what = finding["what"].as_str().unwrap();
    assert!(what.contains("bodies of 1"), "just under 200,000: {what}");
    assert_eq!(finding["facts"][0]["name"], "bodies refused with 503");
    for at in [0, 1] {
        assert_is_positive(&finding["verdicts"][at]["figure"], "figure");
    }
}

#[test]
fn a_database_is_counted_with_the_programs_on_it() {
    let cluster = Cluster::start(&ClusterOptions::default()).unwrap();
    let url = cluster.url("postgres");
    // Nothing may be left on an existing database server.
    let report = bench(&["p8", "--database-server", &url]);
    let finding = &report["findings"][0];
    assert_eq!(finding["work"], "p8");
    assert_eq!(finding["sides"].as_array().map(Vec::len), Some(2));
    for side in [0, 1] {
        let figures = &finding["sides"][side]["figures"];
        for figure in [
            "orders",
            "orders_per_s",
            "cpu_us_per_order",
            "database_cpu_us_per_order",
            "disk_bytes_per_order",
            "memory_peak_bytes",
        ] {
            assert_is_positive(&figures[figure], figure);
        }
        let of_both = figures["cpu_us_per_order"].as_f64();
        assert!(of_both > figures["database_cpu_us_per_order"].as_f64());
    }
    assert_has_latencies(&finding["sides"][0]["figures"]);
    assert_eq!(finding["verdicts"][0]["work"], "p8");
    assert_is_positive(&finding["verdicts"][0]["figure"], "the ratio");
    let left = "select count(*) from pg_database where datname like 'wharfinger%'";
    let left: anyhow::Result<i64> =
        cluster.with_client("postgres", |client| client.query_one(left, &[])?.try_get(0));
    assert_eq!(left.unwrap(), 0);
}

#[test]
fn several_servers_share_a_database() {
    let report = bench(&["servers"]);
    let finding = &report["findings"][0];
    let sides = finding["sides"].as_array().expect("a list");
    let names: Vec<_> = sides.iter().map(|side| &side["name"]).collect();
    let apart = "2 servers, each for its own organisation";
    assert_eq!(names, ["1 server", "2 servers", "4 servers", apart]);
    for side in sides {
        let figures = &side["figures"];
        for figure in [
            "orders_per_s",
            "cpu_us_per_order",
            "database_cpu_us_per_order",
        ] {
            assert_is_positive(&figures[figure], figure);
        }
        assert_has_latencies(figures);
    }
}

#[test]
fn every_kind_of_destination_is_timed() {
    let report = bench(&["onward"]);
    let findings = report["findings"].as_array().expect("a list");
    let whats = findings.iter().map(|finding| {
        assert_eq!(finding["work"], "onward");
        finding["what"].as_str().expect("a text")
    });
    let whats: Vec<_> = whats.collect();
    let expected = [
        "single webhooks over 64 lanes, 5,000 events",
        "webhooks with batches of 100 events, 50,000 events",
        "tables in PostgreSQL, 20,000 events",
        "a stream of NATS, 30,000 events",
        "batches of 1,000 on 2 connections, beside a destination",
        "single orders on 64 connections, beside a destination",
        "200 destinations, of which 3 hang, fail or are slow",
    ];
    assert_eq!(whats.len(), expected.len(), "{whats:?}");
    for (what, expected) in whats.iter().zip(expected) {
        assert!(what.ends_with(expected), "{what}");
    }
    for finding in findings {
        for side in finding["sides"].as_array().expect("a list") {
            for figure in ["orders", "orders_per_s"] {
                assert_is_positive(&side["figures"][figure], &format!("{figure}: {finding}"));
            }
        }
        for verdict in finding["verdicts"].as_array().expect("a list") {
            assert_is_positive(&verdict["figure"], "figure");
        }
    }
    let verdicts = findings
        .iter()
        .map(|finding| finding["verdicts"].as_array().map(Vec::len));
    let verdicts: Vec<_> = verdicts.flatten().collect();
    assert_eq!(verdicts, [1, 1, 1, 1, 3, 3, 1]);
}

#[test]
fn a_database_server_that_is_not_there_is_told_without_its_password() {
    let output = program()
        .args(["bench", "p8", "--database-server"])
        .arg("postgres://somebody:hush-hush@127.0.0.1:1/postgres")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("cannot connect to the database"),
        "{message}"
    );
    assert!(!message.contains("hush-hush"), "{message}");
}

/// Parses an SVG as XML and returns its texts. Every element must be closed in order.
fn texts_of_xml(xml: &str) -> Vec<String> {
    let mut open = Vec::new();
    let mut texts = Vec::new();
    for piece in xml.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.trim()), "closed in order");
        } else if !tag.ends_with('/') && !tag.starts_with(['?', '!']) {
            open.push(tag.split_whitespace().next().expect("a tag has a name"));
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "values end: {tag}");
        texts.push(text.trim().to_owned());
    }
    assert!(open.is_empty(), "left open: {open:?}");
    texts
}

#[test]
fn a_sweep_has_three_axes_and_draws_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sweep.svg");
    let plot = file.to_str().unwrap();
    let sweep = bench(&["--sweep", "--fill", "3000", "--plot", plot]);
    let series = sweep["series"].as_array().expect("a list");
    let lengths = [("store_size", 7), ("batch_size", 6), ("connections", 6)];
    assert_eq!(series.len(), lengths.len());
    for (series, (name, length)) in series.iter().zip(lengths) {
        assert_eq!(series["name"], name);
        let points = series["points"].as_array().unwrap();
        assert_eq!(points.len(), length, "{name}");
        assert!(points.is_sorted_by_key(|point| point["at"].as_u64()));
        for point in points {
            assert_is_positive(&point["figures"]["cpu_us_per_order"], name);
            assert_has_latencies(&point["figures"]);
        }
    }
    assert_eq!(series[0]["points"][0]["at"], 0, "the store begins empty");

    let texts = texts_of_xml(&std::fs::read_to_string(&file).unwrap());
    for promised in [
        "By orders in the store: ",
        "By orders in a batch: ",
        "By number of connections: ",
    ] {
        let titles = texts.iter().filter(|text| text.starts_with(promised));
        assert_eq!(titles.count(), 1, "{promised}");
    }
    for (axis, times) in [("response time, ms", 3), ("CPU, µs per order", 3)] {
        let found = texts.iter().filter(|text| *text == axis);
        assert_eq!(found.count(), times, "{axis}");
    }
}

#[test]
fn works_and_a_work_of_ones_own_do_not_go_together() {
    for wrong in [
        &["p1", "--batch", "7"][..],
        &["p4", "--fill", "0"],
        &["--batch", "7", "--fill", "1000"],
        &["p1", "--sweep"],
        &["p1", "--organisations", "9"],
        &["--organisations", "0"],
        &["p8", "--postgres"],
        &["--keys", "hashed"],
        &["memory", "--body-bytes", "100000000"],
        &["--body-bytes", "200000"],
        &["--plot", "sweep.svg"],
        &["--database-server", "postgres://127.0.0.1/postgres"],
    ] {
        let output = program().arg("bench").args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    let output = program()
        .args(["bench", "--url", "http://127.0.0.1:1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--key-file"));
}
