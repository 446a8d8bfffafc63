//! Fulfilment reports.

use std::sync::Arc;

use wharfinger::store::{EventKind, Fulfil, FulfilledOrder, HistoryKind, Store, TransitionRefused};
use wharfinger_core::decide::admit::{Intent, Move};
use wharfinger_core::decide::fulfilment::{Fulfilment, Reported};
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::State;
use wharfinger_core::order::problem::Code;

use super::support::*;

/// Reports on an order of this organisation.
pub(super) async fn report(store: &Arc<Store>, id: OrderId, status: &str) -> FulfilledOrder {
    let request = Fulfil {
        id,
        reach: OrgAccess::Only(vec![HERE]),
        fulfilment: Fulfilment {
            status: Some(status.to_owned()),
            ..Fulfilment::default()
        },
        key_id: "key-3".into(),
        save_reply: None,
    };
    store.fulfil(request).await.expect("it is decided").result
}

async fn kept(store: &Arc<Store>, id: OrderId) -> Option<Reported> {
    let found = store.order(id, &OrgAccess::All).await.expect("read");
    found.expect("there is such an order").order.fulfilment
}

pub(super) async fn the_latest_report_is_kept_and_each_is_told_of(store: Arc<Store>) {
    let (batch, _) = submit(&store, &[order("a", "1"), order("b", "1")]).await;
    let (a, b) = (batch.order(0), batch.order(1));
    assert_eq!(kept(&store, a).await, None);
    let first = report(&store, a, "1").await.expect("it is kept");
    let_time_pass().await;
    // Repeating the same report changes nothing.
    assert_eq!(report(&store, a, "1").await, Ok(first.clone()));
    move_keys(&store, Move::Process, &["a"]).await;
    let second = report(&store, a, "2").await.expect("it is kept");
    let third = report(&store, a, "1").await.expect("it is kept");
    assert!(first.at_ms < second.at_ms && second.fulfilment.status.as_deref() == Some("2"));
    assert_eq!(kept(&store, a).await, Some(third.clone()));
    assert_eq!(kept(&store, b).await, None);
    let found = store
        .order(a, &OrgAccess::All)
        .await
        .expect("read")
        .expect("it is there")
        .order;
    assert_eq!((found.updated_at_ms, found.revision), (third.at_ms, 1));

    let events = store.events(HERE, 3, 100).await.expect("events");
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.kind, event.order))
        .collect();
    let report = (EventKind::OrderFulfilment, Some(a));
    let processed = (EventKind::OrderProcessed, Some(a));
    assert_eq!(told, [report, processed, report, report]);

    let history = store
        .history(a, &OrgAccess::All, None, 100)
        .await
        .expect("read");
    let entries = history.expect("it is there").entries;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| match &entry.what {
            HistoryKind::Revision(revision) => revision.revision.to_string(),
            HistoryKind::Change { kind, key_id, .. } => format!("{kind:?} {key_id}"),
        })
        .collect();
    let expected = [
        "OrderFulfilment key-3",
        "OrderFulfilment key-3",
        "OrderProcessed key-1",
        "OrderFulfilment key-3",
        "1",
    ];
    assert_eq!(told, expected);
}

pub(super) async fn what_is_not_to_be_fulfilled_takes_no_report(store: Arc<Store>) {
    let draft = order("d", "x").with(Intent::Create { draft: true });
    let sent = [
        order("a", "1"),
        draft,
        order("b", "1").of(THERE),
        order("c", "1"),
    ];
    let (batch, _) = submit(&store, &sent).await;
    move_keys(&store, Move::Cancel { release_key: true }, &["a"]).await;
    move_keys(&store, Move::Cancel { release_key: false }, &["c"]).await;
    let events = store.events(HERE, 0, 100).await.expect("events");
    let cancelled = (Code::AlreadyCancelled, Some(State::Cancelled));
    let unknown = (Code::UnknownOrder, None);
    for (index, (code, state)) in [
        (0, cancelled),
        (1, (Code::NotPlaced, Some(State::Draft))),
        // An order of another organisation is reported as unknown.
        (2, unknown),
        (3, cancelled),
        (4, unknown),
    ] {
        let told = report(&store, batch.order(index), "1").await;
        assert_eq!(told, Err(TransitionRefused { code, state }), "{index}");
    }
    assert_eq!(store.events(HERE, 0, 100).await, Ok(events));
}
