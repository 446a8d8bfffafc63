//! Tables: what they show, and that they show it once, whatever is killed.

use pg_cluster::Cluster;
use postgres::{Client, NoTls};
use serde_json::{Value, json};
use wharfinger::onward::guard::Guard;
use wharfinger::onward::sinks::Failure;
use wharfinger::store::EventKind;

use super::{Given, Target, accepted, block_on, cut_off, deliver, event};
use crate::postgres::encryption::Encrypted;
use crate::support::cluster::{OwnDatabase, options, shared};

pub(super) fn target(url: &str) -> Target {
    Target::new(json!({"kind": "postgres", "url": url}))
}

/// Runs blocking work beside the test's runtime.
pub(super) fn query<T: Send>(url: &str, work: impl FnOnce(&mut Client) -> T + Send) -> T {
    std::thread::scope(|scope| {
        let working = scope.spawn(|| work(&mut Client::connect(url, NoTls).unwrap()));
        working.join().unwrap()
    })
}

/// The rows of a table as JSON, without what differs between destinations.
pub(crate) fn rows(url: &str, table: &str, order: &str) -> Vec<Value> {
    let select = format!(
        "select (to_jsonb(t) - 'destination')::text from wharfinger.{table} t order by {order}"
    );
    let rows = query(url, |client| client.query(&select, &[]).unwrap());
    let row = |row: &postgres::Row| serde_json::from_str(row.get(0)).unwrap();
    rows.iter().map(row).collect()
}

/// All rows of all tables.
pub(super) fn contents(url: &str) -> [Vec<Value>; 3] {
    [
        rows(url, "orders", "id"),
        rows(url, "order_lines", "order_id, line"),
        rows(url, "customers", "organisation, key"),
    ]
}

/// Gives an event the JSON of its order.
fn with_order(mut given: Given, revision: u32, state: &str) -> Given {
    let event = &given.delivery.event;
    let order = event.order.unwrap();
    let lines = (0..=revision)
        .map(|line| json!({"quantity": 2, "sku": format!("SKU-{line}"), "unit_price": "10.50"}));
    let json = json!({
        "organisation": given.code(),
        "key": format!("key-{order}"),
        "customer": {"email": "Ann@Example.com", "first_name": format!("Ann {revision}")},
        "lines": Vec::from_iter(lines),
        "shipping_price": "5.00",
        "currency": "EUR",
        "id": order.to_string(),
        "state": state,
        "revision": revision,
        "dialect": "native",
        "batch_id": order.batch().to_string(),
        "created_at": "2026-11-21T09:30:00.000Z",
        "updated_at": "2026-11-21T09:30:00.000Z",
    });
    given.delivery.order = Some(json.to_string());
    given
}

/// New orders of an organisation, at these positions.
pub(super) fn orders(organisation: u32, positions: std::ops::RangeInclusive<u64>) -> Vec<Given> {
    let events = accepted(organisation, positions).into_iter();
    events
        .map(|given| with_order(given, 1, "pending"))
        .collect()
}

#[test]
fn later_events_change_the_rows_and_earlier_ones_do_not() {
    let database = OwnDatabase::empty();
    let mut target = target(database.url());
    let order =
        |position, kind, revision, state| with_order(event(1, position, kind, 1), revision, state);
    let first = order(1, EventKind::OrderAccepted, 1, "pending");
    let second = order(2, EventKind::OrderUpdated, 2, "pending");
    let third = order(3, EventKind::OrderProcessed, 2, "pending");
    let shown = || {
        let [orders, lines, customers] = contents(database.url());
        let order = &orders[0];
        assert_eq!((orders.len(), customers.len()), (1, 1));
        assert_eq!(order["line_count"], lines.len());
        assert_eq!(customers[0]["key"], "email:ann@example.com");
        let name = customers[0]["first_name"].clone();
        (order["revision"].clone(), order["state"].clone(), name)
    };
    let is = |revision: u32, state: &str| {
        (
            json!(revision),
            json!(state),
            json!(format!("Ann {revision}")),
        )
    };
    block_on(async {
        let mut sink = target.open(None).await.unwrap();
        deliver(&mut sink, std::slice::from_ref(&first))
            .await
            .unwrap();
        assert_eq!(shown(), is(1, "pending"));
        deliver(&mut sink, &[second.clone(), third.clone()])
            .await
            .unwrap();
        assert_eq!(shown(), is(2, "processed"));
        deliver(&mut sink, &[first, second]).await.unwrap();
        assert_eq!(shown(), is(2, "processed"));
        // Of a purged or unreadable order, the event tells the state.
        let cancelled = event(1, 4, EventKind::OrderCancelled, 1);
        let unknown = event(1, 5, EventKind::OrderCancelled, 2);
        deliver(&mut sink, &[cancelled, unknown]).await.unwrap();
        assert_eq!(shown(), is(2, "cancelled"));
        // What somebody has changed is mended by a replay of the order's last event.
        query(database.url(), |client| {
            client.batch_execute(
                "delete from wharfinger.order_lines; update wharfinger.orders set position = 3",
            )
        })
        .unwrap();
        deliver(&mut sink, &[third]).await.unwrap();
        assert_eq!(shown(), is(2, "processed"));
    });
}

