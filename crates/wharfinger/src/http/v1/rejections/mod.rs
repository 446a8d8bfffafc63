//! Rejected orders over all batches: a list, single ones, sending one again, and dismissing one.

mod close;

use std::collections::HashMap;

use axum::response::Response;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::value::RawValue;
use wharfinger_core::dialect::Parameter;
use wharfinger_core::dialect::ParameterKind::{
    Boolean, DateOrTime, JsonPointer, Organisation, Text, Uuid,
};
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::order::organisation::Scope;
use wharfinger_core::order::problem::Code;

use super::answer::{Items, Page, ok, time};
use super::cursor;
use super::input::{self, Listing};
use super::parameters::{AFTER, DIALECT, LIMIT, ORGANISATION, query};
use super::problems::{self, Problem};
use super::route::{Kind, Route};
use crate::http::describe::{Bodies, Content, object, reference};
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::store::{
    Closed, Dismissed, ReadRejections, RecordedOutcome, RejectedOrder, RejectionId, Store,
};

/// Routes of rejected orders over all batches.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "list_rejections",
        method: "GET",
        path: "/v1/rejections",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "List rejected orders of all batches, newest batch first",
        parameters: FILTERS,
        bodies: Bodies::page::<RejectionView>,
        handler: |r| Box::pin(list(r.app, r.call)),
    },
    Route {
        name: "show_rejection",
        method: "GET",
        path: "/v1/rejections/{id}",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "Show a rejected order as it was sent, with its errors",
        parameters: &[],
        bodies: Bodies::one::<ShownRejection>,
        handler: |r| Box::pin(show(r.app, r.call)),
    },
    Route {
        name: "resubmit_rejection",
        method: "POST",
        path: "/v1/rejections/{id}/resubmit",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::TakesOneOrder,
        summary: "Send a rejected order again, mended or as it was sent",
        parameters: &[
            query(
                "organisation",
                Organisation,
                "The organisation of an order that does not name one. Default: that of the rejected order",
            ),
            query("dry_run", Boolean, "Judge the order and store nothing"),
        ],
        bodies: resubmit_bodies,
        handler: |r| Box::pin(close::resubmit(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "dismiss_rejection",
        method: "POST",
        path: "/v1/rejections/{id}/dismiss",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::Plain,
        summary: "Dismiss a rejected order: it is not open any more",
        parameters: &[],
        bodies: dismiss_bodies,
        handler: |r| Box::pin(close::dismiss(r.app, r.call, r.headers, r.body)),
    },
];

/// Parameters of the list.
const FILTERS: &[Parameter] = &[
    ORGANISATION,
    DIALECT,
    query(
        "since",
        DateOrTime,
        "Only orders received at this time or later",
    ),
    query("until", DateOrTime, "Only orders received before this time"),
    query("code", Text, "Only orders with an error of this code"),
    query(
        "pointer",
        JsonPointer,
        "Only orders with an error at this pointer; a step `*` stands for any position in an array. With `code`: of that code",
    ),
    query("key", Text, "Only orders with this order key"),
    query("batch", Uuid, "Only orders of this batch"),
    query(
        "open",
        Boolean,
        "`true`: only orders that are neither mended nor dismissed",
    ),
    LIMIT,
    AFTER,
];

/// A rejected order.
#[derive(Clone, JsonSchema, Serialize)]
#[schemars(rename = "Rejection")]
struct RejectionView {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    #[schemars(extend("format" = "uuid"))]
    batch_id: String,
    /// The order's position in the batch, from 0.
    index: u32,
    /// Null if it is not known.
    organisation: Option<String>,
    dialect: String,
    /// The order key. Null if none could be read, and after an erasure.
    key: Option<String>,
    /// The API key that sent the order.
    key_id: String,
    #[schemars(extend("format" = "date-time"))]
    received_at: String,
    #[schemars(extend("enum" = ["open", "mended", "dismissed"]))]
    status: &'static str,
    /// What mended it. Absent if the caller cannot see that order.
    #[serde(skip_serializing_if = "Option::is_none")]
    mended_by: Option<MendedByView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dismissed: Option<DismissedView>,
    /// In lists at most 20: first those that the parameters `code` and `pointer` name.
    errors: Vec<Problem>,
    /// How many errors the order has.
    errors_total: usize,
}

/// A dismissed order.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DismissedRejection")]
struct DismissedRejection {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    #[schemars(extend("enum" = ["dismissed"]))]
    status: &'static str,
    dismissed: DismissedView,
}

/// The order that mended a rejected one.
#[derive(Clone, JsonSchema, Serialize)]
#[schemars(rename = "MendedBy")]
struct MendedByView {
    /// The batch that the order was sent again in.
    #[schemars(extend("format" = "uuid"))]
    batch_id: String,
    #[schemars(extend("format" = "uuid"))]
    order_id: String,
}

/// The dismissal of a rejected order.
#[derive(Clone, JsonSchema, Serialize)]
#[schemars(rename = "Dismissed")]
struct DismissedView {
    #[schemars(extend("format" = "date-time"))]
    at: String,
    /// The API key that dismissed it.
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A rejected order with its text.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ShownRejection")]
struct ShownRejection {
    #[serde(flatten)]
    rejection: RejectionView,
    /// The line of the order, from 1, in an NDJSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// The name that the sender gave the order in the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The order as it was sent; null if it was not JSON, or is no longer kept.
    #[schemars(with = "serde_json::Value")]
    order: Option<Box<RawValue>>,
    /// The text that was sent, if it was not JSON and is still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_text: Option<String>,
    /// Warnings about the order, such as a misspelt attribute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Problem>,
}

fn resubmit_bodies(generator: &mut SchemaGenerator) -> Bodies {
    let schemas = dialects::answer_schemas(generator);
    let answer = || Content::json(schemas.batch.clone());
    let (stored, not_stored) = (answer(), answer());
    let order = serde_json::json!({
        "description": "The mended order, in the dialect of the rejected one. Without a body: the order as it was sent",
        "anyOf": [reference("Order"), {"type": "object"}],
    });
    Bodies::answering(vec![
        (
            200,
            "The order was stored, and the rejected one is mended",
            vec![stored],
        ),
        (
            422,
            "The order was rejected again",
            vec![not_stored, Content::problem(generator)],
        ),
    ])
    .may_have(Content::json(order))
}

fn dismiss_bodies(generator: &mut SchemaGenerator) -> Bodies {
    let note = serde_json::json!({
        "type": ["string", "null"],
        "maxLength": close::NOTE_CHARS_MAX,
        "description": "Why. Do not name persons",
    });
    let request = Content::json(object(&[], &serde_json::json!({"note": note})));
    Bodies::one::<DismissedRejection>(generator).may_have(request)
}

/// Codes of the organisations that the caller can access.
type Codes = HashMap<OrganisationId, String>;

fn codes(call: &Call<'_>) -> Codes {
    let reached = call.authenticated.caller().reached().into_iter();
    reached
        .map(|organisation| (organisation.id, organisation.code.clone()))
        .collect()
}

/// Errors of an item of a list, at most.
const ERRORS_LISTED_MAX: usize = 20;

/// The errors of a rejected order, and how many it has. Those of a list are few: first those that were asked for.
fn errors_of(order: &RejectedOrder, list: Option<&ReadRejections>) -> (Vec<Problem>, usize) {
    let RecordedOutcome::Rejected(rejection) = &order.recorded.outcome else {
        return (Vec::new(), 0);
    };
    let mut some: Vec<_> = rejection.errors.iter().collect();
    if let Some(request) = list {
        some.sort_by_key(|error| !request.wants(error));
        some.truncate(ERRORS_LISTED_MAX);
    }
    let names = problems::names(&order.dialect);
    let errors = problems::some_errors(rejection, &some, names);
    (errors, rejection.errors.len())
}

fn dismissed_view(dismissed: &Dismissed) -> DismissedView {
    DismissedView {
        at: time(dismissed.at_ms),
        key_id: dismissed.key_id.clone(),
        note: dismissed.note.clone(),
    }
}

/// A rejected order as it is shown, alone or in the page of a list.
fn view(order: &RejectedOrder, codes: &Codes, list: Option<&ReadRejections>) -> RejectionView {
    let recorded = &order.recorded;
    let (errors, errors_total) = errors_of(order, list);
    let (status, mended_by, dismissed) = match &order.closed {
        None => ("open", None, None),
        Some(Closed::Mended(by)) => {
            let by = by.map(|by| MendedByView {
                batch_id: by.batch.to_string(),
                order_id: by.order.to_string(),
            });
            ("mended", by, None)
        }
        Some(Closed::Dismissed(dismissed)) => ("dismissed", None, Some(dismissed_view(dismissed))),
    };
    RejectionView {
        id: order.batch.order(recorded.index).to_string(),
        batch_id: order.batch.to_string(),
        index: recorded.index,
        organisation: recorded.organisation.and_then(|id| codes.get(&id).cloned()),
        dialect: order.dialect.clone(),
        key: recorded.key.clone(),
        key_id: order.key_id.clone(),
        received_at: time(order.received_at_ms),
        status,
        mended_by,
        dismissed,
        errors,
        errors_total,
    }
}

/// Lists rejected orders.
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
    let dialect = query.read("dialect", "the name of a dialect", dialects::find)?;
    let batch = query.read("batch", "the id of a batch", |text| {
        let id = uuid::Uuid::try_parse(text).ok();
        let id = id.filter(|_| text.len() == 36);
        id.map(|id| BatchId::from_bytes(id.into_bytes()))
    })?;
    let open = query.read("open", "true or false", |text| text.parse::<bool>().ok())?;
    let after = listing.after.map(|after| cursor::read("rejections", after));
    let from = after.transpose()?.map(|(batch, index)| RejectionId {
        batch: BatchId::from_bytes(batch),
        index,
    });
    let text = |name| query.get(name).map(str::to_owned);
    let request = ReadRejections {
        visible: call.visible(),
        organisation,
        dialect: dialect.map(|dialect| dialect.id().to_owned()),
        received_from_ms: listing.time("since")?,
        // The parameter is exclusive, the store's bound inclusive.
        received_to_ms: listing.time("until")?.map(|until| until - 1),
        code: query.read("code", "the code of an error, such as required", known_code)?,
        pointer: query.read(
            "pointer",
            "empty, or a JSON pointer that begins with /",
            |text| (text.is_empty() || text.starts_with('/')).then(|| text.to_owned()),
        )?,
        key: text("key"),
        batch,
        is_open: open == Some(true),
        from,
        limit: listing.limit,
    };
    let page = app.store.rejections(request.clone()).await;
    let page = page.map_err(|error| call.failure(error))?;
    let codes = codes(call);
    let (mut items, mut next) = (Items::default(), page.next);
    for of in &page.orders {
        if !items.add(&view(of, &codes, Some(&request))) {
            next = Some(RejectionId {
                batch: of.batch,
                index: of.recorded.index,
            });
            break;
        }
    }
    Ok(ok(&Page {
        data: items.data,
        next: next.map(|next| cursor::write("rejections", &(next.batch.to_bytes(), next.index))),
    }))
}

/// The code of an error, if there is such a code.
fn known_code(text: &str) -> Option<String> {
    let mut known = Code::EXAMPLES.iter();
    let is_known = known.any(|code| code.id() == text);
    is_known.then(|| text.to_owned())
}

/// Shows a rejected order.
async fn show(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let found = find(&app.store, call).await?;
    let rejection = view(&found, &codes(call), None);
    let recorded = found.recorded;
    let text = text(recorded.outcome);
    let (order, order_text) = match text {
        None => (None, None),
        Some(text) => match RawValue::from_string(text.clone()) {
            Ok(order) => (Some(order), None),
            Err(_) => (None, Some(text)),
        },
    };
    Ok(ok(&ShownRejection {
        rejection,
        line: recorded.line,
        name: recorded.name,
        order,
        order_text,
        warnings: problems::warnings(&recorded.warnings),
    }))
}

/// The text of a rejected order, if it is still kept.
fn text(outcome: RecordedOutcome) -> Option<String> {
    match outcome {
        RecordedOutcome::Rejected(rejection) => rejection.text,
        RecordedOutcome::Accepted(_)
        | RecordedOutcome::Updated(..)
        | RecordedOutcome::Unchanged(..)
        | RecordedOutcome::Withheld => None,
    }
}

/// The id in the path.
fn id(call: &Call<'_>) -> Result<RejectionId, RequestFailure> {
    let id = input::id(call, "Rejection")?;
    let order = OrderId::from_bytes(id.into_bytes());
    let index = order.index();
    let index = index.ok_or_else(|| input::not_found("Rejection", &id))?;
    Ok(RejectionId {
        batch: order.batch(),
        index,
    })
}

/// The rejected order in the path, if the caller may see it.
async fn find(store: &Store, call: &Call<'_>) -> Result<RejectedOrder, RequestFailure> {
    let id = id(call)?;
    let found = store.rejection(id, &call.visible()).await;
    let found = found.map_err(|error| call.failure(error))?;
    found.ok_or_else(|| not_found(id))
}

/// The failure for a rejected order that does not exist, or that the caller may not see.
fn not_found(id: RejectionId) -> RequestFailure {
    input::not_found("Rejection", &id.batch.order(id.index))
}
