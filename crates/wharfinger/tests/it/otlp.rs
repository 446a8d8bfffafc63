//! Traces for a collector, and the header that carries them on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::changes::administrator;
use crate::support::client::Request;
use crate::support::database;
use crate::support::fixture::{self, basic, secret_of};
use crate::support::receiver::{Delivered, Receiver, Reply};
use crate::support::server::{Server, program};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn serve(data: &Path) -> Command {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
    command.args(["--destinations-allow", "127.0.0.0/8"]);
    database::aim(&mut command, data);
    command
}

/// A server that sends traces to a collector, whose URL is a setting.
fn traced(data: &Path, collector: &Receiver) -> Server {
    let mut command = serve(data);
    let endpoint = format!("http://{}", collector.address);
    command.args(["--otlp-endpoint", &endpoint]);
    Server::spawn(command)
}

fn order(key: &str) -> Request {
    let body = format!(
        r#"[{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"ann@example.com"}},"order_items":[{{"sku":"S"}}]}}]"#
    );
    let request = Request::new("POST", "/v4/customer_orders").body(body);
    request.header("authorization", basic("full"))
}

fn with_parent(request: Request, flags: &str) -> Request {
    request.header("traceparent", format!("00-{TRACE}-{PARENT}-{flags}"))
}

/// The spans of the messages that have arrived.
fn spans(arrived: &[Delivered]) -> Vec<Value> {
    let messages = arrived.iter().map(Delivered::event);
    let spans = messages.flat_map(|message| {
        let spans = &message["resourceSpans"][0]["scopeSpans"][0]["spans"];
        spans.as_array().expect("a list of spans").clone()
    });
    spans.collect()
}

/// Waits for spans with these names, in the order in which they arrived.
fn wait_for(collector: &Receiver, names: &[&str]) -> Vec<Value> {
    let named = |arrived: &[Delivered]| {
        let all = spans(arrived);
        let found = names.iter().map(|name| {
            let mut matching = all.iter().filter(|span| span["name"] == *name);
            matching.next().cloned()
        });
        found.collect::<Option<Vec<_>>>()
    };
    named(&collector.wait_taken(|taken| named(taken).is_some())).expect("they have arrived")
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let list = of["attributes"].as_array().expect("a list of attributes");
    let pairs = list.iter().map(|attribute| {
        let value = attribute["value"].as_object().expect("a value");
        let value = value.values().next().expect("a value").clone();
        (attribute["key"].as_str().unwrap().to_owned(), value)
    });
    pairs.collect()
}

fn number(value: &Value) -> u64 {
    value.as_str().expect("a text").parse().expect("a number")
}

#[test]
fn a_collector_gets_the_span_of_a_request_in_its_senders_trace() {
    let data = fixture::data_directory();
    let collector = Receiver::willing();
    let server = traced(data.path(), &collector);
    let request = with_parent(order("A"), "01").header("x-request-id", "r-1");
    let answer = server.send(&request);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let found = wait_for(&collector, &["POST /v4/customer_orders", "store write"]);
    let [request, write] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(request["traceId"], TRACE);
    assert_eq!(request["parentSpanId"], PARENT);
    assert_eq!(request["kind"], 2);
    assert_eq!(request["status"], serde_json::json!({}));
    let said = attributes(request);
    assert_eq!(said["http.response.status_code"], "202");
    assert_eq!(said["http.route"], "/v4/customer_orders");
    assert_eq!(said["wharfinger.request_id"], "r-1");
    assert_eq!(said["wharfinger.key"], "full");
    assert_eq!(said["wharfinger.orders.received"], "1");
    let batch = answer.header("wharfinger-batch-id").unwrap();
    assert_eq!(said["wharfinger.batch"], batch);
    assert!(said["wharfinger.store.duration_ms"].as_f64() > Some(0.0));
    // The store's work is within the request.
    assert_eq!(write["traceId"], TRACE);
    assert_eq!(write["parentSpanId"], request["spanId"]);
    let begins = |span: &Value| number(&span["startTimeUnixNano"]);
    let ends = |span: &Value| number(&span["endTimeUnixNano"]);
    assert!(begins(request) <= begins(write) && begins(write) <= ends(write));
    assert!(ends(write) <= ends(request));
    let message = &collector.taken()[0];
    assert_eq!(message.header("content-type"), Some("application/json"));
    let resource = &message.event()["resourceSpans"][0]["resource"];
    assert_eq!(attributes(resource)["service.name"], "wharfinger");
    // Nothing of the order or of the secret leaves the server.
    let all = String::from_utf8(message.body.clone()).unwrap();
    for private in ["ann@", secret_of("full").as_str()] {
        assert!(!all.contains(private), "{private}");
    }
    server.terminate();
    server.wait();
}

