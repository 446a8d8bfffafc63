//! The event feed, from the reader's side.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::sse::Events;
use crate::support::v1::{get, order, request, submit};

fn post(server: &Server, target: &str) {
    let response = server.send(&request("POST", target, "full"));
    assert_eq!(response.status, 200, "{}", response.text());
}

/// The rest of a feed after a cursor (empty for the beginning), and the cursor at its end.
fn read_on(server: &Server, filters: &str, cursor: &str) -> (Vec<Value>, String) {
    let (mut events, mut next) = (Vec::new(), cursor.to_owned());
    loop {
        let after = if next.is_empty() {
            String::new()
        } else {
            format!("&after={next}")
        };
        let page = get(server, &format!("/v1/events?limit=3&{filters}{after}"));
        next = page["next"]
            .as_str()
            .expect("next is always given")
            .to_owned();
        let data = page["data"].as_array().unwrap();
        if data.is_empty() {
            return (events, next);
        }
        events.extend(data.iter().cloned());
    }
}

fn types(events: &[Value]) -> Vec<String> {
    let told = |event: &Value| format!("{} {}", part(event, "organisation"), part(event, "type"));
    events.iter().map(told).collect()
}

fn part<'v>(event: &'v Value, name: &str) -> &'v str {
    event[name].as_str().unwrap_or_default()
}

#[test]
fn the_feed_tells_what_happened_to_whom() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (first, here) = submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    let (_, there) = submit(&server, "TRK002", &[order("A-1")]);
    let mut changed = order("A-1");
    changed["instructions"] = "Ring twice".into();
    submit(&server, "TRK001", &[changed]);
    post(&server, &format!("/v1/orders/{}/process", here[0]));
    post(&server, &format!("/v1/orders/{}/cancel", there[0]));
    let (events, next) = read_on(&server, "", "");
    let here_types = [
        "TRK001 batch.received",
        "TRK001 order.accepted",
        "TRK001 order.accepted",
        "TRK001 batch.received",
        "TRK001 order.updated",
        "TRK001 order.processed",
    ];
    let there_types = [
        "TRK002 batch.received",
        "TRK002 order.accepted",
        "TRK002 order.cancelled",
    ];
    let of = |events: &[Value], organisation: &str| {
        let of = |event: &&Value| event["organisation"] == organisation;
        events.iter().filter(of).cloned().collect::<Vec<_>>()
    };
    assert_eq!(types(&of(&events, "TRK001")), here_types);
    assert_eq!(types(&of(&events, "TRK002")), there_types);
    let batch = first.header("wharfinger-batch-id").unwrap();
    let accepted = &of(&events, "TRK001")[2];
    let expected = json!({"id": accepted["id"], "type": "order.accepted", "organisation": "TRK001",
        "at": accepted["at"], "order_id": here[1], "batch_id": batch});
    assert_eq!(*accepted, expected);
    let shown = get(&server, &format!("/v1/orders/{}", here[1]));
    assert_eq!(accepted["at"], shown["created_at"]);
    assert_eq!(of(&events, "TRK001")[0]["order_id"], Value::Null);
    assert_eq!(of(&events, "TRK001")[5]["batch_id"], Value::Null);
    let mut ids: Vec<_> = events.iter().map(|event| part(event, "id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9);

    // At the end the cursor stays the same. Later events come after it.
    assert!(next.len() < 200, "{next}");
    assert_eq!(read_on(&server, "", &next).0, Vec::<Value>::new());
    submit(&server, "TRK001", &[order("A-3")]);
    let (later, next) = read_on(&server, "", &next);
    assert_eq!(
        types(&later),
        ["TRK001 batch.received", "TRK001 order.accepted"]
    );
    drop(server);
    let server = Server::start(data.path());
    assert_eq!(read_on(&server, "", &next).0, Vec::<Value>::new());
}

#[test]
fn the_feed_is_filtered_by_organisation_type_and_reach() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    submit(&server, "TRK002", &[order("A-1")]);
    post(&server, &format!("/v1/orders/{}/process", ids[1]));
    let (events, next) = read_on(&server, "organisation=TRK002", "");
    assert_eq!(
        types(&events),
        ["TRK002 batch.received", "TRK002 order.accepted"]
    );
    // The cursor of one organisation says nothing about the others, but that of all is good for each.
    for other in ["", "organisation=TRK001&"] {
        let target = format!("/v1/events?{other}after={next}");
        let response = server.send(&request("GET", &target, "full"));
        assert_eq!(response.status, 400, "{}", response.text());
        let detail = response.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("another organisation's"), "{detail}");
    }
    let first = get(&server, "/v1/events?limit=1");
    let first = first["next"].as_str().unwrap();
    let (events, _) = read_on(&server, "organisation=TRK002", first);
    assert_eq!(events.len(), 2);
    assert_eq!(read_on(&server, "", first).0.len(), 5);
    let (events, next) = read_on(&server, "type=order.processed", "");
    assert_eq!(types(&events), ["TRK001 order.processed"]);
    assert_eq!(
        read_on(&server, "", &next).0.len(),
        0,
        "a filter passes over the others"
    );
    let others = server.send(&request("GET", "/v1/events", "other")).json();
    let others = others["data"].as_array().unwrap();
    assert_eq!(
        types(others),
        ["TRK002 batch.received", "TRK002 order.accepted"]
    );
}

