//! Reads orders back in the form of the requested dialect.

use std::sync::Arc;

use wharfinger_core::dialect::{
    Action, Answer, OrderQuery, Orders, OrganisationPage, ParsedRequest, Reply,
};
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::outcome::State;
use wharfinger_core::reading::email;

use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::intake::without_blocking_others;
use crate::store::{KeepFound, OrderCursor, OrderPage, ReadOrders};

/// Orders per read of a stream.
const CHUNK_ORDERS: u64 = 500;

/// Approximate memory for one chunk of a list, in bytes: its texts at their longest, and as much again for the response.
pub const CHUNK_BYTES_MAX: usize = 10 << 20;

/// A chunk of a list of orders.
pub struct Chunk {
    /// The chunk, encoded. The response uses status and header fields of the first chunk.
    pub reply: Reply,
    /// Approximate memory of the chunk and the orders it was made from, in bytes.
    pub bytes: usize,
    /// Where the next chunk starts. `None` at the end.
    pub rest: Option<Rest>,
}

/// The position at which a list continues.
#[derive(Clone, Copy)]
pub struct Rest {
    after: OrderCursor,
    /// Orders that were returned already.
    given: u64,
}

/// Reads a chunk of a list of orders. It is the whole list, unless the texts are too long to hold in one response.
///
/// # Errors
/// A parameter is invalid, or the store cannot be read.
pub async fn next_chunk(
    app: &App,
    call: &Call<'_>,
    from: Option<Rest>,
) -> Result<Chunk, RequestFailure> {
    let asked = asked_for_orders(call)?;
    let mut query = asked_for_orders(call)?;
    let given = from.map_or(0, |rest| rest.given);
    let wanted = asked.limit.saturating_sub(given);
    query.limit = match call.operation.action {
        Action::Stream => wanted.min(CHUNK_ORDERS),
        Action::List
        | Action::Show
        | Action::Submit { .. }
        | Action::Withdraw
        | Action::Resource { .. } => wanted,
    };
    if from.is_some() {
        query.count_max = None;
    }
    let page = read_page(app, call, &Arc::new(query), from.map(|rest| rest.after)).await?;
    let here = page.orders.len() as u64;
    let next = page.next.filter(|_| here < wanted);
    let rest = next.map(|after| Rest {
        after,
        given: given + here,
    });
    let texts = page.orders.iter().flat_map(|order| &order.texts);
    let bytes: usize = texts.map(String::len).sum();
    let encode = || encode_chunk(call, &asked, &page, from.is_none(), rest.is_none());
    Ok(Chunk {
        reply: without_blocking_others(app, bytes, encode).await?,
        bytes: 2 * bytes,
        rest,
    })
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
    match call
        .dialect
        .parse_request(call.operation, &call.head, call.organisation)?
    {
        ParsedRequest::Orders(query) => Ok(query),
        ParsedRequest::Order { .. }
        | ParsedRequest::Withdraw { .. }
        | ParsedRequest::Organisations { .. } => Err(RequestFailure::Internal),
    }
}

/// Resolves order keys that can be read in two ways. A key that no order has is replaced by its alternative, if it has one.
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

/// Reads one order, or lists the organisations that the caller can access. Cancelled orders are not shown.
///
/// # Errors
/// The order does not exist, or the store cannot be read.
pub async fn show(app: &App, call: &Call<'_>) -> Result<Reply, RequestFailure> {
    match call
        .dialect
        .parse_request(call.operation, &call.head, call.organisation)?
    {
        ParsedRequest::Order { key } => show_order(app, call, key).await,
        ParsedRequest::Organisations { offset, limit } => {
            let reached = match call.organisation {
                Some(organisation) => vec![organisation],
                None => call.authenticated.caller().reached(),
            };
            let page = OrganisationPage::page(&reached, offset, limit);
            Ok(call
                .dialect
                .encode(call.operation, &Answer::Organisations(page)))
        }
        ParsedRequest::Orders(_) | ParsedRequest::Withdraw { .. } => Err(RequestFailure::Internal),
    }
}

async fn show_order(app: &App, call: &Call<'_>, key: String) -> Result<Reply, RequestFailure> {
    let query = Arc::new(OrderQuery {
        keys: Some(vec![key.clone()]),
        states: vec![State::Draft, State::Held, State::Pending, State::Processed],
        ..OrderQuery::first(1)
    });
    let page = read_page(app, call, &query, None).await?;
    match page.orders.first() {
        Some(order) => Ok(call.dialect.encode(call.operation, &Answer::Order(order))),
        None => Err(RequestFailure::NotFound(format!("Order {key}"))),
    }
}

/// A filter for orders whose customer has this address.
#[must_use]
pub fn keep_address(address: &str) -> KeepFound {
    let wanted = address.to_owned();
    Box::new(move |found| {
        let dialect = dialects::find(&found.dialect);
        let address = dialect.and_then(|dialect| dialect.email(&found.order));
        address.is_some_and(|address| email::is_same(&address, &wanted))
    })
}
