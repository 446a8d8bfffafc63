//! Trying rules on orders, without storing anything: which rules would hold which orders.

use serde::Serialize;
use tokio::task::block_in_place;
use wharfinger_core::dialect::{Dialect, StoredOrder};
use wharfinger_core::dialects;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::rules::{BatchWork, Hold, Of};

use crate::store::{FoundOrder, ListOrders, OrganisationRules, Store, StoreError};

/// Most stored orders that rules are tried on.
pub const LAST_MAX: u64 = 500;

/// Most pages of stored orders that are read. A page ends at 8 MiB.
const PAGES_MAX: usize = 8;

/// What rules would make of an order.
#[derive(Debug, Serialize)]
pub struct Tried {
    /// The id. `None` if the order is not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The order key. `None` if the order has none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The rules that would hold it, in their order. The first one would be named.
    pub held_by: Vec<Hold>,
}

impl Tried {
    /// Tries rules on an order. Takes the work from what is left for all orders.
    #[must_use]
    pub fn of(
        rules: &OrganisationRules,
        dialect: &dyn Dialect,
        order: &StoredOrder,
        work: &mut BatchWork,
    ) -> Self {
        let of = Of {
            dialect: dialect.id(),
            organisation: &rules.code,
        };
        Self {
            order_id: None,
            key: Some(order.key.clone()).filter(|key| !key.is_empty()),
            held_by: rules.set.find_all(&dialect.canonical(order), of, work),
        }
    }
}

/// Tries rules on the latest orders of an organisation, newest first. Stops early if they are many megabytes, or if the rules take as
/// much work as they may do for a batch.
///
/// # Errors
/// The store cannot be read.
pub async fn try_on_latest(
    store: &Store,
    organisation: OrganisationId,
    rules: &OrganisationRules,
    last: u64,
) -> Result<Vec<Tried>, StoreError> {
    let last = usize::try_from(last.min(LAST_MAX)).unwrap_or(usize::MAX);
    let mut work = BatchWork::before_turn();
    let mut latest = Vec::new();
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let request = ListOrders {
            newest_first: true,
            after,
            ..ListOrders::all(vec![organisation], last - latest.len())
        };
        let page = store.list(request).await?;
        // Rules on many orders are work for longer than a serving thread may be kept.
        block_in_place(|| try_each(rules, &page.orders, &mut work, &mut latest));
        after = page.next;
        if after.is_none() || latest.len() >= last || work.is_used_up() {
            break;
        }
    }
    Ok(latest)
}

/// Tries rules on a page of orders, as long as there is work left.
fn try_each(
    rules: &OrganisationRules,
    orders: &[FoundOrder],
    work: &mut BatchWork,
    latest: &mut Vec<Tried>,
) {
    for found in orders {
        let Some(dialect) = dialects::find(&found.dialect) else {
            continue;
        };
        let tried = Tried::of(rules, dialect, &found.order, work);
        if work.is_used_up() {
            return;
        }
        latest.push(Tried {
            order_id: Some(found.order.id.to_string()),
            ..tried
        });
    }
}
