//! Batches with the policy `all_or_nothing`.

use std::sync::Arc;

use wharfinger::store::{EventKind, RecordedOutcome, Store};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::Number;
use wharfinger_core::order::outcome::{Counts, Outcome};
use wharfinger_core::order::problem::Code;

use super::support::*;

pub(super) async fn a_batch_without_a_fault_is_taken_whole(store: Arc<Store>) {
    submit(&store, &[order("a", "x"), order("b", "x")]).await;
    let sent = [
        order("c", "x"),
        order("a", "y"),
        order("b", "x"),
        order("c", "x"),
    ];
    let (batch, outcomes) = submit_whole(&store, &sent).await;
    let expected = ["accepted", "updated", "unchanged", "unchanged"];
    assert_eq!(names(&outcomes), expected);
    assert_eq!(outcomes[3].taken().expect("a yes").order, batch.order(0));
    assert_eq!(keys(&store, everything()).await, ["a", "b", "c"]);
    let (empty, _) = submit_whole(&store, &[]).await;
    assert_eq!(receipt(&store, empty).await.counts, Counts::default());
}

pub(super) async fn one_faulty_order_withholds_all_others(store: Arc<Store>) {
    submit(&store, &[order("a", "x")]).await;
    let mut sent = [
        order("a", "y"),
        order("b", "x"),
        faulty("c"),
        order("d", "x").of(THERE),
    ];
    sent[3].name = Some("fourth".into());
    for (order, line) in sent.iter_mut().zip([1, 2, 5, 7]) {
        order.line = Some(line);
    }
    let (batch, outcomes) = submit_whole(&store, &sent).await;
    assert_eq!(outcomes, vec![Outcome::Withheld; 3]);
    assert_nothing_but_first(&store).await;

    let receipt = receipt(&store, batch).await;
    let counts = Counts {
        rejected: 1,
        withheld: 3,
        ..Counts::default()
    };
    assert_eq!(receipt.counts, counts);
    let results = results(&store, batch).await;
    let withheld: Vec<_> = results
        .iter()
        .filter(|recorded| recorded.outcome == RecordedOutcome::Withheld)
        .map(|recorded| {
            (
                recorded.index,
                recorded.key.as_deref(),
                recorded.organisation,
            )
        })
        .collect();
    let expected = [
        (0, Some("a"), Some(HERE)),
        (1, Some("b"), Some(HERE)),
        (3, Some("d"), Some(THERE)),
    ];
    assert_eq!(withheld, expected);
    assert_eq!(results[3].name.as_deref(), Some("fourth"));
    let lines = results.iter().map(|recorded| recorded.line);
    assert_eq!(lines.collect::<Vec<_>>(), [1, 2, 5, 7].map(Some));
    for organisation in [HERE, THERE] {
        let events = store.events(organisation, 0, 100).await.expect("events");
        let last = events.last().expect("one at least");
        assert_eq!(
            (last.kind, last.batch),
            (EventKind::BatchReceived, Some(batch))
        );
    }
}

/// Asserts that there is one order in its first revision, and one order event.
async fn assert_nothing_but_first(store: &Arc<Store>) {
    let orders = read(store, everything()).await.orders;
    assert_eq!(orders.len(), 1);
    assert_eq!((orders[0].key.as_str(), orders[0].revision), ("a", 1));
    for (organisation, of_orders) in [(HERE, 1), (THERE, 0)] {
        let events = store.events(organisation, 0, 100).await.expect("events");
        let events = events.iter().filter(|event| event.order.is_some());
        assert_eq!(events.count(), of_orders);
    }
}

pub(super) async fn an_order_turned_down_by_the_store_withholds_all_others(store: Arc<Store>) {
    let many: Vec<_> = (0..200).map(|at| order(&format!("{at:03}"), "x")).collect();
    submit(&store, &many).await;
    move_keys(&store, Move::Process, &["150"]).await;
    let changed: Vec<_> = (0..200).map(|at| order(&format!("{at:03}"), "y")).collect();
    let (batch, outcomes) = submit_whole(&store, &changed).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        match at {
            150 => assert_eq!(rejected_with(outcome), Some(Code::AlreadyProcessed)),
            _ => assert_eq!(outcome, &Outcome::Withheld),
        }
    }
    let stored = read(&store, everything()).await.orders;
    assert!(stored.iter().all(|order| order.revision == 1));
    let receipt = receipt(&store, batch).await;
    assert_eq!((receipt.counts.rejected, receipt.counts.withheld), (1, 199));
    let RecordedOutcome::Rejected(rejection) = &results(&store, batch).await[150].outcome else {
        panic!("the processed order is told as rejected");
    };
    assert_eq!(
        rejection.text.as_ref(),
        Some(&changed[150].text),
        "it can be mended"
    );
}

pub(super) async fn a_batch_is_held_against_itself(store: Arc<Store>) {
    let twice = [
        numbered(Number::Given(7), "x"),
        numbered(Number::Given(8), "x"),
        numbered(Number::Given(7), "x"),
    ];
    let (_, outcomes) = submit_whole(&store, &twice).await;
    assert_eq!(names(&outcomes), ["withheld", "withheld", "rejected"]);
    assert_eq!(rejected_with(&outcomes[2]), Some(Code::NumberExists));
    assert!(read(&store, everything()).await.orders.is_empty());
    let (_, outcomes) = submit_whole(&store, &twice[..2]).await;
    assert_eq!(names(&outcomes), ["accepted"; 2]);
}

pub(super) async fn numbers_withheld_are_not_used_up(store: Arc<Store>) {
    let sent = [numbered(Number::Next, "x"), faulty("")];
    let (_, outcomes) = submit_whole(&store, &sent).await;
    assert_eq!(outcomes, [Outcome::Withheld]);
    let (_, outcomes) = submit_whole(&store, &sent[..1]).await;
    assert_eq!(outcomes[0].taken().expect("a yes").number, Some(1));
}
