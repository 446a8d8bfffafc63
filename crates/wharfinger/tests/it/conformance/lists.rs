//! Lists of orders in several organisations and dialects, compared with a plain list.

use std::sync::Arc;

use wharfinger::store::{FoundOrder, ListOrders, ListedBy, Store, TransitionById};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::{Outcome, State};

use super::support::*;
use crate::support::seed::Random;

pub(super) const DIALECTS: [&str; 2] = [DIALECT, "other"];
const ADDRESSES: [&str; 2] = ["ann@example.com", "bob@example.com"];

/// An order as it should be listed.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub id: OrderId,
    pub organisation: OrganisationId,
    pub dialect: &'static str,
    pub key: String,
    pub state: State,
    address: &'static str,
    pub created: usize,
    changed: usize,
    texted: usize,
}

/// What was done to the store, in order.
#[derive(Default)]
pub(super) struct Done {
    pub orders: Vec<Listed>,
    batches: Vec<BatchId>,
    steps: usize,
}

impl Done {
    fn step(&mut self) -> usize {
        self.steps += 1;
        self.steps
    }

    async fn submit_some(&mut self, store: &Arc<Store>, random: &mut Random) {
        let dialect = DIALECTS[random.below(2)];
        let mut sent = Vec::new();
        let mut told = Vec::new();
        for _ in 0..1 + random.below(5) {
            let organisation = [HERE, THERE][random.below(2)];
            let (key, address) = (format!("k{}", random.below(12)), ADDRESSES[random.below(2)]);
            let content = random.below(3).to_string();
            sent.push(order(&key, &content).by(address).of(organisation));
            told.push((organisation, key, address));
        }
        let batch = batch_id();
        let ready = submission(store, batch, dialect, &sent);
        let outcomes = admit(store, ready).await;
        self.batches.push(batch);
        for (outcome, (organisation, key, address)) in outcomes.iter().zip(told) {
            let at = self.step();
            match outcome {
                Outcome::Accepted(taken) => self.orders.push(Listed {
                    id: taken.order,
                    organisation,
                    dialect,
                    key,
                    state: State::Pending,
                    address,
                    created: at,
                    changed: at,
                    texted: at,
                }),
                Outcome::Updated(taken) => {
                    let order = self.find(taken.order);
                    (order.changed, order.texted, order.address) = (at, at, address);
                }
                Outcome::Unchanged(_) | Outcome::Rejected(_) | Outcome::Withheld => {}
            }
        }
    }

    fn find(&mut self, id: OrderId) -> &mut Listed {
        let mut orders = self.orders.iter_mut();
        orders.find(|order| order.id == id).expect("it was told of")
    }

    async fn move_some(&mut self, store: &Arc<Store>, random: &mut Random) {
        let wanted = match random.below(3) {
            0 => Move::Process,
            1 => Move::Cancel { release_key: false },
            _ => Move::Cancel { release_key: true },
        };
        let ids: Vec<_> = (0..2)
            .map(|_| self.orders[random.below(self.orders.len())].id)
            .collect();
        let request = TransitionById {
            note: None,
            ids: ids.clone(),
            reach: OrgAccess::All,
            wanted,
            key_id: "key-1".into(),
            save_reply: None,
        };
        let moved = store
            .transition_by_id(request)
            .await
            .expect("moved")
            .results;
        for (id, moved) in ids.into_iter().zip(moved) {
            let at = self.step();
            if let Ok(state) = moved {
                let order = self.find(id);
                (order.state, order.changed) = (state, at);
            }
        }
    }
}

pub(super) async fn fill(store: &Arc<Store>) -> Done {
    let mut done = Done::default();
    let mut random = Random::new(4);
    for round in 0..40 {
        done.submit_some(store, &mut random).await;
        if round % 2 == 1 {
            done.move_some(store, &mut random).await;
        }
        if round % 10 == 9 {
            let_time_pass().await;
        }
    }
    done
}

/// All pages of a list. All but the last have `limit` entries.
pub(super) async fn list(
    store: &Arc<Store>,
    ask: &(dyn Fn() -> ListOrders + Sync),
    limit: usize,
) -> Vec<FoundOrder> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let request = ListOrders {
            limit,
            after,
            ..ask()
        };
        let page = store.list(request).await.expect("a page");
        assert!(page.orders.len() == limit || page.next.is_none());
        found.extend(page.orders);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

pub(super) fn everywhere() -> ListOrders {
    ListOrders::all(vec![HERE, THERE], 1)
}

/// Asserts that a list has the expected orders in the expected order, for any page length.
async fn expect(
    store: &Arc<Store>,
    done: &Done,
    what: &str,
    ask: &(dyn Fn() -> ListOrders + Sync),
    is_wanted: &(dyn Fn(&Listed) -> bool + Sync),
) {
    let mut wanted: Vec<_> = done
        .orders
        .iter()
        .filter(|order| is_wanted(order))
        .collect();
    let listed_by = ask().listed_by();
    wanted.sort_by_key(|order| {
        let place = match listed_by {
            ListedBy::Creation => order.created,
            ListedBy::Change => order.changed,
            ListedBy::Text => order.texted,
            ListedBy::Newest | ListedBy::Key => unreachable!("of another test"),
        };
        (order.organisation, place)
    });
    let expected: Vec<_> = wanted
        .iter()
        .map(|order| (order.id, order.dialect, order.key.as_str(), order.state))
        .collect();
    for limit in [1, 2, 7, 1_000] {
        let found = list(store, ask, limit).await;
        let told: Vec<_> = found
            .iter()
            .map(|found| {
                let order = &found.order;
                (
                    order.id,
                    found.dialect.as_str(),
                    order.key.as_str(),
                    order.state,
                )
            })
            .collect();
        assert_eq!(told, expected, "{what}, {limit} a page");
    }
}

