//! Reading orders.

use std::sync::Arc;

use wharfinger::store::{ReadOrders, Store};
use wharfinger_core::decide::admit::{Intent, Move};
use wharfinger_core::dialect::OrderQuery;
use wharfinger_core::order::outcome::State;

use super::support::*;

/// Creates orders a to f: a is a draft, b cancelled, c processed, d to f pending. e and f have their own batch.
async fn fill(store: &Arc<Store>) {
    let draft = order("a", "x").with(Intent::Create { draft: true });
    submit(
        store,
        &[draft, order("b", "x"), order("c", "x"), order("d", "x")],
    )
    .await;
    let_time_pass().await;
    submit(store, &[order("f", "x"), order("e", "y")]).await;
    move_keys(store, Move::Process, &["c"]).await;
    move_keys(store, Move::Cancel { release_key: false }, &["b"]).await;
    submit(&Arc::clone(store), &[order("z", "x").of(THERE)]).await;
}

pub(super) async fn orders_are_filtered(store: Arc<Store>) {
    fill(&store).await;
    let all = ["a", "b", "c", "d", "f", "e"];
    assert_eq!(keys(&store, everything()).await, all);
    let newest_first = OrderQuery {
        newest_first: true,
        ..everything()
    };
    assert_eq!(
        keys(&store, newest_first).await,
        ["e", "f", "d", "c", "b", "a"]
    );
    let in_states = |states: &[State]| OrderQuery {
        states: states.to_vec(),
        ..everything()
    };
    let found = keys(&store, in_states(&[State::Pending])).await;
    assert_eq!(found, ["d", "f", "e"]);
    assert_eq!(keys(&store, in_states(&[State::Draft])).await, ["a"]);
    let found = keys(&store, in_states(&[State::Cancelled, State::Draft])).await;
    assert_eq!(found, ["a", "b"]);
    assert!(keys(&store, in_states(&[])).await.is_empty());
    let wanted = OrderQuery {
        keys: Some(["e", "never", "a", "c", "e", "z"].map(String::from).into()),
        states: vec![State::Pending, State::Processed],
        ..everything()
    };
    assert_eq!(keys(&store, wanted).await, ["c", "e"]);
}

pub(super) async fn orders_come_in_pages(store: Arc<Store>) {
    fill(&store).await;
    for newest_first in [false, true] {
        let query = |offset, limit| OrderQuery {
            newest_first,
            offset,
            limit,
            ..everything()
        };
        let whole = keys(&store, query(0, 100)).await;
        assert_eq!(keys(&store, query(2, 3)).await, whole[2..5]);
        assert!(keys(&store, query(6, 3)).await.is_empty());
        let found = keys_by_pages(&store, query(0, 4), &[4, 2], 0).await;
        assert_eq!(found, whole);
    }
}

pub(super) async fn orders_are_counted_up_to_a_bound(store: Arc<Store>) {
    fill(&store).await;
    let counted = |count_max, with_condition: bool| OrderQuery {
        states: vec![State::Pending, State::Processed],
        limit: 1,
        count_max: Some(count_max),
        keep: with_condition.then(|| -> wharfinger_core::dialect::Keep { Box::new(|_| true) }),
        ..everything()
    };
    for with_condition in [false, true] {
        let page = read(&store, counted(100, with_condition)).await;
        assert_eq!((page.total, page.orders.len()), (4, 1));
        assert_eq!(read(&store, counted(3, with_condition)).await.total, 3);
    }
    let by_keys = OrderQuery {
        keys: Some(["c", "d", "b"].map(String::from).into()),
        ..counted(100, false)
    };
    assert_eq!(read(&store, by_keys).await.total, 2);
    assert_eq!(read(&store, everything()).await.total, 0, "nobody asked");
}

pub(super) async fn orders_are_counted_by_dialect_and_state(store: Arc<Store>) {
    // The batch that creates the draft completes it.
    let draft = order("a", "x").with(Intent::Create { draft: true });
    let more = order("a", "y").with(Intent::Complete);
    submit(&store, &[draft, more, order("b", "x"), order("c", "x")]).await;
    let others = [order("a", "x"), order("b", "x")];
    admit(&store, submission(&store, batch_id(), "other", &others)).await;
    move_keys(&store, Move::Process, &["b"]).await;
    assert_counts(&store, [[0, 2, 1, 0], [0, 2, 0, 0]]).await;
    move_keys(&store, Move::Cancel { release_key: true }, &["c"]).await;
    assert_counts(&store, [[0, 1, 1, 1], [0, 2, 0, 0]]).await;
    store.purge(i64::MAX).await.expect("purged");
    assert_counts(&store, [[0, 1, 0, 0], [0, 2, 0, 0]]).await;
    move_keys(&store, Move::Process, &["a"]).await;
    store.purge(i64::MAX).await.expect("purged");
    assert_counts(&store, [[0; 4], [0, 2, 0, 0]]).await;
}

/// Asserts how many orders of [`DIALECT`] and of another dialect are in each state.
async fn assert_counts(store: &Arc<Store>, expected: [[u64; 4]; 2]) {
    for (dialect, expected) in [DIALECT, "other"].into_iter().zip(expected) {
        let states = [
            State::Draft,
            State::Pending,
            State::Processed,
            State::Cancelled,
        ];
        for (state, expected) in states.into_iter().zip(expected) {
            let counted = OrderQuery {
                states: vec![state],
                count_max: Some(100),
                ..everything()
            };
            let request = ReadOrders {
                organisation: HERE,
                dialect,
                query: Arc::new(counted),
                after: None,
            };
            let page = store.orders(request).await.expect("orders are read");
            let found = (page.total, page.orders.len() as u64);
            assert_eq!(found, (expected, expected), "{dialect}: {state:?}");
        }
    }
    let checked = store.check().await.expect("checked");
    assert_eq!(checked.faults, Vec::<String>::new());
}

pub(super) async fn orders_are_found_by_time(store: Arc<Store>) {
    fill(&store).await;
    let orders = read(&store, everything()).await.orders;
    let (first, second) = (orders[0].created_at_ms, orders[5].created_at_ms);
    assert!(first < second);
    let within = |from, to| OrderQuery {
        created_from_ms: from,
        created_to_ms: to,
        ..everything()
    };
    let all = ["a", "b", "c", "d", "f", "e"];
    assert_eq!(keys(&store, within(Some(first), Some(second))).await, all);
    assert_eq!(keys(&store, within(Some(first + 1), None)).await, all[4..]);
    assert_eq!(keys(&store, within(None, Some(second - 1))).await, all[..4]);
    assert_eq!(keys(&store, within(Some(second), None)).await, all[4..]);
    assert!(
        keys(&store, within(Some(second + 1), None))
            .await
            .is_empty()
    );
    assert!(keys(&store, within(None, Some(first - 1))).await.is_empty());
    assert!(
        keys(&store, within(Some(second), Some(first)))
            .await
            .is_empty()
    );
    let one = OrderQuery {
        keys: Some(vec!["a".into(), "e".into()]),
        ..within(Some(second), None)
    };
    assert_eq!(keys(&store, one).await, ["e"]);
}

pub(super) async fn a_condition_on_content_is_kept(store: Arc<Store>) {
    fill(&store).await;
    let keeping = |offset, limit| OrderQuery {
        keep: Some(Box::new(|order| order.texts[0].contains("\"x\""))),
        offset,
        limit,
        ..everything()
    };
    assert_eq!(
        keys(&store, keeping(0, 100)).await,
        ["a", "b", "c", "d", "f"]
    );
    assert_eq!(keys(&store, keeping(3, 2)).await, ["d", "f"]);
}
