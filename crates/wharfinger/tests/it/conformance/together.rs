//! Many concurrent clients.

use std::collections::HashSet;
use std::sync::Arc;

use wharfinger::store::{Store, StoreError};
use wharfinger_core::dialect::Number;

use super::support::*;

const CLIENTS: usize = 64;

pub(super) async fn many_clients_share_commits_and_lose_nothing(store: Arc<Store>) {
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let store = Arc::clone(&store);
        clients.push(tokio::spawn(async move {
            for round in 0..5 {
                let sent: Vec<_> = (0..3)
                    .map(|at| order(&format!("{client}-{round}-{at}"), "x"))
                    .collect();
                let (batch, outcomes) = submit(&store, &sent).await;
                assert_eq!(names(&outcomes), ["accepted"; 3]);
                let receipt = receipt(&store, batch).await;
                assert_eq!(receipt.counts.accepted, 3, "it is there at once");
            }
        }));
    }
    for client in clients {
        client.await.expect("no client failed");
    }
    let orders = read(&store, everything()).await.orders;
    assert_eq!(orders.len(), CLIENTS * 5 * 3);
    let events = store.events(HERE, 0, 10_000).await.expect("events");
    assert_eq!(events.len(), CLIENTS * 5 * 4);
    for (position, event) in (1..).zip(&events) {
        assert_eq!(event.position, position, "no gap and no repeat");
    }
    assert!(events.is_sorted_by_key(|event| event.at_ms));
}

pub(super) async fn one_key_sent_by_many_is_one_order(store: Arc<Store>) {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let store = Arc::clone(&store);
        clients.push(tokio::spawn(async move {
            submit_one(&store, order("a", "x")).await
        }));
    }
    let mut ids = HashSet::new();
    let mut accepted = 0;
    for client in clients {
        let outcome = client.await.expect("no client failed");
        accepted += usize::from(outcome.name() == "accepted");
        ids.insert(outcome.taken().expect("a yes").order);
    }
    assert_eq!((accepted, ids.len()), (1, 1));
}

pub(super) async fn numbers_given_to_many_are_all_different(store: Arc<Store>) {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let store = Arc::clone(&store);
        clients.push(tokio::spawn(async move {
            submit_one(&store, numbered(Number::Next, "x")).await
        }));
    }
    let mut numbers = Vec::new();
    for client in clients {
        let outcome = client.await.expect("no client failed");
        numbers.extend(outcome.taken().and_then(|taken| taken.number));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=CLIENTS as u64).collect::<Vec<_>>());
}

pub(super) async fn a_job_that_fails_harms_no_other(store: Arc<Store>) {
    let (taken, _) = submit(&store, &[order("first", "x")]).await;
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let store = Arc::clone(&store);
        clients.push(tokio::spawn(async move {
            // Every fourth batch has the id of an existing batch, and must be refused.
            let is_bad = client % 4 == 0;
            let batch = if is_bad { taken } else { batch_id() };
            let sent = submission(&store, batch, DIALECT, &[order(&format!("{client}"), "x")]);
            (is_bad, store.admit_batch(sent).await)
        }));
    }
    for client in clients {
        let (is_bad, outcome) = client.await.expect("no client failed");
        assert_eq!(outcome.is_err(), is_bad, "{outcome:?}");
    }
    let orders = read(&store, everything()).await.orders;
    assert_eq!(orders.len(), 1 + CLIENTS - CLIENTS / 4);
}

pub(super) async fn a_closed_store_takes_nothing(store: Arc<Store>) {
    store.ready().await.expect("it takes writes");
    assert!(!store.is_overloaded());
    submit(&store, &[order("a", "x")]).await;
    store.close().await;
    let error = refusal(
        &store,
        submission(&store, batch_id(), DIALECT, &[order("b", "x")]),
    )
    .await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(store.ready().await.is_err());
    store.close().await;
}
