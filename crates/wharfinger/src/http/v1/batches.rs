//! Receipts: the outcome of every batch and of each of its orders.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::dialect::ParameterKind::{DateOrTime, OneOf, Text, Uuid};
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialects;
use wharfinger_core::json::NameCase;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::organisation::Scope;
use wharfinger_core::order::outcome::BatchStatus;

use super::answer::{Items, Page, ok, time};
use super::cursor;
use super::input::{self, Listing};
use super::parameters::{AFTER, DIALECT, LIMIT, ORGANISATION, query};
use super::problems::{self, Problem};
use super::route::{Kind, Route};
use crate::http::describe::{Bodies, Content, LINES};
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::runtime::turns::Caller;
use crate::store::{
    OutcomeKind, ReadReceipts, ReadResults, ReceiptHead, Recorded, RecordedOutcome, Store,
    StoreError,
};

/// Routes of receipts.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "list_batches",
        method: "GET",
        path: "/v1/batches",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "List receipts, newest first",
        parameters: &[
            ORGANISATION,
            DIALECT,
            query(
                "status",
                OneOf(&["complete", "partial", "rejected"]),
                "Only batches with this status",
            ),
            query(
                "received_after",
                DateOrTime,
                "Only batches received at this time or later",
            ),
            query(
                "received_before",
                DateOrTime,
                "Only batches received before this time",
            ),
            query("import", Uuid, "Only the batches of this import"),
            query("key_id", Text, "Only batches that this API key sent"),
            LIMIT,
            AFTER,
        ],
        bodies: Bodies::page::<Receipt>,
        handler: |r| Box::pin(list(r.app, r.call)),
    },
    Route {
        name: "show_batch",
        method: "GET",
        path: "/v1/batches/{id}",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "Show a receipt",
        parameters: &[],
        bodies: Bodies::one::<Receipt>,
        handler: |r| Box::pin(show(r.app, r.call)),
    },
    Route {
        name: "list_results",
        method: "GET",
        path: "/v1/batches/{id}/results",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "List the outcome of each order of a batch",
        parameters: &[
            query(
                "outcome",
                OneOf(&["accepted", "updated", "unchanged", "rejected", "withheld"]),
                "Only orders with this outcome",
            ),
            LIMIT,
            AFTER,
        ],
        bodies: |generator| {
            let about = "All results, one per line, if the Accept header asks for this media type";
            Bodies::page::<OrderResult>(generator).or(Content::text(LINES[0], about))
        },
        handler: |r| Box::pin(results(r.app, r.call, r.headers)),
    },
];

/// Orders per read of a stream.
const CHUNK_ORDERS: usize = 500;

/// The receipt of a batch. It counts the orders that the caller can see.
#[derive(JsonSchema, Serialize)]
struct Receipt {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    dialect: String,
    /// The organisations of the orders, at most the first 100.
    #[schemars(length(max = 100))]
    organisations: Vec<String>,
    /// How many there are.
    organisations_total: u64,
    /// The API key that sent the batch.
    key_id: String,
    #[schemars(extend("format" = "date-time"))]
    received_at: String,
    duration_ms: u64,
    /// The batch whose rejected orders were sent again. Absent if the caller cannot see that batch. If its receipt was
    /// purged, only the key that sent this batch sees the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    mends: Option<String>,
    #[schemars(extend("enum" = BatchStatus::ALL.map(BatchStatus::name)))]
    status: &'static str,
    received: u64,
    accepted: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    withheld: u64,
    /// How many of the rejected orders were sent again and accepted since.
    mended: u64,
    /// The name of the file that the orders were read from, as the sender gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    /// Orders with warnings, whatever their outcome.
    warned: u64,
    /// At most 100 kinds of warnings, each with the first order that has it. Lists of receipts omit them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<ReceiptWarning>,
}

/// A kind of warning about orders of a batch.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ReceiptWarning")]
struct ReceiptWarning {
    /// The position in the batch of the first such order, from 0.
    index: u32,
    #[serde(flatten)]
    warning: Problem,
}

