//! Trying rules on orders, without storing anything: which rules would hold which orders.

use std::sync::Arc;

use serde::Serialize;
use tokio::task::block_in_place;
use wharfinger_core::dialect::{Dialect, OrderQuery, StoredOrder};
use wharfinger_core::dialects;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::rules::{Hold, Of};

use crate::store::{OrganisationRules, ReadOrders, Store, StoreError};

/// Most stored orders that rules are tried on.
pub const LAST_MAX: u64 = 500;

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
    /// Tries rules on an order.
    #[must_use]
    pub fn of(rules: &OrganisationRules, dialect: &dyn Dialect, order: &StoredOrder) -> Self {
        let of = Of {
            dialect: dialect.id(),
            organisation: &rules.code,
        };
        Self {
            order_id: None,
            key: Some(order.key.clone()).filter(|key| !key.is_empty()),
            held_by: rules.set.find_all(&dialect.canonical(order), of),
        }
    }
}

/// Tries rules on the latest orders of an organisation, newest first.
///
/// # Errors
/// The store cannot be read.
pub async fn try_on_latest(
    store: &Store,
    organisation: OrganisationId,
    rules: &OrganisationRules,
    last: u64,
) -> Result<Vec<Tried>, StoreError> {
    let last = last.min(LAST_MAX);
    let mut latest = Vec::new();
    for dialect in dialects::ALL {
        let query = OrderQuery {
            newest_first: true,
            ..OrderQuery::first(last)
        };
        let request = ReadOrders {
            organisation,
            dialect: dialect.id(),
            query: Arc::new(query),
            after: None,
        };
        let page = store.orders(request).await?;
        let tried = page.orders.iter().map(|order| {
            let tried = Tried {
                order_id: Some(order.id.to_string()),
                ..Tried::of(rules, *dialect, order)
            };
            (order.created_at_ms, tried)
        });
        // Rules on many orders are work for longer than a serving thread may be kept.
        block_in_place(|| latest.extend(tried));
    }
    latest.sort_by_key(|(created_at_ms, _)| std::cmp::Reverse(*created_at_ms));
    latest.truncate(usize::try_from(last).unwrap_or(usize::MAX));
    Ok(latest.into_iter().map(|(_, tried)| tried).collect())
}
