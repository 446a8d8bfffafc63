//! The event feed: pages, long polling, and a stream.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::time::Instant;
use wharfinger_core::dialect::ParameterKind::{OneOf, Seconds};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::{Caller, Organisation, Scope};

use super::answer::{Page, ok};
use super::input::Listing;
use super::parameters::{AFTER, LIMIT, ORGANISATION, query};
use super::route::{Kind, Route};
use crate::access::Authenticated;
use crate::http::describe::{Bodies, Content, EVENTS};
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::runtime::metrics::METRICS;
use crate::runtime::turns;
use crate::serve::event_view::EventView;
use crate::serve::feed::{Reader, Woken};
use crate::serve::feed_cursor;
use crate::store::{EventKind, FeedEvent, FeedPage, StoreError};

/// Routes of the event feed.
pub(super) static ROUTES: &[Route] = &[Route {
    name: "list_events",
    method: "GET",
    path: "/v1/events",
    scope: Some(Scope::OrdersRead),
    kind: Kind::Waits,
    summary: "Read the event feed, or wait for new events",
    parameters: &[
        ORGANISATION,
        query("type", OneOf(EventKind::NAMES), "Only events of this type"),
        query(
            "wait",
            Seconds(WAIT_S_MAX),
            "How long to wait if there are no new events",
        ),
        LIMIT,
        AFTER,
    ],
    bodies: |_| {
        let about = "The events as they happen, each with its cursor as `id`, if the Accept header asks for this media type";
        Bodies::page_of(&event()).or(Content::text(EVENTS, about))
    },
    handler: |r| Box::pin(list(r.app, r.call, r.headers)),
}];

/// Longest wait of a request, in seconds.
const WAIT_S_MAX: u64 = 60;
/// How often a stream sends a heartbeat and checks that its key is still valid.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events per read of a stream.
const STREAM_EVENTS: usize = 500;

/// Message for a reader whose next events were purged.
const PURGED: &str = "Events after this cursor were purged; continue from the cursor in first, after which nothing is missing";
/// Message for a reader that has read events that the store does not have.
const RESTORED: &str = "The store was restored to a moment before this cursor; continue from the cursor in first, which repeats \
     some events and misses none";

/// Schema of an event.
fn event() -> Value {
    let id = || json!({"type": ["string", "null"], "format": "uuid"});
    json!({
        "type": "object",
        "required": ["id", "type", "organisation", "at", "order_id", "batch_id"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "type": {"type": "string", "enum": EventKind::NAMES},
            "organisation": {"type": "string"},
            "at": {"type": "string", "format": "date-time"},
            "order_id": id(),
            "batch_id": id(),
            // The first sub-order of a split order. Only on the other sub-orders.
            "origin": {"type": "string", "format": "uuid"},
        },
    })
}

/// An event in a response.
fn view<'c>(organisations: &[&'c Organisation], told: &FeedEvent) -> EventView<'c> {
    let found = organisations.binary_search_by_key(&told.organisation, |known| known.id);
    let code = found.ok().map(|at| organisations[at].code.as_str());
    EventView::new(code.unwrap_or_default(), told.organisation, &told.event)
}

/// Lists events after a cursor, waits for them, or streams them.
async fn list(
    app: &Arc<App>,
    call: &Call<'_>,
    headers: &HeaderMap,
) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let query = &listing.query;
    let kind = query.read("type", &types(), EventKind::named)?;
    let wait = query.read("wait", "seconds such as 30s, at most 60s", seconds)?;
    let code = query.get("organisation");
    let organisations = reached(call.authenticated.caller(), code);
    let organisations = organisations.ok_or(RequestFailure::OrganisationUnknown)?;
    let accept = headers.get(http::header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let is_stream = accept.is_some_and(|accept| accept.contains("text/event-stream"));
    // A client sends this field when it reconnects after its stream was cut.
    let last = call
        .head
        .header("last-event-id")
        .filter(|last| !last.is_empty());
    let after = last.filter(|_| is_stream).or(listing.after);
    let named = code.and_then(|_| organisations.first().map(|of| of.id));
    let cursor = after.map(|after| feed_cursor::read(after, named));
    let cursor = cursor.transpose()?;
    let limit = if is_stream {
        STREAM_EVENTS
    } else {
        listing.limit
    };
    let ids: Vec<_> = organisations.iter().map(|of| of.id).collect();
    if is_stream {
        // A stream that has started can no longer report that its cursor is invalid. So check it now.
        let store = app.store.as_ref();
        let mut probe = Reader::new(&app.feed, store, cursor.clone(), None, 0);
        let read = probe.read(&app.feed, store, &ids).await;
        read.map_err(|error| failure(call, named, error))?;
    }
    let mut reader = Reader::new(&app.feed, app.store.as_ref(), cursor, kind, limit);
    if is_stream {
        return Ok(stream(Streaming {
            app: Arc::clone(app),
            caller: call.authenticated.clone(),
            code: code.map(str::to_owned),
            named,
            reader,
            has_waited: false,
            unsent: VecDeque::new(),
        }));
    }
    let until = Instant::now() + wait.unwrap_or_default();
    let mut has_waited = false;
    let page = loop {
        let page = reader.read(&app.feed, app.store.as_ref(), &ids).await;
        let page = page.map_err(|error| failure(call, named, error))?;
        let is_end = page.events.is_empty() && !page.is_cut;
        if !is_end || reader.wait(&ids, until).await != Woken::News {
            break page;
        }
        has_waited = true;
    };
    if has_waited {
        note_lag(&page);
    }
    let events = page.events.iter();
    let events = events.map(|told| view(&organisations, told));
    Ok(ok(&Page {
        data: events.collect(),
        next: Some(feed_cursor::write(&page.next, named)),
    }))
}

