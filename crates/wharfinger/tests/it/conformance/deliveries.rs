//! Destinations: which events they get, and what these carry.

use std::collections::HashMap;
use std::sync::Arc;

use wharfinger::store::{Delivery, Destination, Event, EventKind, FeedCursor, Progress, Store};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::destinations::destination;
use super::fulfilments::report as report_fulfilment;
use super::support::*;

/// All deliveries, in pages of this size.
pub(super) async fn delivered(
    store: &Store,
    destination: &Destination,
    limit: usize,
) -> Vec<Delivery> {
    let destination = Arc::new(destination.clone());
    let mut after = destination.begins.clone();
    let mut found = Vec::new();
    loop {
        let page = store.deliveries(&destination, after, limit).await;
        let page = page.expect("a page");
        assert!(page.deliveries.len() <= limit);
        found.extend(page.deliveries);
        if !page.is_cut {
            return found;
        }
        after = Some(page.next);
    }
}

/// Orders in two organisations that are changed in every way.
pub(super) async fn fill(store: &Arc<Store>) {
    let (first, _) = submit(store, &[order("a", "1"), order("b", "1"), order("c", "1")]).await;
    submit(store, &[order("a", "2"), order("d", "1"), faulty("e")]).await;
    report_fulfilment(store, first.order(0), "PACKED")
        .await
        .expect("kept");
    submit(store, &[order("a", "3"), order("a", "1").of(THERE)]).await;
    move_keys(store, Move::Process, &["a", "b"]).await;
    report_fulfilment(store, first.order(0), "SENT")
        .await
        .expect("kept");
    move_keys(store, Move::Cancel { release_key: true }, &["c"]).await;
    submit(store, &[order("c", "1"), order("d", "2")]).await;
    move_keys(store, Move::Cancel { release_key: false }, &["d"]).await;
}

/// What a delivery is expected to be, from the whole feed of its organisation.
fn expected(
    events: &[Event],
    wants: impl Fn(&Event) -> bool,
) -> Vec<(Event, Option<u64>, Option<u64>)> {
    let mut previous = None;
    let mut of_orders = HashMap::new();
    let mut expected = Vec::new();
    for event in events.iter().filter(|event| wants(event)) {
        let of_order = event
            .order
            .and_then(|order| of_orders.insert(order, event.position));
        expected.push((event.clone(), previous, of_order));
        previous = Some(event.position);
    }
    expected
}

pub(super) async fn events(store: &Store, organisation: OrganisationId) -> Vec<Event> {
    store.events(organisation, 0, 1_000).await.expect("events")
}

fn of(
    deliveries: &[Delivery],
    organisation: OrganisationId,
) -> Vec<(Event, Option<u64>, Option<u64>)> {
    let of = deliveries
        .iter()
        .filter(|delivery| delivery.organisation == organisation);
    let of = of.map(|delivery| {
        (
            delivery.event.clone(),
            delivery.previous,
            delivery.previous_of_order,
        )
    });
    of.collect()
}

pub(super) async fn a_destination_gets_each_event_once_with_those_before_it(store: Arc<Store>) {
    fill(&store).await;
    let kinds = vec![
        EventKind::OrderFulfilment,
        EventKind::OrderUpdated,
        EventKind::OrderCancelled,
    ];
    let middle = {
        let begin = Arc::new(destination());
        let page = store.deliveries(&begin, None, 5).await.expect("a page");
        page.next
    };
    for organisation in [HERE, THERE] {
        let all = events(&store, organisation).await;
        for limit in [1, 3, 100] {
            let found = delivered(&store, &destination(), limit).await;
            assert_eq!(
                of(&found, organisation),
                expected(&all, |_| true),
                "{limit}"
            );

            let filtered = Destination {
                kinds: Some(kinds.clone()),
                ..destination()
            };
            let found = delivered(&store, &filtered, limit).await;
            let is_wanted = |event: &Event| kinds.contains(&event.kind);
            assert_eq!(
                of(&found, organisation),
                expected(&all, is_wanted),
                "{limit}"
            );

            let later = Destination {
                begins: Some(middle.clone()),
                ..destination()
            };
            let found = delivered(&store, &later, limit).await;
            let is_later = |event: &Event| organisation == THERE || event.position > 5;
            assert_eq!(
                of(&found, organisation),
                expected(&all, is_later),
                "{limit}"
            );

            let one = Destination {
                reach: OrgAccess::Only(vec![organisation]),
                ..destination()
            };
            let found = delivered(&store, &one, limit).await;
            assert_eq!(found.len(), all.len());
        }
    }
}

