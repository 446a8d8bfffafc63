//! Orders read back in the form of the dialect that asks.

use std::sync::Arc;

use wharfinger_core::dialect::{Answer, Ask, OrderQuery, Orders, OrganisationPage, Reply};
use wharfinger_core::failure::RequestFailure;
use wharfinger_core::outcome::State;

use crate::app::App;
use crate::call::Call;
use crate::store::{OrderCursor, OrderPage, ReadOrders};

/// Orders that a stream reads at a time.
const CHUNK_ORDERS: u64 = 500;

/// Reads a page of orders back.
///
/// # Errors
/// A parameter is wrong, or the store cannot be read.
pub async fn list(app: &App, call: &Call<'_>) -> Result<Reply, RequestFailure> {
    let query = Arc::new(asked_for_orders(call)?);
    let page = read_page(app, call, &query, None).await?;
    Ok(encode_chunk(call, &query, &page, true, true))
}

/// One chunk of a stream of orders: its reply, and where the next one begins.
///
/// # Errors
/// As for [`list`].
pub async fn next_chunk(
    app: &App,
    call: &Call<'_>,
    after: Option<OrderCursor>,
) -> Result<(Reply, Option<OrderCursor>), RequestFailure> {
    let mut query = asked_for_orders(call)?;
    query.limit = query.limit.min(CHUNK_ORDERS);
    let query = Arc::new(query);
    let page = read_page(app, call, &query, after).await?;
    let reply = encode_chunk(call, &query, &page, after.is_none(), page.next.is_none());
    Ok((reply, page.next))
}

fn encode_chunk(
    call: &Call<'_>,
    query: &OrderQuery,
    page: &OrderPage,
    first: bool,
    last: bool,
) -> Reply {
    let answer = Answer::Orders(Orders {
        query,
        orders: &page.orders,
        total: page.total,
        first,
        last,
    });
    call.dialect.encode(call.operation, &answer)
}

fn asked_for_orders(call: &Call<'_>) -> Result<OrderQuery, RequestFailure> {
    match call.dialect.ask(call.operation, &call.head)? {
        Ask::Orders(query) => Ok(query),
        Ask::Order { .. } | Ask::Withdraw { .. } | Ask::Organisations { .. } => {
            Err(RequestFailure::Internal)
        }
    }
}

/// The keys that are meant: another spelling of each that no order holds, where there is one.
///
/// # Errors
/// The store cannot be read.
pub async fn meant_keys(
    app: &App,
    call: &Call<'_>,
    keys: Vec<String>,
    otherwise: Vec<Option<String>>,
) -> Result<Vec<String>, RequestFailure> {
    if otherwise.iter().all(Option::is_none) {
        return Ok(keys);
    }
    let query = Arc::new(OrderQuery {
        keys: Some(keys.clone()),
        ..OrderQuery::first(keys.len() as u64)
    });
    let page = read_page(app, call, &query, None).await?;
    let is_held = |key: &str| page.orders.iter().any(|order| order.key == key);
    let pairs = keys.into_iter().zip(otherwise);
    let meant = pairs.map(|(key, other)| match other {
        Some(other) if !is_held(&key) => other,
        _ => key,
    });
    Ok(meant.collect())
}

async fn read_page(
    app: &App,
    call: &Call<'_>,
    query: &Arc<OrderQuery>,
    after: Option<OrderCursor>,
) -> Result<OrderPage, RequestFailure> {
    let request = ReadOrders {
        organisation: call.organisation()?.id,
        dialect: call.dialect.id(),
        query: Arc::clone(query),
        after,
    };
    let page = app.store.orders(request).await;
    page.map_err(|error| call.failure(error))
}

/// Reads one order back, where a cancelled one is not shown; or tells of the caller's organisations.
///
/// # Errors
/// There is no such order, or the store cannot be read.
pub async fn show(app: &App, call: &Call<'_>) -> Result<Reply, RequestFailure> {
    match call.dialect.ask(call.operation, &call.head)? {
        Ask::Order { key } => show_order(app, call, key).await,
        Ask::Organisations { offset, limit } => {
            let reached = match call.organisation {
                Some(organisation) => vec![organisation],
                None => call.authenticated.caller().reached(),
            };
            let page = OrganisationPage::page(&reached, offset, limit);
            Ok(call
                .dialect
                .encode(call.operation, &Answer::Organisations(page)))
        }
        Ask::Orders(_) | Ask::Withdraw { .. } => Err(RequestFailure::Internal),
    }
}

async fn show_order(app: &App, call: &Call<'_>, key: String) -> Result<Reply, RequestFailure> {
    let query = Arc::new(OrderQuery {
        keys: Some(vec![key.clone()]),
        states: vec![State::Draft, State::Pending, State::Processed],
        ..OrderQuery::first(1)
    });
    let page = read_page(app, call, &query, None).await?;
    match page.orders.first() {
        Some(order) => Ok(call.dialect.encode(call.operation, &Answer::Order(order))),
        None => Err(RequestFailure::NotFound(format!("Order {key}"))),
    }
}
