//! Small batches of one transaction share blocks, and are still told apart.

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use wharfinger::store::{
    COMMAND_LINE, EraseCustomer, EventKind, ListOrders, Store, StoreError, Submission, Visible,
};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::order::ids::{BatchId, OrderId};
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::State;

use super::answers::{save_reply, told};
use super::embedded::open;
use super::support::*;
use crate::support::database::Database;
use crate::support::fixture::{DataDirectory, empty_directory};

/// A job for the writer. It returns the names of the outcomes.
type Asked = BoxFuture<'static, Vec<&'static str>>;

/// Runs all jobs in one transaction: they queue while another transaction holds the lock.
async fn in_one_transaction(
    (directory, store): (&Path, &Arc<Store>),
    mut asked: Vec<Asked>,
) -> Vec<Vec<&'static str>> {
    let mut database = Database::of(directory);
    database.begin_writing();
    let mut first = taking(
        store,
        submission(store, batch_id(), DIALECT, &[order("0", "")]),
    );
    assert_eq!((&mut first).now_or_never(), None);
    while store.queue_depth() > 0 {
        tokio::task::yield_now().await;
    }
    for one in &mut asked {
        assert_eq!(one.now_or_never(), None);
    }
    assert_eq!(store.queue_depth(), asked.len());
    database.run("rollback");
    first.await;
    join_all(asked).await
}

fn taking(store: &Arc<Store>, ready: Submission) -> Asked {
    let store = Arc::clone(store);
    async move { names(&admit(&store, ready).await) }.boxed()
}

/// Asserts that `check` finds no fault.
async fn assert_whole(store: &Arc<Store>) {
    let checked = store.check().await.expect("checked");
    assert_eq!(checked.faults, Vec::<String>::new());
}

/// The number of an organisation's blocks, without those of state changes.
fn blocks(directory: &Path, organisation: u32) -> i64 {
    let of = format!("blocks where batches is not null and organisation = {organisation}");
    Database::of(directory).count(&of)
}

async fn listed(store: &Arc<Store>, batch: BatchId) -> Vec<OrderId> {
    let list = ListOrders {
        batch: Some(batch),
        ..ListOrders::all(vec![HERE, THERE], 100)
    };
    let page = store.list(list).await.expect("a page");
    page.orders.iter().map(|found| found.order.id).collect()
}

/// A batch's events in the feed, in order.
async fn events(store: &Arc<Store>, batch: BatchId) -> Vec<(EventKind, Option<OrderId>)> {
    let events = store.events(HERE, 0, 1_000).await.expect("events");
    let positions: Vec<u64> = events.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=events.len() as u64).collect::<Vec<_>>());
    let of_batch: Vec<_> = events
        .iter()
        .filter(|event| event.batch == Some(batch))
        .collect();
    let (first, last) = (of_batch[0], of_batch[of_batch.len() - 1]);
    assert_eq!(last.position - first.position, of_batch.len() as u64 - 1);
    of_batch
        .iter()
        .map(|event| (event.kind, event.order))
        .collect()
}

/// Batches of one transaction, most of them small.
struct Sent {
    directory: DataDirectory,
    store: Arc<Store>,
    /// An earlier batch. Two of the batches contain one of its orders.
    old: BatchId,
    batches: Vec<(BatchId, Vec<Order>)>,
    /// A batch in another dialect.
    other: BatchId,
}

