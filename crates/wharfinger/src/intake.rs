//! The journey of a request behind its authentication: a body becomes outcomes, a question becomes orders.

use std::sync::Arc;

use wharfinger_core::admit::Move;
use wharfinger_core::caller::Organisation;
use wharfinger_core::dialect::{
    Answer, Ask, Context, Dialect, Head, Operation, OrderQuery, Orders, Reply, Slot, Submitted,
    Told, Verdict,
};
use wharfinger_core::failure::RequestFailure;
use wharfinger_core::ids::BatchId;
use wharfinger_core::judge::{Body, judge};
use wharfinger_core::outcome::{Counts, Outcome, State};

use crate::access::Authenticated;
use crate::app::App;
use crate::clock;
use crate::store::prepare::{Heading, prepare};
use crate::store::{
    MoveOrders, OrderCursor, OrderPage, Policy, RETRY_AFTER, ReadOrders, StoreError,
};

/// A body from which on judging it is worth a word to the runtime, so that other requests are not kept waiting: some
/// five milliseconds of work. The word itself costs, since the work then goes on in another thread, with a heap of its own.
const LARGE_BODY_BYTES: usize = 1 << 20;

/// Orders that a stream reads at a time.
const CHUNK_ORDERS: u64 = 500;

/// A request that was let in.
pub struct Call<'c> {
    /// Its id, by which the log names it.
    pub request_id: &'c str,
    /// The wire format it is in.
    pub dialect: &'static dyn Dialect,
    /// The route it came by.
    pub operation: &'static Operation,
    /// Its head.
    pub head: Head<'c>,
    /// Who sent it.
    pub authenticated: &'c Authenticated,
    /// The organisation it is about, where it names one.
    pub organisation: Option<&'c Organisation>,
}

/// Takes a batch in: decode and validate every order, admit the good ones, tell what became of each.
///
/// # Errors
/// The request as a whole is turned down; nothing was stored.
pub async fn submit(
    app: &App,
    call: &Call<'_>,
    batch: BatchId,
    body: &[u8],
) -> Result<(Reply, Counts), RequestFailure> {
    let (judged, submission) = without_blocking_others(body.len(), || {
        let body = Body {
            bytes: body,
            is_lines: false,
        };
        let judged = judge(call.dialect, &call.context(), body, &app.limits)?;
        let heading = Heading {
            batch,
            dialect: call.dialect.id(),
            operation: call.operation.name,
            key_id: call.authenticated.key_id(),
            received_at_ms: clock::now_ms(),
            organisation: call.organisation.map(|organisation| organisation.id),
            policy: Policy::Partial,
            email_key: app.store.email_key(),
        };
        let submission = prepare(&heading, &judged.slots);
        Ok::<_, RequestFailure>((judged, submission))
    })?;
    let decided = app.store.admit_batch(submission).await;
    let decided = decided.map_err(|error| call.failure(error))?;
    let outcomes = one_outcome_a_slot(&judged.slots, decided.outcomes);
    let answer = Answer::Submitted(Submitted {
        batch,
        root_fits: judged.root_fits,
        slots: &judged.slots,
        outcomes: &outcomes,
        told: Told::default(),
    });
    let reply = call.dialect.encode(call.operation, &answer);
    let reply = reply.with_header("wharfinger-batch-id", batch.to_string());
    Ok((reply, Counts::of(&outcomes)))
}

impl<'c> Call<'c> {
    fn context(&'c self) -> Context<'c> {
        Context {
            operation: self.operation,
            head: &self.head,
            caller: self.authenticated.caller(),
            organisation: self.organisation,
        }
    }

    /// What the caller is told where the store fails; the reason is for the log alone.
    fn failure(&self, error: StoreError) -> RequestFailure {
        let request_id = self.request_id;
        let overloaded = RequestFailure::Overloaded {
            retry_after_s: RETRY_AFTER.as_secs(),
        };
        match error {
            StoreError::Overloaded => overloaded,
            StoreError::Unavailable(why) => {
                // The client is told to come again; why, such as a full disk, is for the operator.
                tracing::error!(
                    request_id,
                    error = why,
                    "The store cannot be used at the moment."
                );
                overloaded
            }
            StoreError::Refused(_) | StoreError::AnswerKept | StoreError::Internal(_) => {
                tracing::error!(request_id, %error, "The store failed.");
                RequestFailure::Internal
            }
        }
    }
}

/// Runs work that takes long on a large body, letting the runtime move other requests to another thread.
fn without_blocking_others<T>(body_bytes: usize, work: impl FnOnce() -> T) -> T {
    if body_bytes >= LARGE_BODY_BYTES {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// Puts the store's outcomes of the good orders between those that were turned down before.
fn one_outcome_a_slot(slots: &[Slot<'_>], decided: Vec<Outcome>) -> Vec<Outcome> {
    let mut decided = decided.into_iter();
    let outcomes: Vec<_> = slots
        .iter()
        .map(|slot| match &slot.verdict {
            Verdict::Good(_) => decided.next().expect("the store answers every good order"),
            Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
                Outcome::Rejected(problems.clone())
            }
        })
        .collect();
    assert!(decided.next().is_none(), "outcome i answers slot i");
    outcomes
}

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
        Ask::Order { .. } | Ask::Withdraw { .. } => Err(RequestFailure::Internal),
    }
}

async fn read_page(
    app: &App,
    call: &Call<'_>,
    query: &Arc<OrderQuery>,
    after: Option<OrderCursor>,
) -> Result<OrderPage, RequestFailure> {
    let request = ReadOrders {
        organisation: organisation(call)?.id,
        dialect: call.dialect.id(),
        query: Arc::clone(query),
        after,
    };
    let page = app.store.orders(request).await;
    page.map_err(|error| call.failure(error))
}

/// Reads one order back; a cancelled one is not shown.
///
/// # Errors
/// There is no such order, or the store cannot be read.
pub async fn show(app: &App, call: &Call<'_>) -> Result<Reply, RequestFailure> {
    let Ask::Order { key } = call.dialect.ask(call.operation, &call.head)? else {
        return Err(RequestFailure::Internal);
    };
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

/// Cancels orders and releases their keys.
///
/// # Errors
/// A parameter is wrong, or the store cannot be written.
pub async fn withdraw(app: &App, call: &Call<'_>) -> Result<Reply, RequestFailure> {
    let Ask::Withdraw { keys } = call.dialect.ask(call.operation, &call.head)? else {
        return Err(RequestFailure::Internal);
    };
    let request = MoveOrders {
        organisation: organisation(call)?.id,
        dialect: call.dialect.id(),
        keys: keys.clone(),
        wanted: Move::Cancel { release_key: true },
        key_id: call.authenticated.key_id().to_owned(),
        remember: None,
    };
    let moved = app.store.move_orders(request).await;
    let moved = moved.map_err(|error| call.failure(error))?;
    let withdrawn: Vec<_> = keys.into_iter().zip(moved.results).collect();
    Ok(call
        .dialect
        .encode(call.operation, &Answer::Withdrawn(&withdrawn)))
}

fn organisation<'c>(call: &Call<'c>) -> Result<&'c Organisation, RequestFailure> {
    call.organisation.ok_or(RequestFailure::OrganisationMissing)
}
