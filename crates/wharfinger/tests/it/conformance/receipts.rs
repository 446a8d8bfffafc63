//! The content of receipts, and who may see it.

use std::sync::Arc;

use wharfinger::clock;
use wharfinger::store::{OutcomeKind, ReadResults, RecordedOutcome, Store, StoreError, Visible};
use wharfinger_core::decide::admit::{Intent, Move};
use wharfinger_core::dialect::Number;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::Counts;

use super::support::*;

pub(super) async fn a_receipt_tells_of_each_order(store: Arc<Store>) {
    let (first, _) = submit(&store, &[order("a", "x"), order("b", "x")]).await;
    let sent = [
        order("c", "new"),
        faulty("d"),
        order("b", "changed"),
        order("e", "new").of(THERE),
        order("a", "x"),
    ];
    let (batch, _) = submit(&store, &sent).await;
    let head = receipt(&store, batch).await;
    assert_eq!((head.id, head.received_at_ms), (batch, time_of(batch)));
    assert_eq!(head.key_id, KEY);
    assert_eq!(
        (head.dialect.as_str(), head.operation.as_str()),
        (DIALECT, "submit")
    );
    assert_eq!(head.organisations, [HERE, THERE]);
    let counts = Counts {
        accepted: 2,
        updated: 1,
        unchanged: 1,
        rejected: 1,
        withheld: 0,
    };
    assert_eq!(head.counts, counts);
    let results = results(&store, batch).await;
    let told: Vec<_> = results
        .iter()
        .map(|recorded| {
            (
                recorded.index,
                recorded.key.as_deref(),
                recorded.organisation,
            )
        })
        .collect();
    let expected = [
        (0, Some("c"), Some(HERE)),
        (1, Some("d"), Some(HERE)),
        (2, Some("b"), Some(HERE)),
        (3, Some("e"), Some(THERE)),
        (4, Some("a"), Some(HERE)),
    ];
    assert_eq!(told, expected);
    let outcome = |at: usize| &results[at].outcome;
    assert_eq!(outcome(0), &RecordedOutcome::Accepted(batch.order(0)));
    assert_eq!(outcome(2), &RecordedOutcome::Updated(first.order(1), 2));
    assert_eq!(outcome(3), &RecordedOutcome::Accepted(batch.order(3)));
    assert_eq!(outcome(4), &RecordedOutcome::Unchanged(first.order(0), 1));
    let RecordedOutcome::Rejected(rejection) = outcome(1) else {
        panic!("the faulty order is told as rejected");
    };
    assert_eq!(rejection.text.as_ref(), Some(&sent[1].text));
    let error = &rejection.errors[0];
    assert_eq!(
        (error.pointer.as_str(), error.code.as_str()),
        ("/content", "required")
    );
    assert_eq!(error.message, "content is required");
}

pub(super) async fn a_receipt_tells_how_long_it_took(store: Arc<Store>) {
    for (ago_ms, at_least) in [(5_000, 5_000), (-60_000, 0)] {
        let batch = batch_id();
        let now_ms = clock::now_ms();
        let ready = prepared(&store, batch, &[order("a", "x")], |heading| {
            heading.received_at_ms = now_ms - ago_ms;
        });
        admit(&store, ready).await;
        let most = u64::try_from(clock::now_ms() - now_ms).expect("time goes on") + at_least;
        let duration_ms = receipt(&store, batch).await.duration_ms;
        assert!((at_least..=most).contains(&duration_ms), "{duration_ms} ms");
    }
}

pub(super) async fn numbers_are_told(store: Arc<Store>) {
    submit(&store, &[numbered(Number::Given(7), "x")]).await;
    let more = order("7", "more").with(Intent::Complete);
    let sent = [numbered(Number::Next, "x"), more, order("plain", "x")];
    let (batch, _) = submit(&store, &sent).await;
    let told: Vec<_> = results(&store, batch)
        .await
        .into_iter()
        .map(|recorded| (recorded.key, recorded.number))
        .collect();
    let expected = [("1", Some(1)), ("7", Some(7)), ("plain", None)];
    assert_eq!(
        told,
        expected.map(|(key, number)| (Some(key.to_owned()), number))
    );
}

