//! Imports: batches that are too large for one request.

mod receive;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response, Sse, sse};
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;
use wharfinger_core::dialect::Parameter;
use wharfinger_core::dialect::ParameterKind::{
    Boolean, Dialect, FileName, Number, OneOf, Organisation,
};
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::Scope;

use super::answer::{Page, ok, time};
use super::cursor;
use super::input::{self, Listing};
use super::parameters::{PAGE, query};
use super::problems::Problem;
use super::route::{Kind, Route};
use crate::http::describe::{Bodies, Content, EVENTS, LINES};
use crate::intake::app::App;
use crate::intake::request_context::{Call, OwnedCall};
use crate::runtime::turns::on_behalf_of;
use crate::store::{Import, ImportEnd, ImportState};

/// Routes of imports.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "receive_import",
        method: "PUT",
        path: "/v1/imports/{id}",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::TakesOrders,
        summary: "Import a file of orders, or the next part of it",
        parameters: &[
            query(
                "organisation",
                Organisation,
                "The organisation of orders that do not name one",
            ),
            query(
                "dialect",
                Dialect,
                "The dialect of the orders. Default: `native`",
            ),
            query("dry_run", Boolean, "Judge all lines and store nothing"),
            Parameter::header(
                "import-offset",
                Number(0, u64::MAX),
                "Number of lines that are already committed. Default: 0",
            ),
            Parameter::header(
                "wharfinger-file-name",
                FileName,
                "The name of the file that the orders were read from, percent-encoded UTF-8. The receipts name it",
            ),
            Parameter::header(
                "import-complete",
                OneOf(&["?0", "?1"]),
                "`?0`: another request will send more lines. `?1`: this request sends the last ones. Default: `?1`",
            ),
        ],
        bodies: |generator| {
            let lines = |media_type| Content::text(media_type, "One order per line");
            let [media_type, other] = LINES;
            Bodies::one::<ImportView>(generator)
                .may_have(lines(media_type))
                .may_have(lines(other))
        },
        handler: |r| Box::pin(receive::receive(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "list_imports",
        method: "GET",
        path: "/v1/imports",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "List the imports of the calling key, newest first",
        parameters: PAGE,
        bodies: Bodies::page::<ImportView>,
        handler: |r| Box::pin(list(r.app, r.call)),
    },
    Route {
        name: "show_import",
        method: "GET",
        path: "/v1/imports/{id}",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "Show the progress of an import",
        parameters: &[],
        bodies: |generator| {
            let about = "The import each time its progress changes, until it ends, if the Accept header asks for this media type";
            Bodies::one::<ImportView>(generator).or(Content::text(EVENTS, about))
        },
        handler: |r| Box::pin(show(r.app, r.call, r.headers)),
    },
    Route {
        name: "cancel_import",
        method: "DELETE",
        path: "/v1/imports/{id}",
        scope: Some(Scope::OrdersWrite),
        kind: Kind::Plain,
        summary: "Cancel an import; committed lines stay stored",
        parameters: &[],
        bodies: Bodies::one::<ImportView>,
        handler: |r| Box::pin(cancel(r.app, r.call)),
    },
];

/// How often a progress stream checks for changes.
const NEWS_EVERY: Duration = Duration::from_secs(1);

/// An import.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Import")]
struct ImportView {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    #[schemars(extend("enum" = ["receiving", "interrupted", "complete", "cancelled"]))]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    dialect: String,
    lines_committed: u64,
    received: u64,
    accepted: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    #[schemars(extend("format" = "date-time"))]
    started_at: String,
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
    /// Seconds in which it was receiving lines.
    active_seconds: f64,
    lines_per_second: f64,
    /// The path of the list of its receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    batches: Option<String>,
    /// Further results of a dry run, which stores nothing.
    #[serde(flatten)]
    tried: Option<Tried>,
}

/// Further results of a dry run.
#[derive(JsonSchema, Serialize)]
struct Tried {
    dry_run: bool,
    /// The number of chunks that the lines were judged in. A line is judged against the store and the preceding lines of its chunk.
    pieces: u64,
    /// The first lines that would be rejected, at most 1,000.
    rejections: Vec<TriedLine>,
}

/// A line that would be rejected.
#[derive(JsonSchema, Serialize)]
struct TriedLine {
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    errors: Vec<Problem>,
}

fn refuse_idempotency_key(call: &Call<'_>) -> Result<(), RequestFailure> {
    match call.idempotency_key {
        None => Ok(()),
        Some(_) => Err(bad(
            "Imports do not accept an Idempotency-Key; their id and Import-Offset serve that purpose",
        )),
    }
}

fn bad(what: &str) -> RequestFailure {
    RequestFailure::BadParameter(what.into())
}