#[test]
fn what_the_sender_does_not_sample_is_not_sent() {
    let data = fixture::data_directory();
    let collector = Receiver::willing();
    let server = traced(data.path(), &collector);
    assert_eq!(server.send(&with_parent(order("A"), "00")).status, 202);
    // Without a parent, and with one that cannot be read, a trace of its own begins.
    assert_eq!(server.send(&order("B")).status, 202);
    let broken = order("C").header("traceparent", "00-nonsense-01");
    assert_eq!(server.send(&broken).status, 202);
    // The last spans are sent before the end.
    server.terminate();
    assert!(server.wait().0.success());
    let all = spans(&collector.taken());
    let requests = all.iter().filter(|span| span["kind"] == 2);
    let traces = Vec::from_iter(requests.map(|span| span["traceId"].as_str().unwrap()));
    assert_eq!(traces.len(), 2, "{all:?}");
    assert!(
        traces
            .iter()
            .all(|trace| *trace != TRACE && trace.len() == 32)
    );
    assert_ne!(traces[0], traces[1]);
}

#[test]
fn a_percentage_of_none_traces_only_what_senders_sample() {
    let data = fixture::data_directory();
    let collector = Receiver::willing();
    let mut command = serve(data.path());
    // The standard variables of OpenTelemetry.
    command.env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        format!("http://{}/", collector.address),
    );
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20secret");
    command.env("OTEL_SERVICE_NAME", "intake");
    command.args(["--otlp-percent", "0"]);
    let server = Server::spawn(command);
    assert_eq!(server.send(&order("A")).status, 202);
    assert_eq!(server.send(&with_parent(order("B"), "01")).status, 202);
    server.terminate();
    assert!(server.wait().0.success());
    let taken = collector.taken();
    let all = spans(&taken);
    assert!(!all.is_empty());
    assert!(all.iter().all(|span| span["traceId"] == TRACE), "{all:?}");
    assert_eq!(taken[0].header("api-key"), Some("a secret"));
    let resource = &taken[0].event()["resourceSpans"][0]["resource"];
    assert_eq!(attributes(resource)["service.name"], "intake");
}

