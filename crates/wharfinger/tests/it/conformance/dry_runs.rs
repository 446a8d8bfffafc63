//! Dry runs: the response is the same as for the real run, and nothing is stored.

use std::sync::Arc;

use wharfinger::store::{Store, StoreError, Visible};
use wharfinger_core::decide::admit::{Intent, Move};
use wharfinger_core::decide::catalogue::{Attach, Demand, Identifier, Names, Wanted};
use wharfinger_core::dialect::Number;
use wharfinger_core::order::outcome::Outcome;

use super::catalogue::{load_products, made};
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
        let admitted = tried_and_admitted(&store, &sent).await.expect("admitted");
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

/// Tries a batch, then admits it. Returns the outcomes, which must be the same. Half of the batches are all-or-nothing.
async fn tried_and_admitted(
    store: &Arc<Store>,
    sent: &[Order],
) -> Result<Vec<Outcome>, StoreError> {
    let batch = batch_id();
    let ready = || {
        if batch.to_bytes()[5].is_multiple_of(2) {
            whole(store, batch, sent)
        } else {
            submission(store, batch, DIALECT, sent)
        }
    };
    let tried = store.try_batch(ready()).await;
    let admitted = store.admit_batch(ready()).await;
    let admitted = admitted.map(|admitted| admitted.outcomes);
    assert_eq!(tried, admitted, "{sent:#?}");
    admitted
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

/// The stock that an order takes, the customers that it registers and the numbers of its sub-orders count for the next order of the
/// batch. What is completed, changed or cancelled later counts too.
pub(super) async fn a_dry_run_tells_what_a_catalogue_decides(store: Arc<Store>) {
    made(&store).await;
    let mut random = Random::new(5);
    let mut last_number = 0;
    let mut seen = std::collections::BTreeMap::<(&str, bool), usize>::new();
    for round in 0..150 {
        if round % 4 == 0 {
            load_products(&store, &any_products(&mut random)).await;
        }
        // An order that this batch has changed is not completed by the same batch.
        let completes = random.chance(50);
        let sent: Vec<_> = (0..random.below(12))
            .map(|_| any_demanded(&mut random, completes, last_number))
            .collect();
        for outcome in tried_and_admitted(&store, &sent).await.unwrap_or_default() {
            let taken = outcome.taken();
            let numbers = taken.iter().flat_map(|taken| taken.number);
            let numbers = numbers.chain(taken.iter().flat_map(|taken| taken.sub_orders.clone()));
            last_number = numbers.fold(last_number, u64::max);
            let is_split = taken.is_some_and(|taken| !taken.sub_orders.is_empty());
            *seen.entry((outcome.name(), is_split)).or_default() += 1;
        }
        let number = random.below(usize::try_from(last_number).expect("it is small") + 1);
        let cancel = Move::Cancel { release_key: true };
        move_keys(&store, cancel, &[&number.to_string()]).await;
    }
    assert_eq!(
        seen.len(),
        8,
        "every outcome was among them, with and without sub-orders: {seen:?}"
    );
}

/// An order is completed twice. A sub-order is changed by the batch that creates it, which is refused.
pub(super) async fn a_dry_run_knows_the_orders_of_its_batch(store: Arc<Store>) {
    made(&store).await;
    let products = r#"[{"sku": "A", "stock": 9, "warehouse": "north"}, {"sku": "B", "stock": 9, "warehouse": "south"}]"#;
    load_products(&store, products).await;
    let both = Order {
        demand: Some(Arc::new(demand(&[("A", 1), ("B", 1)]))),
        ..numbered(Number::Next, "x")
    };
    let draft = both.clone().with(Intent::Create { draft: true });
    let outcomes = tried_and_admitted(&store, &[draft]).await;
    assert_eq!(names(&outcomes.expect("admitted")), ["accepted"]);
    let complete = |content| order("1", content).with(Intent::Complete);
    let sent = [
        complete("more"),
        complete("more"),
        complete("yet more"),
        both.clone(),
    ];
    let outcomes = tried_and_admitted(&store, &sent).await.expect("admitted");
    assert_eq!(
        names(&outcomes),
        ["updated", "unchanged", "updated", "accepted"]
    );
    let parts = outcomes.iter().flat_map(Outcome::taken);
    let parts: Vec<&[u64]> = parts.map(|taken| &*taken.sub_orders).collect();
    assert_eq!(parts, [&[1, 2], &[1, 2], &[1, 2], &[3, 4]]);
    // Number 6 would be a sub-order of number 5.
    let sent = [both, order("6", "y")];
    let refused = tried_and_admitted(&store, &sent).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(read(&store, everything()).await.orders.len(), 4);
}

const PRODUCTS: [&str; 5] = ["A", "B", "C", "D", "E"];

/// A load that sets stock, warehouses and what is sold.
fn any_products(random: &mut Random) -> String {
    let lines = PRODUCTS.map(|sku| {
        let warehouse = ["north", "south"][random.below(2)];
        let (stock, active) = (random.below(40), random.chance(90));
        format!(r#"{{"sku": "{sku}", "stock": {stock}, "warehouse": "{warehouse}", "active": {active}}}"#)
    });
    format!("[{}]", lines.join(", "))
}

fn demand(lines: &[(&str, u64)]) -> Demand {
    let wanted = |&(sku, quantity): &(&str, u64)| Wanted {
        product: Identifier::Sku(sku.to_owned()),
        quantity,
        needs_price: false,
    };
    Demand {
        names: Names {
            lines: "lines",
            customer: "customer",
            register: "register",
        },
        lines: lines.iter().map(wanted).collect(),
        markets: Vec::new(),
        pricelists: Vec::new(),
        takes_stock: true,
        is_forced: false,
        customer: Attach::default(),
    }
}

/// An order that a catalogue decides on, or that completes or changes one with a number near `last_number`.
fn any_demanded(random: &mut Random, completes: bool, last_number: u64) -> Order {
    let content = ["x", "y"][random.below(2)];
    let near = (last_number + 2).saturating_sub(random.below(10) as u64);
    if random.chance(40) {
        let key = near.to_string();
        return match completes {
            true => order(&key, "more").with(Intent::Complete),
            false => order(&key, content),
        };
    }
    let lines: Vec<_> = (0..1 + random.below(3))
        .map(|_| (PRODUCTS[random.below(5)], 1 + random.below(4) as u64))
        .collect();
    let mut demand = demand(&lines);
    demand.takes_stock = random.chance(80);
    demand.is_forced = random.chance(20);
    demand.customer = match random.below(8) {
        0 => Attach {
            id: Some(1 + random.below(12) as u64),
            ..Attach::default()
        },
        1..=3 => Attach {
            registers: true,
            email: Some(format!("{}@example.com", random.below(30))),
            ..Attach::default()
        },
        _ => Attach::default(),
    };
    let number = if random.chance(85) {
        Number::Next
    } else {
        Number::Given(near)
    };
    let order = Order {
        demand: Some(Arc::new(demand)),
        ..numbered(number, content)
    };
    order.with(Intent::Create {
        draft: random.chance(40),
    })
}