/// The outcome of one order of a batch.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "RecordedOutcome")]
struct OrderResult {
    /// The order's position in the batch, from 0.
    index: u32,
    /// The line of the order, from 1, in an NDJSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    /// The id of a rejected order among rejections.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    rejection_id: Option<String>,
    /// The name that the sender gave the order in the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[schemars(extend("enum" = OutcomeKind::ALL.map(OutcomeKind::name)))]
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    /// If the order was split: the order numbers of all parts, its own first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    orders: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Problem>,
    /// Warnings about the order, whether it was accepted or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Problem>,
}

/// Lists receipts, newest first.
async fn list(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let query = &listing.query;
    let organisation = match query.get("organisation") {
        Some(code) => {
            let organisation = call.authenticated.caller().organisation(code);
            Some(organisation.ok_or(RequestFailure::OrganisationUnknown)?.id)
        }
        None => None,
    };
    let status = query.read("status", "complete, partial or rejected", |name| {
        BatchStatus::ALL
            .into_iter()
            .find(|status| status.name() == name)
    })?;
    let dialect = query.read("dialect", "the name of a dialect", dialects::find)?;
    let import = query.read("import", "a UUID", |text| uuid::Uuid::try_parse(text).ok())?;
    let after = listing.after.map(|after| cursor::read("batches", after));
    let request = ReadReceipts {
        visible: call.visible(),
        organisation,
        received_from_ms: listing.time("received_after")?,
        // The parameter is exclusive, the store's bound inclusive.
        received_to_ms: listing.time("received_before")?.map(|before| before - 1),
        status,
        dialect: dialect.map(|dialect| dialect.id().to_owned()),
        import,
        key_id: query.get("key_id").map(str::to_owned),
        after: after.transpose()?.map(BatchId::from_bytes),
        limit: listing.limit,
    };
    let page = app.store.receipts(request).await;
    let page = page.map_err(|error| call.failure(error))?;
    let codes = codes(call);
    Ok(ok(&Page {
        data: page
            .receipts
            .iter()
            .map(|head| view(head, &codes))
            .collect(),
        next: page
            .next
            .map(|batch| cursor::write("batches", &batch.to_bytes())),
    }))
}

/// Shows a receipt.
async fn show(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let head = find(app, call).await?;
    Ok(ok(&view(&head, &codes(call))))
}

/// Lists the outcome of each order, in pages. As NDJSON, lists all of them.
async fn results(
    app: &Arc<App>,
    call: &Call<'_>,
    headers: &HeaderMap,
) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let only = listing
        .query
        .read("outcome", "the name of an outcome", |name| {
            OutcomeKind::ALL
                .into_iter()
                .find(|kind| kind.name() == name)
        })?;
    let after = listing.after.map(|after| cursor::read("results", after));
    let head = find(app, call).await?;
    let names = problems::names(&head.dialect);
    let request = ReadResults {
        batch: head.id,
        visible: call.visible(),
        only,
        after: after.transpose()?,
        limit: listing.limit,
    };
    let (batch, codes) = (head.id, codes(call));
    let accept = headers.get("accept").and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("ndjson") || accept.contains("jsonl")) {
        let lines =
            all(app, request).map_ok(move |recorded| line(&result(recorded, batch, &codes, names)));
        return Ok(streamed("application/x-ndjson", lines));
    }
    let page = app.store.results(request).await;
    let page = page.map_err(|error| call.failure(error))?;
    let (mut items, mut last, mut next) = (Items::default(), None, page.next);
    for recorded in page.results {
        let index = recorded.index;
        if !items.add(&result(recorded, batch, &codes, names)) {
            next = last;
            break;
        }
        last = Some(index);
    }
    Ok(ok(&Page {
        data: items.data,
        next: next.map(|index| cursor::write("results", &index)),
    }))
}