async fn send_together() -> Sent {
    let directory = empty_directory();
    let store = open(directory.path());
    let (old, _) = submit(&store, &[order("old", "x")]).await;
    let many: Vec<_> = (0..17).map(|at| order(&format!("m{at}"), "x")).collect();
    let (sent, expected): (Vec<Vec<Order>>, Vec<Vec<&str>>) = [
        (vec![order("a", "x")], vec!["accepted"]),
        (vec![order("b", "x"), order("c", "x")], vec!["accepted"; 2]),
        (vec![faulty("d")], vec![]),
        (vec![order("old", "x")], vec!["unchanged"]),
        (vec![faulty("e"), order("f", "x")], vec!["accepted"]),
        (vec![order("old", "y")], vec!["updated"]),
        (vec![order("g", "x").of(THERE)], vec!["accepted"]),
        (
            vec![order("n", "x"), order("a", "x")],
            vec!["accepted", "unchanged"],
        ),
        (
            vec![order("a", "z"), order("n", "x")],
            vec!["updated", "unchanged"],
        ),
        (many, vec!["accepted"; 17]),
        (
            vec![order("k", "x"), order("k", "x"), order("k", "z")],
            vec!["accepted", "unchanged", "updated"],
        ),
    ]
    .into_iter()
    .unzip();
    let batches: Vec<_> = sent
        .into_iter()
        .map(|orders| (batch_id(), orders))
        .collect();
    let ready = batches
        .iter()
        .map(|(batch, orders)| submission(&store, *batch, DIALECT, orders));
    let mut ready: Vec<_> = ready.collect();
    ready.push(whole(&store, batch_id(), &[order("w", "x"), faulty("v")]));
    let other = batch_id();
    ready.insert(4, submission(&store, other, "other", &[order("a", "x")]));
    let asked = ready.into_iter().map(|ready| taking(&store, ready));
    let mut outcomes = in_one_transaction((directory.path(), &store), asked.collect()).await;
    assert_eq!(outcomes.remove(4), ["accepted"]);
    assert_eq!(outcomes.pop(), Some(vec!["withheld"]));
    assert_eq!(outcomes, expected);
    // Two on their own, then the shared ones, the other dialect's, shared ones again, the large one, another one, and the
    // refused one.
    store.make_plain().await.expect("made plain");
    let blocks = [1, 2].map(|organisation| blocks(directory.path(), organisation));
    assert_eq!(blocks, [8, 1]);
    Sent {
        directory,
        store,
        old,
        batches,
        other,
    }
}

#[tokio::test]
async fn small_batches_of_one_transaction_share_a_block_and_are_told_apart() {
    let sent = send_together().await;
    let (store, batch) = (&sent.store, |at: usize| sent.batches[at].0);
    for (batch, orders) in &sent.batches {
        let results = results(store, *batch).await;
        let keys = results.iter().filter_map(|told| told.key.as_deref());
        assert!(keys.eq(orders.iter().map(|order| order.key.as_str())));
        let told = receipt(store, *batch).await.counts;
        let taken = told.accepted + told.updated + told.unchanged;
        assert_eq!(taken + told.rejected, orders.len() as u64);
    }
    let of = |at: usize, indexes: &[u32]| -> Vec<OrderId> {
        indexes
            .iter()
            .map(|&index| batch(at).order(index))
            .collect()
    };
    for (at, indexes) in [(1, &[0, 1][..]), (3, &[]), (4, &[1]), (6, &[0])] {
        assert_eq!(listed(store, batch(at)).await, of(at, indexes));
    }
    assert_eq!(listed(store, sent.other).await, [sent.other.order(0)]);
    for (at, index, key) in [
        (0, 0, "a"),
        (1, 1, "c"),
        (4, 1, "f"),
        (7, 0, "n"),
        (10, 0, "k"),
    ] {
        let found = store
            .order(batch(at).order(index), &OrgAccess::All)
            .await
            .expect("read");
        assert_eq!(found.expect("it is there").order.key, key);
    }
    // The first order of this batch was faulty, so it has no id, although its neighbours in the block have one.
    let none = store
        .order(batch(4).order(0), &OrgAccess::All)
        .await
        .expect("read");
    assert!(none.is_none());
    let of_a = revisions(store, batch(0).order(0)).await;
    let of_a = of_a
        .iter()
        .map(|revision| (revision.revision, revision.batch));
    assert!(of_a.eq([(2, batch(8)), (1, batch(0))]));
    assert_whole(store).await;
    drop(sent.directory);
}