#[test]
fn a_busy_organisation_does_not_keep_the_others_from_being_read() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let many: Vec<_> = (0..20).map(|at| order(&format!("A-{at}"))).collect();
    submit(&server, "TRK001", &many);
    submit(&server, "TRK002", &[order("A-1")]);
    let first = get(&server, "/v1/events?limit=5");
    let after = first["next"].as_str().unwrap();
    let second = get(&server, &format!("/v1/events?limit=5&after={after}"));
    let second = types(second["data"].as_array().unwrap());
    assert_eq!(
        second[..2],
        ["TRK002 batch.received", "TRK002 order.accepted"]
    );
    assert_eq!(read_on(&server, "", "").0.len(), 23);
}

#[test]
fn what_the_feed_does_not_take_is_400() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let order_list = {
        submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
        let page = get(&server, "/v1/orders?limit=1");
        page["next"].as_str().unwrap().to_owned()
    };
    for wrong in [
        "colour=red".to_owned(),
        "type=order.lost".into(),
        "wait=61s".into(),
        "wait=30".into(),
        "wait=-1s".into(),
        "organisation=NEVER".into(),
        "after=x".into(),
        format!("after={order_list}"),
        // ["events",[7,0,[1,5]]], as earlier versions wrote them.
        "after=WyJldmVudHMiLFs3LDAsWzEsNV1dXQ".into(),
    ] {
        for accept in ["application/json", "text/event-stream"] {
            let ask = request("GET", &format!("/v1/events?{wrong}"), "full");
            let response = server.send(&ask.header("accept", accept));
            assert_eq!(response.status, 400, "{wrong}: {}", response.text());
        }
    }
    let ask = request("GET", "/v1/events", "full").header("accept", "text/event-stream");
    assert_eq!(server.send(&ask.header("last-event-id", "x")).status, 400);
}

#[test]
fn a_request_waits_for_what_is_new() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A-1")]);
    let (_, next) = read_on(&server, "", "");
    let began = Instant::now();
    let empty = get(&server, &format!("/v1/events?wait=1s&after={next}"));
    assert_eq!((&empty["data"], &empty["next"]), (&json!([]), &json!(next)));
    assert!(began.elapsed() >= Duration::from_secs(1));
    // Existing events are returned without waiting.
    let page = get(&server, "/v1/events?wait=60s");
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let target = format!("/v1/events?wait=60s&after={next}");
    let answers = std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| get(&server, &target)))
            .collect();
        // Other requests are served, however many readers wait.
        for _ in 0..20 {
            get(&server, "/v1/orders");
        }
        submit(&server, "TRK001", &[order("A-2")]);
        waiting
            .into_iter()
            .map(|waiting| waiting.join().unwrap())
            .collect::<Vec<_>>()
    });
    for answer in answers {
        let expected = ["TRK001 batch.received", "TRK001 order.accepted"];
        assert_eq!(types(answer["data"].as_array().unwrap()), expected);
    }
}

#[test]
fn what_another_process_writes_is_told_too() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1")]);
    let (_, next) = read_on(&server, "", "");
    let target = format!("/v1/events?wait=60s&after={next}");
    let mut stream = Events::open(server.address, &request("GET", &target, "full"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| get(&server, &target));
        let command = [
            "orders",
            "process",
            "--org",
            "TRK001",
            "--dialect",
            "native",
            "A-1",
        ];
        let output = run(data.path(), &command);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let answer = waiting.join().unwrap();
        assert_eq!(answer["data"][0]["type"], "order.processed");
        assert_eq!(answer["data"][0]["order_id"], json!(ids[0]));
    });
    assert_eq!(stream.next().expect("an event").kind, "order.processed");
}

