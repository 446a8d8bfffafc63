//! Orders of every dialect.

use std::sync::LazyLock;

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;
use wharfinger_core::convert::{self, ReadBack, RenderAs};
use wharfinger_core::dialect::ParameterKind::{
    self, Boolean, DateOrTime, Form, Number, OneOf, Text,
};
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialect::{Dialect, Reply};
use wharfinger_core::dialects;
use wharfinger_core::limits::{KEY_CHARS_MAX, NUMBER_MAX};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::{BatchId, OrderId};
use wharfinger_core::order::organisation::Scope;
use wharfinger_core::order::outcome::State;
use wharfinger_core::rules::Hold;

use super::super::answer::respond;
use super::answer::{OrderPage, Page, ok, time};
use super::held::HoldView;
use super::input::Listing;
use super::order_forms::{InForm, Rendered, render_page};
use super::parameters::{AFTER, DIALECT, LIMIT, ORGANISATION, PAGE, query};
use super::route::{Kind, Route};
use super::{cursor, input, order_cursor};
use crate::http::describe::{Bodies, Content, reference};
use crate::intake::app::App;
use crate::intake::readback::keep_address;
use crate::intake::request_context::Call;
use crate::store::{EventKind, FoundOrder, HistoryCursor, HistoryEntry, HistoryKind, ListOrders};

/// Routes of orders.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "list_orders",
        method: "GET",
        path: "/v1/orders",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "List orders of every dialect",
        parameters: &[
            ORGANISATION,
            query("state", OneOf(&State::NAMES), "Only orders in this state"),
            DIALECT,
            query("key", Text, "Only orders with this order key"),
            query(
                "key_prefix",
                ParameterKind::Prefix(KEY_CHARS_MAX),
                "Only orders whose key begins with this text, in the order of their keys",
            ),
            query(
                "number",
                Number(1, NUMBER_MAX),
                "Only orders with this order number",
            ),
            query(
                "email",
                Text,
                "Only orders whose customer has this e-mail address",
            ),
            query(
                "batch",
                ParameterKind::Uuid,
                "Only orders first submitted in this batch",
            ),
            query(
                "created_after",
                DateOrTime,
                "Only orders created at this time or later; a date is 00:00 UTC of this day",
            ),
            query(
                "created_before",
                DateOrTime,
                "Only orders created before this time",
            ),
            query(
                "updated_after",
                DateOrTime,
                "Only orders changed at this time or later, in the order of their latest change",
            ),
            query(
                "as",
                Form,
                "The form of each order: a dialect, or `submitted` for the text as it was sent",
            ),
            query(
                "order",
                OneOf(&["created", "newest"]),
                "`newest`: the newest orders of all organisations first",
            ),
            query(
                "total",
                Boolean,
                "Whether to tell how many orders match, where counters have the number",
            ),
            LIMIT,
            AFTER,
        ],
        bodies: |generator| {
            let in_form = generator.subschema_for::<InForm>();
            let entry = json!({
                "description": "The order; with the parameter `as`, the order in that form, and what it is about.",
                "anyOf": [reference("Order"), in_form],
            });
            let total = json!({
                "type": "integer",
                "minimum": 0,
                "description": "How many orders match, with `total=true` and no filters besides `organisation`, `dialect` and `state`",
            });
            Bodies::page_with(&entry, &json!({"total": total}))
        },
        handler: |r| Box::pin(list(r.app, r.call)),
    },
    Route {
        name: "show_order",
        method: "GET",
        path: "/v1/orders/{id}",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "Show an order, in the form of any dialect",
        parameters: &[query(
            "as",
            Form,
            "The form of the response: a dialect, or `submitted` for the text exactly as it was sent",
        )],
        bodies: |_| {
            let order = json!({
                "description": "The order; with the parameter `as`, in that form.",
                "anyOf": [reference("Order"), {"type": "object"}],
            });
            Bodies::ok("The order", Content::json(order))
        },
        handler: |r| Box::pin(show(r.app, r.call)),
    },
    Route {
        name: "show_history",
        method: "GET",
        path: "/v1/orders/{id}/history",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "List the revisions and state changes of an order",
        parameters: PAGE,
        bodies: Bodies::page::<HistoryEntryView>,
        handler: |r| Box::pin(history(r.app, r.call)),
    },
];

