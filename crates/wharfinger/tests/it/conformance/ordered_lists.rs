//! Lists of the newest orders first, and by the beginning of keys, compared with a plain list.

use std::collections::HashMap;
use std::sync::Arc;

use wharfinger::store::{ListCursor, ListOrders, Store, StoreError};
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::outcome::State;

use super::lists::{DIALECTS, Done, Listed, everywhere, fill, list};
use super::support::*;

fn newest() -> ListOrders {
    ListOrders {
        newest_first: true,
        ..everywhere()
    }
}

/// When each order was created, in milliseconds.
async fn times(store: &Arc<Store>) -> HashMap<OrderId, i64> {
    let all = list(store, &everywhere, 1_000).await.into_iter();
    all.map(|found| (found.order.id, found.order.created_at_ms))
        .collect()
}

/// Asserts that the newest of the wanted orders come first, for any page length.
async fn expect_newest(
    (store, done): (&Arc<Store>, &Done),
    times: &HashMap<OrderId, i64>,
    (what, ask): (&str, &(dyn Fn() -> ListOrders + Sync)),
    is_wanted: &(dyn Fn(&Listed) -> bool + Sync),
) {
    let mut wanted = Vec::from_iter(done.orders.iter().filter(|order| is_wanted(order)));
    wanted.sort_by_key(|order| (times[&order.id], order.organisation, order.created));
    let wanted = Vec::from_iter(wanted.iter().rev().map(|order| order.id));
    for limit in [1, 3, 1_000] {
        let found = list(store, ask, limit).await;
        let found = Vec::from_iter(found.iter().map(|found| found.order.id));
        assert_eq!(found, wanted, "{what}, {limit} a page");
    }
}

pub(super) async fn the_newest_orders_of_all_come_first(store: Arc<Store>) {
    let done = fill(&store).await;
    let at = times(&store).await;
    let both = (&store, &done);
    expect_newest(both, &at, ("all", &newest), &|_| true).await;
    let ask = || ListOrders {
        organisations: vec![THERE],
        ..newest()
    };
    expect_newest(both, &at, ("one organisation", &ask), &|order| {
        order.organisation == THERE
    })
    .await;
    for dialect in DIALECTS {
        let ask = || ListOrders {
            dialect: Some(dialect),
            ..newest()
        };
        expect_newest(both, &at, (dialect, &ask), &|order| {
            order.dialect == dialect
        })
        .await;
        for state in State::ALL {
            let ask = || ListOrders {
                dialect: Some(dialect),
                states: vec![state],
                ..newest()
            };
            expect_newest(both, &at, (state.name(), &ask), &|order| {
                order.dialect == dialect && order.state == state
            })
            .await;
        }
    }
    for state in State::ALL {
        let ask = || ListOrders {
            states: vec![state],
            ..newest()
        };
        expect_newest(both, &at, (state.name(), &ask), &|order| {
            order.state == state
        })
        .await;
    }
}

pub(super) async fn the_newest_orders_of_a_time_come_first(store: Arc<Store>) {
    let done = fill(&store).await;
    let at = times(&store).await;
    let both = (&store, &done);
    let mut bounds = Vec::from_iter(at.values().copied());
    bounds.sort_unstable();
    bounds.dedup();
    let middle = bounds[bounds.len() / 2];
    for bound in [bounds[0], middle, bounds[bounds.len() - 1], i64::MAX] {
        let ask = || ListOrders {
            created_before_ms: Some(bound),
            ..newest()
        };
        expect_newest(both, &at, ("created before", &ask), &|order| {
            at[&order.id] < bound
        })
        .await;
        let ask = || ListOrders {
            created_from_ms: Some(bound),
            states: vec![State::Pending],
            ..newest()
        };
        expect_newest(both, &at, ("created from", &ask), &|order| {
            at[&order.id] >= bound && order.state == State::Pending
        })
        .await;
        let ask = || ListOrders {
            created_from_ms: Some(middle),
            created_before_ms: Some(bound),
            ..newest()
        };
        expect_newest(both, &at, ("created between", &ask), &|order| {
            (middle..bound).contains(&at[&order.id])
        })
        .await;
    }
}

