//! NATS: the stream has each event once, in order, whatever is killed.

use std::process::Command;

use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{self, Context};
use serde_json::{Value, json};
use wharfinger::onward::guard::Guard;
use wharfinger::store::EventKind;

use super::{Given, Target, accepted, block_on, cut_off, deliver, event};
use crate::postgres::encryption::MAKE;
use crate::support::nats::NatsServer;

async fn context(url: &str) -> Context {
    jetstream::new(async_nats::connect(url).await.unwrap())
}

fn target(server: &NatsServer) -> Target {
    Target::new(
        json!({"kind": "nats", "url": server.url(), "prefix": "orders", "stream": "ORDERS"}),
    )
}

/// A message of the stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) id: String,
    organisation: String,
    position: u64,
    pub(crate) body: Value,
}

/// All messages of the stream.
pub(crate) async fn messages(url: &str) -> Vec<Message> {
    let mut stream = context(url).await.get_stream("ORDERS").await.unwrap();
    let state = stream.info().await.unwrap().state.clone();
    let mut messages = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let field = |name: &str| message.headers.get(name).unwrap().to_string();
        messages.push(Message {
            subject: message.subject.to_string(),
            id: field("Nats-Msg-Id"),
            organisation: field("Wharfinger-Organisation"),
            position: field("Wharfinger-Position").parse().unwrap(),
            body: serde_json::from_slice(&message.payload).unwrap(),
        });
    }
    messages
}

fn expected(events: &[Given]) -> Vec<Message> {
    let message = |given: &Given| {
        let token = given.code().replace('.', "=2E");
        let kind = given.delivery.event.kind.name();
        Message {
            subject: format!("orders.{token}.{kind}"),
            id: given.id.clone(),
            organisation: given.code().to_owned(),
            position: given.position(),
            body: serde_json::from_slice(&given.body).unwrap(),
        }
    };
    events.iter().map(message).collect()
}

/// A stream as an administrator makes it.
async fn made(server: &NatsServer, change: impl FnOnce(&mut Config)) -> Stream {
    let mut config = Config {
        name: "ORDERS".into(),
        subjects: vec!["orders.>".into()],
        ..Config::default()
    };
    change(&mut config);
    let context = context(&server.url()).await;
    context.create_stream(config).await.unwrap()
}

#[test]
fn messages_are_the_events_with_their_subjects_and_headers() {
    block_on(async {
        let server = NatsServer::start("");
        let mut target = target(&server);
        let mut events = accepted(1, 1..=3);
        events.push(event(2, 9, EventKind::OrderProcessed, 1));
        let mut sink = target.open(None).await.unwrap();
        assert_eq!(deliver(&mut sink, &events).await.unwrap().events, 4);
        assert_eq!(messages(&server.url()).await, expected(&events));
        assert_eq!(
            messages(&server.url()).await[0].subject,
            "orders.shop=2Eone.order.accepted"
        );
        let stream = context(&server.url())
            .await
            .get_stream("ORDERS")
            .await
            .unwrap();
        let last = stream.get_raw_message(4).await.unwrap();
        let previous = last.headers.get("Wharfinger-Previous").unwrap();
        assert_eq!(previous.as_str(), "8");
        assert!(last.headers.get("Wharfinger-Previous-Of-Order").is_none());
    });
}

/// A kill between the acknowledgement and the report: the events come again, among others that are new.
#[test]
fn what_the_stream_has_is_not_sent_again() {
    block_on(async {
        let server = NatsServer::start("");
        let mut target = target(&server);
        let (one, two) = (accepted(1, 1..=9), accepted(2, 1..=9));
        let mut sink = target.open(None).await.unwrap();
        let before = accepted(0, 1..=5);
        deliver(&mut sink, &before).await.unwrap();
        let unreported = [&one[..4], &two[..3]].concat();
        deliver(&mut sink, &unreported).await.unwrap();
        drop(sink);
        // They would be told apart without the server's own window, too.
        let mut stream = context(&server.url())
            .await
            .get_stream("ORDERS")
            .await
            .unwrap();
        let mut config = stream.info().await.unwrap().config.clone();
        config.duplicate_window = std::time::Duration::from_millis(100);
        let context = context(&server.url()).await;
        context.update_stream(config).await.unwrap();
        let mut sink = target.open(None).await.unwrap();
        let again = [&one[..], &two[..]].concat();
        assert_eq!(deliver(&mut sink, &again).await.unwrap().events, 18);
        let all = [&before[..], &unreported, &one[4..], &two[3..]].concat();
        assert_eq!(messages(&server.url()).await, expected(&all));
    });
}

