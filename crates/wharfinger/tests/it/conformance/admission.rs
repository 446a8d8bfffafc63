//! Submitting, resubmitting, and the effect of final states.

use std::sync::Arc;

use wharfinger::store::{ReadOrders, Store};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::order::outcome::State;
use wharfinger_core::order::problem::Code;

use super::support::*;

const CANCEL: Move = Move::Cancel { release_key: false };
const DELETE: Move = Move::Cancel { release_key: true };

pub(super) async fn new_orders_are_accepted_and_read_back(store: Arc<Store>) {
    let sent = [order("b", "x"), order("a", "y"), order("c", "z")];
    let (batch, outcomes) = submit(&store, &sent).await;
    assert_eq!(names(&outcomes), ["accepted"; 3]);
    let page = read(&store, everything()).await;
    assert_eq!(page.orders.len(), 3);
    for (index, (stored, sent)) in (0..).zip(page.orders.iter().zip(&sent)) {
        assert_eq!(stored.id, batch.order(index), "in the order of the batch");
        assert_eq!(stored.key, sent.key);
        assert_eq!(stored.texts, std::slice::from_ref(&sent.text), "verbatim");
        assert_eq!(stored.state, State::Pending);
        assert_eq!((stored.revision, stored.number), (1, None));
        let taken = outcomes[index as usize].taken().expect("accepted");
        assert_eq!((taken.order, taken.revision), (stored.id, 1));
    }
}

pub(super) async fn the_same_content_again_is_unchanged(store: Arc<Store>) {
    let (first, _) = submit(&store, &[order("a", "x"), order("b", "x")]).await;
    let mut again = order("b", "x");
    again.text = "{\"content\":\"x\",\"key\":\"b\"}".into();
    let (_, outcomes) = submit(&store, &[again]).await;
    assert_eq!(names(&outcomes), ["unchanged"]);
    let taken = outcomes[0].taken().expect("unchanged is a yes");
    assert_eq!((taken.order, taken.revision), (first.order(1), 1));
    assert_eq!(read(&store, everything()).await.orders.len(), 2);
}

pub(super) async fn other_content_is_a_new_revision(store: Arc<Store>) {
    let (first, _) = submit(&store, &[order("a", "x")]).await;
    for revision in 2..6 {
        let changed = order("a", &format!("x{revision}"));
        let text = changed.text.clone();
        let (_, outcomes) = submit(&store, &[changed]).await;
        assert_eq!(names(&outcomes), ["updated"]);
        let taken = outcomes[0].taken().expect("updated is a yes");
        assert_eq!((taken.order, taken.revision), (first.order(0), revision));
        let stored = read(&store, everything()).await.orders.remove(0);
        assert_eq!((stored.texts, stored.revision), (vec![text], revision));
        assert_eq!(stored.id, first.order(0));
    }
}

pub(super) async fn repeats_inside_a_batch_act_one_after_the_other(store: Arc<Store>) {
    let sent = [
        order("a", "1"),
        order("b", "1"),
        order("a", "1"),
        order("a", "2"),
        order("a", "1"),
    ];
    let (batch, outcomes) = submit(&store, &sent).await;
    let expected = ["accepted", "accepted", "unchanged", "updated", "updated"];
    assert_eq!(names(&outcomes), expected);
    for at in [0, 2, 3, 4] {
        assert_eq!(outcomes[at].taken().expect("a yes").order, batch.order(0));
    }
    let revisions = revisions(&store, batch.order(0)).await;
    let texts: Vec<_> = revisions.iter().map(|revision| &revision.text).collect();
    assert_eq!(texts, [&sent[4].text, &sent[3].text, &sent[0].text]);
}

pub(super) async fn organisations_and_dialects_are_apart(store: Arc<Store>) {
    let sent = [
        order("a", "here"),
        order("a", "there").of(THERE),
        order("b", "there").of(THERE),
        order("b", "here"),
    ];
    let (batch, outcomes) = submit(&store, &sent).await;
    assert_eq!(names(&outcomes), ["accepted"; 4]);
    let other = submission(&store, batch_id(), "other", &[order("a", "elsewhere")]);
    let outcomes = admit(&store, other).await;
    assert_eq!(names(&outcomes), ["accepted"]);
    assert_eq!(keys(&store, everything()).await, ["a", "b"]);
    let there = ReadOrders {
        organisation: THERE,
        dialect: DIALECT,
        query: Arc::new(everything()),
        after: None,
    };
    let there = store.orders(there).await.expect("read").orders;
    let ids: Vec<_> = there.iter().map(|order| order.id).collect();
    assert_eq!(ids, [batch.order(1), batch.order(2)]);
}