pub(super) async fn orders_turned_down_by_the_store_are_kept_too(store: Arc<Store>) {
    let many: Vec<_> = (0..200).map(|at| order(&format!("{at:03}"), "x")).collect();
    submit(&store, &many).await;
    move_keys(&store, Move::Process, &["003", "150"]).await;
    let mut again = many;
    again[3].name = Some("mine".into());
    let (batch, _) = submit(&store, &again).await;
    let counts = receipt(&store, batch).await.counts;
    assert_eq!((counts.unchanged, counts.rejected), (198, 2));
    let results = results(&store, batch).await;
    assert_eq!(results.len(), 200);
    for at in [3, 150] {
        let RecordedOutcome::Rejected(rejection) = &results[at].outcome else {
            panic!("a processed order is turned down");
        };
        assert_eq!(rejection.text.as_ref(), Some(&again[at].text));
        assert_eq!(results[at].key, Some(again[at].key.clone()));
        assert_eq!(results[at].name, again[at].name);
        assert_eq!(rejection.errors[0].code, "already_processed");
    }
}

/// An order without a known organisation.
fn of_nobody() -> Order {
    Order {
        organisation: None,
        text: "[\"not\",\n \"an order\"]".into(),
        name: Some("x1".into()),
        ..faulty("a")
    }
}

pub(super) async fn orders_of_nobody_are_kept(store: Arc<Store>) {
    let (batch, outcomes) = submit(&store, &[of_nobody()]).await;
    assert!(outcomes.is_empty());
    assert_eq!(receipt(&store, batch).await.organisations, []);
    let results = results(&store, batch).await;
    assert_eq!(results[0].organisation, None);
    let RecordedOutcome::Rejected(rejection) = &results[0].outcome else {
        panic!("the faulty order is told as rejected");
    };
    assert_eq!(
        (rejection.text.as_ref(), &results[0].name),
        (Some(&of_nobody().text), &of_nobody().name)
    );
}

pub(super) async fn an_unknown_batch_has_no_receipt(store: Arc<Store>) {
    let batch = batch_id();
    assert_eq!(store.receipt(batch, &Visible::All).await, Ok(None));
    assert_eq!(results(&store, batch).await, []);
}

pub(super) async fn an_empty_batch_has_a_receipt(store: Arc<Store>) {
    let (batch, outcomes) = submit(&store, &[]).await;
    assert!(outcomes.is_empty());
    assert_eq!(receipt(&store, batch).await.counts, Counts::default());
    assert_eq!(results(&store, batch).await, []);
}

pub(super) async fn a_batch_is_admitted_once(store: Arc<Store>) {
    let (batch, _) = submit(&store, &[order("a", "x")]).await;
    let again = submission(&store, batch, DIALECT, &[order("b", "x")]);
    let error = refusal(&store, again).await;
    assert!(matches!(error, StoreError::Internal(_)), "{error:?}");
    assert_eq!(
        keys(&store, everything()).await,
        ["a"],
        "nothing of it was done"
    );
}

/// What a key with access to these organisations may see.
pub(super) fn visible_to(key_id: &str, organisations: &[OrganisationId]) -> Visible {
    Visible::To {
        organisations: OrgAccess::Only(organisations.to_vec()),
        key_id: key_id.into(),
    }
}

pub(super) async fn a_key_sees_the_orders_of_its_organisations(store: Arc<Store>) {
    let sent = [
        order("a", "x"),
        faulty("b").of(THERE),
        of_nobody(),
        order("c", "x"),
    ];
    let (batch, _) = submit(&store, &sent).await;
    // The key, the organisations it can access, and the orders it sees.
    let table: [(&str, &[OrganisationId], &[u32]); 6] = [
        (KEY, &[HERE, THERE], &[0, 1, 2, 3]),
        (KEY, &[THERE], &[1, 2]),
        (KEY, &[], &[2]),
        ("key-2", &[HERE], &[0, 3]),
        ("key-2", &[THERE, OrganisationId(9)], &[1]),
        ("key-2", &[OrganisationId(9)], &[]),
    ];
    for (key_id, organisations, indexes) in table {
        let visible = visible_to(key_id, organisations);
        let request = ReadResults {
            visible: visible.clone(),
            ..all_of(batch)
        };
        let results = results_by(&store, request, 1_000).await;
        let seen: Vec<u32> = results.iter().map(|recorded| recorded.index).collect();
        assert_eq!(seen, indexes, "{visible:?}");
        let head = store.receipt(batch, &visible).await.expect("read");
        assert_eq!(head.is_some(), !indexes.is_empty(), "{visible:?}");
        if let Some(head) = head {
            assert_eq!(head.counts.received(), indexes.len() as u64);
            assert!(
                head.organisations
                    .iter()
                    .all(|seen| organisations.contains(seen))
            );
        }
    }
    let everywhere = Visible::To {
        organisations: OrgAccess::All,
        key_id: "key-2".into(),
    };
    let head = store.receipt(batch, &everywhere).await.expect("read");
    assert_eq!(head.map(|head| head.counts.received()), Some(3));
}