#[test]
fn behind_a_refused_event_nothing_is_stored() {
    block_on(async {
        let server = NatsServer::start("");
        let stream = made(&server, |config| config.max_message_size = 2_048).await;
        let mut target = target(&server);
        let mut events = accepted(1, 1..=9);
        events[4].body = json!({"id": "x", "long": "y".repeat(4_000)})
            .to_string()
            .into();
        let mut sink = target.open(None).await.unwrap();
        let failure = deliver(&mut sink, &events).await.unwrap_err();
        assert_eq!((failure.result, failure.taken.events), ("refused", 4));
        assert!(failure.why.contains(&events[4].id), "{}", failure.why);
        assert_eq!(messages(&server.url()).await, expected(&events[..4]));
        let mut config = stream.cached_info().config.clone();
        config.max_message_size = -1;
        context(&server.url())
            .await
            .update_stream(config)
            .await
            .unwrap();
        let mut sink = target.open(None).await.unwrap();
        assert_eq!(deliver(&mut sink, &events).await.unwrap().events, 9);
        assert_eq!(messages(&server.url()).await, expected(&events));
    });
}

#[test]
fn a_server_that_has_lost_its_lease_stores_nothing() {
    block_on(async {
        let server = NatsServer::start("");
        let mut target = target(&server);
        let events = accepted(1, 1..=9);
        let mut early = target.open(None).await.unwrap();
        deliver(&mut early, &events[..2]).await.unwrap();
        let mut late = target.open(None).await.unwrap();
        deliver(&mut late, &events[2..6]).await.unwrap();
        let fenced = deliver(&mut early, &events[6..]).await.unwrap_err();
        assert_eq!((fenced.result, fenced.taken.events), ("fenced", 0));
        // What another has stored since the sink was opened is recognised, too.
        let mut third = target.open(None).await.unwrap();
        deliver(&mut late, &events[6..8]).await.unwrap();
        let taken = deliver(&mut third, &events[6..]).await.unwrap();
        assert_eq!(taken.events, 3);
        assert_eq!(messages(&server.url()).await, expected(&events));
    });
}

#[test]
fn kills_of_the_server_and_of_the_sink_lose_and_repeat_nothing() {
    block_on(async {
        let mut server = NatsServer::start("");
        let mut target = target(&server);
        let events = accepted(1, 1..=3_000);
        let (mut done, mut failures, mut cuts) = (0, 0, 0);
        for round in 0.. {
            let Ok(mut sink) = target.open(None).await else {
                server.begin();
                continue;
            };
            while done < events.len() {
                let batch = &events[done..events.len().min(done + 100)];
                let taken = match round % 3 {
                    0 if done / 100 % 3 == 1 => {
                        // Dropped in the middle, and what it had done is unknown.
                        let cut = cut_off(deliver(&mut sink, batch), 1 + round).await;
                        cuts += usize::from(cut.is_none());
                        cut
                    }
                    1 if done / 100 % 3 == 2 => {
                        let (taken, ()) = tokio::join!(deliver(&mut sink, batch), async {
                            tokio::task::yield_now().await;
                            server.kill();
                        });
                        Some(taken)
                    }
                    _ => Some(deliver(&mut sink, batch).await),
                };
                match taken {
                    Some(Ok(taken)) => done += taken.events,
                    Some(Err(failure)) => {
                        failures += 1;
                        done += failure.taken.events;
                        break;
                    }
                    None => break,
                }
            }
            if done == events.len() {
                break;
            }
        }
        assert!(failures > 0 && cuts > 0, "{failures} failures, {cuts} cuts");
        if target.open(None).await.is_err() {
            server.begin();
        }
        assert_eq!(messages(&server.url()).await, expected(&events));
    });
}

/// Within the server's window, it knows the events of a replay; new ones behind them get in.
#[test]
fn a_replay_is_sent_again_and_the_stream_decides() {
    block_on(async {
        let server = NatsServer::start("");
        let mut target = target(&server);
        let events = accepted(1, 1..=20);
        let mut sink = target.open(None).await.unwrap();
        deliver(&mut sink, &events[..10]).await.unwrap();
        target.destination.replays += 1;
        let mut sink = target.open(None).await.unwrap();
        assert_eq!(deliver(&mut sink, &events).await.unwrap().events, 20);
        assert_eq!(messages(&server.url()).await, expected(&events));
    });
}