/// All matching results, read page by page.
pub(super) fn all(
    app: &Arc<App>,
    request: ReadResults,
) -> impl Stream<Item = Result<Recorded, StoreError>> + Send + use<> {
    let store: Arc<Store> = Arc::clone(&app.store);
    let first = Some(ReadResults {
        limit: CHUNK_ORDERS,
        ..request
    });
    let caller = Caller::current();
    let start = (store, caller, first);
    let pages = futures_util::stream::unfold(start, |(store, caller, next)| async move {
        let request = next?;
        let page = caller.run(store.results(request.clone())).await;
        match page {
            Ok(page) => {
                let next = page.next.map(|after| ReadResults {
                    after: Some(after),
                    ..request
                });
                let results: Vec<_> = page.results.into_iter().map(Ok).collect();
                Some((results, (store, caller, next)))
            }
            Err(error) => Some((vec![Err(error)], (store, caller, None))),
        }
    });
    pages.flat_map(futures_util::stream::iter)
}

/// A response with a streamed body. If reading fails, the connection is closed, because the status was sent already.
pub(super) fn streamed(
    media_type: &'static str,
    pieces: impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static,
) -> Response {
    let mut response = Response::new(Body::from_stream(pieces));
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert("content-type", media_type);
    response
}

fn line(value: &impl Serialize) -> Bytes {
    let mut line = serde_json::to_vec(value).expect("wire structs hold only text keys");
    line.push(b'\n');
    line.into()
}

/// The receipt in the path, limited to what the caller may see.
pub(super) async fn find(app: &App, call: &Call<'_>) -> Result<ReceiptHead, RequestFailure> {
    let id = input::id(call, "Batch")?;
    let batch = BatchId::from_bytes(id.into_bytes());
    let found = app.store.receipt(batch, &call.visible()).await;
    let found = found.map_err(|error| call.failure(error))?;
    found.ok_or_else(|| input::not_found("Batch", &id))
}

/// Codes of the organisations that the caller can access.
type Codes = HashMap<OrganisationId, String>;

fn codes(call: &Call<'_>) -> Codes {
    let reached = call.authenticated.caller().reached().into_iter();
    reached
        .map(|organisation| (organisation.id, organisation.code.clone()))
        .collect()
}

fn view(head: &ReceiptHead, codes: &Codes) -> Receipt {
    let organisations = head.organisations.iter();
    let counts = head.counts;
    Receipt {
        id: head.id.to_string(),
        dialect: head.dialect.clone(),
        organisations: organisations
            .filter_map(|id| codes.get(id).cloned())
            .collect(),
        organisations_total: head.organisations_total,
        key_id: head.key_id.clone(),
        received_at: time(head.received_at_ms),
        duration_ms: head.duration_ms,
        mends: head.mends.map(|mended| mended.to_string()),
        status: counts.status().name(),
        received: counts.received(),
        accepted: counts.accepted,
        updated: counts.updated,
        unchanged: counts.unchanged,
        rejected: counts.rejected,
        withheld: counts.withheld,
        mended: head.mended,
        file_name: head.file_name.clone(),
        warned: head.warned,
        warnings: head
            .warnings
            .iter()
            .map(|kind| ReceiptWarning {
                index: kind.index,
                warning: problems::warning(&kind.warning),
            })
            .collect(),
    }
}

fn result(recorded: Recorded, batch: BatchId, codes: &Codes, names: NameCase) -> OrderResult {
    let outcome = recorded.outcome.kind().name();
    let is_rejected = recorded.outcome.kind() == OutcomeKind::Rejected;
    let (order, revision, errors) = match recorded.outcome {
        RecordedOutcome::Accepted(order) => (Some(order), Some(1), Vec::new()),
        RecordedOutcome::Updated(order, revision) | RecordedOutcome::Unchanged(order, revision) => {
            (Some(order), Some(revision), Vec::new())
        }
        RecordedOutcome::Rejected(rejection) => {
            let errors = problems::errors(&rejection, names);
            (None, None, errors)
        }
        RecordedOutcome::Withheld => (None, None, Vec::new()),
    };
    OrderResult {
        index: recorded.index,
        line: recorded.line,
        organisation: recorded.organisation.and_then(|id| codes.get(&id).cloned()),
        rejection_id: is_rejected.then(|| batch.order(recorded.index).to_string()),
        name: recorded.name,
        key: recorded.key,
        outcome,
        order_id: order.map(|order| order.to_string()),
        number: recorded.number,
        orders: recorded.parts,
        revision,
        errors,
        warnings: problems::warnings(&recorded.warnings),
    }
}