#[test]
fn a_server_that_has_lost_its_lease_writes_nothing() {
    let database = OwnDatabase::empty();
    let mut target = target(database.url());
    let events = orders(1, 1..=9);
    block_on(async {
        let mut early = target.open(None).await.unwrap();
        deliver(&mut early, &events[..3]).await.unwrap();
        let mut late = target.open(None).await.unwrap();
        let fenced = deliver(&mut early, &events[3..]).await.unwrap_err();
        assert_eq!(fenced.result, "fenced");
        assert_eq!(contents(database.url())[0].len(), 3);
        deliver(&mut late, &events[3..]).await.unwrap();
        assert_eq!(contents(database.url())[0].len(), 9);
        target.lease = 0;
        let fenced = target.open(None).await.unwrap_err();
        assert_eq!(fenced.result, "fenced");
    });
}

/// What the tables are after all events, without any kill.
fn undisturbed(events: &[Given]) -> [Vec<Value>; 3] {
    let database = OwnDatabase::empty();
    block_on(async {
        let mut sink = target(database.url()).open(None).await.unwrap();
        for batch in events.chunks(100) {
            deliver(&mut sink, batch).await.unwrap();
        }
    });
    contents(database.url())
}

/// Orders that are created, changed and processed, of two organisations.
fn lives() -> Vec<Given> {
    let mut events = Vec::new();
    let mut position = [0, 0];
    for number in 0..300 {
        let organisation = 1 + number % 2;
        let mut next = |kind, order, revision, state| {
            let position = &mut position[organisation as usize - 1];
            *position += 1;
            events.push(with_order(
                event(organisation, *position, kind, order),
                revision,
                state,
            ));
        };
        next(EventKind::OrderAccepted, number, 1, "draft");
        if number >= 20 {
            next(EventKind::OrderUpdated, number - 20, 2, "pending");
        }
        if number >= 40 {
            next(EventKind::OrderProcessed, number - 40, 2, "processed");
        }
    }
    events
}

#[test]
fn kills_of_the_database_and_of_the_sink_leave_the_same_rows() {
    let events = lives();
    let wanted = undisturbed(&events);
    let mut cluster = Cluster::start(&options()).unwrap();
    cluster.create_database("analysis").unwrap();
    let url = cluster.url("analysis");
    let mut target = target(&url);
    let (mut done, mut failures, mut cuts) = (0, 0, 0);
    for round in 0.. {
        block_on(async {
            let Ok(mut sink) = target.open(None).await else {
                cluster.restart().unwrap();
                return;
            };
            while done < events.len() {
                let batch = &events[done..events.len().min(done + 80)];
                let taken = match round % 3 {
                    0 => {
                        // Dropped in the middle: whether it was committed is unknown.
                        let cut = cut_off(deliver(&mut sink, batch), 1 + round % 11).await;
                        cuts += usize::from(cut.is_none());
                        cut
                    }
                    1 => {
                        let (taken, ()) = tokio::join!(deliver(&mut sink, batch), async {
                            for _ in 0..round % 5 {
                                tokio::task::yield_now().await;
                            }
                            cluster.kill().unwrap();
                        });
                        Some(taken)
                    }
                    _ => Some(deliver(&mut sink, batch).await),
                };
                match taken {
                    Some(Ok(taken)) => done += taken.events,
                    Some(Err(_)) => {
                        failures += 1;
                        return;
                    }
                    None => return,
                }
                if round % 3 == 2 {
                    return;
                }
            }
        });
        if done == events.len() {
            break;
        }
    }
    assert!(failures > 0 && cuts > 0, "{failures} failures, {cuts} cuts");
    cluster.restart().unwrap();
    assert_eq!(contents(&url), wanted);
    let counted = query(&url, |client| {
        let select = "select events from wharfinger.wharfinger_cursor";
        client.query_one(select, &[]).unwrap().get::<_, i64>(0)
    });
    assert!(counted >= i64::try_from(events.len()).unwrap());
}