#[test]
fn a_replay_into_an_emptied_stream_starts_at_its_beginning() {
    block_on(async {
        let server = NatsServer::start("");
        let mut target = target(&server);
        let events = accepted(1, 1..=10);
        let mut sink = target.open(None).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
        context(&server.url())
            .await
            .delete_stream("ORDERS")
            .await
            .unwrap();
        let failure = deliver(&mut sink, &events[..1]).await.unwrap_err();
        assert!(failure.why.contains("add orders.> to"), "{}", failure.why);
        target.destination.replays += 1;
        let mut sink = target.open(None).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
        assert_eq!(messages(&server.url()).await, expected(&events));
    });
}

#[test]
fn what_is_wrong_with_the_server_is_told() {
    block_on(async {
        let server = NatsServer::start("authorization { users = [{user: ann, password: right}] }");
        let mut settings =
            json!({"kind": "nats", "url": server.url(), "user": "ann", "password": "wrong"});
        let refused = Target::new(settings.clone()).open(None).await.unwrap_err();
        assert!(refused.why.contains("refuses the login"), "{}", refused.why);
        settings["password"] = "right".into();
        settings["create"] = false.into();
        let refused = Target::new(settings.clone()).open(None).await.unwrap_err();
        assert!(
            refused.why.contains("has no stream WHARFINGER"),
            "{}",
            refused.why
        );
        settings["create"] = true.into();
        Target::new(settings.clone()).open(None).await.unwrap();
        settings["stream"] = "OTHER".into();
        let refused = Target::new(settings.clone()).open(None).await.unwrap_err();
        assert!(
            refused.why.contains("name another prefix"),
            "{}",
            refused.why
        );
        let mut forbidden = Target::new(settings.clone());
        forbidden.guard = Guard::default();
        let refused = forbidden.open(None).await.unwrap_err();
        assert_eq!(refused.result, "forbidden_address");
        settings["url"] = format!("tls://127.0.0.1:{}", server.port()).into();
        let refused = Target::new(settings).open(None).await.unwrap_err();
        assert_eq!(refused.result, "unreachable");
        drop(server);
        let unreachable = Target::new(json!({"kind": "nats", "url": "nats://127.0.0.1:1"}))
            .open(None)
            .await
            .unwrap_err();
        assert_eq!(unreachable.result, "unreachable");
        assert!(
            unreachable.why.contains("check the address"),
            "{}",
            unreachable.why
        );
    });
}

#[test]
fn the_connection_is_encrypted_if_the_settings_say_so() {
    let files = tempfile::tempdir().unwrap();
    let made = Command::new("sh")
        .args(["-c", MAKE])
        .current_dir(files.path())
        .output();
    assert!(made.unwrap().status.success());
    let file = |name: &str| files.path().join(name).display().to_string();
    let tls = format!(
        "tls {{ cert_file: {:?}, key_file: {:?} }}",
        file("server.crt"),
        file("server.key")
    );
    let server = NatsServer::start(&tls);
    let ca = std::fs::read_to_string(file("ca.pem")).unwrap();
    let open = |host: &str| {
        let url = format!("tls://{host}:{}", server.port());
        let mut target = Target::new(json!({"kind": "nats", "url": url, "ca": ca}));
        block_on(async {
            let mut sink = target.open(None).await?;
            deliver(&mut sink, &accepted(1, 1..=1)).await
        })
    };
    assert_eq!(open("localhost").unwrap().events, 1);
    let refused = open("127.0.0.1").unwrap_err();
    assert_eq!(refused.result, "unreachable");
    assert!(refused.why.contains("not valid for"), "{}", refused.why);
}

#[test]
fn a_stream_that_others_write_to_is_told() {
    block_on(async {
        let server = NatsServer::start("");
        let mut target = target(&server);
        let events = accepted(1, 1..=2);
        let mut sink = target.open(None).await.unwrap();
        let other = context(&server.url()).await;
        let sent = other.publish("orders.other", "x".into()).await.unwrap();
        sent.await.unwrap();
        let failure = deliver(&mut sink, &events).await.unwrap_err();
        assert!(
            failure.why.contains("a stream of its own"),
            "{}",
            failure.why
        );
        let mut sink = target.open(None).await.unwrap();
        assert_eq!(deliver(&mut sink, &events).await.unwrap().events, 2);
    });
}
