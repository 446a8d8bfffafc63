//! Numbered orders, and orders that are completed later.

use std::sync::Arc;

use wharfinger::store::Store;
use wharfinger_core::decide::admit::{Intent, Move};
use wharfinger_core::dialect::Number;
use wharfinger_core::order::outcome::{Outcome, State};
use wharfinger_core::order::problem::Code;

use super::support::*;

fn numbers_of(outcomes: &[Outcome]) -> Vec<Option<u64>> {
    let taken = outcomes.iter().map(Outcome::taken);
    taken
        .map(|taken| taken.and_then(|taken| taken.number))
        .collect()
}

pub(super) async fn the_next_number_passes_over_those_taken(store: Arc<Store>) {
    let sent = [
        numbered(Number::Next, "a"),
        numbered(Number::Given(3), "b"),
        numbered(Number::Next, "c"),
        numbered(Number::Next, "d"),
    ];
    let (_, outcomes) = submit(&store, &sent).await;
    assert_eq!(numbers_of(&outcomes), [Some(1), Some(3), Some(2), Some(4)]);
    let (_, outcomes) = submit(&store, &[numbered(Number::Next, "a")]).await;
    assert_eq!(
        numbers_of(&outcomes),
        [Some(5)],
        "no content is the same twice"
    );
    let stored = read(&store, everything()).await.orders;
    let told: Vec<_> = stored
        .iter()
        .map(|order| (order.key.as_str(), order.number))
        .collect();
    let expected = [
        ("1", Some(1)),
        ("3", Some(3)),
        ("2", Some(2)),
        ("4", Some(4)),
        ("5", Some(5)),
    ];
    assert_eq!(told, expected, "the number is the key");
    let (_, outcomes) = submit(&store, &[numbered(Number::Next, "a").of(THERE)]).await;
    assert_eq!(
        numbers_of(&outcomes),
        [Some(1)],
        "each organisation counts for itself"
    );
}

pub(super) async fn a_number_is_taken_once_in_an_organisation_and_dialect(store: Arc<Store>) {
    let (_, outcomes) = submit(&store, &[numbered(Number::Given(7), "a")]).await;
    assert_eq!(numbers_of(&outcomes), [Some(7)]);
    for content in ["a", "b"] {
        let outcome = submit_one(&store, numbered(Number::Given(7), content)).await;
        assert_eq!(rejected_with(&outcome), Some(Code::NumberExists));
    }
    let other = submission(
        &store,
        batch_id(),
        "other",
        &[numbered(Number::Given(7), "a")],
    );
    let outcomes = admit(&store, other).await;
    assert_eq!(numbers_of(&outcomes), [Some(7)], "its numbers are its keys");
    let other = submission(&store, batch_id(), "other", &[numbered(Number::Next, "a")]);
    let outcomes = admit(&store, other).await;
    assert_eq!(numbers_of(&outcomes), [Some(1)]);
}

pub(super) async fn a_draft_is_completed_by_what_is_added(store: Arc<Store>) {
    let draft = numbered(Number::Next, "a").with(Intent::Create { draft: true });
    submit(&store, std::slice::from_ref(&draft)).await;
    assert_eq!(
        read(&store, everything()).await.orders[0].state,
        State::Draft
    );
    let moved = move_keys(&store, Move::Process, &["1"]).await;
    assert_eq!(moved, [Err(Code::NotPlaced)]);
    let complete = |content| order("1", content).with(Intent::Complete);
    let outcome = submit_one(&store, complete("more")).await;
    assert_eq!(outcome.name(), "updated");
    assert_eq!(
        outcome.taken().map(|taken| (taken.number, taken.revision)),
        Some((Some(1), 2))
    );
    assert_eq!(
        submit_one(&store, complete("more")).await.name(),
        "unchanged"
    );
    assert_eq!(move_keys(&store, Move::Process, &["1"]).await, [Ok(())]);
    assert_eq!(
        submit_one(&store, complete("yet more")).await.name(),
        "updated"
    );
    let stored = read(&store, everything()).await.orders.remove(0);
    assert_eq!(stored.state, State::Processed);
    let expected = [draft.text, complete("more").text, complete("yet more").text];
    assert_eq!(stored.texts, expected);
}

pub(super) async fn what_is_not_there_cannot_be_completed(store: Arc<Store>) {
    let outcome = submit_one(&store, order("1", "x").with(Intent::Complete)).await;
    assert_eq!(rejected_with(&outcome), Some(Code::UnknownOrder));
    assert!(read(&store, everything()).await.orders.is_empty());
    submit(&store, &[numbered(Number::Next, "a")]).await;
    let cancel = Move::Cancel { release_key: false };
    assert_eq!(move_keys(&store, cancel, &["1"]).await, [Ok(())]);
    let outcome = submit_one(&store, order("1", "x").with(Intent::Complete)).await;
    assert_eq!(rejected_with(&outcome), Some(Code::AlreadyCancelled));
}
