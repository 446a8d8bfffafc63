//! Finding orders by the customer's e-mail address.

use std::sync::Arc;

use wharfinger::store::{ReadOrders, Store};
use wharfinger_core::decide::admit::{Intent, Move};
use wharfinger_core::dialect::{Number, OrderQuery};
use wharfinger_core::order::outcome::State;

use super::support::*;

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

pub(super) async fn orders_are_found_by_address_whatever_its_case(store: Arc<Store>) {
    assert!(keys(&store, by_email(ANN)).await.is_empty());
    let ready = submission(&store, batch_id(), DIALECT, &[order("a", "x").by(ANN)]);
    let found = keys(&store, by_email(ANN)).await;
    assert!(found.is_empty(), "nothing is committed yet");
    store.admit_batch(ready).await.expect("it is admitted");
    let others = [
        order("b", "x").by("Ann@Example.COM"),
        order("c", "x").by(BOB),
        order("d", "x"),
        faulty("e").by(ANN),
    ];
    submit(&store, &others).await;
    for spelling in [ANN, "ANN@EXAMPLE.COM", " ann@example.com "] {
        assert_eq!(keys(&store, by_email(spelling)).await, ["a", "b"]);
    }
    assert_eq!(keys(&store, by_email(BOB)).await, ["c"]);
    assert!(keys(&store, by_email("")).await.is_empty());
    // A resubmitted order is found only once.
    submit(&store, &[order("a", "x").by(ANN)]).await;
    assert_eq!(keys(&store, by_email(ANN)).await, ["a", "b"]);
}

pub(super) async fn an_address_that_was_changed_finds_the_order_no_more(store: Arc<Store>) {
    submit(&store, &[order("a", "1").by(ANN), order("b", "1").by(ANN)]).await;
    submit(&store, &[order("a", "1").by(BOB)]).await;
    assert_eq!(keys(&store, by_email(ANN)).await, ["b"]);
    assert_eq!(keys(&store, by_email(BOB)).await, ["a"]);
    // With changed content and the same address, it is found once, at its new position.
    submit(&store, &[order("c", "1").by(ANN), order("b", "2").by(ANN)]).await;
    assert_eq!(keys(&store, by_email(ANN)).await, ["c", "b"]);
    // Back to the first address, together with another change in one batch.
    submit(&store, &[order("a", "2").by(BOB), order("a", "3").by(ANN)]).await;
    submit(&store, &[order("c", "2")]).await;
    assert_eq!(keys(&store, by_email(ANN)).await, ["b", "a"]);
    assert!(keys(&store, by_email(BOB)).await.is_empty());
}

pub(super) async fn what_was_added_later_leaves_the_address(store: Arc<Store>) {
    let draft = numbered(Number::Given(7), "1").with(Intent::Create { draft: true });
    submit(&store, &[draft.by(ANN)]).await;
    let more = numbered(Number::Given(7), "2").with(Intent::Complete);
    submit(&store, &[more.clone(), order("b", "x").by(ANN)]).await;
    let found = read(&store, by_email(ANN)).await.orders;
    let found: Vec<_> = found
        .iter()
        .map(|order| (order.key.as_str(), order.texts.len()))
        .collect();
    assert_eq!(found, [("7", 2), ("b", 1)]);
}

pub(super) async fn addresses_of_others_find_nothing(store: Arc<Store>) {
    submit(&store, &[order("a", "x").by(ANN).of(THERE)]).await;
    let other = [order("b", "x").by(ANN)];
    let other = submission(&store, batch_id(), "other", &other);
    store.admit_batch(other).await.expect("it is admitted");
    assert!(keys(&store, by_email(ANN)).await.is_empty());
    submit(&store, &[order("b", "y").by(ANN)]).await;
    assert_eq!(keys(&store, by_email(ANN)).await, ["b"]);
    for (organisation, dialect, expected) in [
        (THERE, DIALECT, vec!["a"]),
        (HERE, "other", vec!["b"]),
        (THERE, "other", vec![]),
        (HERE, "unheard-of", vec![]),
    ] {
        let request = ReadOrders {
            organisation,
            dialect,
            query: Arc::new(by_email(ANN)),
            after: None,
        };
        let page = store.orders(request).await.expect("orders are read");
        let found: Vec<_> = page.orders.into_iter().map(|order| order.key).collect();
        assert_eq!(found, expected);
    }
}

pub(super) async fn orders_of_an_address_are_filtered(store: Arc<Store>) {
    let ann = |key: &str| order(key, "x").by(ANN);
    submit(&store, &[ann("a"), ann("b"), order("c", "x").by(BOB)]).await;
    let_time_pass().await;
    submit(&store, &[ann("d"), ann("e")]).await;
    move_keys(&store, Move::Process, &["b"]).await;
    move_keys(&store, Move::Cancel { release_key: true }, &["d"]).await;
    submit(&store, &[ann("d")]).await;
    let all = ["a", "b", "d", "e", "d"];
    assert_eq!(keys(&store, by_email(ANN)).await, all);
    let in_state = |state| OrderQuery {
        states: vec![state],
        ..by_email(ANN)
    };
    assert_eq!(keys(&store, in_state(State::Processed)).await, ["b"]);
    assert_eq!(keys(&store, in_state(State::Cancelled)).await, ["d"]);
    assert_eq!(
        keys(&store, in_state(State::Pending)).await,
        ["a", "e", "d"]
    );
    let orders = read(&store, by_email(ANN)).await.orders;
    let (early, late) = (orders[0].created_at_ms, orders[2].created_at_ms);
    // An order is filtered by its creation time, even if it got its address later.
    submit(&store, &[order("c", "y").by(ANN)]).await;
    let until = |created_to_ms| OrderQuery {
        created_to_ms: Some(created_to_ms),
        ..by_email(ANN)
    };
    assert_eq!(keys(&store, until(early)).await, ["a", "b", "c"]);
    let from = OrderQuery {
        created_from_ms: Some(late),
        ..by_email(ANN)
    };
    assert_eq!(keys(&store, from).await, ["d", "e", "d"]);
    let with_keys = OrderQuery {
        keys: Some(["e", "c", "a", "f"].map(String::from).into()),
        ..by_email(ANN)
    };
    assert_eq!(keys(&store, with_keys).await, ["a", "c", "e"]);
}

pub(super) async fn orders_of_an_address_come_in_pages(store: Arc<Store>) {
    let mut expected = Vec::new();
    for batch in 0..5 {
        let mut orders = Vec::new();
        for at in 0..3 {
            let key = format!("{batch}-{at}");
            orders.push(order(&key, "x").by(if at == 1 { BOB } else { ANN }));
            if at != 1 {
                expected.push(key);
            }
        }
        submit(&store, &orders).await;
    }
    for newest_first in [false, true] {
        if newest_first {
            expected.reverse();
        }
        for count_max in [None, Some(8)] {
            let query = |offset| OrderQuery {
                newest_first,
                offset,
                limit: 3,
                count_max,
                ..by_email(ANN)
            };
            assert_eq!(keys(&store, query(4)).await, expected[4..7]);
            let total = count_max.unwrap_or(0);
            let found = keys_by_pages(&store, query(0), &[3, 3, 3, 1], total).await;
            assert_eq!(found, expected);
        }
    }
}
