//! Dry runs: the response is the same as for the real run, and nothing is stored.

use std::sync::Arc;

use wharfinger::store::{Store, Visible};
use wharfinger_core::admit::{Intent, Move};
use wharfinger_core::dialect::Number;

use super::support::*;
use crate::support::seed::Random;

pub(super) async fn a_dry_run_stores_nothing(store: Arc<Store>) {
    submit(&store, &[order("a", "x")]).await;
    let events = store.events(HERE, 0, 100).await;
    let batch = batch_id();
    let sent = [
        order("a", "y"),
        order("b", "x"),
        faulty("c"),
        order("b", "x"),
        numbered(Number::Next, "x").of(THERE),
    ];
    let ready = submission(&store, batch, DIALECT, &sent);
    let outcomes = store.try_batch(ready).await.expect("tried");
    assert_eq!(
        names(&outcomes),
        ["updated", "accepted", "unchanged", "accepted"]
    );
    let orders = read(&store, everything()).await.orders;
    assert_eq!((orders.len(), orders[0].revision), (1, 1));
    let receipt = store.receipt(batch, &Visible::All).await;
    assert_eq!(receipt, Ok(None), "no receipt either");
    assert_eq!(store.events(HERE, 0, 100).await, events);
    assert_eq!(store.events(THERE, 0, 100).await, Ok(Vec::new()));
}

/// If nobody writes in between, a dry run predicts the next batch exactly. With both policies.
pub(super) async fn a_dry_run_tells_what_becomes_of_a_batch(store: Arc<Store>) {
    let mut random = Random::new(4);
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for _ in 0..150 {
        let sent: Vec<_> = (0..random.below(40))
            .map(|_| any_order(&mut random))
            .collect();
        let batch = batch_id();
        let ready = || {
            if batch.to_bytes()[5].is_multiple_of(2) {
                whole(&store, batch, &sent)
            } else {
                submission(&store, batch, DIALECT, &sent)
            }
        };
        let tried = store.try_batch(ready()).await.expect("tried");
        let admitted = admit(&store, ready()).await;
        assert_eq!(tried, admitted, "{sent:#?}");
        for name in names(&admitted) {
            *seen.entry(name).or_default() += 1;
        }
        let wanted = match random.below(3) {
            0 => Move::Process,
            1 => Move::Cancel { release_key: false },
            _ => Move::Cancel { release_key: true },
        };
        move_keys(&store, wanted, &[&key(&mut random)]).await;
    }
    assert_eq!(seen.len(), 5, "every outcome was among them: {seen:?}");
}

fn key(random: &mut Random) -> String {
    (1 + random.below(30)).to_string()
}

/// An order with one of few keys, contents and numbers. Sometimes faulty.
fn any_order(random: &mut Random) -> Order {
    let content = ["x", "y"][random.below(2)];
    let organisation = if random.chance(80) { HERE } else { THERE };
    let number = u64::try_from(1 + random.below(30)).expect("it is small");
    let any = match random.below(20) {
        0..=11 => order(&key(random), content),
        12..=13 => numbered(Number::Next, content),
        14 => numbered(Number::Given(number), content),
        15 => numbered(Number::Next, content).with(Intent::Create { draft: true }),
        16..=18 => order(&key(random), content).with(Intent::Complete),
        _ if random.chance(20) => faulty(&key(random)),
        _ => order("new", content),
    };
    any.of(organisation)
}