/// An order in a response.
fn view(found: &FoundOrder) -> Result<ReadBack<'_>, RequestFailure> {
    let dialect = dialects::find(&found.dialect).ok_or(RequestFailure::Internal)?;
    Ok(ReadBack::of(&found.order, dialect))
}

/// Shows an order.
async fn show(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let query = Query::new(&call.head, call.operation)?;
    let form = query.read("as", &forms(), RenderAs::named)?;
    let found = find(app, call).await?;
    match form {
        Some(form) => rendered(&found, form),
        None => Ok(ok(&view(&found)?)),
    }
}

/// The valid values of the parameter `as`.
pub(super) fn forms() -> String {
    format!("{} or submitted", dialects::ids())
}

/// An order in the requested form. A header field lists what the form requires and the order lacks.
fn rendered(found: &FoundOrder, form: RenderAs) -> Result<Response, RequestFailure> {
    let from = dialects::find(&found.dialect).ok_or(RequestFailure::Internal)?;
    let rendered = convert::render(&found.order, from, form);
    let mut headers = Vec::new();
    if !rendered.missing.is_empty() {
        headers.push(("wharfinger-missing", rendered.missing.join(", ")));
    }
    Ok(respond(Reply {
        status: 200,
        headers,
        content_type: "application/json",
        body: rendered.body,
    }))
}

/// The order in the path.
pub(super) async fn find(app: &App, call: &Call<'_>) -> Result<FoundOrder, RequestFailure> {
    let id = input::id(call, "Order")?;
    let reach = call.authenticated.caller().reach;
    let order = OrderId::from_bytes(id.into_bytes());
    let found = app.store.order(order, reach).await;
    let found = found.map_err(|error| call.failure(error))?;
    found.ok_or_else(|| input::not_found("Order", &id))
}

/// The states that orders can be listed by.
static STATES: LazyLock<String> = LazyLock::new(|| State::NAMES.join(", "));

/// One entry of the history of an order.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "HistoryEntry")]
struct HistoryEntryView {
    #[schemars(extend("enum" = EventKind::names_of_orders().collect::<Vec<_>>()))]
    r#type: &'static str,
    #[schemars(extend("format" = "date-time"))]
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    /// The batch that the revision was submitted in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    batch_id: Option<String>,
    /// The submitted text, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "serde_json::Value")]
    order: Option<Box<RawValue>>,
    /// Why a rule holds the order as of this revision: the rule, its sentence, and an error if it could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<HoldView>")]
    held: Option<Hold>,
    /// What was noted when the held order was released or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The API key that sent the revision or made the change. Absent if the receipt of the revision's batch is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
}

/// Encoding of a history cursor: the next revision, and the next change that is not a revision.
type Position = (Option<i64>, Option<i64>);

/// Lists what happened to an order, latest first.
async fn history(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let after = listing.after.map(|after| cursor::read("history", after));
    let after = after.transpose()?;
    let after = after.map(|(revision, change): Position| HistoryCursor { revision, change });
    let id = input::id(call, "Order")?;
    let order = OrderId::from_bytes(id.into_bytes());
    let reach = call.authenticated.caller().reach;
    let found = app.store.history(order, reach, after, listing.limit).await;
    let found = found.map_err(|error| call.failure(error))?;
    let history = found.ok_or_else(|| input::not_found("Order", &id))?;
    let next = history.next.map(|next| {
        let position: Position = (next.revision, next.change);
        cursor::write("history", &position)
    });
    let data: Result<Vec<_>, _> = history.entries.into_iter().map(entry_view).collect();
    let data = data?;
    Ok(ok(&Page { data, next }))
}