#[test]
fn a_stream_tells_each_event_and_goes_on_where_it_was_cut() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    let open = |ask: Request| Events::open(server.address, &ask);
    let mut stream = open(request("GET", "/v1/events", "full"));
    assert_eq!(stream.status, 200);
    let first: Vec<_> = (0..2).map(|_| stream.next().unwrap()).collect();
    assert_eq!(first[0].kind, "batch.received");
    assert_eq!(first[1].data["type"], "order.accepted");
    drop(stream);
    let resume = request("GET", "/v1/events", "full").header("last-event-id", first[1].id.as_str());
    let mut stream = open(resume);
    let third = stream.next().unwrap();
    submit(&server, "TRK002", &[order("B-1")]);
    let later: Vec<_> = (0..2).map(|_| stream.next().unwrap().data).collect();
    assert_eq!(
        types(&later),
        ["TRK002 batch.received", "TRK002 order.accepted"]
    );
    // A stream has the same events as pages, and its ids are valid page cursors.
    let (whole, _) = read_on(&server, "", "");
    assert_eq!(third.data, whole[2]);
    assert_eq!(read_on(&server, "", &third.id).0, whole[3..]);
}

#[test]
fn a_stream_ends_with_its_key() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut stream = Events::open(server.address, &request("GET", "/v1/events", "one"));
    submit(&server, "TRK001", &[order("A-1")]);
    assert!(stream.next().is_some() && stream.next().is_some());
    assert!(run(data.path(), &["key", "revoke", "one"]).status.success());
    // The server sees the revocation within a second. The next event wakes the stream.
    let gone = || server.send(&request("GET", "/v1/orders", "one")).status == 401;
    while !gone() {}
    submit(&server, "TRK001", &[order("A-2")]);
    assert!(stream.next().is_none() && stream.is_whole);
}

#[test]
fn told_to_stop_the_server_ends_streams_and_waiting() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A-1")]);
    let (_, next) = read_on(&server, "", "");
    let address = server.address;
    let target = format!("/v1/events?wait=60s&after={next}");
    let mut stream = Events::open(address, &request("GET", &target, "full"));
    let answer = std::thread::scope(|scope| {
        let mut waiting = crate::support::client::Connection::open(address);
        assert!(waiting.write(&request("GET", &target, "full").bytes()));
        // A complete exchange on another connection. By then the request waits, or is about to.
        get(&server, "/v1/orders");
        scope.spawn(|| server.terminate()).join().unwrap();
        waiting.read()
    });
    let answer = answer.expect("it is answered");
    assert_eq!((answer.status, &answer.json()["data"]), (200, &json!([])));
    assert!(stream.next().is_none() && stream.is_whole);
    let (status, _) = server.wait();
    assert!(status.success());
}

/// Events that a reader has seen, by organisation.
type Seen = BTreeMap<String, Vec<String>>;

fn note(seen: &mut Seen, event: &Value) {
    let of = seen
        .entry(part(event, "organisation").to_owned())
        .or_default();
    of.push(part(event, "id").to_owned());
}

#[test]
fn readers_see_each_event_once_and_in_order_while_many_write() {
    const WRITERS: usize = 32;
    const ROUNDS: usize = 12;
    // Each round submits a batch of two orders and changes the state of one.
    const EVENTS: usize = WRITERS * ROUNDS * 4;
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (server, mut polled, mut streamed) = (&server, Seen::new(), Seen::new());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let organisation = ["TRK001", "TRK002"][(writer + round) % 2];
                    let keys = [0, 1].map(|at| order(&format!("{writer}-{round}-{at}")));
                    let (_, ids) = submit(server, organisation, &keys);
                    post(server, &format!("/v1/orders/{}/process", ids[0]));
                }
            });
        }
        scope.spawn(|| {
            let mut after = String::new();
            while polled.values().map(Vec::len).sum::<usize>() < EVENTS {
                let page = get(server, &format!("/v1/events?limit=7&wait=10s{after}"));
                for event in page["data"].as_array().unwrap() {
                    note(&mut polled, event);
                }
                after = format!("&after={}", part(&page, "next"));
            }
        });
        scope.spawn(|| {
            let ask = request("GET", "/v1/events", "full");
            let mut stream = Events::open(server.address, &ask);
            for at in 0..EVENTS {
                let event = stream.next().expect("more is to come");
                note(&mut streamed, &event.data);
                if at % 100 == 50 {
                    // The connection is lost, and the reader reconnects with its cursor.
                    let again = ask.clone().header("last-event-id", event.id);
                    stream = Events::open(server.address, &again);
                }
            }
        });
    });
    let mut whole = Seen::new();
    for event in read_on(server, "", "").0 {
        note(&mut whole, &event);
    }
    assert_eq!(whole.values().map(Vec::len).sum::<usize>(), EVENTS);
    assert_eq!(polled, whole);
    assert_eq!(streamed, whole);
    for ids in whole.values() {
        let mut once = ids.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(
            once, *ids,
            "ids are in the order of the feed, and no two are the same"
        );
    }
}
