//! What a receipt tells.

use std::sync::Arc;

use wharfinger::store::{RecordedOutcome, Store, StoreError};
use wharfinger_core::admit::Move;
use wharfinger_core::outcome::Counts;

use super::support::*;

pub(super) async fn a_receipt_tells_of_each_order(store: Arc<dyn Store>) {
    let (first, _) = submit(&store, &[order("a", "x"), order("b", "x")]).await;
    let sent = [
        order("c", "new"),
        faulty("d"),
        order("b", "changed"),
        order("e", "new").of(THERE),
        order("a", "x"),
    ];
    let (batch, _) = submit(&store, &sent).await;
    let receipt = receipt(&store, batch).await;
    assert_eq!((receipt.id, receipt.received_at_ms), (batch, 1_234));
    assert_eq!(receipt.key_id, "key-1");
    assert_eq!(
        (receipt.dialect.as_str(), receipt.operation.as_str()),
        (DIALECT, "submit")
    );
    let counts = Counts {
        accepted: 2,
        updated: 1,
        unchanged: 1,
        rejected: 1,
        withheld: 0,
    };
    assert_eq!(receipt.counts, counts);
    let indexes: Vec<u32> = receipt
        .outcomes
        .iter()
        .map(|recorded| recorded.index)
        .collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4]);
    let outcome = |at: usize| &receipt.outcomes[at].outcome;
    assert_eq!(outcome(0), &RecordedOutcome::Accepted(batch.order(0)));
    assert_eq!(outcome(2), &RecordedOutcome::Updated(first.order(1), 2));
    assert_eq!(outcome(3), &RecordedOutcome::Accepted(batch.order(3)));
    assert_eq!(receipt.outcomes[3].organisation, Some(THERE));
    assert_eq!(outcome(4), &RecordedOutcome::Unchanged(first.order(0), 1));
    let RecordedOutcome::Rejected(rejection) = outcome(1) else {
        panic!("the faulty order is told as rejected");
    };
    assert_eq!(
        (receipt.outcomes[1].key.as_deref(), &rejection.text),
        (Some("d"), &sent[1].text)
    );
    let error = &rejection.errors[0];
    assert_eq!(
        (error.path.as_str(), error.code.as_str()),
        ("content", "required")
    );
    assert_eq!(error.message, "content is required");
}

pub(super) async fn orders_turned_down_by_the_store_are_kept_too(store: Arc<dyn Store>) {
    let many: Vec<_> = (0..200).map(|at| order(&format!("{at:03}"), "x")).collect();
    submit(&store, &many).await;
    move_keys(&store, Move::Process, &["003", "150"]).await;
    let mut again = many;
    again[3].name = Some("mine".into());
    let (batch, _) = submit(&store, &again).await;
    let receipt = receipt(&store, batch).await;
    assert_eq!(
        (receipt.counts.unchanged, receipt.counts.rejected),
        (198, 2)
    );
    assert_eq!(receipt.outcomes.len(), 200);
    for at in [3, 150] {
        let RecordedOutcome::Rejected(rejection) = &receipt.outcomes[at].outcome else {
            panic!("a processed order is turned down");
        };
        assert_eq!(rejection.text, again[at].text);
        assert_eq!(receipt.outcomes[at].key, Some(again[at].key.clone()));
        assert_eq!(receipt.outcomes[at].name, again[at].name);
        assert_eq!(rejection.errors[0].code, "already_processed");
    }
}

pub(super) async fn orders_of_nobody_are_kept(store: Arc<dyn Store>) {
    let mut nobodys = faulty("a");
    nobodys.organisation = None;
    nobodys.text = "[\"not\",\n \"an order\"]".into();
    nobodys.name = Some("x1".into());
    let (batch, outcomes) = submit(&store, std::slice::from_ref(&nobodys)).await;
    assert!(outcomes.is_empty());
    let receipt = receipt(&store, batch).await;
    assert_eq!(receipt.outcomes[0].organisation, None);
    let RecordedOutcome::Rejected(rejection) = &receipt.outcomes[0].outcome else {
        panic!("the faulty order is told as rejected");
    };
    assert_eq!(
        (&rejection.text, &receipt.outcomes[0].name),
        (&nobodys.text, &nobodys.name)
    );
}

pub(super) async fn an_unknown_batch_has_no_receipt(store: Arc<dyn Store>) {
    assert_eq!(store.receipt(batch_id()).await, Ok(None));
}

pub(super) async fn an_empty_batch_has_a_receipt(store: Arc<dyn Store>) {
    let (batch, outcomes) = submit(&store, &[]).await;
    assert!(outcomes.is_empty());
    let receipt = receipt(&store, batch).await;
    assert_eq!(receipt.counts, Counts::default());
    assert_eq!(receipt.outcomes, []);
}

pub(super) async fn a_batch_is_admitted_once(store: Arc<dyn Store>) {
    let (batch, _) = submit(&store, &[order("a", "x")]).await;
    let error = refusal(
        &store,
        submission(&store, batch, DIALECT, &[order("b", "x")]),
    )
    .await;
    assert!(matches!(error, StoreError::Internal(_)), "{error:?}");
    assert_eq!(
        keys(&store, everything()).await,
        ["a"],
        "nothing of it was done"
    );
}