/// The valid values of the parameter `type`, those of batches first.
fn types() -> String {
    let names = EventKind::NAMES.iter().copied();
    let (mut types, of_orders): (Vec<_>, Vec<_>) =
        names.partition(|name| name.starts_with("batch."));
    types.extend(of_orders);
    format!("one of {}", types.join(", "))
}

/// Maps an error of the feed. If the feed cannot be read from this cursor, the failure has the cursor to continue from.
pub(super) fn failure(
    call: &Call<'_>,
    named: Option<OrganisationId>,
    error: StoreError,
) -> RequestFailure {
    let StoreError::FeedBegins(begins) = error else {
        return call.failure(error);
    };
    let what = if begins.is_restored { RESTORED } else { PURGED };
    RequestFailure::Gone {
        what: what.into(),
        first: Some(feed_cursor::write(&begins.first, named)),
    }
}

/// Parses a duration such as `30s`, at most one minute.
fn seconds(wait: &str) -> Option<Duration> {
    let seconds = wait.strip_suffix('s')?.parse().ok()?;
    (seconds <= WAIT_S_MAX).then_some(Duration::from_secs(seconds))
}

/// The organisations to read, ordered by id: the named one, or all that the key can access. `None` if the named one does not
/// exist, or the key cannot access it.
fn reached<'c>(caller: Caller<'c>, named: Option<&str>) -> Option<Vec<&'c Organisation>> {
    match named {
        Some(code) => Some(vec![caller.organisation(code)?]),
        None => Some(caller.reached()),
    }
}

/// State of an event stream.
struct Streaming {
    app: Arc<App>,
    caller: Authenticated,
    /// Code and id of the only organisation to read, if the request named one.
    code: Option<String>,
    named: Option<OrganisationId>,
    reader: Reader,
    /// Whether the reader has caught up with the feed.
    has_waited: bool,
    unsent: VecDeque<sse::Event>,
}

/// Server-sent events. The stream ends when the client disconnects, its key becomes invalid, or the server stops.
fn stream(streaming: Streaming) -> Response {
    let start = (streaming, turns::Caller::current());
    let events = futures_util::stream::unfold(start, |(mut streaming, caller)| async move {
        let event = caller.run(streaming.next()).await?;
        Some((Ok::<_, Infallible>(event), (streaming, caller)))
    });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT);
    Sse::new(events).keep_alive(keep_alive).into_response()
}

impl Streaming {
    async fn next(&mut self) -> Option<sse::Event> {
        while self.unsent.is_empty() {
            self.read_or_wait().await?;
        }
        self.unsent.pop_front()
    }

    /// Reads a page, or waits for one. `None` if the stream ends.
    async fn read_or_wait(&mut self) -> Option<()> {
        let app = &self.app;
        if app.feed.is_stopped() {
            return None;
        }
        self.caller = app.access.renew(&self.caller)?;
        if !self.caller.may(Scope::OrdersRead) {
            return None;
        }
        let organisations = reached(self.caller.caller(), self.code.as_deref())?;
        let ids: Vec<_> = organisations.iter().map(|of| of.id).collect();
        let page = self.reader.read(&app.feed, app.store.as_ref(), &ids).await;
        let page = page.map_err(|error| broken_off(&error)).ok()?;
        if page.events.is_empty() && !page.is_cut {
            self.has_waited = true;
            let until = Instant::now() + HEARTBEAT;
            return match self.reader.wait(&ids, until).await {
                Woken::News | Woken::Late => Some(()),
                Woken::Stopped => None,
            };
        }
        if self.has_waited {
            note_lag(&page);
        }
        let mut events = page.events.iter().peekable();
        while let Some(told) = events.next() {
            // The cursor after the page also covers entries that were skipped.
            let next = match events.peek() {
                Some(_) => &told.next,
                None => &page.next,
            };
            let view = view(&organisations, told);
            let event = sse::Event::default()
                .id(feed_cursor::write(next, self.named))
                .event(view.r#type)
                .data(serde_json::to_string(&view).ok()?);
            self.unsent.push_back(event);
        }
        Some(())
    }
}

/// Records the delay of events for readers that waited for them. The delay of old events would say nothing about the server.
fn note_lag(page: &FeedPage) {
    for told in &page.events {
        METRICS.note_event(told.event.at_ms);
    }
}

/// The client only sees that its stream ends, and reconnects.
fn broken_off(error: &StoreError) {
    tracing::error!(%error, "An event stream ended because the store could not be read.");
}