fn entry_view(entry: HistoryEntry) -> Result<HistoryEntryView, RequestFailure> {
    let at = time(entry.at_ms);
    Ok(match entry.what {
        HistoryKind::Revision(revision) => HistoryEntryView {
            r#type: revision.kind.name(),
            held: revision.hold,
            note: None,
            at,
            revision: Some(revision.revision),
            batch_id: Some(revision.batch.to_string()),
            order: Some(verbatim(revision.text)?),
            key_id: revision.key_id,
        },
        HistoryKind::Change { kind, key_id, note } => HistoryEntryView {
            r#type: kind.name(),
            held: None,
            note,
            at,
            revision: None,
            batch_id: None,
            order: None,
            key_id: Some(key_id),
        },
    })
}

/// Stored JSON, to be returned byte for byte.
fn verbatim(json: String) -> Result<Box<RawValue>, RequestFailure> {
    RawValue::from_string(json).map_err(|error| {
        tracing::error!(%error, "A stored order is not valid JSON.");
        RequestFailure::Internal
    })
}

/// Lists orders by filters, across all organisations that the key can access.
async fn list(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let mut request = asked_for(call, &listing)?;
    order_cursor::check_order(&request)?;
    let listed_by = request.listed_by();
    let after = listing.after;
    let after = after.map(|after| order_cursor::read(listed_by, after));
    request.after = after.transpose()?;
    let form = listing.query.read("as", &forms(), RenderAs::named)?;
    let (mut limit, after) = (request.limit, request.after.clone());
    loop {
        let page = app.store.list(request).await;
        let page = page.map_err(|error| call.failure(error))?;
        let next = page.next.as_ref();
        let next = next.map(|next| order_cursor::write(listed_by, next));
        let Some(form) = form else {
            let data: Result<Vec<_>, _> = page.orders.iter().map(view).collect();
            let (data, total) = (data?, page.total);
            return Ok(ok(&OrderPage { data, next, total }));
        };
        match render_page(app, &page, next, form).await? {
            Rendered::Page(response) => return Ok(response),
            Rendered::FullAfter(count) => limit = limit.min(count),
        }
        // Only the store knows the cursor after the last order that fits.
        request = asked_for(call, &listing)?;
        request.after.clone_from(&after);
        request.limit = limit;
    }
}

/// Reads the parameters of a list.
fn asked_for(call: &Call<'_>, listing: &Listing<'_>) -> Result<ListOrders, RequestFailure> {
    let query = &listing.query;
    let organisations = input::organisations(call, query)?;
    let mut request = ListOrders::all(organisations, listing.limit);
    let state = query.read("state", &STATES, State::named)?;
    if let Some(state) = state {
        request.states = vec![state];
    }
    let dialect = query.read("dialect", &dialects::ids(), dialects::find)?;
    request.dialect = dialect.map(Dialect::id);
    request.key = query.get("key").map(str::to_owned);
    let wanted = format!("the beginning of a key, 1 to {KEY_CHARS_MAX} characters");
    request.key_prefix = query.read("key_prefix", &wanted, |prefix| {
        let is_possible = (1..=KEY_CHARS_MAX).contains(&prefix.chars().count());
        is_possible.then(|| prefix.to_owned())
    })?;
    let wanted = format!("a number from 1 to {NUMBER_MAX}");
    request.number = query.read("number", &wanted, |number| {
        let number = number.parse().ok()?;
        (1..=NUMBER_MAX).contains(&number).then_some(number)
    })?;
    let batch = query.read("batch", "a UUID", |batch| Uuid::try_parse(batch).ok())?;
    request.batch = batch.map(|batch| BatchId::from_bytes(batch.into_bytes()));
    let order = query.read("order", "created or newest", |order| match order {
        "created" => Some(false),
        "newest" => Some(true),
        _ => None,
    })?;
    request.newest_first = order.unwrap_or_default();
    let with_total = query.read("total", "true or false", |value| value.parse().ok())?;
    request.with_total = with_total.unwrap_or_default();
    request.created_from_ms = listing.time("created_after")?;
    request.created_before_ms = listing.time("created_before")?;
    request.updated_from_ms = listing.time("updated_after")?;
    if let Some(address) = query.get("email") {
        request.email = Some(address.to_owned());
        request.keep = Some(keep_address(address));
    }
    Ok(request)
}