pub(super) async fn what_was_purged_is_in_no_list(store: Arc<Store>) {
    let done = fill(&store).await;
    let at = times(&store).await;
    let mut bounds = Vec::from_iter(at.values().copied());
    bounds.sort_unstable();
    let purged = store.purge(bounds[bounds.len() / 2]).await.expect("purged");
    assert!(purged.organisations.iter().any(|of| of.orders > 0));
    let left = times(&store).await;
    let both = (&store, &done);
    expect_newest(both, &at, ("all", &newest), &|order| {
        left.contains_key(&order.id)
    })
    .await;
    let ask = || ListOrders {
        states: vec![State::Processed, State::Cancelled],
        dialect: Some(DIALECTS[1]),
        with_total: true,
        ..newest()
    };
    let is_wanted = |order: &Listed| !order.state.is_open() && order.dialect == DIALECTS[1];
    expect_newest(both, &at, ("final", &ask), &|order| {
        left.contains_key(&order.id) && is_wanted(order)
    })
    .await;
    let kept = done.orders.iter();
    let kept = kept.filter(|order| left.contains_key(&order.id) && is_wanted(order));
    let total = store.list(ask()).await.expect("a page").total;
    assert_eq!(total, Some(kept.count() as u64));
}

pub(super) async fn orders_are_listed_by_the_beginning_of_their_keys(store: Arc<Store>) {
    let done = fill(&store).await;
    let rank = |dialect: &str| usize::from(dialect != done.orders[0].dialect);
    for (prefix, dialect, states) in [
        ("k", None, State::ALL.to_vec()),
        ("k1", None, State::ALL.to_vec()),
        ("k1", Some(DIALECTS[1]), State::ALL.to_vec()),
        ("k", None, vec![State::Cancelled]),
        ("k11", None, vec![State::Pending]),
        ("k1\0", None, State::ALL.to_vec()),
        ("K", None, State::ALL.to_vec()),
        ("k\u{10ffff}", None, State::ALL.to_vec()),
    ] {
        let ask = || ListOrders {
            key_prefix: Some(prefix.into()),
            dialect,
            states: states.clone(),
            ..everywhere()
        };
        let wanted = done.orders.iter().filter(|order| {
            order.key.starts_with(prefix)
                && dialect.is_none_or(|of| of == order.dialect)
                && states.contains(&order.state)
        });
        let mut wanted = Vec::from_iter(wanted.map(|order| order.id));
        wanted.sort_unstable();
        for limit in [1, 3, 1_000] {
            let found = list(&store, &ask, limit).await;
            let mut ids = Vec::from_iter(found.iter().map(|found| found.order.id));
            ids.sort_unstable();
            assert_eq!(ids, wanted, "{prefix}, {limit} a page");
            assert!(found.is_sorted_by_key(|found| {
                let key = found.order.key.clone();
                (found.organisation, rank(&found.dialect), key)
            }));
        }
    }
}

pub(super) async fn totals_are_those_of_the_counters(store: Arc<Store>) {
    let done = fill(&store).await;
    for organisations in [vec![HERE, THERE], vec![THERE], vec![]] {
        for dialect in [None, Some(DIALECTS[0]), Some("unheard-of")] {
            for states in [State::ALL.to_vec(), vec![State::Pending]] {
                let wanted = done.orders.iter().filter(|order| {
                    organisations.contains(&order.organisation)
                        && dialect.is_none_or(|of| of == order.dialect)
                        && states.contains(&order.state)
                });
                let wanted = wanted.count() as u64;
                for newest_first in [false, true] {
                    let request = ListOrders {
                        dialect,
                        states: states.clone(),
                        with_total: true,
                        newest_first,
                        ..ListOrders::all(organisations.clone(), 2)
                    };
                    let page = store.list(request).await.expect("a page");
                    assert_eq!(page.total, Some(wanted));
                }
            }
        }
    }
    let uncounted = ListOrders {
        with_total: true,
        created_from_ms: Some(0),
        ..everywhere()
    };
    assert_eq!(store.list(uncounted).await.expect("a page").total, None);
    let unasked = store.list(everywhere()).await.expect("a page");
    assert_eq!(unasked.total, None);
}

pub(super) async fn forged_cursors_of_lists_do_no_harm(store: Arc<Store>) {
    fill(&store).await;
    for place in [i64::MIN, -1, 0, 1, 1 << 42, i64::MAX] {
        for at_ms in [i64::MIN, 0, wharfinger::clock::now_ms(), i64::MAX] {
            for organisation in [HERE, THERE] {
                let after = ListCursor::Newest {
                    at_ms,
                    organisation,
                    place,
                };
                let request = ListOrders {
                    after: Some(after),
                    ..newest()
                };
                store.list(request).await.expect("a page");
            }
        }
        let after = ListCursor::Key {
            organisation: HERE,
            dialect: place,
            key: "\u{10ffff}".into(),
        };
        let request = ListOrders {
            after: Some(after.clone()),
            key_prefix: Some("k".into()),
            ..everywhere()
        };
        store.list(request).await.expect("a page");
        let of_another = ListOrders {
            after: Some(after),
            ..newest()
        };
        let refused = store.list(of_another).await;
        assert_eq!(refused.expect_err("refused"), StoreError::BadCursor);
    }
}