/// Lists the imports of the calling key. Others do not see them.
async fn list(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let after = listing.after.map(|after| cursor::read("imports", after));
    let after = after.transpose()?;
    let after = after.map(|(began_at_ms, id)| (began_at_ms, Uuid::from_bytes(id)));
    let key_id = call.authenticated.key_id();
    let page = app.store.imports(key_id, after, listing.limit);
    let page = page.await.map_err(|error| call.failure(error))?;
    let imports = page.imports.iter();
    Ok(ok(&Page {
        data: imports.map(|import| view(app, call, import)).collect(),
        next: page
            .next
            .map(|next| cursor::write("imports", &(next.0, next.1.into_bytes()))),
    }))
}

/// Shows an import's progress. As an event stream, sends each change until the import ends.
async fn show(
    app: &Arc<App>,
    call: &Call<'_>,
    headers: &HeaderMap,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let id = input::id(call, "Import")?;
    let import = find(app, call, id).await?;
    let accept = headers.get("accept").and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        let news = news(Arc::clone(app), OwnedCall::of(call), id);
        return Ok(Sse::new(news)
            .keep_alive(sse::KeepAlive::default())
            .into_response());
    }
    Ok(ok(&view(app, call, &import)))
}

/// The progress events of an import, until it ends.
fn news(
    app: Arc<App>,
    call: OwnedCall,
    id: Uuid,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let begin = (app, call, Some(String::new()));
    let steps = futures_util::stream::unfold(begin, move |(app, call, last)| async move {
        // A stream that stays open would delay shutdown.
        let last = last.filter(|_| !app.feed.is_stopped())?;
        let now = {
            let import = on_behalf_of(call.key_id(), find(&app, &call.call(), id)).await;
            let import = import.ok()?;
            let view = view(&app, &call.call(), &import);
            let is_open = import.state == ImportState::Open;
            let json = serde_json::to_string(&view).unwrap_or_default();
            (json, is_open)
        };
        let (json, is_open) = now;
        let event = (json != last).then(|| sse::Event::default().event("progress").data(&json));
        if event.is_none() {
            app.feed.pause(NEWS_EVERY).await;
        }
        Some((event, (app, call, is_open.then_some(json))))
    });
    steps.filter_map(async |event| event.map(Ok))
}

/// Cancels an import. Its committed lines stay.
async fn cancel(app: &Arc<App>, call: &Call<'_>) -> Result<Response, RequestFailure> {
    refuse_idempotency_key(call)?;
    Query::new(&call.head, call.operation)?;
    let id = input::id(call, "Import")?;
    find(app, call, id).await?;
    let key_id = call.authenticated.key_id();
    let ended = app.store.end_import(key_id, id, ImportEnd::Cancelled).await;
    let import = ended.map_err(|error| call.failure(error))?;
    match import.state {
        ImportState::Complete => Err(RequestFailure::Conflict(
            "The import is complete and cannot be cancelled".into(),
        )),
        ImportState::Open | ImportState::Cancelled => Ok(ok(&view(app, call, &import))),
    }
}

async fn find(app: &App, call: &Call<'_>, id: Uuid) -> Result<Import, RequestFailure> {
    let import = app.store.import(call.authenticated.key_id(), id).await;
    let import = import.map_err(|error| call.failure(error))?;
    import.ok_or_else(|| input::not_found("Import", &id))
}

fn view(app: &App, call: &Call<'_>, import: &Import) -> ImportView {
    let is_receiving = app
        .imports
        .is_receiving(call.authenticated.key_id(), import.id);
    let state = match import.state {
        ImportState::Complete => "complete",
        ImportState::Cancelled => "cancelled",
        ImportState::Open if is_receiving => "receiving",
        ImportState::Open => "interrupted",
    };
    let organisations = call.authenticated.caller().organisations.values();
    let is_its =
        |id| move |known: &&wharfinger_core::order::organisation::Organisation| known.id == id;
    let organisation = import
        .organisation
        .and_then(|id| organisations.clone().find(is_its(id)));
    let seconds = Duration::from_millis(import.active_ms).as_secs_f64();
    let counts = import.counts;
    ImportView {
        id: import.id.to_string(),
        state,
        organisation: organisation.map(|organisation| organisation.code.clone()),
        dialect: import.dialect.clone(),
        lines_committed: import.lines,
        received: counts.received(),
        accepted: counts.accepted,
        updated: counts.updated,
        unchanged: counts.unchanged,
        rejected: counts.rejected,
        started_at: time(import.began_at_ms),
        updated_at: time(import.changed_at_ms),
        active_seconds: seconds,
        lines_per_second: if seconds > 0.0 {
            (import.lines as f64 / seconds).round()
        } else {
            0.0
        },
        batches: Some(format!("/v1/batches?import={}", import.id)),
        tried: None,
    }
}
