//! Where a reader of the feed may begin, and which events it may ask for.

use serde_json::Value;

use crate::support::fixture;
use crate::support::server::Server;
use crate::support::sse::Events;
use crate::support::v1::{get, order, request, submit};

fn types(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn several_types_may_be_asked_for() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1")]);
    let process = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    let page = get(&server, "/v1/events?type=order.processed,batch.received");
    assert_eq!(types(&page), ["batch.received", "order.processed"]);
    let page = get(&server, "/v1/events?type=order.accepted,order.accepted");
    assert_eq!(types(&page), ["order.accepted"]);
    for wrong in [
        "order.accepted,",
        ",",
        "order.lost",
        "order.accepted,%20order.updated",
        "",
    ] {
        let answer = server.send(&request("GET", &format!("/v1/events?type={wrong}"), "full"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
        assert!(answer.text().contains("Parameter type must be one of"));
    }
}

#[test]
fn a_reader_begins_now_or_at_a_time() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A-1")]);
    let now = get(&server, "/v1/events?after=now");
    assert_eq!(types(&now), Vec::<String>::new());
    let next = now["next"].as_str().unwrap();
    let (_, ids) = submit(&server, "TRK001", &[order("A-2")]);
    let page = get(&server, &format!("/v1/events?after={next}"));
    assert_eq!(types(&page), ["batch.received", "order.accepted"]);
    assert_eq!(page["data"][1]["order_id"], ids[0]);

    // Everything is younger than ten minutes, and older than a time to come.
    assert_eq!(types(&get(&server, "/v1/events?since=10m")).len(), 4);
    assert_eq!(
        types(&get(&server, "/v1/events?since=2020-01-01T00:00:00Z")).len(),
        4
    );
    let future = get(&server, "/v1/events?since=2999-01-01T00:00:00Z");
    assert_eq!(types(&future), Vec::<String>::new());
    let next = future["next"].as_str().unwrap();
    submit(&server, "TRK002", &[order("B-1")]);
    let page = get(&server, &format!("/v1/events?after={next}&form=delivery"));
    assert_eq!(page["data"][0]["event"]["organisation"], "TRK002");

    // The time of an event leads to that event.
    let at = page["data"][1]["event"]["at"].as_str().unwrap();
    let from = get(
        &server,
        &format!("/v1/events?organisation=TRK002&since={at}"),
    );
    assert_eq!(types(&from), ["batch.received", "order.accepted"]);
}

#[test]
fn a_start_that_means_nothing_is_refused() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let next = get(&server, "/v1/events")["next"].clone();
    let next = next.as_str().unwrap();
    for (query, why) in [
        (
            "since=yesterday".to_owned(),
            "Parameter since must be a time such as",
        ),
        ("since=0m".into(), "Parameter since must be a time such as"),
        (
            "since=-10m".into(),
            "Parameter since must be a time such as",
        ),
        ("since=".into(), "Parameter since must be a time such as"),
        (
            format!("since=10m&after={next}"),
            "Parameters after and since exclude each other",
        ),
        (
            "since=10m&after=now".into(),
            "Parameters after and since exclude each other",
        ),
        ("after=NOW".into(), "Parameter after must be a cursor"),
        (
            "form=webhook".into(),
            "Parameter form must be feed or delivery",
        ),
        ("form=delivery&as=stored".into(), "Parameter as must be"),
        ("as=native".into(), "Parameter as needs form=delivery"),
        (
            "form=feed&as=native".into(),
            "Parameter as needs form=delivery",
        ),
    ] {
        let answer = server.send(&request("GET", &format!("/v1/events?{query}"), "full"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(why), "{query}: {detail}");
    }
}

#[test]
fn a_waiting_reader_and_a_stream_get_deliveries_too() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A-1")]);
    let target = "/v1/events?form=delivery&as=submitted&type=order.accepted";
    let mut stream = Events::open(server.address, &request("GET", target, "full"));
    let first = stream.next().expect("an event");
    assert_eq!(first.kind, "order.accepted");
    assert_eq!(first.data["order"]["key"], "A-1");
    assert_eq!(first.data["previous"], Value::Null);
    let target = format!("{target}&wait=60s&after={}", first.id);
    let waited = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| get(&server, &target));
        submit(&server, "TRK001", &[order("A-2")]);
        waiting.join().unwrap()
    });
    let event = &waited["data"][0]["event"];
    assert_eq!(event["order"]["key"], "A-2");
    assert_eq!(event["previous"], first.data["position"]);
    let second = stream.next().expect("an event");
    assert_eq!(second.data.to_string(), event.to_string());
    assert_eq!(Value::from(second.id), waited["data"][0]["cursor"]);
}