#[tokio::test]
async fn the_feed_tells_of_each_batch_that_shares_a_block() {
    let sent = send_together().await;
    let (store, batch) = (&sent.store, |at: usize| sent.batches[at].0);
    let accepted = |at: usize, index| (EventKind::OrderAccepted, Some(batch(at).order(index)));
    let updated = |order| (EventKind::OrderUpdated, Some(order));
    for (at, told) in [
        (0, vec![accepted(0, 0)]),
        (1, vec![accepted(1, 0), accepted(1, 1)]),
        (2, vec![]),
        (3, vec![]),
        (4, vec![accepted(4, 1)]),
        (5, vec![updated(sent.old.order(0))]),
        (8, vec![updated(batch(0).order(0))]),
    ] {
        let mut expected = vec![(EventKind::BatchReceived, None)];
        expected.extend(told);
        assert_eq!(events(store, batch(at)).await, expected);
    }
    drop(sent.directory);
}

#[tokio::test]
async fn what_follows_in_a_transaction_finds_what_small_batches_brought() {
    let directory = empty_directory();
    let store = open(directory.path());
    let process = |key: &'static str| {
        let store = Arc::clone(&store);
        async move {
            let moved = move_keys(&store, Move::Process, &[key]).await;
            vec![if moved == [Ok(())] {
                "moved"
            } else {
                "not moved"
            }]
        }
        .boxed()
    };
    let take = |orders: &[Order]| taking(&store, submission(&store, batch_id(), DIALECT, orders));
    let asked = vec![
        take(&[order("a", "x")]),
        take(&[order("b", "x")]),
        process("b"),
        take(&[order("c", "x")]),
        taking(
            &store,
            whole(&store, batch_id(), &[order("c", "x"), order("d", "x")]),
        ),
        process("d"),
    ];
    let outcomes = in_one_transaction((directory.path(), &store), asked).await;
    let expected = [
        vec!["accepted"],
        vec!["accepted"],
        vec!["moved"],
        vec!["accepted"],
        vec!["unchanged", "accepted"],
        vec!["moved"],
    ];
    assert_eq!(outcomes, expected);
    let of_state = |state| {
        let mut query = everything();
        query.states = vec![state];
        keys(&store, query)
    };
    assert_eq!(of_state(State::Pending).await, ["0", "a", "c"]);
    assert_eq!(of_state(State::Processed).await, ["b", "d"]);
    assert_whole(&store).await;
}

#[tokio::test]
async fn what_is_dropped_in_a_transaction_may_be_what_a_batch_has_just_left() {
    let directory = empty_directory();
    let store = open(directory.path());
    let mut expired = save_reply("name", told);
    expired.kept_until_ms = 0;
    let ready = submission(&store, batch_id(), DIALECT, &[order("a", "x")]);
    let dropping = Arc::clone(&store);
    let dropping = async move {
        match dropping.drop_expired().await {
            Ok(1) => vec!["one"],
            Ok(_) | Err(_) => vec!["another count"],
        }
    };
    let asked = vec![taking(&store, ready.remembered(expired)), dropping.boxed()];
    let outcomes = in_one_transaction((directory.path(), &store), asked).await;
    assert_eq!(outcomes.concat(), ["accepted", "one"]);
}

