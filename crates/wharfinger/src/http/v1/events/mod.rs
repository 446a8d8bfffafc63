//! The event feed: pages, long polling, and a stream.

mod form;
mod start;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use tokio::time::Instant;
use wharfinger_core::dialect::ParameterKind::{Cursor, Form, OneOf, Seconds, SomeOf, TimeOrSpan};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::{Caller, Organisation, Scope};

use self::form::{EventForm, EventPage, FORMS};
use super::answer::{Page, ok};
use super::input::Listing;
use super::parameters::{LIMIT, ORGANISATION, query};
use super::route::{Kind, Route};
use crate::access::Authenticated;
use crate::http::describe::{Bodies, Content, EVENTS};
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::onward::new::Start;
use crate::runtime::metrics::METRICS;
use crate::runtime::turns;
use crate::serve::feed::{Reader, Woken};
use crate::serve::feed_cursor;
use crate::store::{EventKind, FeedCursor, FeedFilter, StoreError};

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
        query(
            "type",
            SomeOf(EventKind::NAMES),
            "Only events of this type, or of these types, separated by commas",
        ),
        query(
            "wait",
            Seconds(WAIT_S_MAX),
            "How long to wait if there are no new events, such as `30s`",
        ),
        LIMIT,
        query(
            "after",
            Cursor,
            "The cursor to continue from: `next` of the previous page. `now` begins at the end of the feed",
        ),
        query(
            "since",
            TimeOrSpan,
            "Begin with the first event of this time or later: RFC 3339, or a span before now such as `10m`",
        ),
        query(
            "form",
            OneOf(FORMS),
            "`delivery`: each event as a webhook destination gets it, beside its cursor. Default: `feed`",
        ),
        query(
            "as",
            Form,
            "With `form=delivery`: the form of the order in each event. Default: no order",
        ),
    ],
    bodies: |_| {
        let about = "The events as they happen, each with its cursor as `id`, if the Accept header asks for this media type";
        Bodies::page_of(&form::entry()).or(Content::text(EVENTS, about))
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

/// Lists events after a cursor, waits for them, or streams them.
async fn list(
    app: &Arc<App>,
    call: &Call<'_>,
    headers: &HeaderMap,
) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let query = &listing.query;
    let form = EventForm::read_from(query)?;
    let kinds = query.read("type", &types(), kinds)?;
    let wait = query.read("wait", "seconds such as 30s, at most 60s", seconds)?;
    let code = query.get("organisation");
    let organisations = reached(call.authenticated.caller(), code);
    let organisations = organisations.ok_or(RequestFailure::OrganisationUnknown)?;
    let accept = headers.get(http::header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let is_stream = accept.is_some_and(|accept| accept.contains("text/event-stream"));
    let named = code.and_then(|_| organisations.first().map(|of| of.id));
    let ids: Vec<_> = organisations.iter().map(|of| of.id).collect();
    // A client sends this field when it reconnects after its stream was cut.
    let last = call.head.header("last-event-id");
    let last = last.filter(|last| is_stream && !last.is_empty());
    let start = start::read(query, last, named)?;
    let (cursor, since_ms) = place(app, &ids, &start)
        .await
        .map_err(|error| failure(call, named, error))?;
    let filter = FeedFilter { kinds, since_ms };
    let store = app.store.as_ref();
    if is_stream {
        // A stream that has started can no longer report that its cursor is invalid. So check it now.
        let mut probe = Reader::new(&app.feed, store, cursor.clone(), FeedFilter::default(), 0);
        let read = probe.read(&app.feed, store, &ids).await;
        read.map_err(|error| failure(call, named, error))?;
        return Ok(stream(Streaming {
            app: Arc::clone(app),
            caller: call.authenticated.clone(),
            code: code.map(str::to_owned),
            named,
            form,
            reader: Reader::new(&app.feed, store, cursor, filter, STREAM_EVENTS),
            has_waited: false,
            unsent: VecDeque::new(),
        }));
    }
    let mut reader = Reader::new(&app.feed, store, cursor, filter, listing.limit);
    let until = Instant::now() + wait.unwrap_or_default();
    let mut has_waited = false;
    let page = loop {
        let page = form.read(&mut reader, app, &organisations).await;
        let page = page.map_err(|error| failure(call, named, error))?;
        if !page.is_end() || reader.wait(&ids, until).await != Woken::News {
            break page;
        }
        has_waited = true;
    };
    if has_waited {
        note_lag(&page);
    }
    let entries = form.entries(&page, named);
    Ok(ok(&Page {
        data: entries.map_err(|error| call.failure(StoreError::Internal(error.to_string())))?,
        next: Some(feed_cursor::write(&page.next, named)),
    }))
}

/// The cursor to begin after, and the time before which events are left out.
async fn place(
    app: &App,
    ids: &[OrganisationId],
    start: &Start,
) -> Result<(Option<FeedCursor>, Option<i64>), StoreError> {
    match start {
        // The first read checks a cursor.
        Start::After(cursor) => Ok((Some(cursor.clone()), None)),
        Start::Now | Start::Beginning | Start::At(_) => {
            start.place(&app.store, &start::reach(ids)).await
        }
    }
}

/// Reads kinds of events that are separated by commas.
fn kinds(names: &str) -> Option<Vec<EventKind>> {
    names.split(',').map(EventKind::named).collect()
}

/// The valid values of the parameter `type`, those of batches first.
fn types() -> String {
    let names = EventKind::NAMES.iter().copied();
    let (mut types, of_orders): (Vec<_>, Vec<_>) =
        names.partition(|name| name.starts_with("batch."));
    types.extend(of_orders);
    format!(
        "one of {}, or several of them separated by commas",
        types.join(", ")
    )
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
    form: EventForm,
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
        let page = self.form.read(&mut self.reader, app, &organisations).await;
        let page = page.map_err(|error| broken_off(&error)).ok()?;
        if page.is_end() {
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
        while let Some(shown) = events.next() {
            // The cursor after the page also covers entries that were skipped.
            let next = match events.peek() {
                Some(_) => &shown.next,
                None => &page.next,
            };
            let event = sse::Event::default()
                .id(feed_cursor::write(next, self.named))
                .event(shown.kind.name())
                .data(std::str::from_utf8(&shown.json).ok()?);
            self.unsent.push_back(event);
        }
        Some(())
    }
}

/// Records the delay of events for readers that waited for them. The delay of old events would say nothing about the server.
fn note_lag(page: &EventPage) {
    for shown in &page.events {
        METRICS.note_event(shown.at_ms);
    }
}

/// The client only sees that its stream ends, and reconnects.
fn broken_off(error: &StoreError) {
    tracing::error!(%error, "An event stream ended because the store could not be read.");
}