pub(super) async fn an_empty_batch_is_seen_by_whom_it_concerns(store: Arc<Store>) {
    let for_nobody = batch_id();
    admit(&store, prepared(&store, for_nobody, &[], |_| ())).await;
    let for_here = batch_id();
    let ready = prepared(&store, for_here, &[], |heading| {
        heading.organisation = Some(HERE);
    });
    admit(&store, ready).await;
    let table: [(_, &str, &[_], bool); 6] = [
        (for_nobody, KEY, &[], true),
        (for_nobody, "key-2", &[HERE], false),
        (for_here, KEY, &[], true),
        (for_here, "key-2", &[HERE], true),
        (for_here, "key-2", &[THERE], false),
        (for_here, "key-2", &[], false),
    ];
    for (batch, key_id, organisations, is_seen) in table {
        let visible = visible_to(key_id, organisations);
        let head = store.receipt(batch, &visible).await.expect("read");
        assert_eq!(head.is_some(), is_seen, "{visible:?}");
    }
}

/// For any page size and outcome, the pages have the same entries as one large page.
pub(super) async fn results_come_in_pages(store: Arc<Store>) {
    let known: Vec<_> = (0..1_500)
        .map(|at| order(&format!("{at:04}"), "x"))
        .collect();
    submit(&store, &known).await;
    move_keys(&store, Move::Process, &["0004", "1203"]).await;
    let mut sent = Vec::new();
    for at in 0..2_600_usize {
        let any = match at % 7 {
            0 => faulty("f"),
            1 => of_nobody(),
            2 => order(&format!("{:04}", at % 1_500), "y"),
            3 => order(&format!("{at:04}"), "x").of(THERE),
            _ => order(&format!("{at:04}"), "x"),
        };
        sent.push(any);
    }
    for is_whole in [false, true] {
        let batch = batch_id();
        let ready = if is_whole {
            whole(&store, batch, &sent)
        } else {
            submission(&store, batch, DIALECT, &sent)
        };
        admit(&store, ready).await;
        let all = results_by(&store, all_of(batch), 10_000).await;
        assert_eq!(all.len(), sent.len());
        assert!(
            (0..)
                .zip(&all)
                .all(|(index, recorded)| recorded.index == index)
        );
        for limit in [1_000, 333, 7] {
            assert!(
                results_by(&store, all_of(batch), limit).await == all,
                "by {limit}"
            );
        }
        for only in OutcomeKind::ALL {
            let request = ReadResults {
                only: Some(only),
                visible: visible_to("key-2", &[HERE]),
                ..all_of(batch)
            };
            let found = results_by(&store, request, 100).await;
            let expected: Vec<_> = all
                .iter()
                .filter(|recorded| recorded.outcome.kind() == only)
                .filter(|recorded| recorded.organisation == Some(HERE))
                .cloned()
                .collect();
            assert!(found == expected, "{}", only.name());
            let is_possible = match only {
                OutcomeKind::Rejected => true,
                OutcomeKind::Withheld => is_whole,
                OutcomeKind::Accepted | OutcomeKind::Updated | OutcomeKind::Unchanged => !is_whole,
            };
            assert_eq!(found.is_empty(), !is_possible, "{}", only.name());
        }
    }
}

pub(super) async fn a_page_of_long_texts_is_cut(store: Arc<Store>) {
    let mut sent = Vec::new();
    for at in 0..14 {
        let key = at.to_string();
        sent.push(match at % 3 {
            0 => order(&key, "x"),
            1 => Order {
                problems: faulty("").problems,
                ..order(&key, &"long ".repeat(600_000))
            },
            _ => Order {
                problems: faulty("").problems,
                ..order(&key, &"long ".repeat(600_000)).of(THERE)
            },
        });
    }
    let (batch, _) = submit(&store, &sent).await;
    let page = store.results(all_of(batch)).await.expect("read");
    let told = (page.results.len(), page.next);
    assert_eq!(told, (3, Some(2)), "a third long text is too much");
    let all = results(&store, batch).await;
    let keys: Vec<_> = all
        .iter()
        .filter_map(|recorded| recorded.key.clone())
        .collect();
    assert_eq!(keys, (0..14).map(|at| at.to_string()).collect::<Vec<_>>());
    assert!(results_by(&store, all_of(batch), 2).await == all);
}