#[test]
fn a_delivery_goes_on_with_the_trace_of_the_request_that_caused_it() {
    let data = fixture::data_directory();
    let administrator = administrator(data.path());
    let (collector, receiver) = (Receiver::willing(), Receiver::willing());
    let server = traced(data.path(), &collector);
    let url = receiver.url();
    let body =
        format!(r#"{{"kind":"webhook","url":"{url}","start":"now","events":["order.accepted"]}}"#);
    let create = Request::new("POST", "/v1/destinations").body(body);
    let create = create.header("authorization", format!("Bearer {administrator}"));
    let answer = server.send(&create);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(server.send(&with_parent(order("A"), "01")).status, 202);
    let delivered = receiver.wait_taken(|taken| !taken.is_empty()).remove(0);
    let header = delivered.header("traceparent").expect("it is passed on");
    let parts = Vec::from_iter(header.split('-'));
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"));
    let found = wait_for(&collector, &["POST webhook", "POST /v4/customer_orders"]);
    assert_eq!(found[0]["spanId"], parts[2], "the own span is the parent");
    assert_eq!(found[0]["parentSpanId"], found[1]["spanId"]);
    assert_eq!(found[0]["kind"], 3);
    assert_eq!(
        attributes(&found[0])["wharfinger.event"],
        delivered.event()["id"]
    );
    // What is not sampled stays so.
    assert_eq!(server.send(&with_parent(order("B"), "00")).status, 202);
    let delivered = receiver.wait_taken(|taken| taken.len() > 1).remove(1);
    let header = delivered.header("traceparent").unwrap();
    assert!(header.starts_with(&format!("00-{TRACE}-")) && header.ends_with("-00"));
}

#[test]
fn without_a_collector_webhooks_have_no_trace() {
    let data = fixture::data_directory();
    let administrator = administrator(data.path());
    let receiver = Receiver::willing();
    let server = Server::spawn(serve(data.path()));
    let url = receiver.url();
    let body = format!(r#"{{"kind":"webhook","url":"{url}","start":"now"}}"#);
    let create = Request::new("POST", "/v1/destinations").body(body);
    let create = create.header("authorization", format!("Bearer {administrator}"));
    assert_eq!(server.send(&create).status, 201);
    assert_eq!(server.send(&with_parent(order("A"), "01")).status, 202);
    let delivered = receiver.wait_taken(|taken| !taken.is_empty()).remove(0);
    assert_eq!(delivered.header("traceparent"), None);
}

#[test]
fn a_collector_that_refuses_hangs_or_is_down_harms_nothing() {
    let data = fixture::data_directory();
    let refusing = Receiver::start(|_| Reply::Status(400));
    let server = traced(data.path(), &refusing);
    assert_eq!(server.send(&order("A")).status, 202);
    while server.metric("wharfinger_trace_spans_dropped_total") < 1.0 {
        std::thread::yield_now();
    }
    assert_eq!(server.metric("wharfinger_trace_spans_exported_total"), 0.0);
    server.terminate();
    assert!(server.wait().0.success());
    // One that takes the connection and never answers does not keep the server from ending.
    let hanging = Receiver::start(|_| Reply::Hang);
    let server = traced(data.path(), &hanging);
    for number in 0..100 {
        assert_eq!(server.send(&order(&format!("B-{number}"))).status, 202);
    }
    hanging.wait_arrived(1);
    server.terminate();
    assert!(server.wait().0.success());
    // One that is not there.
    let gone = Receiver::willing();
    let endpoint = format!("http://{}", gone.address);
    drop(gone);
    let mut command = serve(data.path());
    command.args(["--otlp-endpoint", &endpoint]);
    let server = Server::spawn(command);
    assert_eq!(server.send(&order("C")).status, 202);
    server.terminate();
    assert!(server.wait().0.success());
}

/// The answer of a collector that has rejected spans is a success in HTTP.
#[test]
fn spans_that_a_collector_rejects_are_counted_as_dropped() {
    let data = fixture::data_directory();
    let answer = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too\u0007 old"}}"#;
    let collector = Receiver::start(move |_| {
        let head = "content-type: application/json\r\n".to_owned();
        Reply::Full(200, head, answer.to_owned())
    });
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
    command.args(["--log-format", "json"]);
    let endpoint = format!("http://{}", collector.address);
    command.args(["--otlp-endpoint", &endpoint]);
    database::aim(&mut command, data.path());
    let log = tempfile::NamedTempFile::new().unwrap();
    command.stderr(log.reopen().unwrap());
    let server = Server::spawn(command);
    let metric = |name: &str| server.metric(&format!("wharfinger_trace_spans_{name}_total"));
    for messages in 1..3 {
        assert_eq!(server.send(&order(&format!("A-{messages}"))).status, 202);
        while metric("dropped") < f64::from(messages) {
            std::thread::yield_now();
        }
    }
    let arrived = spans(&collector.taken()).len();
    let counted = metric("exported") + metric("dropped");
    assert!(metric("exported") > 0.0 && counted >= 4.0, "{counted}");
    assert!(counted <= arrived as f64, "{counted} of {arrived}");
    server.terminate();
    server.wait();
    let log = std::fs::read_to_string(log.path()).unwrap();
    let told = log.lines().filter(|line| line.contains("rejects some"));
    let told = Vec::from_iter(told);
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("too old"), "{told:?}");
}

#[test]
fn an_endpoint_that_is_no_url_is_refused() {
    let data = fixture::data_directory();
    for (arguments, variable, said) in [
        (["--otlp-endpoint", "collector:4318"], "", "OTLP endpoint"),
        (["--otlp-percent", "101"], "", "from 0 to 100"),
        (
            ["--otlp-endpoint", "http://127.0.0.1:9"],
            "no-pair",
            "OTEL_EXPORTER_OTLP_HEADERS must be",
        ),
    ] {
        let mut command = serve(data.path());
        command
            .args(arguments)
            .env("OTEL_EXPORTER_OTLP_HEADERS", variable);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{error}");
        assert!(!error.contains("no-pair"));
    }
}