#[test]
fn a_replay_from_the_beginning_fills_the_tables_anew() {
    let database = OwnDatabase::empty();
    let url = database.url();
    let (mut one, mut two) = (target(url), target(url));
    let events = orders(1, 1..=9);
    let others = orders(2, 1..=4);
    let count = |organisation: &str| {
        let select =
            format!("select count(*) from wharfinger.orders where organisation = '{organisation}'");
        query(url, |client| {
            client.query_one(&select, &[]).unwrap().get::<_, i64>(0)
        })
    };
    block_on(async {
        let mut sink = one.open(None).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
        one.destination.replays += 1;
        // From a cursor: what is there stays.
        one.progress.cursor = Some(events[4].delivery.next.clone());
        let mut sink = one.open(None).await.unwrap();
        assert_eq!(count("shop.one"), 9);
        deliver(&mut sink, &events[5..]).await.unwrap();
        one.progress.cursor = None;
        one.destination.replays += 1;
        let mut sink = one.open(None).await.unwrap();
        assert_eq!(count("shop.one"), 0);
        deliver(&mut sink, &events[..5]).await.unwrap();
        // The next holder goes on, although the store knows of no progress yet.
        let mut sink = one.open(None).await.unwrap();
        assert_eq!(count("shop.one"), 5);
        deliver(&mut sink, &events).await.unwrap();
        let mut other = two.open(None).await.unwrap();
        deliver(&mut other, &others).await.unwrap();
        one.destination.replays += 1;
        one.open(None).await.unwrap();
        assert_eq!((count("shop.one"), count("ORG2")), (0, 4));
        let lines = rows(url, "order_lines", "order_id, line");
        assert_eq!((lines.len(), rows(url, "customers", "key").len()), (8, 1));
    });
}

#[test]
fn the_connection_is_encrypted_if_the_settings_say_so() {
    let encrypted = Encrypted::start();
    let ca = std::fs::read_to_string(encrypted.ca()).unwrap();
    let open = |host: &str, ca: &str| {
        let url = encrypted.url(host, "?sslmode=require");
        let settings = json!({"kind": "postgres", "url": url, "ca": ca});
        let mut target = Target::new(settings);
        block_on(async {
            let mut sink = target.open(None).await?;
            deliver(&mut sink, &orders(1, 1..=1)).await?;
            let (on, off) = encrypted.connections();
            assert_eq!((&*on, &*off), ("1", "0"));
            Ok::<_, Failure>(())
        })
    };
    open("localhost", &ca).unwrap();
    let refused = open("127.0.0.1", &ca).unwrap_err();
    assert!(
        refused.why.contains("is not valid for 127.0.0.1"),
        "{}",
        refused.why
    );
    let other = Encrypted::start();
    let other = std::fs::read_to_string(other.ca()).unwrap();
    let refused = open("localhost", &other).unwrap_err();
    assert!(
        refused.why.contains("the destination's ca"),
        "{}",
        refused.why
    );
}

#[test]
fn what_is_wrong_with_the_database_is_told() {
    let database = OwnDatabase::empty();
    let url = database.url();
    let execute = |sql: &str| query(url, |client| client.batch_execute(sql).unwrap());
    block_on(async {
        let mut forbidden = target(url);
        forbidden.guard = Guard::default();
        let refused = forbidden.open(None).await.unwrap_err();
        assert_eq!(refused.result, "forbidden_address");
        let wrong = url.replace(shared().password(), "wrong");
        let refused = target(&wrong).open(None).await.unwrap_err();
        assert!(
            refused.why.contains("the destination's password"),
            "{}",
            refused.why
        );
        let refused = target("postgres://ann:x@127.0.0.1:1/db")
            .open(None)
            .await
            .unwrap_err();
        assert_eq!(refused.result, "unreachable");
        execute("drop role if exists analyst; create role analyst login password 'secret'");
        let (_, place) = url.split_once('@').unwrap();
        let analyst = format!("postgres://analyst:secret@{place}");
        let refused = target(&analyst).open(None).await.unwrap_err();
        assert!(refused.why.contains("grant"), "{}", refused.why);
        execute("create schema wharfinger authorization analyst");
        target(&analyst).open(None).await.unwrap();
        execute("update wharfinger.wharfinger_version set version = 99");
        let refused = target(url).open(None).await.unwrap_err();
        assert!(refused.why.contains("newer version"), "{}", refused.why);
        execute("drop schema wharfinger cascade; drop role analyst");
    });
}

#[test]
fn a_schema_may_have_any_name_that_the_settings_take() {
    let database = OwnDatabase::empty();
    let settings = json!({"kind": "postgres", "url": database.url(), "schema": "order"});
    block_on(async {
        let mut target = Target::new(settings);
        let mut sink = target.open(None).await.unwrap();
        deliver(&mut sink, &orders(1, 1..=2)).await.unwrap();
        target.open(None).await.unwrap();
    });
    let count = query(database.url(), |client| {
        client
            .query_one("select count(*) from \"order\".orders", &[])
            .unwrap()
            .get::<_, i64>(0)
    });
    assert_eq!(count, 2);
}
