//! Lists of receipts.

use std::sync::Arc;

use wharfinger::store::{ReadReceipts, Store, Visible};
use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::outcome::BatchStatus;

use super::receipts::visible_to;
use super::support::*;

fn all() -> ReadReceipts {
    ReadReceipts {
        visible: Visible::All,
        organisation: None,
        received_from_ms: None,
        received_to_ms: None,
        status: None,
        dialect: None,
        import: None,
        key_id: None,
        after: None,
        limit: 100,
    }
}

/// The ids of the receipts in a list, read in pages of this size.
async fn listed(store: &Arc<Store>, mut request: ReadReceipts, limit: usize) -> Vec<BatchId> {
    request.limit = limit;
    let mut ids = Vec::new();
    loop {
        let page = store.receipts(request.clone()).await.expect("read");
        assert!(page.receipts.len() <= limit);
        for head in page.receipts {
            let alone = store
                .receipt(head.id, &request.visible)
                .await
                .expect("read");
            assert_eq!(alone.as_ref(), Some(&head), "it is the same alone");
            ids.push(head.id);
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => return ids,
        }
    }
}

pub(super) async fn a_receipt_of_many_organisations_is_short(store: Arc<Store>) {
    const ORGANISATIONS: u32 = 250;
    let all_of = (1..=ORGANISATIONS).map(OrganisationId);
    let orders = all_of.map(|id| order("a", "x").of(id));
    let (batch, _) = submit(&store, &orders.collect::<Vec<_>>()).await;
    let head = receipt(&store, batch).await;
    let first = Vec::from_iter((1..=100).map(OrganisationId));
    assert_eq!((head.organisations, head.organisations_total), (first, 250));
    assert_eq!(head.counts.accepted, 250);
    for (organisation, found) in [(1, vec![batch]), (250, vec![batch]), (251, vec![])] {
        let of = ReadReceipts {
            organisation: Some(OrganisationId(organisation)),
            ..all()
        };
        assert_eq!(listed(&store, of, 10).await, found);
    }
}

pub(super) async fn receipts_come_newest_first_in_pages(store: Arc<Store>) {
    assert_eq!(listed(&store, all(), 10).await, []);
    let mut sent = Vec::new();
    for at in 0..23 {
        sent.push(submit(&store, &[order(&at.to_string(), "x")]).await.0);
    }
    sent.reverse();
    for limit in [1, 5, 23, 100] {
        assert_eq!(listed(&store, all(), limit).await, sent);
    }
    let page = store.receipts(ReadReceipts { limit: 5, ..all() }).await;
    let next = page.expect("read").next.expect("there are more");
    // New receipts do not shift later pages.
    submit(&store, &[order("later", "x")]).await;
    let behind = ReadReceipts {
        after: Some(next),
        ..all()
    };
    assert_eq!(listed(&store, behind, 4).await, sent[5..]);
}

pub(super) async fn receipts_are_filtered(store: Arc<Store>) {
    let (complete, _) = submit(&store, &[order("a", "x")]).await;
    let (partial, _) = submit(&store, &[order("b", "x").of(THERE), faulty("c")]).await;
    let (rejected, _) = submit(&store, &[faulty("d").of(THERE)]).await;
    let other = batch_id();
    admit(
        &store,
        submission(&store, other, "other", &[order("a", "x")]),
    )
    .await;
    let of = |organisation| ReadReceipts {
        organisation: Some(organisation),
        ..all()
    };
    let with = |status| ReadReceipts {
        status: Some(status),
        ..all()
    };
    let in_dialect = |dialect: &str| ReadReceipts {
        dialect: Some(dialect.into()),
        ..all()
    };
    let table = [
        (of(HERE), vec![other, partial, complete]),
        (of(THERE), vec![rejected, partial]),
        (with(BatchStatus::Complete), vec![other, complete]),
        (with(BatchStatus::Partial), vec![partial]),
        (with(BatchStatus::Rejected), vec![rejected]),
        (in_dialect("other"), vec![other]),
        (in_dialect("never"), vec![]),
    ];
    assert_listed(&store, table).await;
}

async fn assert_listed<const N: usize>(
    store: &Arc<Store>,
    table: [(ReadReceipts, Vec<BatchId>); N],
) {
    for (request, expected) in table {
        for limit in [1, 100] {
            let found = listed(store, request.clone(), limit).await;
            assert_eq!(found, expected, "{request:?}");
        }
    }
}

pub(super) async fn receipts_are_found_by_time(store: Arc<Store>) {
    let mut sent = Vec::new();
    for at in 0..4 {
        sent.push(submit(&store, &[order(&at.to_string(), "x")]).await.0);
    }
    // As if the server's clock had been changed between creating the id and the receipt.
    let late = batch_id();
    let late_ms = time_of(late) + 600_000;
    let ready = prepared(&store, late, &[order("late", "x")], |heading| {
        heading.received_at_ms = late_ms;
    });
    admit(&store, ready).await;
    let at = |at: usize| Some(time_of(sent[at]));
    let between = |received_from_ms, received_to_ms| ReadReceipts {
        received_from_ms,
        received_to_ms,
        ..all()
    };
    let table = [
        (between(at(1), at(2)), vec![sent[2], sent[1]]),
        (between(None, at(0)), vec![sent[0]]),
        (between(at(3), None), vec![late, sent[3]]),
        (between(Some(late_ms), Some(late_ms)), vec![late]),
        (between(Some(late_ms + 1), None), vec![]),
        (between(Some(late_ms + 1_000_000_000), None), vec![]),
        (between(None, Some(0)), vec![]),
        (
            between(Some(i64::MIN), Some(i64::MAX)),
            listed(&store, all(), 100).await,
        ),
    ];
    assert_listed(&store, table).await;
}

pub(super) async fn a_list_holds_what_its_reader_may_see(store: Arc<Store>) {
    let (here, _) = submit(&store, &[order("a", "x")]).await;
    let (there, _) = submit(&store, &[order("b", "x").of(THERE)]).await;
    let (both, _) = submit(&store, &[order("c", "x").of(THERE), faulty("d")]).await;
    let mut lost = faulty("e");
    lost.organisation = None;
    let (nobodys, _) = submit(&store, &[lost]).await;
    let table = [
        (visible_to("key-2", &[HERE]), vec![both, here]),
        (visible_to("key-2", &[THERE]), vec![both, there]),
        (visible_to(KEY, &[]), vec![nobodys]),
        (visible_to(KEY, &[HERE]), vec![nobodys, both, here]),
    ];
    for (visible, expected) in table {
        let request = ReadReceipts { visible, ..all() };
        assert_eq!(listed(&store, request, 100).await, expected);
    }
    // The visible part of a batch determines its status.
    let request = ReadReceipts {
        visible: visible_to("key-2", &[HERE]),
        status: Some(BatchStatus::Rejected),
        ..all()
    };
    assert_eq!(listed(&store, request, 100).await, [both]);
    let request = ReadReceipts {
        visible: visible_to("key-2", &[HERE]),
        organisation: Some(THERE),
        ..all()
    };
    assert_eq!(listed(&store, request, 100).await, []);
}
