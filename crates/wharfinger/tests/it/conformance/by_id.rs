//! Orders by id, in any dialect.

use std::sync::Arc;

use wharfinger::store::{
    EventKind, HistoryCursor, HistoryEntry, HistoryKind, Store, StoreError, TransitionById,
    TransitionRefused, TransitionResult,
};
use wharfinger_core::decide::admit::{Intent, Move};
use wharfinger_core::dialect::Number;
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::State;
use wharfinger_core::order::problem::Code;

use super::support::*;

const CANCEL: Move = Move::Cancel { release_key: false };

/// Submits an order in another dialect.
async fn submit_elsewhere(store: &Arc<Store>, sent: Order) -> OrderId {
    let batch = batch_id();
    let ready = submission(store, batch, "other", &[sent]);
    store.admit_batch(ready).await.expect("admitted");
    batch.order(0)
}

async fn move_ids(
    store: &Arc<Store>,
    wanted: Move,
    reach: OrgAccess,
    ids: &[OrderId],
) -> Vec<TransitionResult> {
    let request = TransitionById {
        note: None,
        ids: ids.to_vec(),
        reach,
        wanted,
        key_id: "key-2".into(),
        save_reply: None,
    };
    let moved = store.transition_by_id(request).await;
    moved.expect("orders are moved").results
}

async fn state_of(store: &Arc<Store>, id: OrderId) -> State {
    let found = store.order(id, &OrgAccess::All).await.expect("read");
    found.expect("there is such an order").order.state
}

pub(super) async fn an_order_is_found_by_its_id(store: Arc<Store>) {
    // More than one block, alternating between two organisations, with an order in between that is not new.
    let name = |at: usize| format!("k{}", if at == 1_501 { 2 } else { at });
    let whose = |at: usize| if at.is_multiple_of(3) { THERE } else { HERE };
    let sent: Vec<_> = (0..3_000)
        .map(|at| order(&name(at), &at.to_string()).of(whose(at)))
        .collect();
    let (batch, _) = submit(&store, &sent).await;
    for at in [0, 1, 2, 1_499, 1_500, 1_502, 2_999] {
        let id = batch.order(u32::try_from(at).unwrap());
        let found = store
            .order(id, &OrgAccess::All)
            .await
            .expect("read")
            .expect("it is there");
        assert_eq!(
            (found.organisation, found.dialect.as_str()),
            (whose(at), DIALECT)
        );
        assert_eq!((found.order.id, found.order.key), (id, name(at)));
    }
    let released = Move::Cancel { release_key: true };
    move_keys(&store, released, &["k1"]).await;
    assert_eq!(state_of(&store, batch.order(1)).await, State::Cancelled);
    let elsewhere = submit_elsewhere(&store, numbered(Number::Next, "x")).await;
    let found = store
        .order(elsewhere, &OrgAccess::All)
        .await
        .expect("read")
        .expect("it is there");
    assert_eq!(
        (found.dialect.as_str(), found.order.number),
        ("other", Some(1))
    );
    let unknown = [
        // This order has the id that it got at first.
        batch.order(1_501),
        batch.order(3_000),
        batch_id().order(0),
        OrderId::from_bytes(batch.to_bytes()),
    ];
    for id in unknown {
        assert_eq!(store.order(id, &OrgAccess::All).await, Ok(None));
        assert_eq!(store.history(id, &OrgAccess::All, None, 10).await, Ok(None));
    }
}

pub(super) async fn an_order_tells_when_it_last_changed(store: Arc<Store>) {
    let (batch, _) = submit(&store, &[order("a", "1")]).await;
    let mut last = 0;
    let mut changed = async |is_later: bool| {
        let found = store
            .order(batch.order(0), &OrgAccess::All)
            .await
            .expect("read");
        let order = found.expect("it is there").order;
        assert_eq!(order.updated_at_ms > last, is_later);
        assert!(order.updated_at_ms >= order.created_at_ms);
        let_time_pass().await;
        last = order.updated_at_ms;
    };
    changed(true).await;
    submit(&store, &[order("a", "1")]).await;
    changed(false).await;
    submit(&store, &[order("a", "2")]).await;
    changed(true).await;
    move_keys(&store, Move::Process, &["a"]).await;
    changed(true).await;
    // An addition to a processed order is a revision after its state change.
    submit(&store, &[order("a", "3").with(Intent::Complete)]).await;
    changed(true).await;
    submit(&store, &[order("a", "4")]).await;
    changed(false).await;
}