pub(super) async fn lists_are_filtered(store: Arc<Store>) {
    let done = fill(&store).await;
    let (store, done) = (&store, &done);
    expect(store, done, "all", &everywhere, &|_| true).await;
    let ask = || ListOrders::all(vec![THERE], 1);
    expect(store, done, "one organisation", &ask, &|order| {
        order.organisation == THERE
    })
    .await;
    let ask = || ListOrders::all(Vec::new(), 1);
    expect(store, done, "no organisation", &ask, &|_| false).await;
    for dialect in DIALECTS {
        let ask = || ListOrders {
            dialect: Some(dialect),
            ..everywhere()
        };
        expect(store, done, dialect, &ask, &|order| {
            order.dialect == dialect
        })
        .await;
    }
    let ask = || ListOrders {
        dialect: Some("unheard-of"),
        ..everywhere()
    };
    expect(store, done, "a dialect without orders", &ask, &|_| false).await;
    for state in State::ALL {
        let ask = || ListOrders {
            states: vec![state],
            ..everywhere()
        };
        expect(store, done, state.name(), &ask, &|order| {
            order.state == state
        })
        .await;
        let ask = || ListOrders {
            states: vec![state],
            dialect: Some("other"),
            updated_from_ms: Some(0),
            ..everywhere()
        };
        expect(store, done, "all at once", &ask, &|order| {
            order.state == state && order.dialect == "other"
        })
        .await;
    }
    let ask = || ListOrders {
        updated_from_ms: Some(0),
        ..everywhere()
    };
    expect(store, done, "by change", &ask, &|_| true).await;
}

pub(super) async fn lists_are_served_by_keys_batches_and_addresses(store: Arc<Store>) {
    let done = fill(&store).await;
    let (store, done) = (&store, &done);
    for key in ["k0", "k7", "k11", "never"] {
        let ask = || ListOrders {
            key: Some(key.to_owned()),
            ..everywhere()
        };
        // Includes orders that have released the key.
        expect(store, done, key, &ask, &|order| order.key == key).await;
    }
    for batch in [&done.batches[..3], &[batch_id()]].concat() {
        let ask = || ListOrders {
            batch: Some(batch),
            ..everywhere()
        };
        expect(store, done, "a batch", &ask, &|order| {
            order.id.batch() == batch
        })
        .await;
    }
    for address in ADDRESSES {
        let by_address = || {
            let wanted = format!("\"{address}\"");
            ListOrders {
                email: Some(address.to_owned()),
                keep: Some(Box::new(move |found| {
                    found.order.texts[0].contains(&wanted)
                })),
                ..everywhere()
            }
        };
        expect(store, done, address, &by_address, &|order| {
            order.address == address
        })
        .await;
        let ask = || ListOrders {
            states: vec![State::Processed, State::Cancelled],
            ..by_address()
        };
        expect(store, done, address, &ask, &|order| {
            order.address == address && !order.state.is_open()
        })
        .await;
        let ask = || ListOrders {
            key: Some("k1".into()),
            ..by_address()
        };
        expect(store, done, address, &ask, &|order| {
            order.address == address && order.key == "k1"
        })
        .await;
    }
}

pub(super) async fn lists_are_bounded_by_times(store: Arc<Store>) {
    let done = fill(&store).await;
    let all = list(&store, &everywhere, 1_000).await;
    let mut times: Vec<_> = all
        .iter()
        .flat_map(|found| [found.order.created_at_ms, found.order.updated_at_ms])
        .collect();
    times.sort_unstable();
    times.dedup();
    let at = |id: OrderId| &all.iter().find(|found| found.order.id == id).unwrap().order;
    for bound in [
        times[0],
        times[times.len() / 2],
        times[times.len() - 1],
        i64::MAX,
    ] {
        let ask = || ListOrders {
            created_from_ms: Some(bound),
            ..everywhere()
        };
        let is_wanted = |order: &Listed| at(order.id).created_at_ms >= bound;
        expect(&store, &done, "created from", &ask, &is_wanted).await;
        let ask = || ListOrders {
            created_before_ms: Some(bound),
            ..everywhere()
        };
        let is_wanted = |order: &Listed| at(order.id).created_at_ms < bound;
        expect(&store, &done, "created before", &ask, &is_wanted).await;
        let ask = || ListOrders {
            updated_from_ms: Some(bound),
            ..everywhere()
        };
        let is_wanted = |order: &Listed| at(order.id).updated_at_ms >= bound;
        expect(&store, &done, "updated from", &ask, &is_wanted).await;
    }
}

pub(super) async fn numbered_orders_are_listed_by_their_numbers(store: Arc<Store>) {
    use wharfinger_core::dialect::Number;
    let (batch, _) = submit(&store, &[order("7", "x"), numbered(Number::Given(8), "x")]).await;
    let other = submission(
        &store,
        batch_id(),
        "other",
        &[numbered(Number::Given(7), "x")],
    );
    let given = admit(&store, other).await[0]
        .taken()
        .expect("it is taken")
        .order;
    for (number, expected) in [(7, given), (8, batch.order(1))] {
        let ask = || ListOrders {
            number: Some(number),
            ..everywhere()
        };
        let found = list(&store, &ask, 1).await;
        let ids: Vec<_> = found.iter().map(|found| found.order.id).collect();
        assert_eq!(ids, [expected]);
    }
}