/// Few orders whose long texts compress so well that they look small. They exceed the size of a frame.
#[tokio::test]
async fn few_orders_with_long_texts_are_kept_whole() {
    let directory = empty_directory();
    let store = open(directory.path());
    let long = |key: &str, spaces: usize| Order {
        text: format!(r#"{{"key":"{key}",{}"content":"x"}}"#, " ".repeat(spaces)),
        ..order(key, "")
    };
    for spaces in [1_000, 5_000, 15_000, 70_000] {
        let key = |at: usize| format!("{spaces}-{at}");
        let sent: Vec<_> = (0..16).map(|at| long(&key(at), spaces)).collect();
        let (batch, outcomes) = submit(&store, &sent).await;
        assert_eq!(names(&outcomes), ["accepted"; 16]);
        for (index, sent) in (0..).zip(&sent) {
            let found = store
                .order(batch.order(index), &OrgAccess::All)
                .await
                .expect("read");
            let found = found.expect("it is there").order;
            assert_eq!((&found.key, &found.texts[0]), (&sent.key, &sent.text));
        }
    }
    assert_whole(&store).await;
}

#[tokio::test]
async fn a_person_and_an_old_batch_go_from_a_shared_block_alone() {
    let directory = empty_directory();
    let store = open(directory.path());
    let of = |email: &str, key: &str| {
        let text = format!(r#"{{"key":"{key}","customer":{{"email":"{email}"}},"lines":[]}}"#);
        Order {
            text,
            email: Some(email.into()),
            ..order(key, "")
        }
    };
    let sent = [("ann@example.com", "a"), ("bob@example.com", "b")];
    let batches = [batch_id(), batch_id()];
    let ready = sent.iter().zip(batches).map(|((email, key), batch)| {
        let ready = submission(&store, batch, "native", &[of(email, key)]);
        taking(&store, ready.remembered(save_reply(key, told)))
    });
    let outcomes = in_one_transaction((directory.path(), &store), ready.collect()).await;
    assert_eq!(outcomes, [["accepted"]; 2]);
    store.make_plain().await.expect("made plain");
    assert_eq!(blocks(directory.path(), 1), 2);
    let erase = EraseCustomer {
        organisation: HERE,
        email: "ann@example.com".into(),
        who: COMMAND_LINE.into(),
        compact: false,
        save_reply: None,
    };
    let erased = store.erase_customer(erase).await.expect("erased").erasure;
    assert_eq!((erased.orders, erased.cancelled, erased.answers), (1, 1, 1));
    let text = async |batch: BatchId| {
        let found = store
            .order(batch.order(0), &OrgAccess::All)
            .await
            .expect("read");
        found.map(|found| found.order.texts.concat())
    };
    assert_eq!(
        text(batches[0]).await.as_deref(),
        Some(r#"{"key":"a","lines":[]}"#)
    );
    assert_eq!(
        text(batches[1]).await,
        Some(of("bob@example.com", "b").text)
    );
    assert_eq!(
        store.saved_reply(KEY, "a").await,
        Err(StoreError::ReplyErased)
    );
    assert!(store.saved_reply(KEY, "b").await.expect("read").is_some());
    // The final order is purged with its receipt. The batch that shared its block stays.
    let purged = store.purge(i64::MAX).await.expect("purged");
    assert_eq!(purged.batches, 1);
    assert_eq!(text(batches[0]).await, None);
    assert_eq!(
        text(batches[1]).await,
        Some(of("bob@example.com", "b").text)
    );
    let receipt = async |batch| store.receipt(batch, &Visible::All).await.expect("read");
    assert!(receipt(batches[0]).await.is_none());
    assert_eq!(
        receipt(batches[1]).await.map(|head| head.counts.accepted),
        Some(1)
    );
    assert_eq!(results(&store, batches[1]).await.len(), 1);
    assert_whole(&store).await;
}

#[tokio::test]
async fn a_name_is_taken_once_in_a_transaction() {
    let directory = empty_directory();
    let store = open(directory.path());
    let named = |key: &str, name: &str| {
        let ready = submission(&store, batch_id(), DIALECT, &[order(key, "x")]);
        let (store, ready) = (Arc::clone(&store), ready.remembered(save_reply(name, told)));
        async move {
            match store.admit_batch(ready).await {
                Ok(admitted) => names(&admitted.outcomes),
                Err(StoreError::ReplySaved) => vec!["answered before"],
                Err(_) => vec!["failed"],
            }
        }
        .boxed()
    };
    named("a", "first").await;
    let asked = vec![
        named("b", "second"),
        named("c", "second"),
        named("d", "first"),
        named("e", "third"),
    ];
    let outcomes = in_one_transaction((directory.path(), &store), asked).await;
    let expected = ["accepted", "answered before", "answered before", "accepted"];
    assert_eq!(outcomes.concat(), expected);
    assert_eq!(keys(&store, everything()).await, ["a", "0", "b", "e"]);
    for name in ["first", "second", "third"] {
        let kept = store.saved_reply(KEY, name).await.expect("read");
        assert_eq!(kept.map(|kept| kept.body), Some(b"accepted".to_vec()));
    }
    assert_whole(&store).await;
}
