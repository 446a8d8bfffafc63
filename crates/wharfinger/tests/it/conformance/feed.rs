//! The event feed.

use std::sync::Arc;

use wharfinger::store::{EventKind, Store};
use wharfinger_core::decide::admit::Move;

use super::support::*;

pub(super) async fn events_stand_in_the_order_of_commits(store: Arc<Store>) {
    let (first, _) = submit(&store, &[order("b", "x"), order("a", "x")]).await;
    let (second, _) = submit(&store, &[order("a", "x"), order("b", "y"), faulty("c")]).await;
    move_keys(&store, Move::Process, &["b", "never", "a"]).await;
    let (third, _) = submit(&store, &[order("b", "z")]).await;
    submit(&store, &[order("a", "x").of(THERE)]).await;
    let events = store.events(HERE, 0, 100).await.expect("events");
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.kind, event.batch, event.order))
        .collect();
    let (a, b) = (Some(first.order(1)), Some(first.order(0)));
    let expected = [
        (EventKind::BatchReceived, Some(first), None),
        (EventKind::OrderAccepted, Some(first), b),
        (EventKind::OrderAccepted, Some(first), a),
        (EventKind::BatchReceived, Some(second), None),
        (EventKind::OrderUpdated, Some(second), b),
        (EventKind::OrderProcessed, None, b),
        (EventKind::OrderProcessed, None, a),
        (EventKind::BatchReceived, Some(third), None),
    ];
    assert_eq!(told, expected);
    let positions: Vec<u64> = events.iter().map(|event| event.position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(events.is_sorted_by_key(|event| event.at_ms));
    let there = store.events(THERE, 0, 100).await.expect("events");
    assert_eq!(
        there.iter().map(|event| event.position).collect::<Vec<_>>(),
        [1, 2]
    );
}

pub(super) async fn a_batch_without_a_good_order_is_told_of(store: Arc<Store>) {
    let (batch, _) = submit(&store, &[faulty("a"), faulty("b")]).await;
    let events = store.events(HERE, 0, 100).await.expect("events");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::BatchReceived);
    assert_eq!(events[0].batch, Some(batch));
    assert!(
        store
            .events(THERE, 0, 100)
            .await
            .expect("events")
            .is_empty()
    );
}

pub(super) async fn a_feed_is_read_in_pages(store: Arc<Store>) {
    for batch in 0..30 {
        let sent: Vec<_> = (0..batch).map(|at| order(&format!("{at}"), "x")).collect();
        submit(&store, &sent).await;
    }
    let whole = store.events(HERE, 0, 10_000).await.expect("events");
    for limit in [1, 7, 1000] {
        let mut pages = Vec::new();
        loop {
            let after = pages
                .last()
                .map_or(0, |event: &wharfinger::store::Event| event.position);
            let page = store.events(HERE, after, limit).await.expect("events");
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= limit);
            pages.extend(page);
        }
        assert_eq!(pages, whole);
    }
    let end = whole.len() as u64;
    assert!(
        store
            .events(HERE, end + 5, 10)
            .await
            .expect("events")
            .is_empty()
    );
    assert!(
        store
            .events(HERE, u64::MAX, 10)
            .await
            .expect("events")
            .is_empty()
    );
}