pub(super) async fn outcomes_follow_the_order_of_the_batch(store: Arc<Store>) {
    submit(&store, &[order("k5", "old"), order("k2", "old")]).await;
    let sent = [
        order("k9", "new"),
        faulty("k8"),
        order("k5", "new"),
        order("k7", "new").of(THERE),
        order("k2", "old"),
        order("k1", "new"),
    ];
    let (_, outcomes) = submit(&store, &sent).await;
    let expected = ["accepted", "updated", "accepted", "unchanged", "accepted"];
    assert_eq!(names(&outcomes), expected);
}

pub(super) async fn a_batch_may_need_many_blocks(store: Arc<Store>) {
    let mut sent = Vec::new();
    for number in 0..3_000 {
        // Keys whose sort order differs from their position. Some texts fill a block on their own.
        let key = format!("{:04}", (number * 7_919) % 3_000);
        let content = if number % 700 == 0 {
            "long ".repeat(100_000)
        } else {
            key.clone()
        };
        sent.push(order(&key, &content));
    }
    let (batch, outcomes) = submit(&store, &sent).await;
    assert!(outcomes.iter().all(|outcome| outcome.name() == "accepted"));
    let orders = read(&store, everything()).await.orders;
    assert_eq!(orders.len(), 3_000);
    for (index, (stored, sent)) in (0..).zip(orders.iter().zip(&sent)) {
        assert_eq!(stored.id, batch.order(index));
        assert_eq!(stored.texts[0], sent.text);
    }
    let (_, outcomes) = submit(&store, &sent).await;
    for (index, outcome) in (0..).zip(&outcomes) {
        assert_eq!(outcome.name(), "unchanged");
        assert_eq!(outcome.taken().expect("a yes").order, batch.order(index));
    }
}

pub(super) async fn final_orders_change_no_more(store: Arc<Store>) {
    submit(&store, &[order("a", "x"), order("b", "x")]).await;
    assert_eq!(move_keys(&store, Move::Process, &["a"]).await, [Ok(())]);
    assert_eq!(move_keys(&store, CANCEL, &["b"]).await, [Ok(())]);
    for content in ["x", "y"] {
        let outcome = submit_one(&store, order("a", content)).await;
        assert_eq!(rejected_with(&outcome), Some(Code::AlreadyProcessed));
        let outcome = submit_one(&store, order("b", content)).await;
        assert_eq!(rejected_with(&outcome), Some(Code::AlreadyCancelled));
    }
    let moved = move_keys(&store, CANCEL, &["a", "b", "never"]).await;
    let expected = [
        Err(Code::AlreadyProcessed),
        Err(Code::AlreadyCancelled),
        Err(Code::UnknownOrder),
    ];
    assert_eq!(moved, expected);
    let orders = read(&store, everything()).await.orders;
    assert_eq!(orders[0].state, State::Processed);
    assert_eq!(orders[1].state, State::Cancelled);
    assert!(orders.iter().all(|order| order.revision == 1));
}

pub(super) async fn a_released_key_begins_anew(store: Arc<Store>) {
    let (first, _) = submit(&store, &[order("a", "x"), order("b", "x")]).await;
    assert_eq!(move_keys(&store, DELETE, &["a"]).await, [Ok(())]);
    let again = move_keys(&store, DELETE, &["a"]).await;
    assert_eq!(
        again,
        [Err(Code::AlreadyCancelled)],
        "it is known as deleted"
    );
    let (second, outcomes) = submit(&store, &[order("a", "x")]).await;
    assert_eq!(names(&outcomes), ["accepted"]);
    let orders = read(&store, everything()).await.orders;
    let told: Vec<_> = orders
        .iter()
        .map(|order| (order.id, order.key.as_str(), order.state, order.revision))
        .collect();
    let expected = [
        (first.order(0), "a", State::Cancelled, 1),
        (first.order(1), "b", State::Pending, 1),
        (second.order(0), "a", State::Pending, 1),
    ];
    assert_eq!(told, expected, "the old order keeps what it was called");
    assert_eq!(move_keys(&store, DELETE, &["a"]).await, [Ok(())]);
}

pub(super) async fn a_key_that_is_moved_twice_moves_once(store: Arc<Store>) {
    submit(&store, &[order("a", "x"), order("b", "x")]).await;
    let moved = move_keys(&store, DELETE, &["a", "b", "a"]).await;
    assert_eq!(moved, [Ok(()), Ok(()), Err(Code::AlreadyCancelled)]);
}