pub(super) async fn events_are_read_again_by_their_positions(store: Arc<Store>) {
    fill(&store).await;
    let destination = destination();
    let all = delivered(&store, &destination, 100).await;
    let again = |positions: Vec<u64>| {
        let destination = Arc::new(destination.clone());
        let store = Arc::clone(&store);
        async move { store.deliveries_at(&destination, HERE, positions).await }
    };
    let here = all.iter().filter(|delivery| delivery.organisation == HERE);
    let without_cursors = |deliveries: &[Delivery]| {
        let of = deliveries.iter().map(|of| {
            (
                of.event.clone(),
                of.previous,
                of.previous_of_order,
                of.lane_key,
                of.label.clone(),
            )
        });
        Vec::from_iter(of)
    };
    let here = Vec::from_iter(here.cloned());
    let positions = Vec::from_iter(here.iter().map(|delivery| delivery.event.position));
    let found = again(positions).await.expect("read");
    assert_eq!(without_cursors(&found), without_cursors(&here));
    let some = again(vec![0, 7, 3, 10_000]).await.expect("read");
    assert_eq!(
        without_cursors(&some),
        without_cursors(&[here[6].clone(), here[2].clone()])
    );
}

pub(super) async fn events_of_an_order_key_take_one_lane(store: Arc<Store>) {
    fill(&store).await;
    let all = delivered(&store, &destination(), 100).await;
    let mut lanes = HashMap::new();
    for delivery in &all {
        let label = (delivery.organisation, delivery.label.clone());
        let known = *lanes.entry(label).or_insert(delivery.lane_key);
        assert_eq!(known, delivery.lane_key);
    }
    let mut keys = Vec::from_iter(lanes.values());
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), lanes.len(), "each label has a lane of its own");
    // The key of a cancelled order that was released is that of the next one.
    let of_c = all
        .iter()
        .filter(|delivery| delivery.organisation == HERE && delivery.label == "c");
    assert_eq!(of_c.count(), 3);
}

pub(super) async fn a_destination_begins_at_a_time(store: Arc<Store>) {
    submit(&store, &[order("a", "1")]).await;
    let_time_pass().await;
    submit(&store, &[order("b", "1"), order("a", "1").of(THERE)]).await;
    let from_ms = events(&store, HERE).await[2].at_ms;
    for reach in [OrgAccess::All, OrgAccess::Only(vec![THERE, HERE])] {
        let begins = store.cursor_of_time(&reach, from_ms).await.expect("read");
        let destination = Destination {
            reach: reach.clone(),
            begins: Some(begins),
            begins_ms: Some(from_ms),
            ..destination()
        };
        let found = delivered(&store, &destination, 100).await;
        let positions = found
            .iter()
            .map(|of| (of.organisation, of.event.position, of.previous));
        let expected = [
            (HERE, 3, None),
            (HERE, 4, Some(3)),
            (THERE, 1, None),
            (THERE, 2, Some(1)),
        ];
        assert_eq!(Vec::from_iter(positions), expected);
        let late = store.cursor_of_time(&reach, i64::MAX).await.expect("read");
        assert_eq!(late, store.cursor_of_now().await.expect("read"));
    }
}

pub(super) async fn a_cursor_has_passed_what_was_read(store: Arc<Store>) {
    fill(&store).await;
    let all = Arc::new(destination());
    let mut read = Vec::new();
    let mut after: Option<FeedCursor> = None;
    let whole = delivered(&store, &all, 100).await;
    while read.len() < whole.len() {
        let page = store.deliveries(&all, after, 1).await.expect("a page");
        read.extend(page.deliveries);
        let later = Destination {
            begins: Some(page.next.clone()),
            ..destination()
        };
        let left = delivered(&store, &later, 100).await;
        assert_eq!(left.len(), whole.len() - read.len());
        let progress = Progress {
            cursor: Some(page.next.clone()),
            ..Progress::default()
        };
        let lag = store.delivery_lag(&all, &progress).await.expect("read");
        assert_eq!(lag.events, left.len() as u64);
        after = Some(page.next);
    }
}