pub(super) async fn orders_are_moved_by_their_ids(store: Arc<Store>) {
    let draft = order("d", "x").with(Intent::Create { draft: true });
    let sent = [order("a", "x"), order("b", "x").of(THERE), draft];
    let (batch, _) = submit(&store, &sent).await;
    let (a, b, d) = (batch.order(0), batch.order(1), batch.order(2));
    let c = submit_elsewhere(&store, order("a", "x")).await;
    let unknown = batch.order(7);
    let refused = |code, state| Err(TransitionRefused { code, state });
    let is_unknown = refused(Code::UnknownOrder, None);
    let moved = move_ids(
        &store,
        Move::Process,
        OrgAccess::Only(vec![HERE]),
        &[c, a, b, d, unknown, a],
    )
    .await;
    let processed = refused(Code::AlreadyProcessed, Some(State::Processed));
    let expected = [
        Ok(State::Processed),
        Ok(State::Processed),
        is_unknown,
        refused(Code::NotPlaced, Some(State::Draft)),
        is_unknown,
        processed,
    ];
    assert_eq!(moved, expected);
    assert_eq!(state_of(&store, b).await, State::Pending);
    let moved = move_ids(&store, CANCEL, OrgAccess::All, &[a, b, d]).await;
    let cancelled = Ok(State::Cancelled);
    assert_eq!(moved, [processed, cancelled, cancelled]);
    // The key stays taken.
    let again = submit_one(&store, order("b", "x").of(THERE)).await;
    assert_eq!(rejected_with(&again), Some(Code::AlreadyCancelled));
    let kinds = async |organisation| {
        let events = store.events(organisation, 0, 100).await.expect("events");
        let told = events.iter().filter(|event| event.batch.is_none());
        told.map(|event| (event.kind, event.order))
            .collect::<Vec<_>>()
    };
    let here = [
        (EventKind::OrderProcessed, Some(a)),
        (EventKind::OrderProcessed, Some(c)),
        (EventKind::OrderCancelled, Some(d)),
    ];
    assert_eq!(kinds(HERE).await, here);
    assert_eq!(kinds(THERE).await, [(EventKind::OrderCancelled, Some(b))]);
}

pub(super) async fn moves_may_need_many_blocks(store: Arc<Store>) {
    let sent: Vec<_> = (0..2_500).map(|at| order(&format!("k{at}"), "x")).collect();
    let (batch, _) = submit(&store, &sent).await;
    let ids: Vec<_> = (0..2_500).rev().map(|at| batch.order(at)).collect();
    let moved = move_ids(&store, CANCEL, OrgAccess::All, &ids).await;
    assert_eq!(moved, vec![Ok(State::Cancelled); 2_500]);
    let events = store.events(HERE, 2_501, 10_000).await.expect("events");
    let told: Vec<_> = events.iter().filter_map(|event| event.order).collect();
    assert_eq!(told, ids);
}

/// A short form of an entry: its revision, or its kind and author.
fn told(entry: &HistoryEntry) -> String {
    match &entry.what {
        HistoryKind::Revision(revision) => format!("{} {}", revision.revision, revision.text),
        HistoryKind::Change { kind, key_id, .. } => format!("{kind:?} by {key_id}"),
    }
}

pub(super) async fn history_is_told_latest_first_and_in_pages(store: Arc<Store>) {
    let (first, _) = submit(&store, &[order("a", "1")]).await;
    let (second, _) = submit(&store, &[order("b", "1"), order("a", "2")]).await;
    submit(&store, &[order("a", "2")]).await;
    let id = first.order(0);
    move_ids(&store, Move::Process, OrgAccess::All, &[id]).await;
    submit(&store, &[order("a", "3").with(Intent::Complete)]).await;
    let expected = [
        format!("3 {}", order("a", "3").text),
        "OrderProcessed by key-2".to_owned(),
        format!("2 {}", order("a", "2").text),
        format!("1 {}", order("a", "1").text),
    ];
    for limit in [1, 2, 3, 4, 100] {
        let (mut entries, mut after) = (Vec::new(), None);
        loop {
            let page = store
                .history(id, &OrgAccess::All, after, limit)
                .await
                .expect("read");
            let page = page.expect("there is such an order");
            assert_eq!(page.organisation, HERE);
            assert!(page.entries.len() <= limit);
            entries.extend(page.entries);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let all: Vec<_> = entries.iter().map(told).collect();
        assert_eq!(all, expected, "{limit} a page");
        assert!(entries.is_sorted_by_key(|entry| std::cmp::Reverse(entry.at_ms)));
    }
    // A cursor is not valid for another order.
    let other = store
        .history(second.order(0), &OrgAccess::All, None, 1)
        .await
        .expect("read");
    assert_eq!(other.expect("it is there").next, None);
    let page = store
        .history(id, &OrgAccess::All, None, 1)
        .await
        .expect("read");
    let cursor = page.expect("it is there").next;
    let stolen = store
        .history(second.order(0), &OrgAccess::All, cursor, 10)
        .await;
    assert_eq!(stolen, Err(StoreError::BadCursor));
    for place in [i64::MIN, -1, 0, 1, i64::MAX] {
        let made_up = HistoryCursor {
            revision: Some(place),
            change: Some(place),
        };
        let read = store.history(id, &OrgAccess::All, Some(made_up), 10).await;
        assert_eq!(read, Err(StoreError::BadCursor), "{place}");
    }
}
